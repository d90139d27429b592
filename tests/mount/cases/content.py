"""Lengths, holes, copies, syncing."""

import ctypes
import fcntl
import os
import select

from cases.common import case, facts, get, libc, name_of, put, told


@case
def truncates(d):
    f = d + "/f"
    put(f, b"abcdef")
    out = [told(os.truncate, f, 3), get(f), told(os.truncate, f, 9), get(f), told(os.truncate, f, 0), facts(f), told(os.truncate, f, -1)]
    out += [told(os.truncate, d, 0), told(os.truncate, f, 1 << 40), facts(f), told(os.truncate, f, 1 << 62)]
    fd = os.open(f, os.O_RDONLY)
    out.append(told(os.ftruncate, fd, 0))
    os.close(fd)
    return out


@case
def holes(d):
    f = d + "/f"
    fd = os.open(f, os.O_RDWR | os.O_CREAT)
    os.pwrite(fd, b"x" * 4096, 1 << 20)
    out = [os.lseek(fd, 0, os.SEEK_DATA), os.lseek(fd, 0, os.SEEK_HOLE), told(os.lseek, fd, 1 << 21, os.SEEK_DATA), os.lseek(fd, 1 << 20, os.SEEK_HOLE)]
    out += [told(os.posix_fallocate, fd, 0, 8192), facts(f), libc.fallocate(fd, 1, ctypes.c_long(2 << 20), ctypes.c_long(4096)), facts(f)]
    out += [libc.fallocate(fd, 3, ctypes.c_long(1 << 20), ctypes.c_long(4096)), os.pread(fd, 3, 1 << 20).decode("latin-1")]
    os.close(fd)
    return out


@case
def copy_ranges(d):
    put(d + "/a", bytes(range(256)) * 64)
    a = os.open(d + "/a", os.O_RDWR)
    b = os.open(d + "/b", os.O_RDWR | os.O_CREAT)
    out = [told(os.copy_file_range, a, b, 5000, 100, 3), facts(d + "/b"), get(d + "/b")[:10]]
    out += [told(os.copy_file_range, a, a, 100, 0, 8000), os.pread(a, 100, 8000) == os.pread(a, 100, 0), told(os.sendfile, b, a, 0, 100)]
    os.close(a)
    os.close(b)
    return out


@case
def poll_and_ioctl(d):
    put(d + "/f", b"12345")
    fd = os.open(d + "/f", os.O_RDONLY)
    r, w, x = select.select([fd], [], [], 0)
    buffer = bytearray(4)
    out = [r == [fd], told(fcntl.ioctl, fd, 0x541B, buffer), int.from_bytes(buffer, "little")]
    os.close(fd)
    return out


@case
def file_system(d):
    a, b = os.statvfs(d), os.statvfs(os.path.dirname(d))
    return [a.f_namemax, a.f_blocks == b.f_blocks, a.f_bsize, a.f_files > 0]


@case
def type_of_the_file_system(d):
    """Its magic number, by which programs decide whether it is one of the network, and whether it has an id."""
    answer = (ctypes.c_long * 32)()
    assert libc.statfs(os.fsencode(d), answer) == 0
    return [answer[0], answer[7] != 0]


@case
def most_links(d):
    """The C library knows it by the file system's type."""
    return os.pathconf(d, "PC_LINK_MAX")


@case
def syncs(d):
    put(d + "/f", b"x")
    fd = os.open(d + "/f", os.O_RDWR)
    dd = os.open(d, os.O_RDONLY)
    out = [told(os.fsync, fd), told(os.fdatasync, fd), told(os.fsync, dd), libc.syncfs(fd)]
    os.close(fd)
    os.close(dd)
    return out


@case
def allocation_modes(d):
    f = d + "/f"
    fd = os.open(f, os.O_RDWR | os.O_CREAT)
    os.write(fd, b"a" * 16384)
    out = []
    for mode, at, size in ((0, 0, 32768), (1, 65536, 4096), (3, 4096, 4096), (2, 0, 4096), (16, 8192, 4096), (17, 100000, 100), (16, 32000, 9000), (0, 0, 0), (0, -1, 10), (128, 0, 4096)):
        r = libc.fallocate(fd, mode, ctypes.c_long(at), ctypes.c_long(size))
        out.append([mode, name_of(ctypes.get_errno()) if r else 0, os.fstat(fd).st_size])
    out += [get(f).count("a"), os.lseek(fd, 0, os.SEEK_END)]
    os.close(fd)
    fd = os.open(f, os.O_RDONLY)
    out += [libc.fallocate(fd, 0, ctypes.c_long(0), ctypes.c_long(4096)), name_of(ctypes.get_errno())]
    os.close(fd)
    return out


@case
def ranges_taken_out_and_put_in(d):
    fd = os.open(d + "/f", os.O_RDWR | os.O_CREAT)
    os.write(fd, b"a" * 4096 + b"b" * 4096 + b"c" * 4096)
    out = []
    for mode in (8, 32, 64):
        r = libc.fallocate(fd, mode, ctypes.c_long(4096), ctypes.c_long(4096))
        out.append(name_of(ctypes.get_errno()) if r else 0)
    os.close(fd)
    return out


@case
def clones(d):
    """FICLONE shares blocks where the file system can."""
    put(d + "/a", b"x" * 8192)
    a, b = os.open(d + "/a", os.O_RDONLY), os.open(d + "/b", os.O_RDWR | os.O_CREAT)
    out = told(fcntl.ioctl, b, 0x40049409, a)
    os.close(a)
    os.close(b)
    return out


@case
def extents(d):
    """FIEMAP tells where a file's blocks are."""
    put(d + "/f", b"x" * 8192)
    fd = os.open(d + "/f", os.O_RDONLY)
    os.fsync(fd)
    out = told(fcntl.ioctl, fd, 0xC020660B, bytearray(32 + 56))
    os.close(fd)
    return out if out in ("EOPNOTSUPP", "ENOTSUP", "ENOTTY") else "told"


@case
def holes_between_data(d):
    f = d + "/f"
    fd = os.open(f, os.O_RDWR | os.O_CREAT)
    for at in (0, 1 << 20, 3 << 20):
        os.pwrite(fd, b"x" * 4096, at)
    os.ftruncate(fd, 5 << 20)
    out, at = [], 0
    while isinstance(at, int):
        data = told(os.lseek, fd, at, os.SEEK_DATA)
        at = told(os.lseek, fd, data, os.SEEK_HOLE) if isinstance(data, int) else data
        out += [data, at]
    out += [os.lseek(fd, 100, os.SEEK_SET), os.lseek(fd, 5, os.SEEK_CUR), told(os.lseek, fd, -1, os.SEEK_SET), told(os.lseek, fd, 5 << 20, os.SEEK_HOLE), told(os.lseek, fd, -1, os.SEEK_DATA)]
    os.close(fd)
    return out


@case
def large_offsets(d):
    fd = os.open(d + "/f", os.O_RDWR | os.O_CREAT)
    out = [told(os.pwrite, fd, b"x", (1 << 43)), os.fstat(fd).st_size, os.pread(fd, 2, (1 << 43)).decode(), os.pread(fd, 5, 1 << 33).hex()]
    out += [told(os.pwrite, fd, b"x", (1 << 63) - 1), told(os.ftruncate, fd, 1 << 32), os.fstat(fd).st_size]
    os.close(fd)
    return out
