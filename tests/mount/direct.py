"""Direct writes that are waited for later (Linux AIO), by system calls: the standard library has none."""

import ctypes
import mmap
import os

libc = ctypes.CDLL(None, use_errno=True)
SETUP, DESTROY, GETEVENTS, SUBMIT = 206, 207, 208, 209  # x86-64
PWRITE = 1


class Request(ctypes.Structure):
    _fields_ = [
        *(("data", ctypes.c_uint64), ("key", ctypes.c_uint32), ("rw_flags", ctypes.c_uint32), ("opcode", ctypes.c_uint16), ("priority", ctypes.c_int16)),
        *(("fd", ctypes.c_uint32), ("buffer", ctypes.c_uint64), ("size", ctypes.c_uint64), ("offset", ctypes.c_int64), ("reserved", ctypes.c_uint64)),
        *(("flags", ctypes.c_uint32), ("event_fd", ctypes.c_uint32)),
    ]


def call(number, *args):
    r = libc.syscall(number, *args)
    if r < 0:
        raise OSError(ctypes.get_errno(), "aio")
    return r


class Writer:
    """Writes blocks of one letter each, in one go, and waits until all are done."""

    def __init__(self, path, block, count):
        self.fd = os.open(path, os.O_RDWR | os.O_DIRECT)
        self.memory = mmap.mmap(-1, block * count)  # aligned
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self.block, self.count = block, count
        self.context = ctypes.c_uint64()
        call(SETUP, count, ctypes.byref(self.context))

    def write(self, letter):
        self.memory[:] = letter * len(self.memory)
        each = [Request(opcode=PWRITE, fd=self.fd, buffer=self.address + i * self.block, size=self.block, offset=i * self.block) for i in range(self.count)]
        submitted = call(SUBMIT, self.context, ctypes.c_long(self.count), (ctypes.c_void_p * self.count)(*map(ctypes.addressof, each)))
        events = (ctypes.c_int64 * (4 * self.count))()
        call(GETEVENTS, self.context, ctypes.c_long(submitted), ctypes.c_long(submitted), events, None)
        assert submitted == self.count
        return [events[4 * i + 2] for i in range(submitted)]

    def close(self):
        call(DESTROY, self.context)
        os.close(self.fd)
