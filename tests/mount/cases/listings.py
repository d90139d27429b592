"""Reading directories, also while they change."""

import ctypes
import os

from cases.common import case, libc, listing, put, told


@case
def readdir_many(d):
    for i in range(1000):
        put(d + "/%05d" % i)
    names = os.listdir(d)
    out = [len(names), len(set(names)), sorted(names)[:3]]
    seen = 0
    with os.scandir(d) as it:
        for e in it:
            os.unlink(d + "/" + e.name)
            seen += 1
    return out + [seen, listing(d), told(os.rmdir, d)]


@case
def readdir_types(d):
    put(d + "/f")
    os.mkdir(d + "/dir")
    os.symlink("f", d + "/l")
    os.mkfifo(d + "/p")
    return sorted([e.name, e.is_dir(follow_symlinks=False), e.is_file(follow_symlinks=False), e.is_symlink(), e.inode() == os.lstat(e.path).st_ino] for e in os.scandir(d))


@case
def seekdir(d):
    for i in range(500):
        put(d + "/%03d" % i)
    libc.opendir.restype = libc.readdir.restype = ctypes.c_void_p
    libc.telldir.restype = ctypes.c_long
    libc.telldir.argtypes = libc.readdir.argtypes = libc.closedir.argtypes = libc.rewinddir.argtypes = [ctypes.c_void_p]
    libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]

    def next_name(dirp):
        e = libc.readdir(dirp)
        return ctypes.string_at(e + 19) if e else None

    p = ctypes.c_void_p(libc.opendir(os.fsencode(d)))
    at, first = {}, []
    while True:
        place = libc.telldir(p)
        name = next_name(p)
        if name is None:
            break
        at[name] = place
        first.append(name)
    good = 0
    for name in first[::37]:
        libc.seekdir(p, at[name])
        good += next_name(p) == name
    libc.rewinddir(p)
    put(d + "/new")
    again = []
    while (name := next_name(p)) is not None:
        again.append(name)
    libc.closedir(p)
    return [len(first), good, len(first[::37]), len(set(again)) >= 502]
