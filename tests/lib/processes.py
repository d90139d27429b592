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
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return b""


def all_pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def state_and_parent(pid):
    """("R", 1), or ("", 0) when it is gone."""
    text = _read(f"/proc/{pid}/stat").rpartition(b") ")[2].split()
    return (text[0].decode(), int(text[1])) if len(text) > 1 else ("", 0)


def command(pid):
    return _read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode("utf-8", "replace").strip()


def alive(pid):
    """Does its code still run? A process with much memory is taken apart for a while after its end."""
    text = _read(f"/proc/{pid}/stat").rpartition(b") ")[2].split()
    return len(text) > 6 and text[0] not in (b"Z", b"X") and not int(text[6]) & PF_EXITING


def tagged(tag):
    """Living processes started with this tag, or one below it, in their environment."""
    wanted = f"{TAG}={tag}".encode()
    found = []
    for pid in all_pids():
        if pid == os.getpid():
            continue
        words = _read(f"/proc/{pid}/environ").split(b"\0")
        if any(w == wanted or w.startswith(wanted + b"/") for w in words) and alive(pid):
            found.append(pid)
    return found


def descendants(root, spare=()):
    children = {}
    for pid in all_pids():
        state, parent = state_and_parent(pid)
        if state and alive(pid):
            children.setdefault(parent, []).append(pid)
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
