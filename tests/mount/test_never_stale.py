"""What the kernel believes for a day is never old once a change has been told."""

import contextlib
import ctypes
import itertools
import os
import platform
import pwd
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.lib.running import identity
from tests.lib.users import User, as_owner, run_as
from tests.lib.wait import wait_until
from tests.mount import direct, outside, races
from tests.mount.test_lowers import lower
from tests.mount.test_random import SEED
from tests.mount.test_sidedoor import watched
from tests.mount.test_takeover import Killer, alive

MANY = int(os.environ.get("HRFS_RACES") or 10000)
BLOCK, BLOCKS = 4096, 64
IDS = [k.__name__ for k in races.KINDS]


def cached_for_long(m):
    how = watched(m)
    if how["believed"] != "day":
        pytest.skip(f"believed for a second: {how['why']}")
    return how


def test_read_beside_direct_writes(mount, tree):
    """Pages that are read while direct writes are on their way are not what is read when these are done."""
    if platform.machine() != "x86_64":
        pytest.skip("the numbers of the system calls are those of x86-64")
    m = mount()
    (m.path / "f").write_bytes(b"0" * BLOCK * BLOCKS)
    done = threading.Event()

    def read():
        fd = os.open(m.path / "f", os.O_RDONLY)
        while not done.is_set():
            os.pread(fd, BLOCK * BLOCKS, 0)
        os.close(fd)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with contextlib.closing(direct.Writer(m.path / "f", BLOCK, BLOCKS)) as writer:
            for i in range(100):
                letter = b"ab"[i % 2 :][:1]
                assert writer.write(letter) == [BLOCK] * BLOCKS
                assert (m.path / "f").read_bytes() == letter * BLOCK * BLOCKS, f"round {i}"
    finally:
        done.set()
        reader.join()


@pytest.mark.parametrize("kind", races.KINDS, ids=IDS)
def test_races(mount, kind):
    m = mount()
    cached_for_long(m)
    assert races.run(m, kind, SEED, 20) == [], f"seed {SEED}"


@pytest.mark.long
@pytest.mark.time_limit(900)
@pytest.mark.parametrize("kind", races.KINDS, ids=IDS)
def test_many_races(mount, kind):
    m = mount()
    cached_for_long(m)
    assert races.run(m, kind, SEED, MANY, reading=2) == [], f"seed {SEED}"


@pytest.mark.time_limit(200)
def test_races_as_a_user(mount, other, tree):
    os.chown(tree.dir, other.uid, other.gid)
    m = mount(user=other)
    cached_for_long(m)
    for kind in races.KINDS:
        stale = run_as(other, lambda k=kind: races.run(m, k, SEED, 10))
        assert stale == [], f"seed {SEED} {kind.__name__}"


@pytest.mark.long
@pytest.mark.time_limit(600)
@pytest.mark.parametrize("by", ["root", "user"])
@pytest.mark.parametrize("kind", ["tmpfs", "xfs", "btrfs"])
def test_races_on(mount, tree, other, kind, by):
    with lower(kind, tree.dir) as at:
        (at / "src").mkdir()
        m = mount(at / "src", user=other if by == "user" else None)
        cached_for_long(m)
        for k in races.KINDS:
            stale = as_owner(m, lambda k=k: races.run(m, k, SEED, 200))
            assert stale == [], f"seed {SEED} {k.__name__}"
        m.umount()


@pytest.mark.time_limit(300)
def test_races_under_kills(mount):
    """A successor is heard as its predecessor was, and nothing that either has answered stays old."""
    m = mount()
    cached_for_long(m)
    for kind in races.KINDS:
        with Killer(m, SEED):
            stale = races.run(m, kind, SEED, 5)
        alive(m)
        assert stale == [], f"seed {SEED} {kind.__name__}"


# ---- believed for a day, and where not ----


def served(m):
    """How many requests the kernel has made so far, those of this question apart."""
    return m.status()["requests"]


def ask_for(path):
    """As little as a program does: python's own open() is an ioctl more."""
    if outside.absent(path):
        return
    os.stat(path)
    if path.is_symlink():
        os.readlink(path)
    elif path.is_dir():
        os.listdir(path)
    else:
        fd = os.open(path, os.O_RDONLY)
        os.read(fd, 10000)
        os.close(fd)


def a_second_later():
    """What is believed for a second only has run out; nothing depends on how much later it is."""
    then = time.monotonic() + 1.2
    wait_until(lambda: time.monotonic() > then, what="a second")


def fill(top):
    (top / "d/e").mkdir(parents=True)
    for name in ("f", "d/f", "d/e/f"):
        outside.write(top / name, name.encode() * 3000)
    os.symlink("f", top / "l")


def test_what_is_watched_is_not_asked_for_again(mount, tree):
    fill(tree.src)
    m = mount()
    cached_for_long(m)
    names = ["f", "d/f", "d/e/f", "l", "new", "d/new", "d/e", "."]
    for _ in range(2):
        for name in names:
            ask_for(m.path / name)
    before = served(m)
    a_second_later()
    for name in names:
        ask_for(m.path / name)
    assert served(m) == before


def test_what_is_written_is_not_read_again(mount):
    """The kernel keeps the pages of a write, though the file's time is another one now."""
    m = mount()
    cached_for_long(m)
    for _ in range(2):  # the kernel asks some things once only
        with open(m.path / "f", "wb") as f:
            f.write(b"x" * 8192)
        os.stat(m.path / "f")
        before = served(m)
        fd = os.open(m.path / "f", os.O_RDONLY)
        os.read(fd, 8192)
        os.close(fd)
        asked = served(m) - before
    assert asked == 0
    assert outside.read(m.path / "f") == b"x" * 8192


@pytest.mark.parametrize("options", ["no_sidedoor", "without=long_cache"])
def test_a_second_where_it_is_switched_off(mount, options):
    m = mount(options=options)
    how = m.status()["sidedoor"]
    assert how["believed"] == "second" and how["why"] == "switched off"
    outside.write(m.src / "f", b"1")
    outside.look(m.path)
    outside.write(m.src / "f", b"2")
    wait_until(lambda: outside.read(m.path / "f") == b"2")


@contextlib.contextmanager
def not_watched(mount, tree, user):
    """A mount with a directory `d` of whose changes nobody tells, and the same directory behind it."""
    if user:
        (tree.src / "d").mkdir()
        outside.write(tree.src / "d/f", b"0" * 64)
        m = mount(user=user)
        os.chown(tree.src / "d", 0, 0)
        os.chmod(tree.src / "d", 0o711)  # it cannot be listed, and so not watched
        os.chmod(tree.src / "d/f", 0o666)
        yield m, tree.src / "d"
        return
    (tree.src / "d").mkdir()
    with lower("overlay", tree.dir) as at:
        subprocess.run(["mount", "--bind", at, tree.src / "d"], check=True)
        try:
            outside.write(tree.src / "d/f", b"0" * 64)
            m = mount()
            yield m, tree.src / "d"
            m.umount()
        finally:
            subprocess.run(["umount", "-l", tree.src / "d"], check=True)


def see_within_a_second(m, file):
    """New attributes and old pages are never seen together, in this order; and pages in use grow no older than a second."""
    above = m.path / "d/f"
    for i in range(3):
        data = b"%d" % i * (100 + i)
        outside.read(above)
        outside.write(file, data)
        wait_until(lambda n=len(data): os.stat(above).st_size == n, what="a new size")
        assert outside.read(above) == data
    with open(above, "rb") as f:  # no attributes are asked for any more
        assert os.pread(f.fileno(), 3, 0) == b"222"
        outside.write(file, b"9" * 102)
        wait_until(lambda: os.pread(f.fileno(), 3, 0) == b"999", what="new pages")
    return m.status()["sidedoor"]


def test_a_second_on_another_file_system(mount, tree):
    with not_watched(mount, tree, None) as (m, below):
        cached_for_long(m)
        assert see_within_a_second(m, below / "f")["untold"] == 1


def test_a_second_where_no_mark_may_be(mount, tree, other):
    with not_watched(mount, tree, other) as (m, below):
        cached_for_long(m)
        how = run_as(other, lambda: see_within_a_second(m, below / "f"))
        assert how["untold"] == 1 and how["refused"]
        assert how["not_watched"] == [{"name": "d", "why": "the mount's owner may not list it"}]


def test_a_second_of_a_file_that_is_mounted(mount, tree):
    """Who changes it by its own name does so in another directory, which tells nobody here."""
    if os.geteuid():
        pytest.skip("needs root, to mount")
    (tree.src / "d").mkdir()
    for file in (tree.src / "d/f", tree.dir / "elsewhere"):
        outside.write(file, b"0" * 64)
    subprocess.run(["mount", "--bind", tree.dir / "elsewhere", tree.src / "d/f"], check=True)
    try:
        m = mount()
        cached_for_long(m)
        assert see_within_a_second(m, tree.dir / "elsewhere")["untold"] == 1
        m.umount()
    finally:
        subprocess.run(["umount", "-l", tree.src / "d/f"], check=True)


TAKES_MARKS = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
directories, left = os.listdir("."), int(sys.argv[1])
while left:
    group = libc.fanotify_init(0x200, 0)  # FAN_REPORT_FID
    assert group >= 0, os.strerror(ctypes.get_errno())
    for name in directories[:left]:
        r = libc.fanotify_mark(group, 1, ctypes.c_uint64(0x100), -100, name.encode())  # FAN_MARK_ADD, FAN_CREATE
        assert r == 0, os.strerror(ctypes.get_errno())
    left -= min(left, len(directories))
print("taken", flush=True)
sys.stdin.read()
"""


@pytest.mark.long
def test_a_second_beyond_the_budget(mount, tree):
    """The owner's marks are used up by something else: what has none is asked for anew each second, and said to be."""
    if os.geteuid():
        pytest.skip("needs root, to be a user whose marks nobody else needs")
    daemon = pwd.getpwnam("daemon")
    user = User(daemon.pw_name, daemon.pw_uid, daemon.pw_gid)
    budget = int(Path("/proc/sys/fs/fanotify/max_user_marks").read_text())
    groups = int(Path("/proc/sys/fs/fanotify/max_user_groups").read_text()) - 10
    taken = tree.dir / "taken"
    for i in range(budget // groups + 1):
        (taken / f"{i}").mkdir(parents=True)
    names = [f"d{i}/f" for i in range(30)]
    for name in names:
        (tree.src / name).parent.mkdir()
        outside.write(tree.src / name, b"old")
    argv = ["/usr/bin/python3", "-c", TAKES_MARKS, str(budget - 10)]
    with subprocess.Popen(argv, cwd=taken, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **identity(user)) as holder:
        assert holder.stdout.readline() == "taken\n"
        m = mount(user=user)
        cached_for_long(m)
        run_as(user, lambda: outside.look(m.path))
        how = m.status()["sidedoor"]
        assert how["full"] and 0 < how["marks"] <= 10
        assert {n["why"] for n in how["not_watched"]} == {"no room for more marks: raise fs.fanotify.max_user_marks"}
        assert m.status()["exact"] is False
        for name in names:
            outside.write(m.src / name, b"new")
        run_as(user, lambda: [wait_until(lambda n=n: outside.read(m.path / n) == b"new", what=n) for n in names] and None)
        holder.communicate()


def test_moved_to_where_nobody_tells(mount, tree, other):
    """The kernel takes what it believes along with a rename."""
    with not_watched(mount, tree, other) as (m, below):
        cached_for_long(m)
        os.chmod(below, 0o733)

        def move():
            (m.src / "from").mkdir()
            outside.write(m.src / "from/g", b"old")
            outside.look(m.path / "from")
            os.rename(m.path / "from/g", m.path / "d/g")
            assert outside.read(m.path / "d/g") == b"old"
            outside.write(below / "g", b"new")
            wait_until(lambda: outside.read(m.path / "d/g") == b"new")
            os.unlink(below / "g")
            wait_until(lambda: outside.absent(m.path / "d/g"))

        run_as(other, move)


def test_nobody_tells_and_the_worker_dies(mount, tree, other):
    """The successor knows nothing of what was answered before it."""
    with not_watched(mount, tree, other) as (m, below):
        cached_for_long(m)

        def kill():
            with open(m.path / "d/f", "rb") as f:
                assert os.pread(f.fileno(), 1, 0) == b"0"
                os.kill(m.worker_pid(), signal.SIGKILL)
                outside.write(below / "f", b"1" * 64)
                wait_until(lambda: os.pread(f.fileno(), 1, 0) == b"1")

        run_as(other, kill)


def end_marks(m):
    """All marks of the mount's group, as the kernel ends those of a file system that is unmounted."""
    libc = ctypes.CDLL(None, use_errno=True)
    worker = m.worker_pid()
    group = [int(f.name) for f in Path(f"/proc/{worker}/fd").iterdir() if os.readlink(f) == "anon_inode:[fanotify]"][0]
    pidfd = os.pidfd_open(worker)
    fd = libc.syscall(438, pidfd, group, 0)  # pidfd_getfd
    os.close(pidfd)
    assert fd >= 0, os.strerror(ctypes.get_errno())
    r = libc.fanotify_mark(fd, 0x80, ctypes.c_uint64(0), -100, None)  # FAN_MARK_FLUSH
    os.close(fd)
    assert r == 0, os.strerror(ctypes.get_errno())


def test_marks_that_have_ended(mount, tree):
    """When mounts have changed, marks may have gone with one: they are made anew, and everything is compared."""
    if os.geteuid():
        pytest.skip("needs root, to mount")
    fill(tree.src)
    (tree.src / "other").mkdir()
    m = mount()
    cached_for_long(m)
    outside.look(m.path)
    names = ["d", "d/f", "d/new", "d/e", "d/e/f", "f", "new", "l"]
    races.all_of(m.path, names)
    end_marks(m)
    outside.write(tree.src / "d/f", b"unheard")
    outside.write(tree.src / "d/new", b"unheard")
    os.unlink(tree.src / "d/e/f")
    clock = m.clock()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", tree.src / "other"], check=True)
    try:
        wait_until(lambda: m.ask("query", {"since": clock, "fields": ["name"]})["is_fresh_instance"])
        assert races.all_of(m.path, names) == races.all_of(tree.src, names)
        clock = m.clock()
        outside.write(tree.src / "d/f", b"heard again")
        outside.told(m, clock, ["d/f"])
        assert outside.read(m.path / "d/f") == b"heard again"
    finally:
        subprocess.run(["umount", "-l", tree.src / "other"], check=True)


def tell(m, name, data):
    """Until the journal has told this very change: that everything may have changed is not enough here."""
    for i in itertools.count():
        clock = m.clock()
        outside.write(m.src / name, b"%d" % i)
        outside.write(m.src / name, data)

        def answer():
            a = m.ask("query", {"since": clock, "fields": ["name"]})
            return a if a["is_fresh_instance"] or name in a["files"] else None

        if not wait_until(answer, what=f"a notice of {name}")["is_fresh_instance"]:
            return


def storm(m, count):
    """More changes than a queue holds, while the worker cannot read it; then everything is as below."""
    d = m.src / "d"
    d.mkdir()
    for name in ("f", "gone", "moved"):
        outside.write(d / name, b"old")
    (d / "sub").mkdir()
    wait_until((m.path / "d").exists)
    outside.look(m.path)
    races.told_all(m, "d/told")
    names = ["f", "gone", "moved", "to", "sub", "sub/new", "new", "."]
    assert races.all_of(m.path / "d", names) == races.all_of(d, names)
    clock = m.clock()
    worker = m.worker_pid()
    os.kill(worker, signal.SIGSTOP)
    for i in range(count):
        outside.write(d / f"n{i}", b"")
    outside.write(d / "f", b"new")
    outside.write(d / "new", b"new")
    outside.write(d / "sub/new", b"new")
    os.unlink(d / "gone")
    os.rename(d / "moved", d / "to")
    os.kill(worker, signal.SIGCONT)
    wait_until(lambda: m.status()["sidedoor"]["overflows"], timeout=60)
    wait_until(lambda: m.ask("query", {"since": clock, "fields": ["name"]})["is_fresh_instance"], timeout=60)
    names += ["n0", f"n{count // 2}", f"n{count - 1}"]
    assert races.all_of(m.path / "d", names) == races.all_of(d, names)
    for name in ("f", "new", "sub/new"):
        tell(m, f"d/{name}", b"newer")
        assert outside.read(m.path / "d" / name) == b"newer"


@pytest.mark.time_limit(600)
@pytest.mark.parametrize("count", [17000, pytest.param(200000, marks=pytest.mark.long)])
def test_overflow(mount, other, tree, count):
    """An ordinary user's queue holds 16,384 events: what is lost is found again."""
    os.chown(tree.dir, other.uid, other.gid)
    m = mount(user=other)
    cached_for_long(m)
    run_as(other, lambda: storm(m, count))
