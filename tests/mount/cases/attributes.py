"""Times, owners, extended attributes, ACLs, flags."""

import ctypes
import os

from cases.common import case, command, facts, get, libc, put, told


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
