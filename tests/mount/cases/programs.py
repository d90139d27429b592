"""Locks, maps, programs and databases."""

import errno
import fcntl
import mmap
import os
import signal
import sqlite3
import struct
import subprocess

from cases.common import case, command, facts, get, in_child, name_of, put, told


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


def lock(fd, command, kind, start=0, length=0):
    """fcntl with a struct flock; F_OFD_*: owned by the open file, not by the process."""
    told_kind = struct.pack("hhqqi4x", kind, 0, start, length, 0)
    try:
        answer = fcntl.fcntl(fd, command, told_kind)
    except OSError as e:
        return name_of(e.errno)
    kind, _, start, length, pid = struct.unpack("hhqqi4x", answer)
    return [kind, start, length, pid if pid < 0 else 0] if command in (5, 36) else 0


@case
def open_file_locks(d):
    """OFD locks: two openings by one process are two owners, copies of a descriptor are one."""
    put(d + "/f", b"x" * 100)
    a, b = os.open(d + "/f", os.O_RDWR), os.open(d + "/f", os.O_RDWR)
    GET, SET = 36, 37
    out = [lock(a, SET, fcntl.F_WRLCK, 0, 10), lock(b, SET, fcntl.F_WRLCK, 5, 10), lock(b, GET, fcntl.F_RDLCK, 5, 10), lock(b, SET, fcntl.F_WRLCK, 20, 10), lock(os.dup(a), SET, fcntl.F_RDLCK, 0, 10)]
    out += [lock(b, SET, fcntl.F_RDLCK, 0, 10), lock(b, SET, fcntl.F_WRLCK, 0, 10), in_child(lambda: [lock(a, SET, fcntl.F_RDLCK, 0, 5), lock(b, SET, fcntl.F_UNLCK, 0, 10), lock(a, SET, fcntl.F_WRLCK, 0, 10)])]
    # a POSIX lock of the same process is another owner too
    out += [lock(b, fcntl.F_SETLK, fcntl.F_WRLCK, 0, 10), lock(b, fcntl.F_SETLK, fcntl.F_WRLCK, 50, 10), lock(a, SET, fcntl.F_WRLCK, 55, 1)]
    r = os.open(d + "/f", os.O_RDONLY)
    out += [lock(r, SET, fcntl.F_WRLCK, 90, 1), lock(r, fcntl.F_SETLK, fcntl.F_WRLCK, 90, 1)]
    os.close(r)  # and with it go all POSIX locks of the process
    out.append(lock(a, SET, fcntl.F_WRLCK, 55, 1))
    os.close(a)
    os.close(b)
    return out


@case
def waiting_for_locks(d):
    """A POSIX, an OFD lock and a flock that come when the holder lets go, when it dies, or never (a signal, a deadlock)."""
    f = d + "/f"
    put(f, b"x" * 100)
    out = []
    for take in (lambda fd: lock(fd, fcntl.F_SETLKW, fcntl.F_WRLCK, 0, 10), lambda fd: lock(fd, 38, fcntl.F_WRLCK, 0, 10), lambda fd: told(fcntl.flock, fd, fcntl.LOCK_EX)):
        ready_r, ready_w = os.pipe()
        pid = os.fork()
        if pid == 0:
            take(os.open(f, os.O_RDWR))
            os.write(ready_w, b"x")
            signal.pause()
        os.read(ready_r, 1)
        fd = os.open(f, os.O_RDWR)

        def stopped(*_):
            raise InterruptedError(errno.EINTR, "stopped")

        before = signal.signal(signal.SIGALRM, stopped)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            out.append(take(fd))
        except InterruptedError:
            out.append("interrupted")
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        os.kill(pid, signal.SIGKILL)
        out.append(take(fd))
        os.waitpid(pid, 0)
        os.close(fd)
        os.close(ready_r)
        os.close(ready_w)
    return out


@case
def deadlock_is_told(d):
    f = d + "/f"
    put(f, b"x" * 100)
    fd = os.open(f, os.O_RDWR)
    held_r, held_w = os.pipe()
    lock(fd, fcntl.F_SETLKW, fcntl.F_WRLCK, 0, 1)
    pid = os.fork()
    if pid == 0:
        g = os.open(f, os.O_RDWR)
        lock(g, fcntl.F_SETLKW, fcntl.F_WRLCK, 1, 1)
        os.write(held_w, b"x")
        lock(g, fcntl.F_SETLKW, fcntl.F_WRLCK, 0, 1)
        os._exit(7)
    os.read(held_r, 1)
    while "flock" not in open("/proc/%d/wchan" % pid).read() and "lock" not in open("/proc/%d/wchan" % pid).read() and open("/proc/%d/stat" % pid).read().split()[2] != "S":
        pass
    answer = lock(fd, fcntl.F_SETLKW, fcntl.F_WRLCK, 1, 1)
    os.close(fd)
    out = [answer, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]
    os.close(held_r)
    os.close(held_w)
    return out


@case
def programs_replaced_while_they_run(d):
    with open("/bin/sleep", "rb") as f:
        put(d + "/prog", f.read(), 0o755)
    with open("/bin/true", "rb") as f:
        put(d + "/new", f.read(), 0o755)
    p = subprocess.Popen([d + "/prog", "60"])
    exe = "/proc/%d/exe" % p.pid
    while os.readlink(exe) != os.path.realpath(d) + "/prog":
        pass
    os.rename(d + "/new", d + "/prog")
    out = [subprocess.run([d + "/prog"]).returncode, os.path.basename(os.readlink(exe)), os.stat(exe).st_nlink, told(os.open, exe, os.O_WRONLY)]
    p.kill()
    p.wait()
    fd = os.open(d + "/prog", os.O_RDONLY)
    os.unlink(d + "/prog")
    out.append(in_child(lambda: subprocess.run(["/proc/self/fd/%d" % fd], pass_fds=[fd]).returncode))
    os.close(fd)
    return out


@case
def map_beyond_the_end(d):
    """SIGBUS past the last page, zeros up to its end; a private map keeps its own stores."""
    put(d + "/f", b"x" * 5000)
    fd = os.open(d + "/f", os.O_RDWR)

    def past():
        m = mmap.mmap(fd, 8192)
        os.ftruncate(fd, 100)
        signal.alarm(20)
        return m[5000]

    m = mmap.mmap(fd, 5000, mmap.MAP_PRIVATE)
    m[0:3] = b"own"
    out = [get(d + "/f")[:3], m[0:3].decode(), in_child(past), os.fstat(fd).st_size]
    m.close()
    shared = mmap.mmap(fd, 100)
    os.close(fd)
    os.unlink(d + "/f")
    shared[5:8] = b"map"
    shared.flush()
    return out + [shared[4:9].decode()]
