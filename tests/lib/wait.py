"""Waiting, without sleeping: for an event where the system tells one, else by bounded looks.

Every wait has a deadline that is far beyond what is expected. It is there to end a hang, never to
measure; a test must not depend on how long something took.
"""

import os
import select
import time

DEADLINE = 40.0


class Deadline:
    """Time left of a wait; raises when there is none."""

    def __init__(self, seconds, what):
        self.end = time.monotonic() + seconds
        self.what = what

    def left(self):
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"waited too long for {self.what}")
        return left


def wait_readable(fd, deadline):
    """Until fd can be read or its other end is closed."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    while not poll.poll(deadline.left() * 1000):
        pass


def wait_gone(pid, timeout=DEADLINE):
    """Until the process has ended (a zombie counts as ended)."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        wait_readable(fd, Deadline(timeout, f"the end of process {pid}"))
    finally:
        os.close(fd)


def wait_until(condition, timeout=DEADLINE, what=None):
    """Until condition() is true; returns what it returned.

    For what nothing reports: the entries of /proc, a port that another program binds. Prefer a
    subscription, `hrfs wait`, wait_gone() or a line of a program's output.
    """
    deadline = Deadline(timeout, what or getattr(condition, "__name__", "a condition"))
    while not (value := condition()):
        deadline.left()
        select.select([], [], [], 0.01)
    return value
