"""process_driver, which starts jobs by hrfs's own parts and reports what becomes of them as lines with '@'."""

import os
import subprocess

from tests.lib import build, processes
from tests.lib.wait import wait_until

DRIVER = build.BUILD / "tests" / "supervisor" / "process_driver"


class Driver:
    """Started by the fixture `driver`; commands are words, events are waited for in their order."""

    def __init__(self, start, directory, *words, terminal=False, **more):
        options, command = self._split(words)
        argv = [DRIVER, "--job", build.HRFS_JOB]
        self.fifo = None
        if terminal:
            path = directory / "control"
            os.mkfifo(path)
            argv += ["--control", path]
            self.fifo = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        else:
            more.setdefault("stdin", subprocess.PIPE)
        self.running = start(*argv, *options, "--", *command, terminal=terminal, **more)

    @staticmethod
    def _split(words):
        words = [str(w) for w in words]
        at = words.index("--")
        return words[:at], words[at + 1 :]

    def say(self, *words):
        line = " ".join(map(str, words)) + "\n"
        if self.fifo is None:
            self.running.write(line)
        else:
            os.write(self.fifo, line.encode())

    def wait(self, pattern):
        """Until an event (without its '@') matches; returns the match."""
        return self.running.wait_for("@" + pattern)

    def job(self, number=0):
        """The pid of hrfs-job."""
        return int(self.wait(rf"job {number} (\d+)")[1])

    def started(self, number=0):
        """The pid of the program."""
        return int(self.wait(rf"started {number} (\d+)")[1])

    def end(self):
        """quit; its output. What is left in the loop or in memory is a failure."""
        self.say("quit")
        assert self.running.wait() == 0, self.running.text
        return self.running.text


def gone(pids):
    """None of them lives any more."""
    return not [pid for pid in pids if processes.alive(pid)]


def read_pids(path, count):
    """What a job's processes have written, a pid a line, once there are so many."""

    def read():
        try:
            pids = [int(word) for word in path.read_text().split("\n")[:-1]]
        except FileNotFoundError:
            return None
        return pids if len(pids) >= count else None

    return wait_until(read, what=f"{count} pids in {path}")
