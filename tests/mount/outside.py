"""Changes made behind a mount: one of each kind, and what the mount must show and tell of it."""

import ctypes
import errno
import mmap
import os
import shutil
import stat
import subprocess
import sys

from tests.lib.wait import wait_until


def told(m, clock, names):
    """Waits until the journal tells these names, or that everything may have changed."""

    def tells():
        answer = m.ask("query", {"since": clock, "fields": ["name"]})
        return answer["is_fresh_instance"] or set(names) <= set(answer["files"])

    wait_until(tells, what=f"a notice of {sorted(names)}")


def caught_up(m, below=""):
    """Everything that has been changed behind the mount up to now has been told, and has settled."""
    clock = m.clock()
    write(m.src / (below + "caught-up"), clock.encode())
    told(m, clock, [below + "caught-up"])
    m.settle()


def exchange(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(-100, os.fsencode(a), -100, os.fsencode(b), 2):
        raise OSError(ctypes.get_errno(), "renameat2")


def absent(path):
    return not os.path.lexists(path)


CASES = []


def look(top):
    """Everything is in the kernel's cache, absent names too."""
    for directory, dirs, files in os.walk(top):
        for name in dirs + files:
            path = os.path.join(directory, name)
            os.lstat(path)
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as f:
                    f.read()
        absent(os.path.join(directory, "new"))
        absent(os.path.join(directory, "moved"))


def case(names):
    def take(fn):
        fn.names = names
        CASES.append(fn)
        return fn

    return take


def away(s):
    """A directory of the same file system that is not in the tree."""
    return s.parent.parent / "away"


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


# Each case is a generator: what is before its yield prepares the lower, what it yields changes it and
# says what to check in the mount.


@case(["f"])
def write_same_size(s, p):
    write(s / "f", b"one")
    yield lambda: write(s / "f", b"two")
    assert read(p / "f") == b"two"


@case(["f"])
def append(s, p):
    write(s / "f", b"one")
    yield lambda: (s / "f").open("ab").write(b"+")
    assert read(p / "f") == b"one+" and os.stat(p / "f").st_size == 4


@case(["f"])
def truncate(s, p):
    write(s / "f", b"x" * 10000)
    yield lambda: os.truncate(s / "f", 3)
    assert read(p / "f") == b"xxx"


@case(["f"])
def store_by_mmap(s, p):
    write(s / "f", b"a" * 4096)

    def change():
        with open(s / "f", "r+b") as f, mmap.mmap(f.fileno(), 4096) as at:
            at[0:1] = b"b"

    yield change
    assert read(p / "f")[:2] == b"ba"


def store_and_end(path, how):
    """By a process of its own, which ends with or without unmapping; its descriptor is closed before it stores."""
    program = """
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
at = mmap.mmap(fd, 4096)
os.close(fd)
at[0:1] = b"b"
if sys.argv[2] == "unmaps":
    at.close()
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", program, path, how], check=True)


@case(["f"])
def store_by_mmap_and_unmap(s, p):
    write(s / "f", b"a" * 4096)
    yield lambda: store_and_end(s / "f", "unmaps")
    assert read(p / "f")[:2] == b"ba"


@case(["f"])
def store_by_mmap_and_exit(s, p):
    write(s / "f", b"a" * 4096)
    yield lambda: store_and_end(s / "f", "exits")
    assert read(p / "f")[:2] == b"ba"


@case(["new"])
def create(s, p):
    yield lambda: write(s / "new", b"n")
    assert read(p / "new") == b"n" and "new" in os.listdir(p)


@case(["f"])
def unlink(s, p):
    write(s / "f", b"")
    yield lambda: os.unlink(s / "f")
    assert absent(p / "f") and "f" not in os.listdir(p)


@case(["f", "moved"])
def rename_within(s, p):
    write(s / "f", b"1")
    yield lambda: os.rename(s / "f", s / "moved")
    assert absent(p / "f") and read(p / "moved") == b"1"


@case(["a/f", "b/f"])
def rename_between(s, p):
    (s / "a").mkdir()
    (s / "b").mkdir()
    write(s / "a/f", b"1")
    yield lambda: os.rename(s / "a/f", s / "b/f")
    assert absent(p / "a/f") and read(p / "b/f") == b"1"


@case(["new"])
def rename_into(s, p):
    other = away(s) / "in"
    write(other, b"in")
    yield lambda: os.rename(other, s / "new")
    assert read(p / "new") == b"in"


@case(["f"])
def rename_out(s, p):
    write(s / "f", b"1")
    yield lambda: os.rename(s / "f", away(s) / (s.name + ".out"))
    assert absent(p / "f")


@case(["f"])
def rename_over_open(s, p):
    write(s / "f", b"old")
    write(s / "t", b"new")
    with open(p / "f", "rb") as f:
        assert f.read() == b"old"
        yield lambda: os.rename(s / "t", s / "f")
        assert read(p / "f") == b"new" and absent(p / "t")


@case(["d", "e", "e/f"])
def rename_directory(s, p):
    (s / "d/g").mkdir(parents=True)
    write(s / "d/f", b"1")
    yield lambda: os.rename(s / "d", s / "e")
    assert absent(p / "d") and read(p / "e/f") == b"1" and os.listdir(p / "e/g") == []


@case(["new", "new/f", "new/g", "new/g/h"])
def rename_directory_into(s, p):
    other = away(s) / "dir"
    (other / "g").mkdir(parents=True)
    write(other / "f", b"1")
    write(other / "g/h", b"2")
    yield lambda: os.rename(other, s / "new")
    assert read(p / "new/f") == b"1" and read(p / "new/g/h") == b"2"


@case(["d"])
def rename_directory_out(s, p):
    (s / "d").mkdir()
    write(s / "d/f", b"1")
    yield lambda: os.rename(s / "d", away(s) / (s.name + ".gone"))
    assert absent(p / "d") and absent(p / "d/f")


@case(["f", "g"])
def exchange_files(s, p):
    write(s / "f", b"F")
    write(s / "g", b"G")
    yield lambda: exchange(s / "f", s / "g")
    assert read(p / "f") == b"G" and read(p / "g") == b"F"


@case(["d", "e"])
def exchange_directories(s, p):
    for name in "de":
        (s / name).mkdir()
        write(s / name / "f", name.encode())
    yield lambda: exchange(s / "d", s / "e")
    assert read(p / "d/f") == b"e" and read(p / "e/f") == b"d"


@case(["a/f", "f"])
def write_by_another_name(s, p):
    (s / "a").mkdir()
    write(s / "a/f", b"1")
    os.link(s / "a/f", s / "f")
    yield lambda: write(s / "f", b"22")
    assert read(p / "a/f") == b"22" and read(p / "f") == b"22"


@case(["f"])
def write_by_a_name_outside(s, p):
    write(s / "f", b"1")
    os.link(s / "f", away(s) / (s.name + ".link"))
    yield lambda: write(away(s) / (s.name + ".link"), b"22")
    assert read(p / "f") == b"22"


@case(["new"])
def link(s, p):
    write(s / "f", b"1")
    yield lambda: os.link(s / "f", s / "new")
    assert read(p / "new") == b"1" and os.stat(p / "f").st_nlink == 2


@case(["f"])
def chmod(s, p):
    write(s / "f", b"1")
    yield lambda: os.chmod(s / "f", 0o700)
    assert stat.S_IMODE(os.stat(p / "f").st_mode) == 0o700


@case([])
def utimes(s, p):
    write(s / "f", b"1")
    yield lambda: os.utime(s / "f", (1000, 2000))
    wait_until(lambda: os.stat(p / "f").st_mtime == 2000)


@case([])
def chown(s, p):
    """Only root can give it to somebody else; that it is the same as before is told too."""
    write(s / "f", b"1")
    to = 12345 if os.geteuid() == 0 else os.geteuid()
    yield lambda: os.chown(s / "f", to, to if os.geteuid() == 0 else -1)
    wait_until(lambda: os.stat(p / "f").st_ctime_ns == os.stat(s / "f").st_ctime_ns)
    assert os.stat(p / "f").st_uid == to and os.stat(p / "f").st_gid == os.stat(s / "f").st_gid


@case([])
def xattr(s, p):
    write(s / "f", b"1")
    try:
        os.setxattr(s / "f", "user.kept", b"old")
    except OSError as e:
        assert e.errno == errno.EOPNOTSUPP  # tmpfs before Linux 6.6
        yield lambda: None
        return
    os.setxattr(s / "f", "user.gone", b"")
    assert os.getxattr(p / "f", "user.kept") == b"old"

    def change():
        os.setxattr(s / "f", "user.kept", b"new")
        os.removexattr(s / "f", "user.gone")

    yield change
    wait_until(lambda: os.stat(p / "f").st_ctime_ns == os.stat(s / "f").st_ctime_ns)
    assert os.getxattr(p / "f", "user.kept") == b"new" and os.listxattr(p / "f") == ["user.kept"]


@case([])
def chmod_directory(s, p):
    (s / "d").mkdir()
    yield lambda: os.chmod(s / "d", 0o700)
    wait_until(lambda: stat.S_IMODE(os.stat(p / "d").st_mode) == 0o700)


@case(["l"])
def retarget(s, p):
    os.symlink("one", s / "l")
    assert os.readlink(p / "l") == "one"

    def change():
        os.symlink("two", s / "l.new")
        os.rename(s / "l.new", s / "l")

    yield change
    assert os.readlink(p / "l") == "two"


@case(["d"])
def directory_becomes_file(s, p):
    (s / "d").mkdir()

    def change():
        os.rmdir(s / "d")
        write(s / "d", b"file")

    yield change
    assert read(p / "d") == b"file"


@case(["d/f"])
def removed_and_made_again(s, p):
    (s / "d").mkdir()
    write(s / "d/f", b"old")

    def change():
        shutil.rmtree(s / "d")
        (s / "d").mkdir()
        write(s / "d/f", b"again")

    yield change
    wait_until(lambda: read(p / "d/f") == b"again")


@case(["d/e/f"])
def deep_and_new(s, p):
    def change():
        (s / "d/e").mkdir(parents=True)
        write(s / "d/e/f", b"1")

    yield change
    assert read(p / "d/e/f") == b"1"


@case(["f"])
def inode_used_again(s, p):
    write(s / "f", b"old")

    def change():
        os.unlink(s / "f")
        write(s / "f", b"new")

    yield change
    wait_until(lambda: read(p / "f") == b"new")


def run(m):
    """All of them, each in a directory of its own."""
    away(m.src / "x").mkdir()
    for fn in CASES:
        name = fn.__name__
        s, p = m.src / name, m.path / name
        s.mkdir()
        wait_until(lambda: p.exists())
        steps = fn(s, p)
        change = next(steps)
        look(p)
        caught_up(m, name + "/")
        clock = m.clock()
        change()
        told(m, clock, [f"{name}/{n}" for n in fn.names])
        try:
            next(steps)
        except StopIteration:
            pass
        except AssertionError as e:
            raise AssertionError(f"{name}: {e}") from e
