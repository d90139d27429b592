"""What the cases share: how they register, and how they say what they saw."""

import ctypes
import errno
import json
import os
import stat
import subprocess

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


def command(*argv, cwd=None):
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True)
    return [done.returncode, done.stdout, done.stderr.replace(cwd or "", "")]


def as_user(uid, function, *args, groups=()):
    """The same with another user's rights; only root can ask for it."""

    def become():
        os.setgroups(list(groups))
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        return function(*args)

    return in_child(become)


def is_root():
    return os.geteuid() == 0


def born(path):
    """A statx answer in parts that can be compared: which of these bits came, and the mount's id."""
    buffer = ctypes.create_string_buffer(256)
    if libc.statx(-100, os.fsencode(path), 0x100, 0x1FFF, buffer):
        return name_of(ctypes.get_errno()), None
    return int.from_bytes(buffer[0:4], "little") & 0x17FF, int.from_bytes(buffer[144:152], "little")
