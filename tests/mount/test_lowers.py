"""Other file systems below: what each answers, the mount answers. Needs root, to mount them."""

import contextlib
import errno
import fcntl
import mmap
import os
import shutil
import signal
import subprocess

import pytest

from tests.lib import threads
from tests.lib.users import run_as
from tests.lib.wait import wait_gone, wait_until
from tests.mount.test_death_of_all import APPEND, ENDED, client, go, told, whole_mount
from tests.mount.test_same import answers, differences, everybody

FIFREEZE, FITHAW = 0xC0045877, 0xC0045878  # linux/fs.h
SIZES = {"ext4": 64, "xfs": 320, "btrfs": 256}  # MiB


@contextlib.contextmanager
def lower(kind, base):
    """An empty file system of this kind, mounted at a directory of its own."""
    if os.geteuid():
        pytest.skip("needs root, to mount a file system")
    at = base / "lower"
    at.mkdir()
    if kind == "tmpfs":
        argv = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", at]
    elif kind == "overlay":
        parts = {n: base / f"overlay-{n}" for n in ("lower", "upper", "work")}
        for p in parts.values():
            p.mkdir()
        argv = ["mount", "-t", "overlay", "-o", ",".join(f"{n}dir={p}" for n, p in parts.items()), "overlay", at]
    else:
        if not shutil.which(f"mkfs.{kind}"):
            pytest.skip(f"mkfs.{kind} is not installed")
        image = base / "image"
        with open(image, "wb") as f:
            f.truncate(SIZES[kind] << 20)
        subprocess.run([f"mkfs.{kind}", "-q", image], check=True, capture_output=True)
        argv = ["mount", "-o", "loop", image, at]
    if subprocess.run(argv, capture_output=True).returncode:
        pytest.skip(f"this kernel mounts no {kind}")
    try:
        os.chmod(at, 0o755)
        yield at
    finally:
        subprocess.run(["umount", "-l", at], check=True)


@pytest.mark.time_limit(300)
@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay"])
def test_same_answers(mount, tree, kind):
    with lower(kind, tree.dir) as at:
        (at / "src").mkdir()
        (at / "plain").mkdir()
        m = mount(at / "src", options=everybody())
        assert not differences(answers(at / "plain"), answers(m.path))
        m.umount()


def overwrite(path):
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, b"y")
    finally:
        os.close(fd)


@pytest.mark.parametrize("how", ["disk", "bind", "later"])
def test_read_only_lower(mount, tree, how):
    """Read-only as a whole, by a bind mount, or only since it is mounted here: where open() can't know, write() tells."""
    with lower("tmpfs", tree.dir) as at:
        (at / "f").write_bytes(b"x")
        if how == "later":
            m = mount(at)
            (m.path / "f").write_bytes(b"x")
            m.settle()  # nothing is open for writing any more, or it could not be made read-only
        if how == "bind":
            subprocess.run(["mount", "--bind", at, at], check=True)
        subprocess.run(["mount", "-o", "remount,ro" + (",bind" if how == "bind" else ""), at], check=True)
        if how != "later":
            m = mount(at)
            assert not os.access(m.path / "f", os.W_OK)
            with pytest.raises(OSError) as e:
                os.open(m.path / "f", os.O_WRONLY)
            assert e.value.errno == errno.EROFS
        assert (m.path / "f").read_bytes() == b"x"
        for refused in (
            lambda: (m.path / "f").write_bytes(b"y"),
            lambda: overwrite(m.path / "f"),
            lambda: os.truncate(m.path / "f", 0),
            lambda: (m.path / "g").write_bytes(b"y"),
            lambda: os.unlink(m.path / "f"),
            lambda: os.mkdir(m.path / "d"),
            lambda: os.rename(m.path / "f", m.path / "g"),
            lambda: os.chmod(m.path / "f", 0o600),
            lambda: os.setxattr(m.path / "f", "user.x", b""),
            lambda: os.symlink("f", m.path / "l"),
            lambda: os.link(m.path / "f", m.path / "g"),
            lambda: os.mkfifo(m.path / "p"),
            lambda: os.utime(m.path / "f"),
        ):
            with pytest.raises(OSError) as e:
                refused()
            assert e.value.errno == errno.EROFS
        assert os.listdir(m.path) == ["f"] and (m.path / "f").read_bytes() == b"x"
        if how == "later":
            subprocess.run(["mount", "-o", "remount,rw", at], check=True)
            (m.path / "f").write_bytes(b"again")
            assert (at / "f").read_bytes() == b"again"
        m.umount()
        if how == "bind":
            subprocess.run(["umount", "-l", at], check=True)


def test_full_disk(mount, tree):
    """ENOSPC comes to whoever writes; what was there stays; there is room again after a removal."""
    with lower("tmpfs", tree.dir) as at:
        m = mount(at)
        (m.path / "keep").write_bytes(b"kept")
        fd = os.open(m.path / "big", os.O_CREAT | os.O_WRONLY)
        with pytest.raises(OSError) as e:
            for _ in range(100):
                os.write(fd, b"x" * (1 << 20))
        assert e.value.errno == errno.ENOSPC
        os.close(fd)
        assert (m.path / "keep").read_bytes() == b"kept"
        os.unlink(m.path / "big")
        # its blocks are free when the kernel has forgotten it, a moment later
        wait_until(lambda: there_is_room(m.path / "again"), what="room for another file")
        assert m.umount() == 0


def test_full_disk_in_other_calls(mount, tree):
    """A store through mmap is told at msync (the lower itself would send SIGBUS at the store); what needs no room works."""
    with lower("tmpfs", tree.dir) as at:
        m = mount(at)
        fd = os.open(m.path / "mapped", os.O_RDWR | os.O_CREAT)
        os.ftruncate(fd, 1 << 20)
        big = os.open(m.path / "big", os.O_CREAT | os.O_WRONLY)
        for size in (1 << 20, 4096):
            with pytest.raises(OSError) as e:
                for _ in range(300):
                    os.write(big, b"x" * size)
            assert e.value.errno == errno.ENOSPC
        with mmap.mmap(fd, 1 << 20) as mapped:
            mapped[: 1 << 20] = b"z" * (1 << 20)
            with pytest.raises(OSError) as e:
                mapped.flush()
            assert e.value.errno == errno.ENOSPC
        for call in (
            lambda: os.posix_fallocate(fd, 0, 1 << 20),
            lambda: os.pwrite(fd, b"x", 8192),
        ):
            with pytest.raises(OSError) as e:
                call()
            assert e.value.errno == errno.ENOSPC
        os.rename(m.path / "big", m.path / "renamed")
        os.close(big)
        os.unlink(m.path / "renamed")
        wait_until(lambda: there_is_room(m.path / "again"), what="room for another file")
        os.close(fd)
        assert m.umount() == 0


def test_reserve_is_roots(mount, tree, other):
    """A daemon of root's does not spend on its callers what the disk keeps for root."""
    with lower("ext4", tree.dir) as at:
        reserve = os.statvfs(at).f_bfree - os.statvfs(at).f_bavail
        assert reserve > 100
        (at / "src").mkdir()
        m = mount(at / "src", options="allow_other")
        os.chmod(m.path, 0o777)

        def fill():
            fd = os.open(m.path / "big", os.O_CREAT | os.O_WRONLY)
            with contextlib.suppress(OSError):
                os.posix_fallocate(fd, 0, 1 << 30)
            for call in (lambda: os.write(fd, b"x" * (1 << 16)), lambda: os.posix_fallocate(fd, os.fstat(fd).st_size, 1 << 16)):
                with contextlib.suppress(OSError):
                    for _ in range(2000):
                        os.lseek(fd, 0, os.SEEK_END)
                        call()
            os.fsync(fd)

        run_as(other, fill)
        assert os.statvfs(at).f_bavail < 100
        assert os.statvfs(at).f_bfree > reserve * 0.9
        (m.path / "root").write_bytes(b"x" * 100000)  # root may
        m.umount()


def there_is_room(path):
    try:
        path.write_bytes(b"y" * (1 << 20))
        return True
    except OSError as e:
        assert e.errno == errno.ENOSPC
        return False


def test_vanished_lower(mount, tree):
    """Unmounted below us: it lives as long as the mount, which goes on and ends as always."""
    with lower("tmpfs", tree.dir) as at:
        (at / "f").write_bytes(b"x")
        m = mount(at)
        subprocess.run(["umount", "-l", at], check=True)
        (m.path / "g").write_bytes(b"y")
        assert (m.path / "f").read_bytes() + (m.path / "g").read_bytes() == b"xy"
        assert m.umount() == 0
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", at], check=True)  # for the one that takes it away


def test_mount_inside_the_source(mount, tree):
    """Another file system below a directory of the source: seen, its inode numbers told apart."""
    with lower("tmpfs", tree.dir) as at:
        inner = tree.src / "inner"
        inner.mkdir()
        subprocess.run(["mount", "--bind", at, inner], check=True)
        try:
            (inner / "f").write_bytes(b"inside")
            (tree.src / "g").write_bytes(b"outside")
            m = mount()
            assert (m.path / "inner" / "f").read_bytes() == b"inside"
            numbers = {os.stat(p).st_ino for p in (m.path / "inner", m.path / "inner" / "f", m.path / "g", m.path)}
            assert len(numbers) == 4
            with pytest.raises(OSError) as e:
                os.rename(m.path / "g", m.path / "inner" / "g")
            assert e.value.errno == errno.EXDEV
            m.umount()
        finally:
            subprocess.run(["umount", "-l", inner], check=True)


@pytest.mark.long
@pytest.mark.leaves_daemon
def test_frozen_disk(mount, tree):
    """A write hangs where no signal reaches it: the rest is served, and when all are killed its client gets an error."""
    with lower("ext4", tree.dir) as at:
        m = mount(at)
        (m.path / "f").write_bytes(b"written to")
        (m.path / "g").write_bytes(b"read")
        dead, last = whole_mount(m)
        disk = os.open(at, os.O_RDONLY | os.O_DIRECTORY)  # whatever becomes of the mount, it must be thawed
        fcntl.ioctl(disk, FIFREEZE, 0)
        try:
            writer = client(m.path, APPEND)
            go(writer)
            (slow,) = wait_until(lambda: m.status()["slow"], what="a write that hangs")
            assert (slow["request"], slow["name"]) == ("write", "f")
            assert (m.path / "g").read_bytes() == b"read"
            assert "f" in os.listdir(m.path)
            os.kill(m.keeper, signal.SIGSTOP)
            threads.kill(dead)
            assert told(writer) in ENDED
            wait_gone(last)
            wait_until(lambda: not m.mounted(), what="the mount to be gone")
        finally:
            fcntl.ioctl(disk, FITHAW, 0)
            os.close(disk)
        for pid in dead:
            wait_gone(pid)
