"""Random requests by several processes at once: what the batches tell, put together, is the tree as it is.

HRFS_SEED repeats a run.
"""

import ctypes
import os
import random

import pytest

from tests.lib.wait import wait_gone
from tests.mount.observe_batches import told

NAMES = "abcd"
SEED = int(os.environ.get("HRFS_SEED") or random.SystemRandom().randrange(1 << 32))


class Worker:
    """One process's requests; what fails, fails."""

    def __init__(self, seed, alone):
        self.random = random.Random(seed)
        self.alone = alone
        self.libc = ctypes.CDLL(None)

    def path(self):
        return "/".join(self.random.choice(NAMES) for _ in range(self.random.randint(1, 3)))

    def text(self):
        return str(self.random.randrange(5)) * self.random.choice([0, 1, 100, 5000])

    def write(self):
        with open(self.path(), "w") as f:
            f.write(self.text())

    def append(self):
        with open(self.path(), "a") as f:
            f.write(self.text())

    def patch(self):
        fd = os.open(self.path(), os.O_RDWR)
        os.pwrite(fd, self.text().encode(), self.random.randrange(200))
        os.close(fd)

    def truncate(self):
        os.truncate(self.path(), self.random.randrange(200))

    def mkdir(self):
        os.mkdir(self.path())

    def rename(self):
        os.rename(self.path(), self.path())

    def exchange(self):
        self.libc.renameat2(-100, self.path().encode(), -100, self.path().encode(), 2)

    def unlink(self):
        os.unlink(self.path())

    def rmdir(self):
        os.rmdir(self.path())

    def link(self):
        os.link(self.path(), self.path())

    def symlink(self):
        os.symlink(self.text()[:50] or "x", self.path())

    def chmod(self):
        path, mode = self.path(), self.random.choice([0o644, 0o755])
        os.chmod(path, mode | 0o111 if os.path.isdir(path) else mode)  # or only root could look into it

    def touch(self):
        os.utime(self.path())

    OPERATIONS = [write, write, append, patch, truncate, mkdir, mkdir, rename, rename, rename, exchange]
    OPERATIONS += [unlink, rmdir, link, symlink, chmod, touch]

    def run(self, count):
        for _ in range(count):
            try:
                self.random.choice(self.OPERATIONS)(self)
            except OSError:
                pass


def in_processes(directory, seeds, count):
    pids = []
    for seed in seeds:
        pid = os.fork()
        if not pid:
            status = 1
            try:
                os.chdir(directory)
                Worker(seed, len(seeds) == 1).run(count)
                status = 0
            finally:
                os._exit(status)
        pids.append(pid)
    for pid in pids:
        wait_gone(pid)
        assert os.waitpid(pid, 0)[1] == 0


def look(top):
    """{path: (kind, exec, content)} of all there is."""
    found = {}
    for directory, dirs, files in os.walk(top):
        for name in dirs + files:
            path = os.path.join(directory, name)
            mode = os.lstat(path).st_mode
            rel = os.path.relpath(path, top)
            if os.path.islink(path):
                found[rel] = ("symlink", 0, os.readlink(path).encode())
            elif os.path.isdir(path):
                found[rel] = ("dir", 0, None)
            else:
                with open(path, "rb") as f:
                    exec_bits = (mode >> 4 & 4) | (mode >> 2 & 2) | (mode & 1)
                    found[rel] = ("file", exec_bits, f.read())
    return found


class Told:
    """The tree as the batches tell it."""

    def __init__(self):
        self.states = {}
        self.content_of = {}  # by kind and hash
        self.lost = False

    def take(self, batch):
        if batch["truncated"]:
            # directories that concern each other have moved at the same moment, or were exchanged: all may have changed
            self.lost = True
        for c in batch["changes"]:
            if c["reason"] != "changed":
                continue
            if c["after"]["kind"] == "absent":
                self.states.pop(c["name"], None)
            else:
                self.states[c["name"]] = c["after"]

    def check(self, found):
        assert sorted(self.states) == sorted(found)
        for path, (kind, exec_bits, content) in found.items():
            state = self.states[path]
            assert state["kind"] == kind, path
            if kind == "dir":
                continue
            assert state["hash"], path
            assert self.content_of.setdefault((kind, state["hash"]), content) == content, path
            assert state["exec"] == exec_bits or kind == "symlink", path
        by_content = {}
        for (kind, hash), content in self.content_of.items():
            assert by_content.setdefault((kind, content), hash) == hash


@pytest.mark.parametrize("processes", [1, 3])
@pytest.mark.parametrize("part", range(4))
def test_batches_tell_the_tree(mount, tree, processes, part):
    seed = SEED + part
    print(f"HRFS_SEED={SEED}")
    m = mount()
    told_tree = Told()
    chance = random.Random(seed)
    for turn in range(12):
        clock = m.clock()
        before = look(tree.src)
        count = chance.choice([1, 3, 10, 60])
        in_processes(m.path, [seed * 1000 + turn * 10 + p for p in range(processes)], count)
        if chance.random() < 0.5:
            m.since(clock)
        for batch in told(m, clock):
            told_tree.take(batch)
        after = look(tree.src)
        if told_tree.lost:
            assert m.ask("query", {"since": clock, "fields": ["name"]})["is_fresh_instance"]
            break
        told_tree.check(after)
        assert m.status()["journal"]["marks"] == 0
        differ = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
        assert differ <= set(m.since(clock))
