"""kill -9 of the daemon's worker: how long does a client wait? And what does being ready for it cost?"""

import os
import signal
import statistics
import subprocess

from common import Place, Table, alternate, compile_helper, emit, percentile, until
from files import make_archive, make_project, quiet, untar

KILLS = 100
NODES = [0, 200_000]
ROUNDS = 5


class Writer:
    """One client that never stops asking."""

    def __init__(self, file):
        file.write_bytes(b"x")
        self.p = subprocess.Popen([compile_helper("pause"), file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.longest()

    def longest(self):
        """Milliseconds of the longest request since the last question."""
        self.p.stdin.write("\n")
        self.p.stdin.flush()
        return int(self.p.stdout.readline().split()[0]) / 1000

    def end(self):
        self.p.stdin.close()
        assert self.p.wait() == 0, "a client saw an error"


def workers(m):
    """Worker and standby, when both are there."""
    try:
        pids = open(f"/proc/{m.keeper}/task/{m.keeper}/children").read().split()
        return [int(p) for p in pids if b"--worker" in open(f"/proc/{p}/cmdline", "rb").read().split(b"\0")]
    except FileNotFoundError:
        return []


def ready(m, not_this):
    """The pid of a worker that answers, with a standby behind it."""

    def look():
        pid = m.status().get("worker_pid") or m.worker_pid()
        return pid if pid != not_this and len(workers(m)) >= 2 else None

    def patiently():
        try:
            return look()
        except (OSError, ProcessLookupError, ConnectionError, EOFError):
            return None

    return until(patiently, step=0.01)


def pauses(place, count):
    src, mnt = place.make(f"src{count}"), place.make(f"mnt{count}")
    for i in range(count // 1000):
        (src / f"d{i}").mkdir()
        for j in range(1000):
            os.close(os.open(src / f"d{i}/f{j}", os.O_CREAT | os.O_WRONLY))
    m = place.hrfs(src, mnt, "sole_writer")
    subprocess.run(["find", mnt, "-size", "+1"], check=True, stdout=subprocess.DEVNULL)
    writer = Writer(mnt / "file")
    pid, quiet_times, times = ready(m, None), [], []
    for _ in range(KILLS):
        writer.longest()
        os.kill(pid, signal.SIGKILL)
        pid = ready(m, pid)
        times.append(writer.longest())
        until(lambda: m.status())
        quiet_times.append(writer.longest())
    known = m.status().get("nodes", "?")
    writer.end()
    m.umount()
    return known, times, quiet_times


def figures(values):
    return [f"{percentile(values, 50):.1f}", f"{percentile(values, 99):.1f}", f"{min(values):.1f}–{max(values):.1f}"]


def cost(place):
    """`no_takeover` starts no standby and hands the keeper nothing."""
    table = Table(
        f"Ordinary work, ready for a takeover and not, milliseconds: median (min–max) of {ROUNDS} alternating runs",
        "what", "native", "no_takeover", "hrfs",
    )  # fmt: skip
    native = place.make("native")
    make_project(native)
    archive = make_archive(place, native)
    folders = {"native": native}
    for name, options in {"no_takeover": "no_takeover", "hrfs": ""}.items():
        src, folders[name] = place.make("cost-src-" + name), place.make("cost-mnt-" + name)
        make_project(src)
        place.hrfs(src, folders[name], options)
    opens = compile_helper("opens")
    work = {
        "open+read+close, 3,000 files × 10": lambda top: quiet(opens, ".", "10", cwd=top),
        "untar 3,000 files and remove them": lambda top: untar(top, archive),
        "50,000 writes of a byte": lambda top: quiet("dd", "if=/dev/zero", "of=written", "bs=1", "count=50000", "status=none", cwd=top),
    }
    for what, run in work.items():
        runs = {name: (lambda top=top: run(top)) for name, top in folders.items()}
        for warm in runs.values():
            warm()
        times = alternate(runs, ROUNDS)
        cells = []
        for name in folders:
            v = [1000 * t for t in times[name]]
            cells.append(f"{statistics.median(v):.0f} ({min(v):.0f}–{max(v):.0f})")
        table.row(what, *cells)
    return table


def main():
    table = Table(
        f"The longest wait of a client that writes all the time, milliseconds, {KILLS} kills",
        "nodes known", "p50", "p99", "min–max", "the same without a kill, p50",
    )  # fmt: skip
    with Place() as place:
        for count in NODES:
            known, times, quiet_times = pauses(place, count)
            table.row(f"{known:,}" if isinstance(known, int) else known, *figures(times), f"{percentile(quiet_times, 50):.1f}")
        second = cost(place)
    emit(table, second)


if __name__ == "__main__":
    main()
