"""System calls that a process and its children are refused, as by the seccomp profile of a container."""

import ctypes
import errno
import platform
import struct

FANOTIFY_INIT = {"x86_64": 300, "aarch64": 262}.get(platform.machine())

_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K
_REFUSE, _ALLOW = 0x00050000, 0x7FFF0000
_SECCOMP, _NO_NEW_PRIVS, _FILTER = 22, 38, 2


def refuse(number, error=errno.EPERM):
    """From here on this call fails so in this process (docker answers EPERM to what it does not allow)."""
    code = [(_LOAD, 0, 0, 0), (_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE | error), (_RETURN, 0, 0, _ALLOW)]
    filters = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *c) for c in code))
    program = struct.pack("HxxxxxxP", len(code), ctypes.addressof(filters))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_SECCOMP, _FILTER, program, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
