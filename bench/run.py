"""./dev bench [--write] [NAME...]: runs the measuring programs, one a question, and prints the tables.

--write puts them into bench/README.md, with the machine they were measured on.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from peers import install_peers, peer  # noqa: E402

QUESTIONS = ["events", "outside", "start", "storm", "files", "reload", "precision", "takeover", "witness"]


def cpu():
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{found[1] if found else platform.machine()}, {os.cpu_count()} processors"


def version(argv):
    try:
        done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\d+\.\d+[\w.-]*", done.stdout + done.stderr)
    return found[0] if found else "?"


def versions():
    asked = {
        "Watchman": ["watchman", "--version"],
        "bindfs": ["bindfs", "--version"],
        "fuse-overlayfs": ["fuse-overlayfs", "--version"],
        "watchexec": ["watchexec", "--version"],
        "nodemon": ["nodemon", "--version"],
        "air": ["air", "-v"],
    }
    found = {name: version([peer(argv[0]), *argv[1:]]) for name, argv in asked.items() if peer(argv[0])}
    return ", ".join(f"{name} {v}" for name, v in found.items() if v) or "none"


def measure(name):
    print(f"bench: {name}", file=sys.stderr, flush=True)
    start = time.monotonic()
    done = subprocess.run([sys.executable, str(HERE / f"{name}.py")], stdout=subprocess.PIPE, text=True)
    print(f"bench: {name} took {time.monotonic() - start:.0f} s", file=sys.stderr)
    if done.returncode:
        return [f"### {name}\n\nfailed\n"], False
    return json.loads(done.stdout.splitlines()[-1]), True


def write(results):
    file = HERE / "README.md"
    text = file.read_text()
    for name, tables in results.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        at = text.index(begin) + len(begin)
        text = text[:at] + "\n" + "\n".join(tables) + "\n" + text[text.index(end) :]
    where = f"Measured {time.strftime('%Y-%m-%d')} on {cpu()}, Linux {platform.release()}. Peers: {versions()}.\n"
    text = re.sub(r"<!-- where -->\n.*?<!-- end of where -->", lambda _: f"<!-- where -->\n{where}<!-- end of where -->", text, flags=re.S)
    file.write_text(text)


def main():
    words = [w for w in sys.argv[1:] if not w.startswith("-")]
    unknown = set(words) - set(QUESTIONS)
    if unknown or set(sys.argv[1:]) - set(words) - {"--write"}:
        sys.exit(f"bench: unknown: {' '.join(sys.argv[1:])}; there are: --write, {', '.join(QUESTIONS)}")
    install_peers()
    results, good = {}, True
    for name in words or QUESTIONS:
        results[name], fine = measure(name)
        good = good and fine
    print("\n".join(t for tables in results.values() for t in tables))
    if "--write" in sys.argv and good:
        write(results)
    sys.exit(0 if good else 1)


main()
