"""Locks, maps, programs and databases."""

import errno
import fcntl
import mmap
import os
import signal
import sqlite3
import subprocess

from cases.common import case, facts, get, in_child, put, told


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
