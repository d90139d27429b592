"""Making, opening and writing files."""

import ctypes
import mmap
import os
import resource
import signal
import struct

from cases.common import as_user, case, facts, get, in_child, is_root, libc, listing, name_of, put, told


@case
def create_read_write(d):
    f = d + "/f"
    out = [put(f, b"hello"), get(f), facts(f)]
    fd = os.open(f, os.O_RDWR)
    out += [os.pwrite(fd, b"J", 0), os.pread(fd, 100, 0).decode(), os.lseek(fd, 0, os.SEEK_END)]
    out += [os.write(fd, b" world"), facts(f), told(os.ftruncate, fd, 3), get(f), facts(f)]
    os.close(fd)
    return out


@case
def open_flags(d):
    f = d + "/f"
    out = [told(os.open, f, os.O_RDONLY), told(put, f, b"abc")]
    out.append(told(os.open, f, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    fd = os.open(f, os.O_CREAT | os.O_WRONLY)
    out.append(told(os.read, fd, 1))
    os.close(fd)
    fd = os.open(f, os.O_RDONLY)
    out.append(told(os.write, fd, b"x"))
    os.close(fd)
    os.close(os.open(f, os.O_WRONLY | os.O_TRUNC))
    out.append(facts(f))
    os.mkdir(d + "/dir")
    out += [told(os.open, d + "/dir", os.O_WRONLY), told(os.open, d + "/dir", os.O_RDWR | os.O_CREAT)]
    out += [told(os.open, f, os.O_RDONLY | os.O_DIRECTORY), told(os.open, f + "/x", os.O_RDONLY)]
    os.symlink("f", d + "/l")
    out += [told(os.open, d + "/l", os.O_RDONLY | os.O_NOFOLLOW)]
    os.symlink("nowhere", d + "/dangling")
    out += [told(os.open, d + "/dangling", os.O_RDONLY), told(os.open, d + "/dangling", os.O_CREAT | os.O_EXCL | os.O_WRONLY)]
    os.close(os.open(d + "/dangling", os.O_CREAT | os.O_WRONLY, 0o640))
    return out + [facts(d + "/nowhere"), facts(d + "/l"), listing(d)]


@case
def truncation_on_open(d):
    f = d + "/f"
    put(f, b"x" * 10000)
    fd = os.open(f, os.O_RDWR)
    out = [len(get(f))]
    other = os.open(f, os.O_WRONLY | os.O_TRUNC)
    out += [os.fstat(fd).st_size, os.read(fd, 10).decode(), os.write(other, b"new")]
    out += [os.pread(fd, 10, 0).decode()]
    os.close(fd)
    os.close(other)
    return out


@case
def umask_and_modes(d):
    old = os.umask(0o027)
    try:
        put(d + "/f")
        os.mkdir(d + "/dir")
        os.mkfifo(d + "/fifo")
        out = [facts(d + "/f"), facts(d + "/dir"), facts(d + "/fifo")]
    finally:
        os.umask(0)
    put(d + "/all", mode=0o777)
    os.mkdir(d + "/tmp", 0o1777)
    out += [facts(d + "/all"), facts(d + "/tmp")]
    os.umask(old)
    for mode in (0, 0o444, 0o4755, 0o2755, 0o1644, 0o6711):
        out += [told(os.chmod, d + "/f", mode), facts(d + "/f")]
    return out


@case
def setgid_directory(d):
    os.chmod(d, 0o2775)
    os.mkdir(d + "/sub")
    put(d + "/f")
    os.mkfifo(d + "/p")
    os.symlink("f", d + "/l")
    return [facts(d + "/sub"), facts(d + "/f"), facts(d + "/p"), facts(d + "/l")]


@case
def write_kills_setuid(d):
    f = d + "/f"
    put(f, b"x")
    os.chmod(f, 0o6755)
    out = [facts(f)]
    fd = os.open(f, os.O_WRONLY)
    os.write(fd, b"y")
    os.close(fd)
    out.append(facts(f))
    os.chmod(f, 0o6755)
    os.truncate(f, 0)
    return out + [facts(f)]


@case
def each_way_of_writing_kills_setuid(d):
    """Else a program that runs with another user's rights could be given other content by whoever may write to it."""
    f = d + "/f"
    put(d + "/from", b"y" * 100)
    os.chmod(d, 0o755)

    def copies(fd):
        source = os.open(d + "/from", os.O_RDONLY)
        return os.copy_file_range(source, fd, 100, 0, 4096)

    def allocates(mode):
        return lambda fd: libc.fallocate(fd, mode, ctypes.c_long(0), ctypes.c_long(4096))

    def by(way):
        fd = os.open(f, os.O_WRONLY)
        answer = told(way, fd)
        # what a lower cannot do takes them away in the mount all the same: they go before the content changes
        return [answer, facts(f) if answer != -1 else None]

    out = []
    for way in (copies, allocates(0), allocates(3), allocates(0x10)):
        put(f, b"x" * 8192)
        os.chmod(f, 0o6777)
        out.append(as_user(1234, lambda: by(way)) if is_root() else by(way))
        os.chmod(f, 0o6777)
        out.append(by(way))
    return out


@case
def descriptors_outlive_rights(d):
    f = d + "/f"
    put(f, b"abcdef")
    fd = os.open(f, os.O_RDWR)
    os.chmod(f, 0)
    out = [os.pread(fd, 6, 0).decode(), os.pwrite(fd, b"X", 1), told(os.ftruncate, fd, 4), told(os.fsync, fd)]
    os.chmod(f, 0o444)
    out += [os.pwrite(fd, b"Y", 2), os.pread(fd, 6, 0).decode()]
    os.close(fd)
    g = os.open(d + "/object", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o444)
    out += [os.write(g, b"object"), os.pread(g, 9, 0).decode(), facts(d + "/object")]
    os.close(g)
    return out + [get(d + "/object")]


@case
def append(d):
    f = d + "/f"
    put(f, b"0")
    a = os.open(f, os.O_WRONLY | os.O_APPEND)
    b = os.open(f, os.O_WRONLY | os.O_APPEND)
    for i in range(50):
        os.write(a if i % 2 else b, b"%d," % i)
    out = [get(f), os.pwrite(a, b"end", 0), get(f)[-6:]]
    os.truncate(f, 1)
    out += [os.write(a, b"z"), get(f)]
    os.close(a)
    os.close(b)
    return out


@case
def append_from_processes(d):
    f = d + "/f"
    put(f)

    def many(letter):
        fd = os.open(f, os.O_WRONLY | os.O_APPEND)
        for _ in range(300):
            os.write(fd, letter * 7 + b"\n")
        return 0

    pids = []
    for letter in (b"a", b"b", b"c"):
        pid = os.fork()
        if pid == 0:
            many(letter)
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)
    lines = get(f).split("\n")
    return [len(lines), sorted(set(lines))]


@case
def tmpfile(d):
    fd = told(os.open, d, os.O_TMPFILE | os.O_RDWR, 0o600)
    if not isinstance(fd, int):
        return "no O_TMPFILE"
    os.write(fd, b"x")
    r = libc.linkat(-100, b"/proc/self/fd/%d" % fd, -100, os.fsencode(d + "/linked"), 0x400)
    out = [r, name_of(ctypes.get_errno()) if r else 0]
    os.close(fd)
    return out + [facts(d + "/linked")]


@case
def tmpfile_more(d):
    fd = told(os.open, d, os.O_TMPFILE | os.O_RDWR, 0o640)
    if not isinstance(fd, int):
        return fd
    out = [os.write(fd, b"abc"), os.pread(fd, 9, 0).decode(), facts("", fd=fd), told(os.ftruncate, fd, 2), listing(d), told(os.fchmod, fd, 0o600)]
    out += [libc.linkat(-100, b"/proc/self/fd/%d" % fd, -100, os.fsencode(d + "/a"), 0x400), os.write(fd, b"d"), facts(d + "/a"), get(d + "/a")]
    os.close(fd)
    os.unlink(d + "/a")
    exclusive = os.open(d, os.O_TMPFILE | os.O_RDWR | os.O_EXCL, 0o600)
    r = libc.linkat(-100, b"/proc/self/fd/%d" % exclusive, -100, os.fsencode(d + "/b"), 0x400)
    out += [r, name_of(ctypes.get_errno()), listing(d)]
    os.close(exclusive)
    return out + [told(os.open, d + "/none", os.O_TMPFILE | os.O_RDWR, 0o600)]


@case
def direct(d):
    f = d + "/f"
    put(f, b"q" * 8192)
    fd = told(os.open, f, os.O_RDONLY | os.O_DIRECT)
    if not isinstance(fd, int):
        return fd
    m = mmap.mmap(-1, 4096)
    out = [os.preadv(fd, [m], 4096), m[:3].decode()]
    os.close(fd)
    return out


@case
def direct_writes(d):
    f = d + "/f"
    put(f)
    fd = told(os.open, f, os.O_RDWR | os.O_DIRECT)
    if not isinstance(fd, int):
        return fd
    m = mmap.mmap(-1, 8192)
    m[0:8192] = b"d" * 8192
    out = [os.pwritev(fd, [m], 4096), facts(f), get(f)[4095:4098]]
    other = os.open(f, os.O_RDWR)
    out += [os.pwrite(other, b"cached", 4096), os.preadv(fd, [m], 4096), m[:7].decode()]
    os.close(other)
    os.close(fd)
    return out


@case
def direct_but_not_aligned(d):
    put(d + "/f", b"q" * 8192)
    fd = told(os.open, d + "/f", os.O_RDONLY | os.O_DIRECT)
    if not isinstance(fd, int):
        return fd
    m = mmap.mmap(-1, 4096)
    out = told(os.preadv, fd, [memoryview(m)[1:101]], 7)
    os.close(fd)
    return out


@case
def setgid_and_acls(d):
    """An ACL that a user sets who is not in the group takes setgid away; a member, and root, leave it."""
    if not is_root():
        return "one user"
    acl = struct.pack("<I" + "HHI" * 3, 2, 1, 7, 0xFFFFFFFF, 4, 7, 0xFFFFFFFF, 32, 7, 0xFFFFFFFF)
    f, sub = d + "/f", d + "/dir"
    put(f)
    os.mkdir(sub)
    os.chmod(d, 0o777)
    out = []
    for path in (f, sub):
        os.chown(path, 1234, 4321)
        for groups in ((), (4321,)):
            os.chmod(path, 0o2755)
            out += [as_user(1234, lambda: told(os.setxattr, path, "system.posix_acl_access", acl), groups=groups), os.stat(path).st_mode]
        out += [told(os.setxattr, path, "system.posix_acl_access", acl), os.stat(path).st_mode]
    return out


@case
def setgid_is_for_members(d):
    """A user who is not in the file's group cannot keep its setgid bit; chown and writes take it away."""
    if not is_root():
        return "one user"
    f = d + "/f"
    put(f)
    os.chown(f, 1234, 4321)
    os.chmod(d, 0o777)
    out = [as_user(1234, lambda: [told(os.chmod, f, 0o2755), facts(f)]), as_user(1234, lambda: [told(os.chmod, f, 0o2755), facts(f)], groups=[4321])]
    out += [as_user(1234, lambda: told(put, f, b"x")), facts(f)]
    for mode in (0o6755, 0o2644, 0o4711):
        os.chmod(f, mode)
        out += [as_user(1234, lambda: [told(os.chown, f, -1, 1234)], groups=[4321]), facts(f)]
        os.chown(f, 1234, 4321)
    for mode in (0o6755, 0o2644):
        os.chmod(f, mode)
        out += [as_user(1234, lambda: [told(os.truncate, f, 1), facts(f)])]
        os.chmod(f, mode)
        out += [told(os.truncate, f, 0), facts(f)]

    def overwrites():
        fd = os.open(f, os.O_WRONLY)
        out = os.write(fd, b"z")
        os.close(fd)
        return [out, facts(f)]

    for groups in ((), (4321,), range(5000, 5100)):
        for mode in (0o6777, 0o2666):
            os.chmod(f, mode)
            out.append(as_user(1236, overwrites, groups=groups))
    os.chown(d, 0, 4321)
    os.chmod(d, 0o2777)
    out.append(as_user(1235, lambda: [put(d + "/g", mode=0o2775), facts(d + "/g"), told(os.mkdir, d + "/sub", 0o775), facts(d + "/sub")]))
    return out


@case
def file_size_limit(d):
    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
        fd = os.open(d + "/f", os.O_RDWR | os.O_CREAT)
        out = [os.write(fd, b"x" * 4000), os.write(fd, b"y" * 4000), told(os.write, fd, b"z"), told(os.ftruncate, fd, 6000)]
        return out + [told(os.posix_fallocate, fd, 0, 9000), os.fstat(fd).st_size]

    return in_child(limited)


@case
def killed_while_writing(d):
    """What a killed program had written is there, and nothing else."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        fd = os.open(d + "/f", os.O_CREAT | os.O_WRONLY)
        for _ in range(1 << 20):
            os.write(fd, b"0123456789abcdef" * 256)
            os.write(w, b"x")
        os._exit(0)
    os.read(r, 1)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(r)
    os.close(w)
    data = get(d + "/f")
    return [len(data) >= 4096, data == ("0123456789abcdef" * (len(data) // 16 + 1))[: len(data)], told(os.unlink, d + "/f")]
