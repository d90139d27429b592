"""What programs do with files, as a list of cases.

Run as `oplist.py DIR [CASE...]`: each case works in an empty directory of its own below DIR and answers what it saw: values,
errno names, stat fields. Printed as one JSON object, so that the answers of two file systems can be compared.
"""
import ctypes
import errno
import fcntl
import json
import mmap
import os
import select
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import traceback

libc = ctypes.CDLL(None, use_errno=True)
CASES = []


def case(function):
    CASES.append(function)
    return function


def name_of(error):
    return errno.errorcode.get(error, str(error))


def told(call, *args, **kw):
    """The call's answer, or the name of its errno."""
    try:
        r = call(*args, **kw)
    except OSError as e:
        return name_of(e.errno)
    if isinstance(r, bytes):
        return r.decode("latin-1")
    return r if isinstance(r, (int, str, list, bool, type(None))) else str(type(r))


def put(path, data=b"", mode=0o666, flags=0):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | flags, mode)
    try:
        return os.write(fd, data) if data else 0
    finally:
        os.close(fd)


def get(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        out = b""
        while part := os.read(fd, 1 << 20):
            out += part
        return out.decode("latin-1")
    finally:
        os.close(fd)


def facts(path, times=False, fd=None):
    try:
        st = os.fstat(fd) if fd is not None else os.lstat(path)
    except OSError as e:
        return name_of(e.errno)
    out = {"mode": oct(st.st_mode), "nlink": st.st_nlink, "uid": st.st_uid, "gid": st.st_gid}
    if not stat.S_ISDIR(st.st_mode):
        out["size"] = st.st_size
    if times:
        out["atime"], out["mtime"] = st.st_atime_ns, st.st_mtime_ns
    return out


def listing(path):
    return sorted(os.listdir(path))


def renameat2(old, new, flags):
    r = libc.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), flags)
    return 0 if r == 0 else name_of(ctypes.get_errno())


def in_child(function, *args):
    """The function's JSON-able answer, from a process of its own."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(r)
            os.write(w, json.dumps(function(*args)).encode())
        finally:
            os._exit(0)
    os.close(w)
    with os.fdopen(r, "rb") as f:
        text = f.read()
    os.waitpid(pid, 0)
    return json.loads(text) if text else "died"


# ---- making, opening ----


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


# ---- names ----


@case
def directories(d):
    out = [told(os.mkdir, d + "/a"), told(os.mkdir, d + "/a"), told(os.mkdir, d + "/x/y")]
    os.mkdir(d + "/a/b")
    out += [facts(d), facts(d + "/a"), told(os.rmdir, d + "/a"), told(os.unlink, d + "/a")]
    put(d + "/f")
    out += [told(os.rmdir, d + "/f"), told(os.mkdir, d + "/f/x"), told(os.rmdir, d + "/a/b"), facts(d + "/a")]
    out += [told(os.rmdir, d + "/a/."), told(os.rmdir, d + "/a"), facts(d + "/a"), told(os.rmdir, d + "/a"), listing(d)]
    return out


@case
def links(d):
    put(d + "/a", b"one")
    out = [told(os.link, d + "/a", d + "/b"), facts(d + "/a"), facts(d + "/b")]
    out.append(os.stat(d + "/a").st_ino == os.stat(d + "/b").st_ino)
    put(d + "/b", b"two!")
    out += [get(d + "/a"), told(os.link, d + "/a", d + "/b"), told(os.link, d + "/none", d + "/c"), told(os.link, d, d + "/c")]
    out += [told(os.unlink, d + "/a"), facts(d + "/b"), get(d + "/b")]
    os.symlink("b", d + "/s")
    out += [told(os.link, d + "/s", d + "/t", follow_symlinks=False), facts(d + "/t"), facts(d + "/s"), told(os.readlink, d + "/t")]
    os.rename(d + "/b", d + "/c")
    os.mkdir(d + "/dir")
    out += [told(os.link, d + "/c", d + "/dir/e"), facts(d + "/c")]
    os.rename(d + "/dir", d + "/rid")
    out += [facts(d + "/rid/e"), told(os.unlink, d + "/c"), facts(d + "/rid/e"), get(d + "/rid/e")]
    return out


@case
def rename_same_file(d):
    put(d + "/a", b"x")
    os.link(d + "/a", d + "/b")
    out = [told(os.rename, d + "/a", d + "/b"), listing(d), facts(d + "/a")]
    return out + [told(os.rename, d + "/a", d + "/a"), listing(d)]


@case
def renames(d):
    put(d + "/a", b"a")
    put(d + "/b", b"bb")
    os.mkdir(d + "/dir")
    os.mkdir(d + "/full")
    put(d + "/full/x")
    os.mkdir(d + "/empty")
    out = [told(os.rename, d + "/a", d + "/b"), get(d + "/b"), listing(d)]
    out += [told(os.rename, d + "/b", d + "/dir"), told(os.rename, d + "/dir", d + "/b"), told(os.rename, d + "/dir", d + "/full")]
    out += [told(os.rename, d + "/full", d + "/empty"), listing(d), listing(d + "/empty")]
    out += [told(os.rename, d + "/empty", d + "/empty/sub"), told(os.rename, d + "/none", d + "/z"), told(os.rename, d + "/b", d + "/none/z")]
    out += [told(os.rename, d + "/b", d + "/dir/b"), get(d + "/dir/b"), facts(d), facts(d + "/dir")]
    os.rename(d + "/empty", d + "/dir/moved")
    return out + [facts(d), facts(d + "/dir"), listing(d + "/dir/moved"), told(os.rename, d + "/dir/moved", d)]


@case
def rename_flags(d):
    put(d + "/a", b"a")
    put(d + "/b", b"bb")
    os.mkdir(d + "/dir")
    put(d + "/dir/x")
    out = [renameat2(d + "/a", d + "/b", 1), renameat2(d + "/a", d + "/c", 1), listing(d)]
    out += [renameat2(d + "/c", d + "/b", 2), get(d + "/c"), get(d + "/b")]
    out += [renameat2(d + "/c", d + "/dir", 2), facts(d + "/c"), facts(d + "/dir"), listing(d + "/c")]
    out += [renameat2(d + "/b", d + "/none", 2), renameat2(d + "/b", d + "/c", 3), renameat2(d + "/b", d + "/dir", 64)]
    return out


@case
def rename_over_open(d):
    put(d + "/a", b"old")
    put(d + "/b", b"new!")
    fd = os.open(d + "/a", os.O_RDWR)
    os.rename(d + "/b", d + "/a")
    out = [os.pread(fd, 9, 0).decode(), os.pwrite(fd, b"OLD+", 0), os.pread(fd, 9, 0).decode(), get(d + "/a")]
    out += [os.fstat(fd).st_nlink, facts("", fd=fd), told(os.ftruncate, fd, 1), facts("", fd=fd), told(os.fchmod, fd, 0o600), facts("", fd=fd)]
    os.close(fd)
    return out


@case
def unlinked_but_open(d):
    put(d + "/a", b"data")
    fd = os.open(d + "/a", os.O_RDWR)
    os.unlink(d + "/a")
    out = [facts(d + "/a"), facts("", fd=fd), os.write(fd, b"DA"), os.pread(fd, 9, 0).decode(), told(os.fsync, fd)]
    put(d + "/a", b"another")
    out += [os.pread(fd, 9, 0).decode(), get(d + "/a"), told(os.fchmod, fd, 0o640), facts("", fd=fd), facts(d + "/a")]
    out += [told(os.utime, fd, ns=(5, 7)), facts("", times=True, fd=fd)]
    os.close(fd)
    return out


@case
def removed_directory(d):
    os.mkdir(d + "/a")
    fd = os.open(d + "/a", os.O_RDONLY | os.O_DIRECTORY)
    os.rmdir(d + "/a")
    out = [told(os.listdir, fd), facts("", fd=fd), told(os.open, "x", os.O_CREAT | os.O_WRONLY, dir_fd=fd), told(os.mkdir, "y", dir_fd=fd)]
    os.mkdir(d + "/a")
    put(d + "/a/in")
    out += [told(os.listdir, fd), told(os.stat, "in", dir_fd=fd)]
    os.close(fd)
    return out


@case
def symlinks(d):
    out = [told(os.symlink, "target", d + "/l"), told(os.readlink, d + "/l"), facts(d + "/l"), told(os.stat, d + "/l"), told(os.symlink, "x", d + "/l")]
    os.symlink("loop2", d + "/loop1")
    os.symlink("loop1", d + "/loop2")
    out += [told(os.stat, d + "/loop1"), told(os.open, d + "/loop1", os.O_RDONLY), told(os.symlink, "", d + "/e"), told(os.symlink, "x" * 4096, d + "/e")]
    out += [told(os.symlink, "y" * 4095, d + "/long"), told(lambda: len(os.readlink(d + "/long"))), told(os.readlink, d)]
    out += [told(os.utime, d + "/l", ns=(3, 4), follow_symlinks=False), facts(d + "/l", times=True)]
    os.rename(d + "/l", d + "/m")
    out += [told(os.readlink, d + "/m"), told(os.unlink, d + "/m"), listing(d)]
    return out


@case
def long_names(d):
    n255, n256 = "n" * 255, "n" * 256
    out = [told(put, d + "/" + n255, b"x"), told(put, d + "/" + n256), told(os.mkdir, d + "/" + n256), told(os.stat, d + "/" + n256)]
    out += [told(os.rename, d + "/" + n255, d + "/" + n256), told(os.rename, d + "/" + n255, d + "/" + "m" * 255), listing(d)]
    out += [told(os.symlink, "x", d + "/" + n256), told(os.link, d + "/" + "m" * 255, d + "/" + n256)]
    odd = b"\xff\xfe new\nline \x01"
    os.close(os.open(os.fsencode(d) + b"/" + odd, os.O_CREAT | os.O_WRONLY, 0o644))
    return out + [[n.decode("latin-1") for n in sorted(os.listdir(os.fsencode(d)))], told(put, d + "/" + "x" * 5000)]


def fresh_listing(fd):
    """Opened anew: btrfs does not list what was made after the directory was opened."""
    again = os.open(".", os.O_RDONLY, dir_fd=fd)
    try:
        return sorted(os.listdir(again))
    finally:
        os.close(again)


@case
def deeper_than_path_max(d):
    name = "d" * 200
    fds = [os.open(d, os.O_RDONLY)]
    for _ in range(30):
        os.mkdir(name, dir_fd=fds[-1])
        fds.append(os.open(name, os.O_RDONLY, dir_fd=fds[-1]))
    f = os.open("f", os.O_CREAT | os.O_RDWR, dir_fd=fds[-1])
    out = [os.write(f, b"deep"), os.pread(f, 9, 0).decode(), told(os.rename, "f", "g", src_dir_fd=fds[-1], dst_dir_fd=fds[-2])]
    out += [fresh_listing(fds[-2]), told(os.unlink, "g", dir_fd=fds[-2]), os.pread(f, 9, 0).decode()]
    os.close(f)
    for i in range(len(fds) - 1, 0, -1):
        os.close(fds[i])
        os.rmdir(name, dir_fd=fds[i - 1])
    os.close(fds[0])
    return out + [listing(d)]


@case
def nothing_there(d):
    p = d + "/none"
    out = [told(f, p) for f in (os.stat, os.unlink, os.rmdir, os.readlink, os.listdir)]
    out += [told(os.chmod, p, 0o644), told(os.truncate, p, 0), told(os.utime, p), told(os.rename, p, d + "/x"), told(os.listxattr, p)]
    put(p)  # a negative name becomes positive
    return out + [facts(p)]


@case
def special_files(d):
    os.mkfifo(d + "/fifo", 0o640)
    s = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(d)
    s.bind("sock")
    s.listen()
    c = socket.socket(socket.AF_UNIX)
    c.connect("sock")
    peer, _ = s.accept()
    c.send(b"x")
    out = [peer.recv(1).decode(), facts("sock"), facts("fifo")]
    os.chdir(here)
    for x in (c, peer, s):
        x.close()
    r = os.open(d + "/fifo", os.O_RDONLY | os.O_NONBLOCK)
    w = os.open(d + "/fifo", os.O_WRONLY)
    os.write(w, b"through")
    out += [os.read(r, 10).decode(), told(os.mknod, d + "/dev", 0o600 | stat.S_IFCHR, os.makedev(1, 3)), told(os.mknod, d + "/reg", 0o600 | stat.S_IFREG)]
    os.close(r)
    os.close(w)
    return out + [facts(d + "/dev"), facts(d + "/reg")]


# ---- listings ----


@case
def readdir_many(d):
    for i in range(3000):
        put(d + "/%05d" % i)
    names = os.listdir(d)
    out = [len(names), len(set(names)), sorted(names)[:3]]
    seen = 0
    with os.scandir(d) as it:
        for e in it:
            os.unlink(d + "/" + e.name)
            seen += 1
    return out + [seen, listing(d), told(os.rmdir, d)]


@case
def readdir_types(d):
    put(d + "/f")
    os.mkdir(d + "/dir")
    os.symlink("f", d + "/l")
    os.mkfifo(d + "/p")
    return sorted([e.name, e.is_dir(follow_symlinks=False), e.is_file(follow_symlinks=False), e.is_symlink(), e.inode() == os.lstat(e.path).st_ino] for e in os.scandir(d))


@case
def seekdir(d):
    for i in range(500):
        put(d + "/%03d" % i)
    libc.opendir.restype = libc.readdir.restype = ctypes.c_void_p
    libc.telldir.restype = ctypes.c_long
    libc.telldir.argtypes = libc.readdir.argtypes = libc.closedir.argtypes = libc.rewinddir.argtypes = [ctypes.c_void_p]
    libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]

    def next_name(dirp):
        e = libc.readdir(dirp)
        return ctypes.string_at(e + 19) if e else None

    p = ctypes.c_void_p(libc.opendir(os.fsencode(d)))
    at, first = {}, []
    while True:
        place = libc.telldir(p)
        name = next_name(p)
        if name is None:
            break
        at[name] = place
        first.append(name)
    good = 0
    for name in first[::37]:
        libc.seekdir(p, at[name])
        good += next_name(p) == name
    libc.rewinddir(p)
    put(d + "/new")
    again = []
    while (name := next_name(p)) is not None:
        again.append(name)
    libc.closedir(p)
    return [len(first), good, len(first[::37]), len(set(again)) >= 502]


# ---- attributes ----


@case
def times(d):
    f = d + "/f"
    put(f, b"x")
    out = [told(os.utime, f, ns=(1_234_567_891_234_567_891, 987_654_321_123_456_789)), facts(f, times=True)]
    put(d + "/g", b"x")
    os.utime(d + "/g", ns=(1, 2))
    before = os.stat(f).st_ctime_ns
    os.chmod(f, 0o600)
    out += [os.stat(f).st_ctime_ns >= before, facts(f, times=True), facts(d + "/g", times=True)]
    UTIME_NOW, UTIME_OMIT = (1 << 30) - 1, (1 << 30) - 2
    times_t = ctypes.c_long * 4
    r = libc.utimensat(-100, os.fsencode(f), times_t(0, UTIME_OMIT, 77, 88), 0)
    out += [r, facts(f, times=True)]
    r = libc.utimensat(-100, os.fsencode(f), times_t(0, UTIME_OMIT, 0, UTIME_NOW), 0)
    out += [r, os.stat(f).st_mtime_ns > before - 10**9, os.stat(f).st_atime_ns]
    os.utime(d, ns=(5, 6))
    put(d + "/new")
    out += [os.stat(d).st_mtime_ns > before - 10**9]
    m = os.stat(f).st_mtime_ns
    fd = os.open(f, os.O_WRONLY)
    os.write(fd, b"y")
    out += [os.fstat(fd).st_mtime_ns >= m, os.fstat(fd).st_mtime_ns == os.stat(f).st_mtime_ns]
    os.close(fd)
    out += [told(os.utime, f, ns=(-1_500_000_000, -2_000_000_001)), facts(f, times=True)]
    return out


@case
def owners(d):
    f = d + "/f"
    put(f)
    me = os.getuid() == 0
    out = [told(os.chown, f, -1, -1), told(os.chown, f, os.getuid(), os.getgid()), facts(f)]
    os.chmod(f, 0o6755)
    out += [told(os.chown, f, 1234 if me else os.getuid(), 4321 if me else os.getgid()), facts(f)]
    if not me:
        out += [told(os.chown, f, 0, 0), facts(f)]
    os.symlink("f", d + "/l")
    return out + [told(os.lchown, d + "/l", 5678 if me else -1, -1), facts(d + "/l"), facts(f)]


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
def xattrs(d):
    f = d + "/f"
    put(f)
    out = [told(os.setxattr, f, "user.a", b"1"), told(os.getxattr, f, "user.a"), told(os.listxattr, f), told(os.setxattr, f, "user.a", b"2", os.XATTR_CREATE)]
    out += [told(os.setxattr, f, "user.b", b"2", os.XATTR_REPLACE), told(os.getxattr, f, "user.none"), told(os.removexattr, f, "user.a"), told(os.removexattr, f, "user.a")]
    out += [told(os.setxattr, f, "user.big", b"x" * 2000), len(told(os.getxattr, f, "user.big")), told(os.setxattr, f, "user.empty", b""), told(os.getxattr, f, "user.empty")]
    out += [told(os.setxattr, f, "bogus.a", b"1"), sorted(told(os.listxattr, f)), told(os.setxattr, d, "user.dir", b"d"), told(os.getxattr, d, "user.dir")]
    os.symlink("f", d + "/l")
    return out + [told(os.setxattr, d + "/l", "user.x", b"1", follow_symlinks=False), told(os.setxattr, f, "user." + "n" * 300, b"")]


def command(*argv, cwd=None):
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True)
    return [done.returncode, done.stdout, done.stderr.replace(cwd or "", "")]


@case
def acls(d):
    put(d + "/f", b"x", 0o640)
    out = [command("setfacl", "-m", "u:12345:rw,g:54321:r", "f", cwd=d), command("getfacl", "-n", "-c", "f", cwd=d), facts(d + "/f")]
    out += [told(os.chmod, d + "/f", 0o600), command("getfacl", "-n", "-c", "f", cwd=d)]
    os.mkdir(d + "/dir")
    out.append(command("setfacl", "-d", "-m", "u:12345:rwx,o::-", "dir", cwd=d))
    old = os.umask(0o077)
    put(d + "/dir/f")
    os.mkdir(d + "/dir/sub")
    os.mkfifo(d + "/dir/p", 0o777)
    os.umask(old)
    for name in ("dir", "dir/f", "dir/sub", "dir/p"):
        out += [facts(d + "/" + name), command("getfacl", "-n", "-c", name, cwd=d)]
    return out + [command("setfacl", "-b", "f", cwd=d), facts(d + "/f"), command("setfacl", "-m", "bogus", "f", cwd=d)[0]]


@case
def birth_time(d):
    put(d + "/f", b"x")
    born = command("stat", "-c", "%W", "f", cwd=d)[1]
    os.utime(d + "/f", ns=(5, 6))
    put(d + "/f", b"later")
    os.rename(d + "/f", d + "/g")
    return [born != "0\n", command("stat", "-c", "%W", "g", cwd=d)[1] == born, abs(int(born) - os.stat(d + "/g").st_ctime) < 60]


@case
def file_flags(d):
    put(d + "/f", b"x")
    os.mkdir(d + "/dir")
    out = [command("lsattr", "-d", "f", "dir", cwd=d)]
    out += [command("chattr", "+d", "f", cwd=d), command("lsattr", "f", cwd=d), command("chattr", "-d", "f", cwd=d), command("lsattr", "f", cwd=d)]
    done = command("chattr", "+i", "f", cwd=d)[0]
    out += [done, told(put, d + "/f", b"y"), told(os.unlink, d + "/f"), told(os.rename, d + "/f", d + "/g"), told(os.chmod, d + "/f", 0o600)]
    out.append(command("chattr", "-i", "f", cwd=d)[0])
    done = command("chattr", "+a", "f", cwd=d)[0]
    out += [done, told(os.truncate, d + "/f", 0)]
    fd = told(os.open, d + "/f", os.O_WRONLY | os.O_APPEND)
    if isinstance(fd, int):
        out.append(os.write(fd, b"more"))
        os.close(fd)
    out += [command("chattr", "-a", "f", cwd=d)[0], told(get, d + "/f")]
    return out


@case
def permissions(d):
    """What an owner may not do any more (root may all)."""
    os.mkdir(d + "/locked")
    put(d + "/locked/f", b"x")
    put(d + "/secret", b"x")
    os.chmod(d + "/secret", 0)
    os.chmod(d + "/locked", 0)
    out = [told(get, d + "/secret"), told(put, d + "/secret", b"y"), told(get, d + "/locked/f"), told(os.listdir, d + "/locked"), told(put, d + "/locked/g")]
    out += [os.access(d + "/secret", os.R_OK), os.access(d + "/locked", os.X_OK)]
    os.chmod(d + "/locked", 0o500)
    out += [told(put, d + "/locked/g2"), told(os.unlink, d + "/locked/f"), told(os.rename, d + "/locked/f", d + "/x"), listing(d + "/locked")]
    os.chmod(d + "/locked", 0o700)
    os.chmod(d, 0o755)
    return out


# ---- locks, maps, programs ----


@case
def locks(d):
    f = d + "/f"
    put(f, b"x" * 100)
    fd = os.open(f, os.O_RDWR)
    fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 0)

    def other():
        g = os.open(f, os.O_RDWR)
        return [told(fcntl.lockf, g, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 5), told(fcntl.lockf, g, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 50), told(fcntl.flock, g, fcntl.LOCK_EX | fcntl.LOCK_NB)]

    out = [in_child(other)]
    fcntl.flock(fd, fcntl.LOCK_SH)
    out.append(in_child(other))
    fcntl.lockf(fd, fcntl.LOCK_UN)
    return out + [in_child(other)]


@case
def blocking_lock_is_interrupted(d):
    f = d + "/f"
    put(f)
    fd = os.open(f, os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)

    def waits():
        g = os.open(f, os.O_RDWR)

        def stop(*_):
            raise InterruptedError(errno.EINTR, "stopped")

        signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        return told(fcntl.flock, g, fcntl.LOCK_EX)

    return in_child(waits)


@case
def shared_map(d):
    f = d + "/f"
    put(f, b"a" * 8192)
    fd = os.open(f, os.O_RDWR)
    m = mmap.mmap(fd, 8192, mmap.MAP_SHARED)
    m[0:3] = b"map"

    def other():
        g = os.open(f, os.O_RDWR)
        n = mmap.mmap(g, 8192, mmap.MAP_SHARED)
        seen = n[0:3].decode()
        n[4096:4099] = b"two"
        return seen

    out = [in_child(other), m[4096:4099].decode(), os.pread(fd, 3, 4096).decode(), os.pwrite(fd, b"W", 1), m[0:3].decode()]
    m.flush()
    m.close()
    os.close(fd)
    p = mmap.mmap(os.open(f, os.O_RDONLY), 8192, mmap.MAP_PRIVATE)
    return out + [get(f)[:4], p[0:3].decode(), facts(f)]


@case
def programs(d):
    src = "/bin/true"
    with open(src, "rb") as f:
        put(d + "/prog", f.read(), 0o755)
    out = [subprocess.run([d + "/prog"]).returncode]
    fd = os.open(d + "/prog", os.O_WRONLY)
    out.append(told(lambda: subprocess.run([d + "/prog"]).returncode))
    os.close(fd)
    put(d + "/script", b"#!/bin/sh\necho from $0\n", 0o755)
    out.append(subprocess.run(["./script"], cwd=d, capture_output=True).stdout.decode())
    put(d + "/noexec", b"#!/bin/sh\n", 0o644)
    out.append(told(lambda: subprocess.run([d + "/noexec"]).returncode))
    with open("/bin/sleep", "rb") as f:
        put(d + "/nap", f.read(), 0o755)
    p = subprocess.Popen([d + "/nap", "60"])
    while os.readlink("/proc/%d/exe" % p.pid) != os.path.realpath(d) + "/nap":
        pass
    out += [told(os.open, d + "/nap", os.O_WRONLY), told(os.truncate, d + "/nap", 0), told(os.unlink, d + "/nap")]
    p.kill()
    return out + [p.wait()]


@case
def sqlite_rollback_and_wal(d):
    out = []
    for mode in ("delete", "wal"):
        path = d + "/%s.db" % mode
        db = sqlite3.connect(path, timeout=20)
        out.append(db.execute("pragma journal_mode=%s" % mode).fetchone()[0])
        db.execute("create table t(n integer)")
        db.commit()

        def insert():
            c = sqlite3.connect(path, timeout=20)
            for i in range(20):
                c.execute("insert into t values(?)", (i,))
                c.commit()
            c.close()
            return "ok"

        pids = []
        for _ in range(3):
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    insert()
                    code = 0
                finally:
                    os._exit(code)
            pids.append(pid)
        out.append([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids])
        out += [db.execute("select count(*), sum(n) from t").fetchone(), db.execute("pragma integrity_check").fetchone()[0]]
        db.close()
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


def run(base, only):
    answers = {}
    for function in CASES:
        if only and function.__name__ not in only:
            continue
        d = os.path.join(base, function.__name__)
        os.mkdir(d)
        try:
            answers[function.__name__] = function(d)
        except Exception:
            answers[function.__name__] = traceback.format_exc()
    return answers


if __name__ == "__main__":
    os.umask(0o022)
    print(json.dumps(run(sys.argv[1], sys.argv[2:])))
