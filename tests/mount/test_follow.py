"""A client that follows a tree by clocks, and looks again only at what it is told, knows every path as it is."""

import ctypes
import errno
import mmap
import os
import random
import stat
import time

import pytest

from tests.lib.client import Closed
from tests.lib.wait import DEADLINE, Deadline, wait_until
from tests.mount.test_takeover import Killer, answered, answers_clients

NAMES = ["a", "b", "c", "long-name-of-a-file"]
CONTENTS = [b"", b"x", b"y", b"one\n", b"two\n", b"three\n" * 3]
RENAME_EXCHANGE = 2
AT_FDCWD = -100
libc = ctypes.CDLL(None, use_errno=True)


def look(root, name):
    """What counts of a path: None when there is nothing; what is reached through a link is there under another name."""
    path = os.path.join(root, name)
    try:
        if os.path.realpath(os.path.dirname(path)) != os.path.dirname(path):
            return None
        st = os.lstat(path)
    except OSError as e:
        if e.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return None
        raise
    if stat.S_ISDIR(st.st_mode):
        return "dir"
    if stat.S_ISLNK(st.st_mode):
        return "link", os.readlink(path)
    with open(path, "rb") as f:
        return "file", st.st_mode & 0o111, f.read()


def look_at_all(root):
    root = os.path.realpath(root)
    seen = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            name = os.path.relpath(os.path.join(folder, name), root)
            seen[name] = look(root, name)
    return seen


class Follower:
    def __init__(self, m):
        self.m = m
        self.connection = m.client()
        self.clock = wait_until(lambda: answered(m), what="a clock")  # workers may be dying already
        self.view = look_at_all(m.src)

    def ask(self):
        """Again, of the next worker, when the one that was asked has died."""
        deadline = Deadline(DEADLINE, "an answer")
        while deadline.left():
            try:
                return self.connection.call("query", str(self.m.path), {"since": self.clock, "fields": ["name"]})
            except (Closed, OSError):
                self.reconnect()

    def reconnect(self):
        self.connection.close()
        try:
            self.connection = self.m.client()
        except OSError:
            pass  # not there yet

    def follow(self):
        """Asks, looks again at what it is told, and must then be right about everything."""
        answer = self.ask()
        if answer["is_fresh_instance"]:
            self.view = look_at_all(self.m.src)
        since, self.clock = self.clock, answer["clock"]
        for name in answer["files"]:
            self.view[name] = look(self.m.src, name)
        self.view = {name: state for name, state in self.view.items() if state is not None}
        wrong = differences(self.view, look_at_all(self.m.src))
        assert not wrong, f"not told: {wrong}; told from {since} to {self.clock}: {sorted(answer['files'])}"


def differences(believed, real):
    return {n: (believed.get(n), real.get(n)) for n in believed.keys() | real.keys() if believed.get(n) != real.get(n)}


class Walker:
    """Random operations on a small tree, the failing ones too."""

    def __init__(self, root, seed):
        self.root = root
        self.random = random.Random(seed)
        self.done = []  # for whoever reads a failure

    def path(self):
        depth = self.random.choice([1, 1, 2, 2, 3])
        name = os.path.join(*(self.random.choice(NAMES) for _ in range(depth)))
        self.done[-1].append(name)
        return os.path.join(self.root, name)

    def write(self):
        with open(self.path(), "wb") as f:
            f.write(self.random.choice(CONTENTS))

    def write_the_same(self):
        path = self.path()
        with open(path, "rb") as f:
            content = f.read()
        with open(path, "wb") as f:
            f.write(content)

    def append(self):
        with open(self.path(), "ab") as f:
            f.write(self.random.choice(CONTENTS))

    def overwrite(self):
        with open(self.path(), "r+b") as f:
            f.write(self.random.choice([b"q", b"o", b"x"]))

    def truncate(self):
        os.truncate(self.path(), self.random.choice([0, 1, 3, 40]))

    def map(self):
        with open(self.path(), "r+b") as f:
            with mmap.mmap(f.fileno(), 0) as m:
                m[0] = self.random.choice([65, 66, m[0]])

    def save_aside(self):
        path = self.path()
        with open(path + "~", "wb") as f:
            f.write(self.random.choice(CONTENTS))
        os.rename(path + "~", path)

    def remove(self):
        os.unlink(self.path())

    def make_dir(self):
        os.mkdir(self.path())

    def remove_dir(self):
        os.rmdir(self.path())

    def move(self):
        os.rename(self.path(), self.path())

    def exchange(self):
        a, b = os.fsencode(self.path()), os.fsencode(self.path())
        if libc.renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE):
            raise OSError(ctypes.get_errno(), "renameat2")

    def link(self):
        os.link(self.path(), self.path(), follow_symlinks=False)

    def symlink(self):
        os.symlink(self.random.choice(NAMES), self.path())

    def mode(self):
        path, mode = self.path(), self.random.choice([0o644, 0o755, 0o744])
        os.chmod(path, mode | 0o111 if os.path.isdir(path) else mode)  # or only root could look into it

    def times(self):
        os.utime(self.path(), (1, 1))

    def step(self):
        operations = [
            *[self.write] * 4, self.write_the_same, self.append, self.overwrite, self.truncate, self.map,
            self.save_aside, self.remove, *[self.make_dir] * 3, self.remove_dir, *[self.move] * 3, self.exchange,
            self.link, self.symlink, self.mode, self.times,
        ]  # fmt: skip
        operation = self.random.choice(operations)
        self.done.append([operation.__name__])
        try:
            operation()
        except (OSError, ValueError) as e:
            self.done[-1].append(type(e).__name__)  # there is no such file, or it is not of that kind


def seed(number):
    value = int(os.environ.get("HRFS_TEST_SEED") or time.time_ns() // 1000 + number)
    print(f"HRFS_TEST_SEED={value}")
    return value


def steps(m, walker, settle=True):
    try:
        follow_steps(m, walker, settle)
    except AssertionError:
        print("the last operations:", *walker.done[-40:], sep="\n")
        raise


def follow_steps(m, walker, settle):
    followers = [Follower(m) for _ in range(3)]
    for _ in range(600):
        walker.step()
        dice = walker.random.randrange(100)
        if dice < 20:
            walker.random.choice(followers).follow()
        elif dice < 23 and settle:
            m.settle()
    for follower in followers:
        follower.follow()
    if settle:
        m.settle()
    for follower in followers:
        follower.follow()


@pytest.mark.parametrize("number", range(3))
def test_follow(mount, number):
    m = mount()
    steps(m, Walker(m.path, seed(number)))


@pytest.mark.long
@pytest.mark.parametrize("number", range(20))
def test_follow_through_kills(mount, number):
    m = mount()
    value = seed(number)
    with Killer(m, value, got_on=lambda stop: answers_clients(m, stop)) as killer:
        steps(m, Walker(m.path, value), settle=False)
    assert killer.kills


GOES = {
    "directory": (lambda top: os.rename(top / "a/d", top / "z"), {"a/d", "a/d/x", "z", "z/x"}),
    "file": (lambda top: os.unlink(top / "a/f"), {"a/f"}),
    "renamed": (lambda top: os.rename(top / "a/f", top / "g"), {"a/f", "g"}),
    "twice": (lambda top: (os.rename(top / "a", top / "b"), os.rename(top / "b/d", top / "z")), {"a/f", "a/d/x", "b/f", "z/x"}),
}


@pytest.mark.parametrize("what", GOES)
@pytest.mark.parametrize("asked", ["all", "clock"])
def test_who_looks_between_two_moves(tree, mount, what, asked):
    """A directory has moved, and is looked at before anything of that batch is known; then what had come with it goes."""
    go, expected = GOES[what]
    (tree.src / "c/d").mkdir(parents=True)
    (tree.src / "c/d/x").write_text("x")
    (tree.src / "c/f").write_text("f")
    m = mount()
    c = m.client()
    with open(m.path / "open", "w") as writer:
        writer.write("this batch goes on")
        writer.flush()
        os.rename(m.path / "c", m.path / "a")
        question = ["query", str(m.path), {"fields": ["name"]}] if asked == "all" else ["clock", str(m.path)]
        clock = c.call(*question)["clock"]
        go(m.path)
    m.settle()
    told = c.call("query", str(m.path), {"since": clock, "fields": ["name"]})["files"]
    assert expected <= set(told)
