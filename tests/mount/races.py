"""Races between both sides of a mount, of each kind, and what the kernel has cached compared with what is below.

Each kind is a class: `begin` makes what it needs, `race` changes it once, some by way of the mount at the same time.
"""

import contextlib
import mmap
import multiprocessing
import os
import random
import stat
import threading

from tests.lib.client import Closed
from tests.lib.wait import wait_until
from tests.mount import outside

GONE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


# ---- comparing ----


def look_at(path):
    """Everything that can be known of one name."""
    try:
        st = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError) as e:
        return type(e)
    seen = [stat.S_IFMT(st.st_mode), stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid, st.st_nlink, st.st_ino, st.st_mtime_ns]
    seen.append(st.st_ctime_ns)
    if stat.S_ISREG(st.st_mode):
        seen.append(st.st_size)
        with open(path, "rb") as f:
            seen.append(f.read())
    elif stat.S_ISLNK(st.st_mode):
        seen.append(os.readlink(path))
    elif stat.S_ISDIR(st.st_mode):
        seen.append(sorted(os.listdir(path)))
    return seen


def all_of(top, names):
    return {name: look_at(top / name) for name in names}


def stale_names(above, below, names):
    """Of which the kernel has, and goes on having, what is not below: (name, above, below) of each.

    Whoever looks while an answer to somebody else is taken in may see once what was there before that: Linux counts
    attributes as known before it has stored them, and reads them without a lock (fs/fuse: fuse_change_attributes_common(),
    fuse_update_get_attr()). So a difference counts when it is there at a second look.
    """
    now, was = all_of(above, names), all_of(below, names)
    differing = [name for name in names if now[name] != was[name]]
    now = all_of(above, differing)
    return [(name, now[name], was[name]) for name in differing if now[name] != was[name]]


def told_all(m, name):
    """Everything that was changed behind the mount up to now has been told: the kernel first, then the journal."""
    while True:
        try:
            clock = m.clock()
            outside.write(m.src / name, clock.encode())
            outside.told(m, clock, [name])
            return
        except (Closed, ConnectionError):
            pass  # the worker was killed


# ---- kinds ----


class Kind:
    names = ("f",)
    own = False  # nobody changes anything behind the mount

    def __init__(self, below, above, rng):
        self.s, self.p, self.rng = below, above, rng
        self.n = 0

    def begin(self):
        outside.write(self.s / "f", b"0" * 64)

    def data(self):
        self.n += 1
        return b"%064d" % self.n

    @contextlib.contextmanager
    def inside(self, fn, *args):
        """Meanwhile this is done by way of the mount."""
        failed = []

        def run():
            try:
                fn(*args)
            except OSError as e:
                failed.append(e)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            thread.join()
        for e in failed:
            assert isinstance(e, GONE) or e.errno == 116, e  # ESTALE: replaced while it was open


class Write(Kind):
    def race(self):
        outside.write(self.s / "f", self.data())


class WriteInPlace(Kind):
    def race(self):
        with open(self.s / "f", "r+b") as f:
            f.seek(self.rng.randrange(64))
            f.write(b"%d" % (self.n % 10))
        self.n += 1


class Append(Kind):
    """Appends from both sides, of which none may be lost."""

    def begin(self):
        super().begin()
        self.count = 0

    def race(self):
        if self.n % 500 == 0:
            outside.write(self.s / "f", b"")
            self.count = 0
        self.n += 1

        def append(path):
            with open(path, "ab") as f:
                f.write(b"+")

        with self.inside(append, self.p / "f"):
            append(self.s / "f")
        self.count += 2
        assert os.stat(self.s / "f").st_size == self.count


class Truncate(Kind):
    def race(self):
        os.truncate(self.s / "f", self.rng.randrange(200))


class StoreByMmap(Kind):
    def race(self):
        with open(self.s / "f", "r+b") as f, mmap.mmap(f.fileno(), 64) as at:
            at[self.rng.randrange(64)] = self.rng.randrange(256)


class Create(Kind):
    names = ("new", "f")

    def race(self):
        if self.n % 2:
            os.unlink(self.s / "new")
        else:
            outside.write(self.s / "new", self.data()[1:])
            self.n -= 1
        self.n += 1


class Replace(Kind):
    names = ("f", "t")

    def race(self):
        outside.write(self.s / "t", self.data())
        os.rename(self.s / "t", self.s / "f")


class ReusedInode(Kind):
    def race(self):
        os.unlink(self.s / "f")
        outside.write(self.s / "f", self.data())


class Rename(Kind):
    names = ("f", "g", "a/f", "b/f")

    def begin(self):
        super().begin()
        (self.s / "a").mkdir()
        (self.s / "b").mkdir()
        self.at = "f"

    def race(self):
        to = self.rng.choice([n for n in self.names if n != self.at])
        os.rename(self.s / self.at, self.s / to)
        self.at = to


class Directory(Kind):
    """Made, filled, moved, emptied and removed."""

    names = ("d", "d/f", "e", "e/f", "d/x", "e/x")

    def race(self):
        d, e = self.s / "d", self.s / "e"
        step = self.n % 5
        self.n += 1
        if step == 0:
            d.mkdir()
            outside.write(d / "f", b"%d" % self.n)
        elif step == 1:
            os.rename(d, e)
        elif step == 2:
            outside.write(e / "x", b"%d" % self.n)
        elif step == 3:
            os.rename(e, d)
        else:
            os.unlink(d / "x")
            os.unlink(d / "f")
            d.rmdir()


class Exchange(Kind):
    names = ("f", "g", "d", "d/in", "e", "e/in")

    def begin(self):
        super().begin()
        outside.write(self.s / "g", b"g")
        for name in "de":
            (self.s / name).mkdir()
            outside.write(self.s / name / "in", name.encode())

    def race(self):
        self.n += 1
        a, b = ("f", "g") if self.n % 2 else ("d", "e")
        outside.exchange(self.s / a, self.s / b)


class Attributes(Kind):
    names = ("f", "d", ".")

    def begin(self):
        super().begin()
        (self.s / "d").mkdir()

    def race(self):
        self.n += 1
        name = self.rng.choice(self.names[:2])
        if self.n % 2:
            os.chmod(self.s / name, 0o700 + self.rng.randrange(64))
        else:
            os.utime(self.s / name, ns=(self.n, self.n))


class Links(Kind):
    names = ("f", "d/f", "d/l")

    def begin(self):
        super().begin()
        (self.s / "d").mkdir()
        os.link(self.s / "f", self.s / "d/f")

    def race(self):
        self.n += 1
        if self.n % 3 == 0:
            os.link(self.s / "f", self.s / "d/l")
        elif self.n % 3 == 1 and (self.s / "d/l").exists():
            os.unlink(self.s / "d/l")
        else:
            outside.write(self.s / self.rng.choice(["f", "d/f"]), b"%d" % self.n)


class Symlink(Kind):
    names = ("l", "t")

    def race(self):
        self.n += 1
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.s / "t")
        os.symlink("to-%d" % self.n, self.s / "t")
        os.rename(self.s / "t", self.s / "l")


class KindOfObject(Kind):
    """A directory, a file, a symlink, nothing, all of the same name."""

    names = ("o", "o/in")

    def race(self):
        o = self.s / "o"
        if o.is_symlink() or o.is_file():
            os.unlink(o)
        elif o.is_dir():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(o / "in")
            o.rmdir()
        self.n += 1
        if self.n % 4 == 0:
            o.mkdir()
            outside.write(o / "in", b"%d" % self.n)
        elif self.n % 4 == 1:
            outside.write(o, b"%d" % self.n)
        elif self.n % 4 == 2:
            os.symlink("%d" % self.n, o)


class BothWrite(Kind):
    def race(self):
        data = self.data()
        with self.inside(outside.write, self.p / "f", data):
            outside.write(self.s / "f", data[::-1])


class BothInPlace(Kind):
    """Each side has its own bytes: none of them may be lost."""

    def race(self):
        def store(path, at, data):
            with open(path, "r+b") as f:
                f.seek(at)
                f.write(data)

        data = self.data()[32:]
        with self.inside(store, self.p / "f", 0, data):
            store(self.s / "f", 32, data)
        assert outside.read(self.s / "f") == data + data


class BothChangeAttributes(Kind):
    def race(self):
        self.n += 1
        with self.inside(os.chmod, self.p / "f", 0o600 + self.n % 64):
            outside.write(self.s / "f", b"x" * (self.n % 100))


class BothReplace(Kind):
    names = ("f", "t", "u")

    def race(self):
        def replace(top, by, data):
            outside.write(top / by, data)
            os.rename(top / by, top / "f")

        data = self.data()
        with self.inside(replace, self.p, "t", data):
            replace(self.s, "u", data[::-1])


class BothName(Kind):
    """The same name is made and removed on both sides."""

    names = ("new", "d")

    def race(self):
        self.n += 1

        def change(top):
            with contextlib.suppress(*GONE, FileExistsError):
                if self.n % 2:
                    outside.write(top / "new", b"%d" % self.n)
                    (top / "d").mkdir()
                else:
                    (top / "d").rmdir()
                    os.unlink(top / "new")

        with self.inside(change, self.p):
            change(self.s)


class BothLink(Kind):
    names = ("f", "l")

    def race(self):
        def link(top):
            with contextlib.suppress(*GONE, FileExistsError):
                os.unlink(top / "l")
                os.link(top / "f", top / "l")

        with self.inside(link, self.p):
            outside.write(self.s / "f", self.data())


class BothMoveDirectory(Kind):
    names = ("d", "e", "d/in", "e/in", "x", "x/in")

    def begin(self):
        (self.s / "d").mkdir()
        outside.write(self.s / "d/in", b"in")

    def race(self):
        def move(top):
            for name in ("d", "e", "x"):
                with contextlib.suppress(*GONE, FileExistsError):
                    os.rename(top / name, top / self.rng.choice("dex"))
                    return

        with self.inside(move, self.p):
            move(self.s)


class OwnNames(Kind):
    own = True
    names = ("f", "new", "d", "l")

    def race(self):
        step = self.n % 3
        self.n += 1
        if step == 0:
            outside.write(self.p / "new", b"%d" % self.n)
            (self.p / "d").mkdir()
        elif step == 1:
            os.link(self.p / "f", self.p / "l")
            os.unlink(self.p / "new")
        else:
            os.unlink(self.p / "l")
            (self.p / "d").rmdir()


class OwnRename(Kind):
    own = True
    names = ("f", "g", "d", "e", "d/f")

    def begin(self):
        super().begin()
        (self.s / "d").mkdir()

    def race(self):
        step = self.n % 4
        self.n += 1
        a, b = (("f", "g"), ("d", "e"), ("g", "e/f"), ("e/f", "f"))[step]
        os.rename(self.p / a, self.p / b)
        if step == 3:
            outside.exchange(self.p / "e", self.p / "f")
            os.rename(self.p / "f", self.p / "d")
            os.rename(self.p / "e", self.p / "f")


class OwnAttributes(Kind):
    own = True

    def race(self):
        self.n += 1
        step = self.n % 3
        if step == 0:
            os.setxattr(self.p / "f", "user.n", b"%d" % self.n)
        elif step == 1:
            os.chmod(self.p / "f", 0o600 + self.n % 64)
        else:
            os.utime(self.p / "f", ns=(self.n, self.n))


class OwnContent(Kind):
    own = True

    def race(self):
        self.n += 1
        with open(self.p / "f", "r+b") as f:
            if self.n % 3 == 0:
                with mmap.mmap(f.fileno(), 64) as at:
                    at[self.rng.randrange(64)] = self.rng.randrange(256)
                    at.flush()
            elif self.n % 3 == 1:
                f.write(b"%d" % self.n)
            else:
                os.posix_fallocate(f.fileno(), 0, 64 + self.n % 10)


KINDS = [k for k in list(globals().values()) if isinstance(k, type) and issubclass(k, Kind) and k is not Kind]


# ---- running ----


def _read_on(top, names, stop, idle):
    """A process inside that asks for everything all the time: answers are always on their way; idle: for long."""
    if idle:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while not stop.is_set():
        for name in names:
            with contextlib.suppress(OSError):
                look_at(top / name)


@contextlib.contextmanager
def readers(top, names, count, idle):
    context = multiprocessing.get_context("fork")
    stop = context.Event()
    processes = [context.Process(target=_read_on, args=(top, names, stop, idle), daemon=True) for _ in range(count)]
    for p in processes:
        p.start()
    try:
        yield
    finally:
        stop.set()
        for p in processes:
            p.join()


def run(m, kind, seed, count, reading=1):
    """Races of one kind; how often something stale was seen after it had been told, which must be never."""
    rng = random.Random(f"{seed}-{kind.__name__}")
    below = m.src / kind.__name__
    below.mkdir()
    above = m.path / kind.__name__
    wait_until(above.exists)
    k = kind(below, above, rng)
    k.begin()
    names = (*kind.names, ".")
    stale = []
    outside.look(above)
    with readers(above, names, reading, k.own):
        for i in range(count):
            k.race()
            if not k.own:
                told_all(m, f"{kind.__name__}-told")
            stale += [(i, *one) for one in stale_names(above, below, names)]
            if len(stale) > 3:
                break
    return stale
