"""Which processes belong to a test, and how they end.

A test's processes carry its directory in their environment (TAG), which survives a change of session,
parent or user. As pytest is a subreaper, those that cleared their environment are found as descendants.
"""

import ctypes
import os
import signal

from tests.lib.wait import wait_gone

TAG = "HRFS_TEST_TAG"
PF_EXITING = 0x4  # of the flags in /proc/PID/stat: it has ended, the kernel is taking it apart
PR_SET_CHILD_SUBREAPER = 36
libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper():
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _read(path):
    """A file of /proc, without a buffer of Python's: each test reads those of all processes."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        data = b""
        while more := os.read(fd, 1 << 16):
            data += more
        return data
    except OSError:
        return b""
    finally:
        os.close(fd)


def _stat(pid):
    """The words of /proc/PID/stat behind the name; [] when it is gone."""
    return _read(f"/proc/{pid}/stat").rpartition(b") ")[2].split()


def _is_alive(stat):
    return len(stat) > 6 and stat[0] not in (b"Z", b"X") and not int(stat[6]) & PF_EXITING


def all_pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def state_and_parent(pid):
    """("R", 1), or ("", 0) when it is gone."""
    stat = _stat(pid)
    return (stat[0].decode(), int(stat[1])) if len(stat) > 1 else ("", 0)


def command(pid):
    return _read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode("utf-8", "replace").strip()


def alive(pid):
    """Does its code still run? A process with much memory is taken apart for a while after its end."""
    return _is_alive(_stat(pid))


def tagged(tag):
    """Living processes started with this tag, or one below it, in their environment."""
    wanted = f"{TAG}={tag}".encode()
    found = []
    for pid in all_pids():
        if pid == os.getpid():
            continue
        environ = _read(f"/proc/{pid}/environ")
        if wanted not in environ:
            continue
        if any(w == wanted or w.startswith(wanted + b"/") for w in environ.split(b"\0")) and alive(pid):
            found.append(pid)
    return found


def descendants(root, spare=()):
    children = {}
    for pid in all_pids():
        stat = _stat(pid)
        if _is_alive(stat):
            children.setdefault(int(stat[1]), []).append(pid)
    found, queue = [], [root]
    while queue:
        for pid in children.get(queue.pop(), ()):
            if pid not in spare:
                found.append(pid)
                queue.append(pid)
    return found


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def kill_all(find, rounds=20):
    """Kills what find() lists until it lists nothing; returns what was killed as {pid: command}."""
    killed = {}
    for _ in range(rounds):
        pids = find()
        if not pids:
            break
        for pid in pids:
            killed.setdefault(pid, command(pid))
            kill(pid)
        for pid in pids:
            try:
                wait_gone(pid, 2)
            except TimeoutError:
                pass
    return killed


def reap(spare=()):
    """Collects orphans that became ours, but never a child that somebody waits for by Popen."""
    for pid in all_pids():
        state, parent = state_and_parent(pid)
        if state == "Z" and parent == os.getpid() and pid not in spare:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass
