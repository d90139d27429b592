"""Directories, links, renames, names that are odd, files that are none."""

import ctypes
import os
import socket
import stat

from cases.common import case, facts, get, in_child, libc, listing, name_of, put, renameat2, told


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


@case
def many_names_of_one_file(d):
    """By every name, through rename and unlink of any."""
    for sub in ("x", "y", "z"):
        os.mkdir(d + "/" + sub)
    put(d + "/x/0", b"one")
    names = [d + "/x/0"]
    fd = os.open(names[0], os.O_RDWR)
    out = []
    for i in range(1, 9):
        names.append(d + "/" + "xyz"[i % 3] + "/%d" % i)
        os.link(names[i // 2], names[-1])
        out.append([os.lstat(n).st_nlink for n in names])
    for i, name in enumerate(names):
        put(name, b"by %d" % i)
        out.append({get(n) for n in names} == {"by %d" % i})
    for i in (0, 4, 8):
        os.rename(names[i], d + "/moved%d" % i)
        names[i] = d + "/moved%d" % i
        out.append(len({(os.lstat(n).st_ino, os.lstat(n).st_nlink, get(n)) for n in names}))
    os.rename(d + "/y", d + "/z/y")
    names = [n.replace("/y/", "/z/y/") for n in names]
    out.append([facts(n) for n in names])
    while names:
        os.unlink(names.pop(len(names) // 2))
        out += [[facts(n) for n in names], facts("", fd=fd), os.pwrite(fd, b"%d" % len(names), 0), {get(n) for n in names} == {"%d %d" % (len(names), 8)} if names else None]
    out.append(os.pread(fd, 9, 0).decode())
    os.close(fd)
    return out


@case
def linked_again_after_the_last_unlink(d):
    put(d + "/f", b"x")
    fd = os.open(d + "/f", os.O_RDONLY)
    os.unlink(d + "/f")
    r = libc.linkat(-100, b"/proc/self/fd/%d" % fd, -100, os.fsencode(d + "/g"), 0x400)
    out = [r, name_of(ctypes.get_errno()) if r else 0, listing(d), facts("", fd=fd)]
    os.close(fd)
    return out


@case
def directory_replaced_while_open(d):
    """Renamed over an empty directory that is open elsewhere, and somebody's working directory."""
    os.mkdir(d + "/old")
    os.mkdir(d + "/new")
    put(d + "/new/in", b"x")
    fd = os.open(d + "/old", os.O_RDONLY | os.O_DIRECTORY)
    moved = os.open(d + "/new", os.O_RDONLY | os.O_DIRECTORY)
    out = [told(os.rename, d + "/new", d + "/old"), told(os.listdir, fd), facts("", fd=fd), told(os.mkdir, "x", dir_fd=fd), told(os.stat, "in", dir_fd=fd)]
    out += [listing(moved), told(os.mkdir, "made", dir_fd=moved), listing(d + "/old"), listing(d)]
    os.close(fd)
    os.close(moved)
    return out


@case
def working_directory_goes(d):
    def inside():
        os.mkdir(d + "/a")
        os.chdir(d + "/a")
        os.rename(d + "/a", d + "/b")
        out = [os.getcwd() == os.path.realpath(d) + "/b", told(put, "f", b"x"), listing(d + "/b")]
        os.unlink("f")
        os.rmdir(d + "/b")
        out += [told(os.getcwd), told(os.listdir, "."), told(put, "f"), told(os.mkdir, "x"), facts("."), told(os.stat, "..") == told(os.stat, d), told(os.chmod, ".", 0o700)]
        return out

    return in_child(inside)


@case
def across_devices(d):
    put(d + "/f", b"x")
    os.mkdir(d + "/dir")
    there = "/dev/shm/.oplist-%d" % os.getpid()
    out = [told(os.rename, d + "/f", "/proc/self/f"), told(os.rename, "/proc/self/status", d + "/g"), told(os.rename, d + "/dir", "/dev/shm")]
    return out + [told(os.link, d + "/f", there), told(os.link, "/dev/null", d + "/null"), told(os.rename, d + "/f", there), listing(d)]


@case
def whiteouts(d):
    put(d + "/a", b"x")
    put(d + "/b", b"y")
    out = [renameat2(d + "/a", d + "/c", 4), facts(d + "/a"), renameat2(d + "/b", d + "/c", 4), facts(d + "/b"), told(get, d + "/c")]
    return out + [renameat2(d + "/c", d + "/e", 5), renameat2(d + "/e", d + "/c", 6), listing(d), told(os.unlink, d + "/a")]


@case
def sockets(d):
    """Stream, datagram, and names of them."""
    here = os.getcwd()
    os.chdir(d)
    got = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    got.bind("datagrams")
    c = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    c.sendto(b"one", "datagrams")
    out = [got.recv(9).decode(), told(os.open, "datagrams", os.O_RDONLY), told(got.bind, "datagrams"), told(os.link, "datagrams", "second"), told(os.rename, "datagrams", "third")]
    c.sendto(b"two", "second")
    out += [got.recv(9).decode(), facts("third"), told(os.unlink, "second"), told(c.sendto, b"three", "second"), told(c.sendto, b"four", "third")]
    got.close()
    out += [told(c.sendto, b"five", "third"), listing(".")]
    s = socket.socket(socket.AF_UNIX)
    put("file")
    out += [told(s.connect, "file"), told(s.bind, "third"), told(s.bind, "none/x")]
    s.close()
    c.close()
    os.chdir(here)
    return out
