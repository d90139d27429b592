"""What the measuring programs share: places, peers, mounts, alternation, tables."""

import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.lib import mountinfo, processes  # noqa: E402
from tests.lib.client import Client  # noqa: E402
from tests.lib.mount import Mount  # noqa: E402

BUILD = Path(os.environ.get("HRFS_BUILD") or ROOT / "build").resolve()


# ---- a place to work, and its cleaning up ----


class Place:
    """A private directory on a real disk. Its mounts and processes end with it."""

    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="hrfs-bench-", dir=os.environ.get("HRFS_TEST_DIR") or "/var/tmp"))
        self.processes = []
        self.daemons = []
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of __exit__
        processes.become_subreaper()  # tools start their servers in sessions of their own
        run = self.dir / "run"
        run.mkdir(mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = str(run)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for m in self.daemons:
            m.detach()
        for p in self.processes:
            end(p)
        daemons = {m.keeper for m in self.daemons}
        processes.kill_all(lambda: processes.descendants(os.getpid(), spare=daemons))
        for m in self.daemons:
            try:
                m.wait_end(10)
            except TimeoutError:
                m.process.kill()
        mountinfo.detach_below(self.dir)
        subprocess.run(["rm", "-rf", "--", self.dir], check=False)

    def make(self, name):
        path = self.dir / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def hrfs(self, src, mnt, options=""):
        m = Mount(src, mnt, options, log=self.dir / f"hrfs-fs-{len(self.daemons)}.log")
        self.daemons.append(m)
        return m

    def start(self, argv, **more):
        p = subprocess.Popen(
            [str(a) for a in argv],
            stdin=more.pop("stdin", subprocess.DEVNULL),
            stdout=more.pop("stdout", subprocess.DEVNULL),
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **more,
        )
        self.processes.append(p)
        return p

    def bindfs(self, src, mnt):
        return self._fuse_peer(["bindfs", "-f", "--no-allow-other", src, mnt], mnt)

    def fuse_overlayfs(self, src, mnt):
        upper, work = self.make(f"{mnt.name}-upper"), self.make(f"{mnt.name}-work")
        options = f"lowerdir={src},upperdir={upper},workdir={work}"
        return self._fuse_peer(["fuse-overlayfs", "-f", "-o", options, mnt], mnt)

    def _fuse_peer(self, argv, mnt):
        """The mountpoint once it is one, or None when the tool is not installed."""
        if not shutil.which(argv[0]):
            return None
        p = self.start(argv)
        until(lambda: mountinfo.device_of(mnt) or p.poll() is not None)
        return mnt if mountinfo.device_of(mnt) else None


def end(process):
    """The process and its group, at once."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def until(condition, timeout=60, step=0.001):
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError("waited too long")
        time.sleep(step)
    return value


def compile_helper(name):
    """A C program beside this file; what must not be measured through an interpreter."""
    out = BUILD / "bench" / name
    source = ROOT / "bench" / f"{name}.c"
    if not out.exists() or out.stat().st_mtime < source.stat().st_mtime:
        out.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-O2", "-Wall", "-pthread", "-D_GNU_SOURCE", "-o", out, source], check=True)
    return out


# ---- Watchman, the peer of events ----


class Watchman:
    """A server of its own, with nothing shared with the user's."""

    def __init__(self, place):
        self.dir = place.make("watchman")
        self.socket = self.dir / "sock"
        self.process = place.start(
            ["watchman", "--foreground", f"--sockname={self.socket}", f"--statefile={self.dir}/state",
             f"--logfile={self.dir}/log", f"--pidfile={self.dir}/pid", "--no-save-state"]
        )  # fmt: skip
        until(self._answers)

    def _answers(self):
        if self.process.poll() is not None:
            raise RuntimeError("watchman ended")
        try:
            with Client(self.socket) as c:
                return c.call("version")
        except OSError:
            return None

    def client(self):
        return Client(self.socket, timeout=300)


# ---- numbers ----


def spread(values, unit=1000, digits=1):
    """"median (min-max)", by default in milliseconds of values in seconds."""
    v = sorted(x * unit for x in values)
    return f"{statistics.median(v):.{digits}f} ({v[0]:.{digits}f}–{v[-1]:.{digits}f})"


def percentile(values, p):
    v = sorted(values)
    return v[min(len(v) - 1, int(len(v) * p / 100))]


def alternate(subjects, rounds):
    """{name: function} run in turn, rounds times over; {name: [seconds]}. A subject of None is skipped."""
    times = {name: [] for name, run in subjects.items() if run}
    for _ in range(rounds):
        for name, run in subjects.items():
            if run:
                start = time.perf_counter()
                run()
                times[name].append(time.perf_counter() - start)
    return times


def rss_mb(pids):
    """Resident memory that is the processes' own (shared library pages left out), in MB."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


class Table:
    def __init__(self, title, *columns):
        self.title, self.columns, self.rows = title, columns, []

    def row(self, *cells):
        self.rows.append([str(c) for c in cells])
        print("  " + " | ".join(self.rows[-1]), file=sys.stderr, flush=True)

    def text(self):
        lines = [f"### {self.title}", "", "| " + " | ".join(self.columns) + " |", "|" + "---|" * len(self.columns)]
        lines += ["| " + " | ".join(r) + " |" for r in self.rows]
        return "\n".join(lines) + "\n"


NOT_INSTALLED = "not installed"


def free_port():
    """Below the kernel's own range: who asks a closed port there again and again connects to himself one day."""
    for port in range(21000 + os.getpid() % 5000, 30000):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise OSError("no free port")


def emit(*tables):
    """The one line of standard output that run.py reads."""
    print(json.dumps([t.text() for t in tables]))
