"""kill -9 of the worker is a pause: no client sees an error, and nothing is lost or done twice."""

import os
import random
import signal
import subprocess
import threading
import time

import pytest

from tests.lib.client import Closed
from tests.lib.wait import wait_gone, wait_until
from tests.mount.test_random import SECONDS, SEED, make_readable, picture, result, show, start_one

HANGS = 60  # seconds: what takes longer is not slow


class Killer:
    """Kills the mount's worker again and again, each time after its clients have got on.

    On a slow machine a takeover can take longer than the pause between two kills: were that all there is between
    them, nobody would ever be answered. So a worker serves at least as long as it took to take over, but for each
    fourth one: that kill may meet a takeover under way.

    got_on(stop): waits until clients have been served since the last kill, or stop is set.
    """

    def __init__(self, m, seed, most_ms=100, got_on=None):
        self.m = m
        self.rng = random.Random(seed)
        self.most_ms = most_ms
        self.got_on = got_on or (lambda stop: answers(m, stop))
        self.kills = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        pause = 0
        while not self.stop.wait(max(pause, self.rng.uniform(0.005, self.most_ms / 1000))):
            begun = time.monotonic()
            try:
                worker = self.m.worker_pid()
                os.kill(worker, signal.SIGKILL)
            except (ProcessLookupError, FileNotFoundError):
                continue  # it has died just now, the next one is not there yet
            self.kills += 1
            if self.kills % 4:
                wait_gone(worker, HANGS)
                self.got_on(self.stop)
            pause = time.monotonic() - begun

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def answers(m, stop):
    """Until it has answered a request of the kernel, which lets nobody but the owner ask."""
    if m.user is None or m.user.uid == os.geteuid():
        os.statvfs(m.path)  # is never cached
    else:
        answers_clients(m, stop)


def answers_clients(m, stop):
    while not stop.is_set() and not answered(m):
        pass


def answered(m):
    """By its socket: a clock, or None."""
    try:
        return m.clock()
    except (OSError, Closed):
        return None  # of a worker that was about to be killed


def alive(m):
    """It answers, by a worker that is not about to be killed."""
    os.stat(m.path)
    wait_until(lambda: _has_worker(m), what="a worker")


def _has_worker(m):
    try:
        return m.worker_pid()
    except (ProcessLookupError, FileNotFoundError):
        return None  # the next one is being started


def test_one_kill(mount):
    m = mount()
    (m.path / "f").write_bytes(b"before")
    fd = os.open(m.path / "f", os.O_RDWR)
    gone = os.open(m.path / "gone", os.O_CREAT | os.O_RDWR)
    os.write(gone, b"removed")
    os.unlink(m.path / "gone")
    first = m.worker_pid()
    os.kill(first, signal.SIGKILL)
    assert (m.path / "f").read_bytes() == b"before"
    assert os.pwrite(fd, b"B", 0) == 1
    assert os.pread(gone, 10, 0) == b"removed"
    (m.path / "g").write_bytes(b"after")
    assert sorted(os.listdir(m.path)) == ["f", "g"]
    wait_gone(first)
    assert m.worker_pid() != first
    assert (m.src / "f").read_bytes() == b"Before"
    os.close(fd)
    os.close(gone)
    assert m.umount() == 0


def test_the_mount_is_as_old_as_before(mount):
    """Its status tells its own age, not that of the worker which happens to serve it now."""
    m = mount()
    wait_until(lambda: m.status()["uptime_s"] >= 1)
    first = m.worker_pid()
    os.kill(first, signal.SIGKILL)
    alive(m)
    wait_gone(first)
    status = m.status()
    assert status["uptime_s"] >= 1
    assert status["worker_pid"] != first and status["worker_uptime_s"] <= status["uptime_s"]


@pytest.mark.stress
@pytest.mark.time_limit(int(SECONDS) + 300)
@pytest.mark.parametrize("options", ["", pytest.param("sole_writer", marks=pytest.mark.long), pytest.param("threads=1", marks=pytest.mark.long)])
def test_random_operations_under_kills(mount, tree, capsys, options):
    m = mount(options=options)
    plain = tree.dir / "plain"
    plain.mkdir()
    with Killer(m, SEED) as killer:
        running = [start_one(n, m.path / f"p{n}", plain / f"p{n}") for n in range(2)]
        results = [result(p) for p in running]
    show(capsys, f"seed {SEED}, {sum(r['steps'] for r in results)} steps, {killer.kills} kills")
    assert [r["difference"] for r in results if r["difference"]] == []
    assert killer.kills
    alive(m)


@pytest.mark.stress
@pytest.mark.time_limit(int(SECONDS) + 120)
def test_a_crowd_under_kills(mount, capsys):
    m = mount()
    (m.path / "crowd").mkdir()
    with Killer(m, SEED) as killer:
        running = [start_one(n, m.path / "crowd") for n in range(6)]
        results = [result(p) for p in running]
    show(capsys, f"seed {SEED}, {sum(r['steps'] for r in results)} steps, {killer.kills} kills")
    assert [r["difference"] for r in results if r["difference"]] == []
    assert killer.kills
    make_readable(m.path / "crowd")
    assert picture(m.path / "crowd") == picture(m.src / "crowd")


APPEND = """
i=0
while [ $i -lt 400 ]; do echo "$1 $i" >> log || exit 1; i=$((i + 1)); done
"""


def test_appenders_under_kills(mount):
    """Each line once, in each writer's order."""
    m = mount()
    with Killer(m, SEED, 40) as killer:
        running = [subprocess.Popen(["sh", "-c", APPEND, "sh", str(n)], cwd=m.path) for n in range(3)]
        assert [p.wait() for p in running] == [0, 0, 0]
    lines = (m.path / "log").read_text().splitlines()
    assert killer.kills
    for n in range(3):
        assert [line for line in lines if line.startswith(f"{n} ")] == [f"{n} {i}" for i in range(400)]
    assert len(lines) == 1200


GIT = """
set -e
git init -q .
git config user.email a@example.org
git config user.name a
for i in 1 2 3 4 5 6; do
	mkdir -p d$i
	for j in 1 2 3 4 5 6 7 8 9; do echo "$i $j" > d$i/f$j; done
	git add -A
	git commit -qm $i
	git checkout -q -b b$i
done
git checkout -q b1
git checkout -q b6
git fsck --strict
test -z "$(git status --porcelain)"
"""


@pytest.mark.time_limit(120)
def test_git_under_kills(mount):
    m = mount()
    with Killer(m, SEED, 60) as killer:
        done = subprocess.run(["sh", "-c", GIT], cwd=m.path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert killer.kills
    assert (m.src / "d6" / "f9").read_text() == "6 9\n"


def test_journal_goes_on(mount):
    """No change is missed or told twice, clocks hold."""
    m = mount()
    (m.path / "old").write_bytes(b"x")
    m.settle()
    clock = m.clock()
    for i in range(10):
        (m.path / f"f{i}").write_bytes(b"%d" % i)
        os.kill(m.worker_pid(), signal.SIGKILL)
        os.stat(m.path / "old")
    wait_until(lambda: answered(m), what="the server of the last successor")
    m.settle()
    assert m.since(clock) == [f"f{i}" for i in range(10)]
    assert m.since(m.clock()) == []


@pytest.mark.long
def test_deep_below(mount, tree):
    """The successor knows no directory yet, and somebody stands 9,000 levels deep."""
    os.chdir(tree.src)
    for _ in range(9000):
        os.mkdir("d")
        os.chdir("d")
    m = mount()
    os.chdir(m.path)
    for _ in range(9000):
        os.chdir("d")
    os.kill(m.worker_pid(), signal.SIGKILL)
    with open("f", "wb") as f:
        f.write(b"deep")
    assert os.listdir(".") == ["f"]
    assert m.log_text().count("worker_died") == 1
    os.chdir("/")
