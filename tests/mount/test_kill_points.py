"""The worker dies at each point of each kind of request: answers and tree are those of a plain directory.

Needs a build with -Dkill_points=true.
"""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lib import build, mountinfo, threads
from tests.lib.running import identity
from tests.lib.users import as_owner
from tests.lib.wait import wait_gone, wait_until
from tests.mount import outside
from tests.mount.forgotten import everything_is_forgotten
from tests.mount.test_random import picture

# as in linux/fuse.h
OPCODES = {
    "lookup": 1,
    "forget": 2,
    "getattr": 3,
    "setattr": 4,
    "readlink": 5,
    "symlink": 6,
    "mknod": 8,
    "mkdir": 9,
    "unlink": 10,
    "rmdir": 11,
    "link": 13,
    "read": 15,
    "write": 16,
    "statfs": 17,
    "fsync": 20,
    "setxattr": 21,
    "getxattr": 22,
    "listxattr": 23,
    "removexattr": 24,
    "init": 26,
    "create": 35,
    "fallocate": 43,
    "readdirplus": 44,
    "rename2": 45,
    "lseek": 46,
    "copy_file_range": 47,
    "tmpfile": 51,
    "statx": 52,
}
POINTS = ["read", "intent", "call", "done", "stored", "sent"]
# Points that these requests do not pass: no intent, or an answer that is too long to be stored, or none at all.
NAMES = {"symlink", "mknod", "mkdir", "unlink", "rmdir", "link", "create", "rename2", "setxattr", "removexattr"}
CALLS = NAMES | {"setattr", "write", "fallocate", "copy_file_range"}


def passes(name, point):
    if point in ("intent", "done"):
        return name in NAMES
    if point == "call":
        return name in CALLS
    if point in ("stored", "sent"):
        return name != "forget"
    return True


def deaths():
    """Each kind of request at each of its points; what a short run leaves out is marked."""
    for name in OPCODES:
        for point in filter(lambda p: passes(name, p), POINTS):
            for threads in (1, 4):
                short = threads == 4 and (point in ("call", "sent") or name == "init")
                yield pytest.param(name, point, threads, marks=[] if short else pytest.mark.long)


PROGRAM = r"""
import json, os, sys
sys.path.insert(0, sys.argv[2])
from cases.common import command, facts, get, libc, listing, name_of, put, renameat2, told
d = sys.argv[1]
os.chdir(d)
os.umask(0o022)
out = [told(os.stat, "old"), put("f", b"hello"), get("f"), facts("f"), listing(".")]
out += [told(os.mkdir, "dir"), told(os.mknod, "node"), told(os.symlink, "f", "l"), told(os.readlink, "l"), told(os.link, "f", "g"), facts("g")]
with open("log", "ab", buffering=0) as log:
    for i in range(3):
        out.append(log.write(b"line %d\n" % i))
    os.fsync(log.fileno())
out += [get("log"), told(os.chmod, "f", 0o640), facts("f"), told(os.truncate, "g", 2), facts("f"), told(os.utime, "f", ns=(5, 6)), facts("f", times=True)]
out += [told(os.setxattr, "f", "user.a", b"1", os.XATTR_CREATE), told(os.setxattr, "f", "user.b", b"2"), told(os.getxattr, "f", "user.a"), told(os.listxattr, "f")]
out += [told(os.removexattr, "f", "user.a"), told(os.listxattr, "f"), told(os.statvfs, ".")]
fd = os.open("big", os.O_RDWR | os.O_CREAT)
out += [os.pwrite(fd, b"x" * 4096, 65536), os.lseek(fd, 0, os.SEEK_DATA), told(os.posix_fallocate, fd, 0, 8192), told(os.copy_file_range, fd, fd, 4096, 65536, 0)]
out += [libc.fallocate(fd, 16, 4096, 4096), facts("big")]
os.close(fd)
out += [told(os.rename, "f", "dir/moved"), told(os.rename, "dir", "rid"), listing("rid"), facts("rid/moved"), renameat2("g", "l", 2), facts("g"), facts("l")]
put("over", b"over")
held = os.open("over", os.O_RDWR)
put("new", b"new")
out += [told(os.rename, "new", "over"), get("over"), os.pread(held, 9, 0).decode(), os.pwrite(held, b"O", 0), facts("", fd=held)]
os.close(held)
held = os.open("log", os.O_RDWR)
out += [told(os.unlink, "log"), os.pread(held, 6, 0).decode(), told(os.stat, "log")]
os.close(held)
t = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o600)
out += [os.write(t, b"tmp"), libc.linkat(-100, b"/proc/self/fd/%d" % t, -100, b"linked", 0x400)]
os.close(t)
out += [get("linked"), command("stat", "-c", "%s", "linked"), int(command("stat", "-c", "%W", "linked")[1]) > 0]
os.mkdir("empty")
out += [told(os.rmdir, "empty"), told(os.rmdir, "rid"), listing(".")]
fd = os.open("late", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o444)
out.append(os.write(fd, b"object"))
os.close(fd)
out += [get("late"), facts("late")]
print(json.dumps(out))
"""


def run(directory):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, directory, Path(__file__).parent], capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def expected(session):
    plain = Path(session.base) / "plain"
    plain.mkdir()
    (plain / "old").mkdir()
    answers = run(plain)
    return answers, tree_of(plain)


def tree_of(base):
    return {name: entry for name, entry in picture(base).items()}


def sanitized():
    return b"__asan_init" in build.HRFS_FS.read_bytes() or b"__tsan_init" in build.HRFS_FS.read_bytes()


def has_points():
    return build.HRFS_FS.exists() and b"event=dies" in build.HRFS_FS.read_bytes()


@pytest.mark.parametrize("name, point, threads", deaths())
def test_death(mount, tree, expected, name, point, threads):
    if not has_points():
        pytest.skip("needs a build with -Dkill_points=true")
    answers, picture_before = expected
    (tree.src / "old").mkdir()
    m = mount(options=f"threads={threads}", env={"HRFS_DIE": f"{point}:{OPCODES[name]}"})
    got = run(m.path)
    different = [(i, a, b) for i, (a, b) in enumerate(zip(answers, got)) if a != b]
    assert different == []
    if name == "forget":
        mountinfo.drop_caches(m.path) if os.geteuid() == 0 else None
    else:
        assert "event=worker_died" in m.log_text(), f"{name} was not seen at {point}"
    assert tree_of(m.src) == picture_before
    assert tree_of(m.path) == picture_before
    wait_until(lambda: idle(m), what="an answer for each request")
    everything_is_forgotten(m)


def idle(m):
    """No lane has a request that it has not answered (counts of a dead worker may be off by the one it died at)."""
    try:
        return m.status()["oldest_request_ns"] == 0
    except OSError:
        return False


REFUSED = {
    "removexattr": (errno.ENODATA, lambda f: os.removexattr(f, "user.other")),
    "setxattr": (errno.EEXIST, lambda f: os.setxattr(f, "user.a", b"1", os.XATTR_CREATE)),
}


@pytest.mark.parametrize("point", ["read", "intent", "call", "done", "stored"])
@pytest.mark.parametrize("name", REFUSED)
def test_death_at_what_is_refused(mount, tree, name, point):
    """What it looks like afterwards is what it would look like had it been done: it was like that before."""
    if not has_points():
        pytest.skip("needs a build with -Dkill_points=true")
    (tree.src / "f").write_bytes(b"x")
    os.setxattr(tree.src / "f", "user.a", b"1")
    m = mount(env={"HRFS_DIE": f"{point}:{OPCODES[name]}"})
    error, call = REFUSED[name]
    with pytest.raises(OSError) as e:
        call(m.path / "f")
    assert e.value.errno == error
    assert "event=worker_died" in m.log_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="chattr +a is root's")
def test_death_at_an_append_that_is_all_one_may(mount, tree):
    """A file with chattr +a is opened with O_APPEND: what has been written can't be written again in its place."""
    if not has_points():
        pytest.skip("needs a build with -Dkill_points=true")
    (tree.src / "f").write_bytes(b"start ")
    if subprocess.run(["chattr", "+a", tree.src / "f"], check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("the lower has no append-only files")
    try:
        m = mount(env={"HRFS_DIE": f"call:{OPCODES['write']}"})
        with open(m.path / "f", "ab", buffering=0) as f:
            f.write(b"once")
        assert "event=worker_died" in m.log_text()
        assert (tree.src / "f").read_bytes() == b"start once"
    finally:
        subprocess.run(["chattr", "-a", tree.src / "f"], check=True)


def test_request_that_crashes_its_worker(mount):
    """After two workers it is answered EIO, with one line in the log, and the mount goes on."""
    if not has_points():
        pytest.skip("needs a build with -Dkill_points=true")
    if sanitized():
        pytest.skip("a sanitizer reports crashes itself")
    m = mount(env={"HRFS_DIE": f"crash:{OPCODES['listxattr']}"})
    (m.path / "f").write_bytes(b"x")
    with pytest.raises(OSError) as e:
        os.listxattr(m.path / "f")
    assert e.value.errno == errno.EIO
    assert (m.path / "f").read_bytes() == b"x"
    assert m.log_text().count("event=refused") == 1
    assert m.log_text().count("why=crashed") == 2
    with pytest.raises(OSError):
        os.listxattr(m.path / "f")
    assert sorted(os.listdir(m.path)) == ["f"]


READER = """
import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
for _ in range(2):
    print(os.pread(fd, 8192, 0)[:1].decode(), flush=True)
    input()
"""


def invalidates(pid):
    """One of its threads waits in the kernel for a page that it wants to drop."""
    for tid in threads.of(pid):
        if threads.state(pid, tid) != "D":
            continue
        if os.geteuid():  # where it waits is told to root alone; a thread that has no descriptors of ours is the one that notifies
            return threads.descriptors(pid, tid) == min(threads.descriptors(pid, t) for t in threads.of(pid))
        if "invalidate_inode_pages2" in Path(f"/proc/{pid}/task/{tid}/stack").read_text():
            return True
    return False


@pytest.mark.parametrize("by", ["same", "ordinary"])
@pytest.mark.parametrize("without", ["", "without=fanotify"], ids=["fanotify", "inotify"])
@pytest.mark.parametrize("point, first", [("read", "n"), ("stored", "on")])  # a stored answer may be dropped before the reader gets it
def test_death_while_an_invalidation_waits(mount, tree, request, point, first, without, by):
    """A READ is in the worker's hands, a change behind the mount wants the page that it has locked, and the worker is killed."""
    if not has_points():
        pytest.skip("needs a build with -Dkill_points=true")
    user = request.getfixturevalue("other") if by == "ordinary" else None
    size = 100  # what is answered fits where answers are stored
    (tree.src / "f").write_bytes(b"o" * size)
    m = mount(user=user, options=without, env={"HRFS_DIE": f"{point}:{OPCODES['read']}:stays"})
    if m.status()["sidedoor"]["how"] != ("inotify" if without else "fanotify"):
        pytest.skip("changes behind the mount are not watched here")
    clock = m.clock()
    argv = [sys.executable, "-c", READER, m.path / "f"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **identity(user)) as reader:
        wait_until(lambda: "event=stays" in m.log_text(), what="a READ that stays")
        worker = m.worker_pid()
        assert not invalidates(worker)
        (m.src / "f").write_bytes(b"n" * size)
        wait_until(lambda: invalidates(worker), what="an invalidation that waits")
        os.kill(worker, signal.SIGKILL)
        assert reader.stdout.readline().strip() in list(first)
        wait_gone(worker)
        outside.told(m, clock, ["f"])
        assert as_owner(m, lambda: outside.read(m.path / "f")) == b"n" * size
        reader.stdin.write("\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == "n\n"
        reader.communicate("\n")
    wait_until(lambda: idle(m), what="an answer for each request")
