"""Settled batches as a subscriber is told them: nobody hurries the mount."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from tests.lib.wait import DEADLINE, Deadline, wait_until


def is_old(pid):
    """It has lived for two seconds: what it writes is no tool's."""
    start = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return uptime - start / os.sysconf("SC_CLK_TCK") > 2.1


def grow_old(pid="self"):
    wait_until(lambda: is_old(pid), what=f"process {pid} to be two seconds old")


def deep_directory(top, path):
    """A descriptor of it, below top, made where it is not there: the path may be longer than PATH_MAX."""
    at = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    for name in path.split("/"):
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, dir_fd=at)
        below = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=at)
        os.close(at)
        at = below
    return at


class Batches:
    """Batches of a mount from now on."""

    def __init__(self, m):
        self.mount = m
        self.client = m.client()
        self.client.call("subscribe", str(m.path), "batches", {"hrfs-batches": True, "fields": ["name"]})
        self.client.push()  # the first answer: the tree as it is

    def next(self, timeout=DEADLINE):
        return self.client.push_with("hrfs-batch", timeout)["hrfs-batch"]

    def upto(self, name, timeout=DEADLINE):
        """All batches up to the one that has a change of this name."""
        deadline = Deadline(timeout, f"a batch with {name}")
        batches = []
        while not batches or name not in names(batches[-1]):
            batches.append(self.next(deadline.left()))
        return batches

    def one(self, name, timeout=DEADLINE):
        """The change of this name in the next batch that has it."""
        return change(self.upto(name, timeout)[-1], name)


def names(batch):
    return [c["name"] for c in batch["changes"]]


def change(batch, name):
    (found,) = [c for c in batch["changes"] if c["name"] == name]
    return found


def real(batch):
    """The names that have changed."""
    return sorted(c["name"] for c in batch["changes"] if c["reason"] == "changed")


def told(m, clock):
    """What has settled since, everything up to now."""
    m.settle()
    return m.history(clock)


def whys(batches):
    """{name: reason} of suppressed batches."""
    assert all(b["suppressed"] for b in batches)
    return {c["name"]: c["reason"] for b in batches for c in b["changes"]}


def tool(script, *args, cwd=None):
    """A short-lived program; its exit is waited for."""
    subprocess.run([sys.executable, "-c", script, *map(str, args)], check=True, cwd=cwd)


def save(path, text):
    """Written by a short-lived process: ours may be kept from going on in the middle, which looks like its end."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            Path(path).write_text(text)
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0


class Tool:
    """A short-lived program that goes on when told to: its script calls pause()."""

    PAUSE = "import os, sys\ndef pause():\n  print('paused', flush=True)\n  sys.stdin.readline()\n"

    def __init__(self, script, *args, cwd=None):
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.PAUSE + script, *map(str, args)],
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self.process.pid

    def paused(self):
        assert self.process.stdout.readline() == "paused\n"

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(DEADLINE) == 0
        self.process.stdout.close()


class Metronome:
    """Another mount: when a save there has settled, longer than a quiet moment has passed here too."""

    def __init__(self, mount, directory):
        src, mnt = directory / "metronome", directory / "metronome-mnt"
        src.mkdir()
        mnt.mkdir()
        self.mount = mount(src=src, mnt=mnt)
        self.batches = Batches(self.mount)
        self.beats = 0

    def beat(self, times=2):
        for _ in range(times):
            self.beats += 1
            (self.mount.path / "beat").write_text(str(self.beats))
            assert real(self.batches.next()) == ["beat"]
