"""Times, owners, extended attributes, ACLs, flags."""

import ctypes
import fcntl
import os

from cases.common import born, case, command, facts, get, libc, listing, name_of, put, renameat2, told


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
def xattrs(d):
    f = d + "/f"
    put(f)
    out = [told(os.setxattr, f, "user.a", b"1"), told(os.getxattr, f, "user.a"), told(os.listxattr, f), told(os.setxattr, f, "user.a", b"2", os.XATTR_CREATE)]
    out += [told(os.setxattr, f, "user.b", b"2", os.XATTR_REPLACE), told(os.getxattr, f, "user.none"), told(os.removexattr, f, "user.a"), told(os.removexattr, f, "user.a")]
    out += [told(os.setxattr, f, "user.big", b"x" * 2000), len(told(os.getxattr, f, "user.big")), told(os.setxattr, f, "user.empty", b""), told(os.getxattr, f, "user.empty")]
    out += [told(os.setxattr, f, "bogus.a", b"1"), sorted(told(os.listxattr, f)), told(os.setxattr, d, "user.dir", b"d"), told(os.getxattr, d, "user.dir")]
    os.symlink("f", d + "/l")
    return out + [told(os.setxattr, d + "/l", "user.x", b"1", follow_symlinks=False), told(os.setxattr, f, "user." + "n" * 300, b"")]


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
def change_times(d):
    """ctime moves with whatever changes the inode, mtime of directories with their names."""
    put(d + "/f", b"x")
    os.mkdir(d + "/dir")
    out = []

    def moved(what, call, *paths):
        fields = ("st_ctime_ns", "st_mtime_ns")
        before = [[getattr(os.stat(p), f) for f in fields] for p in paths]
        while True:  # the clock that stamps is coarse
            put(d + "/.tick")
            now = os.stat(d + "/.tick").st_mtime_ns
            os.unlink(d + "/.tick")
            before = [[getattr(os.stat(p), f) for f in fields] for p in paths]
            if all(now > max(b) for b in before):
                break
        call()
        out.append([what] + [[getattr(os.stat(p), f) > b for f, b in zip(fields, was)] for p, was in zip(paths, before)])

    f, sub = d + "/f", d + "/dir"
    moved("chmod", lambda: os.chmod(f, 0o600), f)
    moved("link", lambda: os.link(f, sub + "/g"), f, sub)
    moved("rename", lambda: os.rename(sub + "/g", sub + "/h"), f, sub)
    moved("unlink", lambda: os.unlink(sub + "/h"), f, sub)
    moved("write", lambda: os.write(os.open(f, os.O_WRONLY), b"y"), f)
    moved("truncate", lambda: os.truncate(f, 0), f)
    moved("chown", lambda: os.chown(f, os.getuid(), os.getgid()), f)
    moved("xattr", lambda: told(os.setxattr, f, "user.a", b"1"), f)
    moved("mkdir", lambda: os.mkdir(sub + "/s"), sub)
    moved("read", lambda: get(f), f)
    moved("list", lambda: os.listdir(sub), sub)
    moved("same mode", lambda: os.chmod(f, 0o600), f)
    moved("empty write", lambda: os.write(os.open(f, os.O_WRONLY), b""), f)
    moved("open to truncate", lambda: os.close(os.open(f, os.O_WRONLY | os.O_TRUNC)), f)
    return out


@case
def access_times(d):
    f = d + "/f"
    put(f, b"x")
    os.utime(f, ns=(1000, 2000))
    get(f)
    out = [os.stat(f).st_atime_ns > 2000]
    fd = os.open(f, os.O_RDONLY | os.O_NOATIME)
    os.utime(f, ns=(1000, 2000))
    os.read(fd, 1)
    out.append(os.stat(f).st_atime_ns)
    for how in (fd, os.open(f, os.O_RDONLY)):
        os.posix_fadvise(how, 0, 0, os.POSIX_FADV_DONTNEED)  # or it comes from memory
        out += [os.pread(how, 9, 0).decode(), os.stat(f).st_atime_ns > 2000]
        os.close(how)
    return out


@case
def access_times_of_what_is_in_memory(d):
    """Of a page that was written as a whole, of a file that grew since it was read, and once they are out of memory."""
    f = d + "/f"
    put(f, b"x" * 4096)
    os.utime(f, ns=(1000, 2000))
    get(f)
    out = [os.stat(f).st_atime_ns > 2000]
    with open(f, "ab") as more:
        more.write(b"y" * 4096)
    os.utime(f, ns=(1000, 2000))
    get(f)
    out.append(os.stat(f).st_atime_ns > 2000)
    with open(f, "rb") as again:
        os.posix_fadvise(again.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        again.read()
    return [*out, os.stat(f).st_atime_ns > 2000]


@case
def xattr_sizes(d):
    """What does not fit, and how large it would be."""
    f = d + "/f"
    put(f)
    path = os.fsencode(f)

    def call(function, *args):
        r = function(*args)
        return r if r >= 0 else name_of(ctypes.get_errno())

    out = [call(libc.listxattr, path, None, 0), told(os.setxattr, f, "user.a", b"v" * 300), told(os.setxattr, f, "user.bb", b"")]
    room = ctypes.create_string_buffer(70000)
    for size in (0, 1, 299, 300, 301, 65536, 70000):
        out.append([size, call(libc.getxattr, path, b"user.a", room if size else None, size), call(libc.getxattr, path, b"user.bb", room if size else None, size), call(libc.listxattr, path, room if size else None, size)])
    out += [told(os.setxattr, f, "user.c", b"x" * 65537), told(os.setxattr, f, "user.", b"x"), told(os.setxattr, f, "", b"x"), told(os.setxattr, f, "user." + "n" * 250, b"x"), told(os.setxattr, f, "user." + "n" * 251, b"x")]
    return out + [told(os.setxattr, f, "user.a", b"short"), call(libc.getxattr, path, b"user.a", None, 0)]


@case
def mount_id(d):
    """statx says on which mount a file is, and when it was born."""
    put(d + "/f")
    os.mkdir(d + "/dir")
    with open("/proc/self/mountinfo") as f:
        ids = {int(line.split()[0]) for line in f}
    answers = [born(d + "/f"), born(d + "/dir"), born(d)]
    return [[mask & 0x17FF for mask, _ in answers], len({i for _, i in answers}), answers[0][1] in ids]


@case
def flags_by_attributes(d):
    """FS_IOC_FSGETXATTR: the same flags by their other call; what is not for every file system is refused."""
    put(d + "/f", b"x")
    fd = os.open(d + "/f", os.O_RDWR)
    flags = bytearray(28)
    out = [told(fcntl.ioctl, fd, 0x801C581F, flags), flags[:4].hex()]
    flags[0] |= 0x80  # no dump
    out += [told(fcntl.ioctl, fd, 0x401C5820, bytes(flags)), told(fcntl.ioctl, fd, 0x801C581F, flags), flags[:4].hex()]
    out += [told(fcntl.ioctl, fd, 0x5401, bytearray(64)), told(fcntl.ioctl, fd, 0x12345678, 0)]
    os.close(fd)
    return out


@case
def access_time_of_cached_content(d):
    """Read after it was written: the content comes from memory."""
    f = d + "/f"
    put(f, b"x")
    os.utime(f, ns=(1000, 2000))
    put(f, b"new")
    out = [get(f)]
    return out + [os.stat(f).st_atime_ns > 1000]


@case
def flags_in_statx(d):
    """STATX_ATTR_*: a file that may only grow."""
    put(d + "/f", b"x")
    done = command("chattr", "+a", "f", cwd=d)[0]
    buffer = ctypes.create_string_buffer(256)
    libc.statx(-100, os.fsencode(d + "/f"), 0x100, 0xFFF, buffer)
    command("chattr", "-a", "f", cwd=d)
    return [done, int.from_bytes(buffer[8:16], "little") & 0x74]


@case
def generation_number(d):
    """FS_IOC_GETVERSION, which NFS servers and few others ask for."""
    put(d + "/f")
    fd = os.open(d + "/f", os.O_RDONLY)
    out = told(fcntl.ioctl, fd, 0x80087601, bytearray(8))
    os.close(fd)
    return out if out == "ENOTTY" else "told"


@case
def chown_that_changes_nothing(d):
    """It still takes setuid away."""
    put(d + "/f")
    os.chmod(d + "/f", 0o6755)
    os.chown(d + "/f", -1, -1)
    return facts(d + "/f")["mode"]


class Flagged:
    """A file or directory with a flag of chattr's, while the block lasts."""

    def __init__(self, path, flag):
        self.path, self.flag = path, flag

    def __enter__(self):
        return command("chattr", "+" + self.flag, self.path)[0]

    def __exit__(self, *_):
        command("chattr", "-" + self.flag, self.path)


@case
def immutable(d):
    """What may not be changed by any name."""
    f, sub = d + "/f", d + "/sub"
    put(f, b"content")
    os.mkdir(sub)
    put(sub + "/in", b"x")
    with Flagged(f, "i") as done:
        if done:
            return "not for this user, or not here"
        out = [get(f), told(put, f, b"y"), told(os.truncate, f, 1), told(os.link, f, d + "/g"), told(os.rename, f, d + "/g"), told(os.unlink, f)]
        out += [told(os.chmod, f, 0o600), told(os.chown, f, os.getuid(), os.getgid()), told(os.utime, f), told(os.utime, f, ns=(1, 2)), told(os.setxattr, f, "user.a", b"1")]
        put(d + "/new", b"new")
        out += [told(os.rename, d + "/new", f), renameat2(d + "/new", f, 2), get(f)]
    with Flagged(sub, "i"):
        out += [listing(sub), told(put, sub + "/new"), told(os.unlink, sub + "/in"), told(os.rename, sub + "/in", d + "/in"), told(os.rename, d + "/new", sub + "/in"), told(os.link, d + "/new", sub + "/l")]
        out += [told(os.mkdir, sub + "/d"), told(os.mkfifo, sub + "/p"), told(os.symlink, "x", sub + "/s"), told(os.rmdir, sub), told(os.rename, sub, d + "/bus"), told(put, sub + "/in", b"may be written"), told(os.chmod, sub, 0o700)]
    return out + [told(put, f, b"Z"), get(f), told(put, sub + "/new", b"x"), listing(sub)]


@case
def append_only(d):
    """A directory whose names may only become more; a log that may only grow."""
    f, sub = d + "/f", d + "/sub"
    put(f, b"content")
    os.mkdir(sub)
    put(sub + "/in", b"x")
    with Flagged(f, "a") as done:
        if done:
            return "not for this user, or not here"
        out = [told(put, f, b"y"), told(os.truncate, f, 99), told(os.unlink, f), told(os.rename, f, d + "/g"), told(os.link, f, d + "/g"), told(os.chmod, f, 0o600), told(os.setxattr, f, "user.a", b"1")]
        out += [told(os.utime, f), told(os.utime, f, ns=(1, 2)), get(f)]
    with Flagged(sub, "a"):
        out += [told(put, sub + "/new", b"y"), told(os.unlink, sub + "/in"), told(os.rename, sub + "/in", sub + "/out"), told(os.rename, d + "/f", sub + "/f"), told(os.link, sub + "/in", sub + "/l"), told(os.mkdir, sub + "/d"), told(os.rmdir, sub + "/d")]
    return out + [listing(sub)]


@case
def immutable_while_open(d):
    """Through what was opened before."""
    f = d + "/f"
    put(f, b"content")
    fd = os.open(f, os.O_RDWR)
    with Flagged(f, "i"):
        out = [told(os.pwrite, fd, b"Z", 0), told(os.ftruncate, fd, 3), os.pread(fd, 9, 0).decode()]
    out += [told(os.pwrite, fd, b"X", 1), get(f)[1]]
    os.close(fd)
    return out


@case
def opened_for_writing_in_vain(d):
    """What may not be written is refused when it is opened."""
    f = d + "/f"
    put(f, b"content")
    with Flagged(f, "i"):
        out = [os.access(f, os.W_OK), told(lambda: os.close(os.open(f, os.O_WRONLY))), told(lambda: os.close(os.open(f, os.O_RDWR | os.O_APPEND)))]
    with Flagged(f, "a"):
        return out + [told(lambda: os.close(os.open(f, os.O_WRONLY))), told(lambda: os.close(os.open(f, os.O_WRONLY | os.O_APPEND)))]
