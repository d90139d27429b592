"""Who may do what."""

import os

from cases.common import as_user, case, facts, get, is_root, libc, listing, put, renameat2, told


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


@case
def xattrs_by_rights(d):
    """trusted. is root's alone, also in lists; security. may be read by all."""
    f = d + "/f"
    put(f, mode=0o666)
    os.chmod(f, 0o666)
    out = [told(os.setxattr, f, "trusted.a", b"t"), told(os.getxattr, f, "trusted.a"), told(os.setxattr, f, "security.oplist", b"s"), told(os.getxattr, f, "security.oplist"), sorted(told(os.listxattr, f))]
    if not is_root():
        return out

    def other():
        mine = [told(os.getxattr, f, "trusted.a"), told(os.setxattr, f, "trusted.a", b"u"), told(os.removexattr, f, "trusted.a"), told(os.getxattr, f, "security.oplist"), told(os.setxattr, f, "security.oplist", b"u")]
        mine += [told(os.setxattr, f, "user.a", b"1"), sorted(told(os.listxattr, f)), libc.listxattr(os.fsencode(f), None, 0), told(os.setxattr, d, "user.a", b"1")]
        return mine

    os.chmod(d, 0o1777)
    out.append(as_user(1234, other))
    os.chmod(f, 0o600)
    return out + [as_user(1234, lambda: [told(os.getxattr, f, "user.a"), told(os.listxattr, f), told(os.setxattr, f, "user.b", b"")]), sorted(told(os.listxattr, f)), told(os.removexattr, f, "trusted.a")]


@case
def file_capabilities(d):
    """A program's capabilities go with its first change."""
    f = d + "/f"
    put(f, b"x", 0o755)
    value = bytes.fromhex("0100000200040000000000000000000000000000")
    out = [told(os.setxattr, f, "security.capability", value), told(os.getxattr, f, "security.capability") == value.decode("latin-1")]
    fd = os.open(f, os.O_WRONLY)
    out += [os.write(fd, b"y"), told(os.getxattr, f, "security.capability")]
    os.close(fd)
    for change in (lambda: os.truncate(f, 0), lambda: os.chown(f, os.getuid(), os.getgid()), lambda: os.chmod(f, 0o700), lambda: os.rename(f, d + "/f")):
        out.append(told(os.setxattr, f, "security.capability", value))
        change()
        out.append(told(os.getxattr, f, "security.capability"))
    return out


@case
def sticky_directory(d):
    """In /tmp and its like only the owner of a file, or of the directory, removes it."""
    if not is_root():
        return "one user"
    os.chmod(d, 0o755)
    os.mkdir(d + "/tmp")
    os.chmod(d + "/tmp", 0o1777)
    tmp = d + "/tmp/"
    out = [as_user(1234, lambda: [put(tmp + "a", b"x", 0o666), os.mkdir(tmp + "dir", 0o777), put(tmp + "mine"), os.chmod(tmp + "a", 0o666), os.chmod(tmp + "dir", 0o777)])]

    def other():
        mine = [told(os.unlink, tmp + "a"), told(os.rename, tmp + "a", tmp + "b"), told(os.rmdir, tmp + "dir"), told(put, tmp + "b", b"y"), told(os.rename, tmp + "b", tmp + "a"), renameat2(tmp + "b", tmp + "a", 2)]
        mine += [told(put, tmp + "dir/x"), told(os.rename, tmp + "b", tmp + "dir/b"), told(os.link, tmp + "mine", tmp + "linked"), told(put, tmp + "mine", b"z"), told(os.chmod, tmp + "a", 0o600), told(os.utime, tmp + "a"), told(os.utime, tmp + "a", ns=(1, 2))]
        return mine + [told(os.mkfifo, tmp + "p", 0o666), told(os.open, tmp + "a", os.O_CREAT | os.O_WRONLY), told(os.chown, tmp + "a", 1235, -1)]

    out.append([x if not isinstance(x, int) or x < 3 else "open" for x in as_user(1235, other)])
    out += [[n, facts(tmp + n)] for n in listing(tmp)]
    os.chown(d + "/tmp", 1235, 1235)
    return out + [as_user(1235, lambda: [told(os.unlink, tmp + "a"), told(os.rmdir, tmp + "dir"), told(os.unlink, tmp + "p")]), listing(tmp)]


@case
def groups(d):
    """Rights by a supplementary group; a directory's search right; the group class when the owner has less."""
    if not is_root():
        return "one user"
    os.chmod(d, 0o755)
    os.mkdir(d + "/g")
    put(d + "/g/f", b"x")
    for path, mode in ((d + "/g/f", 0o064), (d + "/g", 0o2770)):
        os.chown(path, 1234, 4321)
        os.chmod(path, mode)

    def tries():
        out = [told(get, d + "/g/f"), told(put, d + "/g/f", b"yy"), told(os.listdir, d + "/g"), told(put, d + "/g/made"), facts(d + "/g/made"), os.access(d + "/g/f", os.W_OK), told(os.chown, d + "/g/made", -1, 4321)]
        return out + [told(os.unlink, d + "/g/made")]

    return [as_user(1234, tries), as_user(1235, tries), as_user(1235, tries, groups=[4321, 77]), as_user(1235, tries, groups=[77]), facts(d + "/g/f")]


@case
def several_users_at_once(d):
    if not is_root():
        return "one user"
    os.chmod(d, 0o1777)
    pids = []

    def work(uid):
        for i in range(60):
            name = d + "/%d-%d" % (uid, i % 7)
            put(name, b"%d" % uid, 0o644)
            told(os.mkdir, name + ".d")
            told(os.symlink, name, name + ".l")
            told(os.link, name, name + ".h")
            told(os.unlink, d + "/%d-%d" % (2000 + (uid + 1) % 4, i % 7))
            os.rename(name, name + ".r")

    for uid in range(2000, 2004):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
                work(uid)
                code = 0
            finally:
                os._exit(code)
        pids.append(pid)
    out = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    strange = [n for n in listing(d) if not n.startswith("%d-" % os.lstat(d + "/" + n).st_uid) or os.lstat(d + "/" + n).st_uid != os.lstat(d + "/" + n).st_gid]
    return out + [strange, listing(d), [get(d + "/" + n) for n in listing(d) if n.endswith(".r")]]
