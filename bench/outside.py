"""A change behind the mount: how soon is it known? And what does watching for it cost?

HRFS_BENCH_DIRECTORIES: how many directories are known, 20,000 and 200,000 by default.
"""

import contextlib
import gc
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from common import Place, Table, alternate, emit, end, percentile, spread, until
from files import make_archive, make_project, untar

from tests.lib.inotify import BITS, Inotify

EVENTS = 300
REST_S = 10
ROUNDS = 5
TURNS, TURN_S = 3, 4
PROCESSES, FILES_EACH = 500, 20
DIRECTORIES = [int(n) for n in os.environ.get("HRFS_BENCH_DIRECTORIES", "20000,200000").split(",")]
SUBJECTS = {"hrfs": "", "hrfs, cached for a second": "without=long_cache", "hrfs, nothing watched": "no_sidedoor"}


# ---- from a write to the event ----


def by_inotify(top):
    with Inotify() as inotify:
        inotify.add(top)
        os.set_blocking(inotify.fd, True)
        yield from microseconds(top, lambda: os.read(inotify.fd, 65536))


def by_mount(m):
    c = m.client(60)
    c.call("subscribe", str(m.path), "raw", {"fields": ["name"], "hrfs-raw": True, "since": m.clock()})
    os.stat(m.path)
    yield from microseconds(m.src, lambda: c.push_with("hrfs-raw"))


def by_echo(m):
    """Who knows only inotify and watches inside. He is known once he has been told of something."""
    with Inotify() as inotify:
        inotify.add(m.path, mask=BITS["MODIFY"])
        (m.src / "f").write_bytes(b"begin")
        echoed(m)
        drain(inotify)
        os.set_blocking(inotify.fd, True)
        yield from microseconds(m.src, lambda: os.read(inotify.fd, 65536))


def echoed(m):
    """Whoever watches has been told of everything."""
    m.settle()
    until(lambda: m.status()["replay"]["waiting"] == 0)


def drain(inotify):
    with contextlib.suppress(BlockingIOError):
        while os.read(inotify.fd, 65536):
            pass


def microseconds(top, wait):
    fd = os.open(top / "f", os.O_CREAT | os.O_WRONLY)
    for i in range(EVENTS):
        time.sleep(0.005)  # each alone
        start = time.perf_counter()
        os.pwrite(fd, b"%d" % i, 0)
        wait()
        yield (time.perf_counter() - start) * 1e6
    os.close(fd)


def stale(m):
    """How soon a reader inside sees it, microseconds."""
    fd = os.open(m.path / "f", os.O_RDONLY)
    for i in range(EVENTS):
        data = b"%08d" % i
        time.sleep(0.005)
        start = time.perf_counter()
        (m.src / "f").write_bytes(data)
        while os.pread(fd, 8, 0) != data:
            pass
        yield (time.perf_counter() - start) * 1e6
    os.close(fd)


def events(place):
    table = Table(f"From a write behind the mount to whoever is told, microseconds, {EVENTS} writes", "who", "p50", "p95", "least", "most")
    m = place.hrfs(place.make("src"), place.make("mnt"))
    plain = place.make("plain")
    rows = {
        "inotify on the source": by_inotify(plain),
        "hrfs, raw notice": by_mount(m),
        "a reader in the mount": stale(m),
        "inotify in the mount": by_echo(m),
    }
    for name, times in rows.items():
        v = list(times)
        table.row(name, *(f"{x:.0f}" for x in (percentile(v, 50), percentile(v, 95), min(v), max(v))))
    m.umount()
    return table


# ---- what is known, and at rest ----


def make_directories(top, count):
    for i in range(count):
        if i % 1000 == 0:
            part = top / f"p{i // 1000}"
            part.mkdir(parents=True)
        (part / f"d{i}").mkdir()


def meminfo():
    return {m[1]: int(m[2]) * 1024 for m in re.finditer(r"(\w+): +(\d+) kB", Path("/proc/meminfo").read_text())}


def pids(m):
    children = Path(f"/proc/{m.keeper}/task/{m.keeper}/children").read_text().split()
    return [m.keeper, *map(int, children)]


def own_bytes(m):
    total = 0
    for pid in pids(m):
        total += int(re.search(r"^Pss: +(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1]) * 1024
    return total


def ticks(m):
    total = 0
    for pid in pids(m):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total


def find(top):
    subprocess.run(["find", top, "-size", "+1000000"], check=True, stdout=subprocess.DEVNULL)


def forget():
    """Root only: so that what the kernel has is that of this walk."""
    if os.geteuid() == 0:
        os.sync()
        Path("/proc/sys/vm/drop_caches").write_text("2")


def known(place, src, count, options):
    m = place.hrfs(src, place.make("mnt-known"), options)
    os.stat(m.path)
    forget()
    gc.collect()
    own, kernel = own_bytes(m), meminfo()["Slab"]
    start = time.perf_counter()
    find(m.path)
    walk = time.perf_counter() - start
    own, kernel = own_bytes(m) - own, meminfo()["Slab"] - kernel
    marks = m.status()["sidedoor"].get("marks", 0)
    before = ticks(m)
    time.sleep(REST_S)
    rest = (ticks(m) - before) / os.sysconf("SC_CLK_TCK") / REST_S * 100
    m.umount()
    return marks, own / count, kernel / count, walk, rest


def memory(place):
    table = Table("Directories that are known", "directories", "", "marks", "own bytes each", "kernel's slab bytes each", "cold walk, s", "processor at rest")
    for count in DIRECTORIES:
        src = place.make(f"many{count}")
        make_directories(src, count)
        for name, options in SUBJECTS.items():
            marks, own, kernel, walk, rest = known(place, src, count, options)
            table.row(f"{count:,}", name, f"{marks:,}", f"{own:.0f}", f"{kernel:.0f}", f"{walk:.2f}", f"{rest:.1f} %")
    return table


# ---- what it adds ----


def save(top):
    for i in range(1000):
        with open(top / "saved", "wb") as f:
            f.write(b"%d" % i)


def write_and_read(top):
    for i in range(200):
        with open(top / "written", "wb") as f:
            f.write(b"x" * 65536)
        os.stat(top / "written")
        with open(top / "written", "rb") as f:
            f.read()


def costs(place):
    table = Table(f"What watching adds, milliseconds: median (min–max) of {ROUNDS} alternating runs", "what", *SUBJECTS)
    tops = {}
    for i, (name, options) in enumerate(SUBJECTS.items()):
        src = place.make(f"project{i}")
        make_project(src)
        tops[name] = place.hrfs(src, place.make(f"mnt-project{i}"), options).path
    archive = make_archive(place, place.dir / "project0")
    jobs = {
        "save 1,000 times": save,
        "write and read 64 KB, 200 times": write_and_read,
        "untar 3,000 files and remove them": lambda top: untar(top, archive),
        "git status": lambda top: subprocess.run(["git", "status", "--porcelain"], cwd=top, check=True, stdout=subprocess.DEVNULL),
        "git status after two seconds": lambda top: subprocess.run(["git", "status", "--porcelain"], cwd=top, check=True, stdout=subprocess.DEVNULL),
    }
    for what, job in jobs.items():
        times = {name: [] for name in tops}
        for _ in range(ROUNDS):
            for name, top in tops.items():
                if "after" in what:
                    time.sleep(2)
                one = alternate({name: lambda t=top: job(t)}, 1)
                times[name] += one[name]
        table.row(what, *(spread(times[name]) for name in tops))
    return table


# ---- what it costs to tell those inside who know only inotify ----

CROWD = """
import os, signal, sys
count, files = map(int, sys.argv[1:])
held = [os.open("/dev/null", os.O_RDONLY) for _ in range(files)]
all(os.fork() for _ in range(count))
signal.pause()
"""


def processor_of_replay(m):
    """Seconds so far, of the thread that looks who watches, and tells them; without one 0."""
    tasks = Path(f"/proc/{m.worker_pid()}/task").iterdir()
    threads = [t for t in tasks if (t / "comm").read_text() == "replay\n"]
    return sum(int((t / "schedstat").read_text().split()[0]) for t in threads) / 1e9


def changes(m):
    """A file's content each 10 ms: looks at all processes, echoes, and the shares of a processor of that thread and of all."""
    begin, before, all_before, replay = time.perf_counter(), processor_of_replay(m), ticks(m), m.status()["replay"]
    while (took := time.perf_counter() - begin) < TURN_S:
        (m.src / "d/f").write_bytes(b"%f" % took)
        time.sleep(0.01)
    now = m.status()["replay"]
    percent = (processor_of_replay(m) - before) / took * 100
    return now["looks"] - replay["looks"], now["told"] - replay["told"], percent, (ticks(m) - all_before) / os.sysconf("SC_CLK_TCK") / took * 100


@contextlib.contextmanager
def crowd(place):
    p = place.start([sys.executable, "-c", CROWD, str(PROCESSES), str(FILES_EACH)])
    children = Path(f"/proc/{p.pid}/task/{p.pid}/children")
    until(lambda: len(children.read_text().split()) == PROCESSES)
    try:
        yield
    finally:
        end(p)


@contextlib.contextmanager
def watching(*paths):
    with Inotify() as inotify:
        for path in paths:
            inotify.add(path)
        yield


def replays(place):
    many = min(DIRECTORIES)
    table = Table(
        f"A change behind the mount each 10 ms, in a directory that is known: median (min–max) of {TURNS} alternating turns of {TURN_S} s",
        "", "looks at all processes", "echoes", "processor for looks and echoes, %", "processor of the mount, %",
    )  # fmt: skip

    def mounted(name, options=""):
        src = place.make(f"src-{name}")
        (src / "d").mkdir()
        m = place.hrfs(src, place.make(f"mnt-{name}"), options)
        os.listdir(m.path / "d")
        return m

    # each of its own: who has watched is believed to for a while
    nobody, beside, one, all_of_it = (mounted(name) for name in ["nobody", "beside", "one", "all"])
    never = mounted("never", "replay=never")
    make_directories(all_of_it.src / "many", many)
    insiders = {
        "nobody watches": (nobody, contextlib.nullcontext),
        f"nobody, {PROCESSES} processes with {FILES_EACH} descriptors more": (beside, lambda: crowd(place)),
        "one watches the directory": (one, lambda: watching(one.path / "d")),
        f"one watches it and {many:,} others": (all_of_it, lambda: watching(all_of_it.path / "d", *(all_of_it.path / "many").glob("*/*"))),
        "one watches it, replay=never": (never, lambda: watching(never.path / "d")),
    }
    seen = {name: [] for name in insiders}
    for _ in range(TURNS):
        for name, (m, inside) in insiders.items():
            with inside():
                seen[name].append(changes(m))
    for name, turns in seen.items():
        looks, told, *shares = zip(*turns, strict=True)
        table.row(name, spread(looks, 1, 0), spread(told, 1, 0), *(spread(v, 1) for v in shares))
        insiders[name][0].umount()
    return table


def main():
    with Place() as place:
        emit(events(place), memory(place), costs(place), replays(place))


if __name__ == "__main__":
    main()
