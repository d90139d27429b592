"""From a save until the new version serves: hrfs beside entr, nodemon, watchexec and air.

The server has no build and starts in about a millisecond, so what is left is the tool's own time.
"""

import os
import shutil
import socket
import subprocess
import sys
import time

from common import BUILD, NOT_INSTALLED, Place, Table, compile_helper, emit, free_port, processes, spread, until
from peers import peer

SAVES = 5  # in each of ROUNDS turns
ROUNDS = 3
REST = 0.4  # seconds between saves: nobody types faster


def ask(port):
    """The answer, None when the connection was refused or broken."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
            s.sendall(b"GET / HTTP/1.0\r\n\r\n")
            data = b""
            while chunk := s.recv(4096):
                data += chunk
    except OSError:
        return None
    return data.partition(b"\r\n\r\n")[2].decode() or None


def serve_until(port, version, timeout=20):
    """Seconds until the version answers, and how many connections were refused meanwhile."""
    start, refused = time.perf_counter(), 0
    while (answer := ask(port)) != version:
        if time.perf_counter() - start > timeout:
            raise TimeoutError(f"{version!r} never came, last was {answer!r}")
        refused += answer is None
        time.sleep(0.0002)
    return time.perf_counter() - start, refused


EDITOR = """
import os, sys
for line in sys.stdin:
    folder, version = line.rstrip().split(" ", 1)
    with open(f"{folder}/.version.new", "w") as f:
        f.write(version)
    os.rename(f"{folder}/.version.new", f"{folder}/version")
    print(flush=True)
"""


class Editor:
    """As editors do that keep the old file until the new one is whole; a server may start in between. It rests after each save."""

    def __init__(self, place):
        self.process = place.start([sys.executable, "-c", EDITOR], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def save(self, folder, version):
        self.process.stdin.write(f"{folder} {version}\n")
        self.process.stdin.flush()
        self.process.stdout.readline()


def saves(editor, folder, port):
    times, refused = [], 0
    for i in range(SAVES):
        time.sleep(REST)
        version = f"version {i} of {port}"
        editor.save(folder, version)
        took, bad = serve_until(port, version)
        times.append(took)
        refused += bad
    return times, refused


def by_hand(place, editor, folder, port):
    """The floor: end it, start it, no tool."""
    env = {"PORT": str(port)}
    times = []
    p = place.start([folder / "hello"], cwd=folder, env=env)
    for i in range(SAVES):
        time.sleep(REST)
        editor.save(folder, f"by hand {i}")
        start = time.perf_counter()
        p.kill()
        p.wait()
        p = place.start([folder / "hello"], cwd=folder, env=env)
        serve_until(port, f"by hand {i}")
        times.append(time.perf_counter() - start)
    return times, 0


def tools(folder, port):
    """{name: (argv, needs)}"""
    air = ["--build.cmd", "true", "--build.bin", "./hello", "--build.include_ext", "", "--build.include_file", "version"]
    (folder / "hrfs.yaml").write_text(
        f"services:\n  web:\n    run: ./hello\n    listen: 127.0.0.1:{port}\n    ready: tcp\n"
    )
    return {
        "hrfs, socket held (hrfs.yaml)": [BUILD / "cli" / "hrfs", "run"],
        "hrfs run -- ./hello": [BUILD / "cli" / "hrfs", "run", "--", "./hello"],
        "entr -r": ["sh", "-c", f"echo version | {peer('entr')} -rn ./hello"] if peer("entr") else ["entr"],
        "watchexec -r": ["watchexec", "-r", "-w", "version", "./hello"],
        "nodemon": ["nodemon", "-q", "-w", "version", "--exec", "./hello"],
        "nodemon --delay 1ms": ["nodemon", "-q", "--delay", "1ms", "-w", "version", "--exec", "./hello"],
        "air, delay=1": ["air", *air, "--build.delay", "1"],
        "air": ["air", *air],
    }


def one(place, editor, argv, port, folder):
    """Times and refused connections; None: not installed."""
    program = argv[0] if "/" in str(argv[0]) else peer(str(argv[0])) or shutil.which(str(argv[0]))
    if not program:
        return None
    env = {**os.environ, "PORT": str(port)}
    p = place.start([program, *argv[1:]], cwd=folder, env=env, stdin=subprocess.PIPE)
    try:
        until(lambda: ask(port), timeout=20, step=0.01)
        return saves(editor, folder, port)
    finally:
        p.terminate()
        try:
            p.wait(5)
        except subprocess.TimeoutExpired:
            p.kill()
        processes.kill_all(lambda: processes.descendants(os.getpid(), spare=[editor.process.pid]))


def prepare(place, number):
    folder = place.make(f"tree{number}")
    shutil.copy(compile_helper("hello"), folder / "hello")
    (folder / "version").write_text("none yet")
    return folder


def measure(place, editor, folder, name, times):
    """One turn; times grow. A reason when there is none."""
    port = free_port()
    try:
        if name == BY_HAND:
            result = by_hand(place, editor, folder, port)
        else:
            result = one(place, editor, tools(folder, port)[name], port, folder)
    except TimeoutError as e:
        return f"failed: {e}"
    if not result:
        return NOT_INSTALLED
    times[0].extend(result[0])
    times[1] += result[1]
    return None


BY_HAND = "killed and started by hand"


def main():
    table = Table(
        f"From a save until the new version serves, milliseconds: median (min–max) of {ROUNDS} alternating turns of {SAVES} saves",
        "who", "ms", "connections refused or broken",
    )  # fmt: skip
    with Place() as place:
        names = [BY_HAND, *tools(place.make("names"), 1)]
        folders = {name: prepare(place, number) for number, name in enumerate(names)}
        editor = Editor(place)
        times, reasons = {name: [[], 0] for name in names}, {}
        for _ in range(ROUNDS):
            for name in names:
                reason = measure(place, editor, folders[name], name, times[name])
                if reason:
                    reasons[name] = reason
        for name in names:
            if name in reasons:
                table.row(name, reasons[name], "")
            else:
                table.row(name, spread(times[name][0]), times[name][1])
    emit(table)


main()
