"""What docs/differences.md says of the two sides of a mount, and of options that change what it answers."""

import ctypes
import errno
import fcntl
import mmap
import os
import shutil
import socket
import stat

import pytest

from tests.lib.mountinfo import drop_caches
from tests.lib.users import run_as

AT_FDCWD = -100


def test_locks_are_of_one_side(mount, tree):
    m = mount()
    (m.path / "f").write_bytes(b"x")
    inside, again, behind = (os.open(p / "f", os.O_RDWR) for p in (m.path, m.path, tree.src))
    fcntl.flock(inside, fcntl.LOCK_EX)
    with pytest.raises(BlockingIOError):
        fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(behind, fcntl.LOCK_EX | fcntl.LOCK_NB)
    for fd in (inside, again, behind):
        os.close(fd)


def test_sockets_and_fifos_are_of_one_side(mount, tree, monkeypatch):
    m = mount()
    monkeypatch.chdir(m.path)
    with socket.socket(socket.AF_UNIX) as s, socket.socket(socket.AF_UNIX) as inside, socket.socket(socket.AF_UNIX) as behind:
        s.bind("sock")
        s.listen()
        inside.connect("sock")
        monkeypatch.chdir(tree.src)
        assert stat.S_ISSOCK(os.stat("sock").st_mode)
        with pytest.raises(ConnectionRefusedError):
            behind.connect("sock")
    os.mkfifo(m.path / "fifo")
    r = os.open(m.path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    os.close(os.open(m.path / "fifo", os.O_WRONLY | os.O_NONBLOCK))
    with pytest.raises(OSError) as e:
        os.open(tree.src / "fifo", os.O_WRONLY | os.O_NONBLOCK)
    assert e.value.errno == errno.ENXIO  # nobody reads there
    os.close(r)


def test_store_through_a_map_is_seen_behind_the_mount_at_msync(mount, tree):
    m = mount()
    (m.path / "f").write_bytes(b"x" * 4096)
    with open(m.path / "f", "r+b") as f, mmap.mmap(f.fileno(), 4096) as area:
        area[0:3] = b"map"
        assert (m.path / "f").read_bytes()[:3] == b"map"
        area.flush()
        assert (tree.src / "f").read_bytes()[:3] == b"map"


def test_handles_are_of_what_the_kernel_knows(mount):
    """open_by_handle_at: a file that nobody has looked up since the kernel forgot it is not found by its handle."""
    if os.geteuid():
        pytest.skip("needs root: nobody else may open by handle")
    m = mount()
    (m.path / "f").write_bytes(b"x")
    handle = ctypes.create_string_buffer(8 + 128)
    ctypes.c_uint.from_buffer(handle).value = 128
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.name_to_handle_at(AT_FDCWD, os.fsencode(m.path / "f"), handle, ctypes.byref(ctypes.c_int()), 0) == 0
    at = os.open(m.path, os.O_RDONLY)
    fd = libc.open_by_handle_at(at, handle, os.O_RDONLY)
    assert os.read(fd, 9) == b"x"
    os.close(fd)
    drop_caches(m.path)
    assert (libc.open_by_handle_at(at, handle, os.O_RDONLY), ctypes.get_errno()) == (-1, errno.ESTALE)
    os.close(at)


@pytest.mark.parametrize("asked", [False, True])
def test_devices_and_setuid_when_asked(mount, tree, other, asked):
    m = mount(options="allow_other" + (",dev,suid" if asked else ""))
    os.mknod(m.path / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    shutil.copy("/usr/bin/id", m.path / "id")
    os.chmod(m.path / "id", 0o4755)

    def tries():
        import subprocess

        try:
            os.close(os.open(m.path / "null", os.O_RDONLY))
            device = 0
        except OSError as e:
            device = e.errno
        return device, subprocess.run([m.path / "id", "-u"], capture_output=True, text=True).stdout.strip()

    try:
        os.close(os.open(tree.dir / "null", os.O_CREAT | os.O_RDONLY))
        flags = os.statvfs(tree.dir).f_flag
    finally:
        os.unlink(tree.dir / "null")
    if flags & (os.ST_NODEV | os.ST_NOSUID):
        pytest.skip("the directory for tests is itself mounted nodev or nosuid")
    assert run_as(other, tries) == ((0, "0") if asked else (errno.EACCES, str(other.uid)))


def test_removed_behind_the_mount_while_open(mount, tree):
    (tree.src / "f").write_bytes(b"x" * 100000)
    m = mount()
    fd = os.open(m.path / "f", os.O_RDONLY)
    os.unlink(tree.src / "f")
    with pytest.raises(OSError) as e:
        os.pread(fd, 10, 0)
    assert e.value.errno == errno.ESTALE
    os.close(fd)
