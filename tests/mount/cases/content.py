"""Lengths, holes, copies, syncing."""

import ctypes
import fcntl
import os
import select

from cases.common import case, facts, get, libc, put, told


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
def syncs(d):
    put(d + "/f", b"x")
    fd = os.open(d + "/f", os.O_RDWR)
    dd = os.open(d, os.O_RDONLY)
    out = [told(os.fsync, fd), told(os.fdatasync, fd), told(os.fsync, dd), libc.syncfs(fd)]
    os.close(fd)
    os.close(dd)
    return out
