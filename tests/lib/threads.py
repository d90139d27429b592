"""Stopping single threads of a process, by ptrace: unlike a stopped process they still die by SIGKILL."""

import ctypes
import os
import signal

PTRACE_DETACH = 17
PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
WALL = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def _ptrace(request, tid):
    if libc.ptrace(request, tid, None, None):
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x}")


def of(pid):
    return [int(tid) for tid in os.listdir(f"/proc/{pid}/task")]


def descriptors(pid, tid):
    return len(os.listdir(f"/proc/{pid}/task/{tid}/fd"))


def state(pid, tid=None):
    with open(f"/proc/{pid}/task/{tid or pid}/stat") as f:
        return f.read().rpartition(") ")[2].split()[0]


def stop(tid):
    _ptrace(PTRACE_SEIZE, tid)
    _ptrace(PTRACE_INTERRUPT, tid)
    os.waitpid(tid, WALL)


def go_on(tid):
    _ptrace(PTRACE_DETACH, tid)


def reap(tids):
    """Traced threads that were killed are ours to collect, before the process can end."""
    for tid in sorted(tids, reverse=True):  # the first one, whose number is the process's, ends after the others
        try:
            while not (os.WIFSIGNALED(status := os.waitpid(tid, WALL)[1]) or os.WIFEXITED(status)):
                pass
        except ChildProcessError:
            pass


def kill(pids):
    """All at the same moment, as far as that can be: the last of them dies while none has done anything yet."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
