"""What the lower refuses, the mount refuses with the same errno. Needs root, for file systems that refuse."""

import ctypes
import errno
import mmap
import os
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lib import mountinfo
from tests.lib.wait import wait_until
from tests.mount.cases.common import renameat2, told
from tests.mount.test_lowers import lower

FAULTY = Path(__file__).parents[1] / "lib" / "faulty.py"
libc = ctypes.CDLL(None, use_errno=True)


class Faulty:
    """tests/lib/faulty.py, mounted at .path"""

    def __init__(self, path):
        self.path = path
        self.process = subprocess.Popen([sys.executable, FAULTY, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "mounted\n"

    @contextmanager
    def failing(self, request, error):
        self._say(request, error)
        try:
            yield
        finally:
            self._say(request, 0)

    def _say(self, request, error):
        self.process.stdin.write(f"{request} {error}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "armed\n"

    def end(self):
        self.process.communicate()
        mountinfo.detach(os.fsencode(self.path))


@pytest.fixture
def faulty(tree):
    if os.geteuid():
        pytest.skip("needs root, to mount a file system")
    at = tree.dir / "faulty"
    at.mkdir()
    f = Faulty(at)
    yield f
    f.end()


def opened(d, name, flags=os.O_RDWR):
    return os.open(d / name, flags)


def fallocate(fd, mode, offset, length):
    if libc.fallocate(fd, mode, ctypes.c_long(offset), ctypes.c_long(length)):
        raise OSError(ctypes.get_errno(), "fallocate")


def renamed(old, new):
    answer = renameat2(str(old), str(new), 0)
    if answer:
        raise OSError(getattr(errno, answer), "renameat2")


# request of the lower -> (what is there before, the call). Each before is made in a directory of its own.
def a_file(d):
    (d / "f").write_bytes(b"content")
    os.setxattr(d / "f", "user.a", b"1")


def files(d):
    a_file(d)
    (d / "g").write_bytes(b"other")
    (d / "sub").mkdir()
    os.symlink("f", d / "l")


def with_file(call):
    """The call on a descriptor that was opened while all was well."""

    def prepare(d):
        files(d)
        return opened(d, "f")

    return prepare, lambda d, fd: call(fd)


def with_names(call):
    return files, lambda d, _: call(d)


CALLS = {
    "write": with_file(lambda fd: os.pwrite(fd, b"x" * 100, 3)),
    "append": with_file(lambda fd: (os.lseek(fd, 0, os.SEEK_END), os.write(fd, b"x"))[1]),
    "read": with_file(lambda fd: os.pread(fd, 100, 0)),
    "fsync": with_file(os.fsync),
    "fdatasync": with_file(os.fdatasync),
    "fsync of a directory": (lambda d: opened(d, ".", os.O_RDONLY), lambda d, fd: os.fsync(fd)),
    "ftruncate": with_file(lambda fd: os.ftruncate(fd, 2)),
    "truncate": with_names(lambda d: os.truncate(d / "f", 2)),
    "open to truncate": with_names(lambda d: os.close(os.open(d / "f", os.O_WRONLY | os.O_TRUNC))),
    "chmod": with_names(lambda d: os.chmod(d / "f", 0o600)),
    "chown": with_names(lambda d: os.chown(d / "f", 1, 1)),
    "utime": with_names(lambda d: os.utime(d / "f", (1, 2))),
    "create": with_names(lambda d: os.close(os.open(d / "new", os.O_CREAT | os.O_WRONLY))),
    "create alone": with_names(lambda d: os.close(os.open(d / "new", os.O_CREAT | os.O_EXCL | os.O_WRONLY))),
    "mkdir": with_names(lambda d: os.mkdir(d / "new")),
    "mknod": with_names(lambda d: os.mkfifo(d / "new")),
    "symlink": with_names(lambda d: os.symlink("x", d / "new")),
    "link": with_names(lambda d: os.link(d / "f", d / "new")),
    "unlink": with_names(lambda d: os.unlink(d / "f")),
    "rmdir": with_names(lambda d: os.rmdir(d / "sub")),
    "rename": with_names(lambda d: os.rename(d / "f", d / "new")),
    "rename over": with_names(lambda d: os.rename(d / "f", d / "g")),
    "exchange": with_names(lambda d: renamed(d / "f", d / "g")),
    "stat": with_names(lambda d: os.stat(d / "never asked for")),
    "listdir": with_names(lambda d: sorted(os.listdir(d / "sub"))),
    "readlink": with_names(lambda d: os.readlink(d / "l")),
    "statvfs": with_names(lambda d: os.statvfs(d)),
    "setxattr": with_names(lambda d: os.setxattr(d / "f", "user.b", b"2")),
    "getxattr": with_names(lambda d: os.getxattr(d / "f", "user.a")),
    "listxattr": with_names(lambda d: os.listxattr(d / "f")),
    "removexattr": with_names(lambda d: os.removexattr(d / "f", "user.a")),
    "fallocate": with_file(lambda fd: fallocate(fd, 0, 0, 100)),
    "punch": with_file(lambda fd: fallocate(fd, 3, 0, 3)),
    "lseek": with_file(lambda fd: os.lseek(fd, 0, os.SEEK_HOLE)),
}
REQUESTS = {
    **{name: name for name in CALLS},
    **{"append": "write", "fdatasync": "fsync", "fsync of a directory": "fsyncdir", "statvfs": "statfs", "stat": "lookup", "listdir": "readdir"},
    **{name: "setattr" for name in ("ftruncate", "truncate", "open to truncate", "chmod", "chown", "utime")},
    **{"create alone": "create", "rename": "rename", "rename over": "rename", "exchange": "rename", "punch": "fallocate"},
}


def answer(base, call, failure):
    """What the call says when its request fails, and when it is made again with all well."""
    prepare, act = CALLS[call]
    base.mkdir()
    fd = prepare(base)
    with failure:
        failed = told(act, base, fd)
    again = told(act, base, fd)
    names = sorted(os.listdir(base))
    if isinstance(fd, int):
        os.close(fd)
    return failed, again if not isinstance(again, int) else "a number", names


@pytest.mark.parametrize("error", [errno.EIO, errno.EDQUOT, errno.ENOSPC, errno.ETIMEDOUT, errno.ESTALE], ids=errno.errorcode.get)
def test_each_errno_of_each_request(mount, faulty, error):
    m = mount(src=faulty.path)
    different = {}
    for n, call in enumerate(CALLS):
        plain, mounted = (answer(d / f"{n}{letter}", call, faulty.failing(REQUESTS[call], error)) for d, letter in ((faulty.path, "p"), (m.path, "m")))
        assert plain[0] == errno.errorcode[error], f"{call}: the lower itself says {plain}"
        if plain != mounted:
            different[call] = (plain, mounted)
    assert different == {}
    m.umount()


def blocks(path, count):
    """What each page of a file says, from its first to its last."""
    fd = os.open(path, os.O_RDONLY)
    try:
        return [hash_or_error(fd, n) for n in range(count)]
    finally:
        os.close(fd)


def hash_or_error(fd, n):
    answer = told(os.pread, fd, 4096, n * 4096)
    return answer if answer.startswith("E") else answer[:8]


def corrupt(image, content):
    """Writes over this content on an unmounted disk."""
    with open(image, "r+b") as f, mmap.mmap(f.fileno(), 0) as whole:
        at = whole.find(content)
        assert at > 0
        whole[at : at + 16] = b"\xff" * 16


def bad_disk(tree, at, pages):
    """Of btrfs, which tells by checksums: one page in the middle of a file can't be read."""
    (at / "src").mkdir()
    (at / "src" / "f").write_bytes(b"".join(b"%08d" % n * 512 for n in range(pages)))
    subprocess.run(["umount", at], check=True)
    corrupt(tree.dir / "image", b"%08d" % (pages // 2) * 512)
    subprocess.run(["mount", "-o", "loop", tree.dir / "image", at], check=True)


def test_content_that_cannot_be_read(mount, tree):
    """The page says EIO, those around it are what they were, and the file keeps its length: reading ahead met the error too."""
    with lower("btrfs", tree.dir) as at:
        bad_disk(tree, at, 64)
        expected = ["%08d" % n if n != 32 else "EIO" for n in range(64)]
        assert blocks(at / "src" / "f", 64) == expected
        m = mount(at / "src")
        assert blocks(m.path / "f", 64) == expected
        assert os.stat(m.path / "f").st_size == 64 * 4096
        fd = os.open(m.path / "f", os.O_RDONLY)
        seen = 0
        with pytest.raises(OSError) as e:
            while part := os.read(fd, 10000):
                seen += len(part)
        assert (e.value.errno, seen) == (errno.EIO, 32 * 4096)
        os.close(fd)
        assert m.umount() == 0


def fill(path, room):
    """A file that leaves this much of a small disk."""
    fd = os.open(path, os.O_CREAT | os.O_WRONLY)
    for size in (1 << 20, 4096):
        with pytest.raises(OSError):
            for _ in range(300):
                os.write(fd, b"x" * size)
    os.ftruncate(fd, os.fstat(fd).st_size - room)
    os.close(fd)


def test_room_for_a_part_of_a_map(mount, tree):
    """msync tells that not all of it came down."""
    with lower("tmpfs", tree.dir) as at:
        m = mount(at)
        fd = os.open(m.path / "mapped", os.O_RDWR | os.O_CREAT)
        os.ftruncate(fd, 1 << 18)
        fill(at / "big", 10 * 4096)
        with mmap.mmap(fd, 1 << 18) as mapped:
            mapped[: 1 << 18] = b"z" * (1 << 18)
            with pytest.raises(OSError) as e:
                mapped.flush()
            assert e.value.errno == errno.ENOSPC
            (at / "big").unlink()
            mapped[: 1 << 18] = b"y" * (1 << 18)
            mapped.flush()
        assert (at / "mapped").read_bytes() == b"y" * (1 << 18)
        os.close(fd)
        assert m.umount() == 0


def test_room_for_a_part_of_a_write(mount, tree):
    """As much as there is room for is written, and said; the next one is refused."""
    with lower("tmpfs", tree.dir) as at:
        m = mount(at)
        told_by = {}
        for d in (at, m.path):
            fill(at / "big", 10 * 4096)
            fd = os.open(d / "f", os.O_CREAT | os.O_WRONLY)
            told_by[d] = [told(os.write, fd, b"w" * (1 << 17)), told(os.write, fd, b"w"), os.fstat(fd).st_size]
            os.close(fd)
            os.truncate(at / "f", 0)
            (at / "big").unlink()
        assert told_by[at] == told_by[m.path] == [10 * 4096, "ENOSPC", 10 * 4096]
        assert m.umount() == 0


def spend(d):
    """What a quota of a few MiB says to those who go beyond it, and that there is room again afterwards."""
    out = []
    fd = os.open(d / "big", os.O_CREAT | os.O_WRONLY)
    for size in (1 << 18, 4096):
        answer = size
        while answer == size:
            answer = told(os.write, fd, os.urandom(size))
        out.append(answer)
    out.append(told(os.posix_fallocate, fd, 0, 64 << 20))
    os.close(fd)
    out += [told(os.unlink, d / "big"), told(os.sync), told(subprocess.run, ["btrfs", "filesystem", "sync", d])]
    wait_until(lambda: not isinstance(told((d / "again").write_bytes, os.urandom(1 << 20)), str), what="room again")
    return out


def test_quota(mount, tree):
    """A subvolume of btrfs with a limit: the one quota that every kernel with btrfs has."""
    with lower("btrfs", tree.dir) as at:
        subprocess.run(["btrfs", "quota", "enable", at], check=True)
        for name in ("plain", "src"):
            subprocess.run(["btrfs", "subvolume", "create", at / name], check=True, stdout=subprocess.DEVNULL)
            subprocess.run(["btrfs", "qgroup", "limit", "8M", at / name], check=True)
        m = mount(at / "src")
        expected = spend(at / "plain")
        assert expected[1:3] == ["EDQUOT", "EDQUOT"]
        assert spend(m.path) == expected
        assert m.umount() == 0
