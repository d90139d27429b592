"""inotify by system call: what the kernel tells, in its order."""

import ctypes
import os
import struct

from tests.lib.wait import DEADLINE, Deadline, wait_readable

BITS = {
    "MODIFY": 0x2,
    "ATTRIB": 0x4,
    "CLOSE_WRITE": 0x8,
    "MOVED_FROM": 0x40,
    "MOVED_TO": 0x80,
    "CREATE": 0x100,
    "DELETE": 0x200,
    "DELETE_SELF": 0x400,
    "MOVE_SELF": 0x800,
    "OVERFLOW": 0x4000,
    "IGNORED": 0x8000,
    "ISDIR": 0x40000000,
}
CHANGES = 0xFCE  # all of them from MODIFY to MOVE_SELF
_libc = ctypes.CDLL(None, use_errno=True)
_head = struct.Struct("iIII")


class Inotify:
    def __init__(self):
        self.fd = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        self.names = {}

    def close(self):
        os.close(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def add(self, path, name=None, mask=CHANGES):
        wd = _libc.inotify_add_watch(self.fd, os.fsencode(path), mask)
        if wd < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch", str(path))
        self.names[wd] = name or str(path)

    def read(self, deadline):
        """[(watch, kinds, name, cookie)], at least one."""
        wait_readable(self.fd, deadline)
        data = os.read(self.fd, 1 << 16)
        events = []
        while data:
            wd, mask, cookie, size = _head.unpack_from(data)
            name = os.fsdecode(data[_head.size : _head.size + size].rstrip(b"\0"))
            kinds = "|".join(kind for kind, bit in BITS.items() if mask & bit)
            events.append((self.names.get(wd), kinds, name, cookie))
            data = data[_head.size + size :]
        return events

    def until(self, wanted, timeout=DEADLINE):
        """All events up to the first for which wanted(event) is true, that one included."""
        deadline = Deadline(timeout, "an event of inotify")
        events = []
        while not any(wanted(e) for e in events):
            events += self.read(deadline)
        return events
