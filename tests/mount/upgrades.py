"""A mount's worker replaced by another program, as `hrfs upgrade` asks for it."""

import atexit
import collections
import functools
import os
import shutil
import tempfile
from pathlib import Path

from tests.lib import build
from tests.lib.client import Closed
from tests.lib.wait import wait_until
from tests.mount.test_takeover import Killer

OTHER = build.UPGRADE / "hrfs-fs-other"  # everything lies otherwise in its memory


@functools.cache
def _copies():
    directory = Path(tempfile.mkdtemp(prefix="hrfs-programs-"))
    directory.chmod(0o755)
    atexit.register(shutil.rmtree, directory)
    return directory


def runnable(program):
    """Root's mounts execute what is root's alone, and a build may be somebody's: then a copy, with the helper beside it."""
    program = Path(program)
    if os.geteuid() or not program.is_relative_to(build.BUILD):
        return program
    if program.stat().st_uid == 0 and not program.stat().st_mode & 0o22:
        return program
    for f in (program, build.HRFS_GIT):
        if not (_copies() / f.name).exists():
            shutil.copyfile(f, _copies() / f.name)
            (_copies() / f.name).chmod(0o755)
    return _copies() / program.name


def status(m):
    """Of the worker that answers, when one does."""
    try:
        return m.status()
    except (ConnectionError, Closed):
        return None


def ask(m, program):
    """The id of an upgrade that has been begun, or the error's text."""
    with m.client() as c:
        programs = {"program": str(runnable(program)), "git": str(runnable(build.HRFS_GIT))}
        answer = c.ask("hrfs-upgrade", str(m.path), programs)
    return answer.get("id"), answer.get("error")


def upgrade(m, program):
    """("done", None), ("refused", why) or ("failed", why)"""
    number, error = ask(m, program)
    assert error is None, error
    return end(m, number)


def end(m, number):
    def over():
        told = (status(m) or {}).get("upgrade")
        return told if told and told["id"] == number and told["state"] not in ("asked", "under way") else None

    told = wait_until(over, what="the end of the upgrade")
    return told["state"], told.get("error")


def workers(m):
    """The one that serves, the one on standby, and one that is to take over; the oldest first."""
    children = Path(f"/proc/{m.keeper}/task/{m.keeper}/children").read_text().split()
    return [int(pid) for pid in children if b"--worker" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]


class Upgrader(Killer):
    """Lets the two programs take over from each other again and again; with kills, one of the workers dies now and then."""

    def __init__(self, m, seed, most_ms=100, kills=False):
        super().__init__(m, seed, most_ms)
        self.with_kills = kills
        self.ended = []

    def _run(self):
        programs = [OTHER, build.HRFS_FS]
        while not self.stop.wait(self.rng.uniform(0.005, self.most_ms / 1000)):
            try:
                number, error = ask(self.m, programs[len(self.ended) % 2])
                if self.with_kills and self.rng.random() < 0.7:
                    self.stop.wait(self.rng.uniform(0, 0.03))
                    os.kill(self.rng.choice(workers(self.m)), 9)
                    self.kills += 1
                if error is None:
                    self.ended.append(end(self.m, number))
            except (ConnectionError, Closed, ProcessLookupError, FileNotFoundError, IndexError):
                pass  # of a worker that was killed just now

    def told(self):
        """How many ended how."""
        return dict(collections.Counter(" ".join(filter(None, how)) for how in self.ended))

    @property
    def done(self):
        return [how for how in self.ended if how[0] == "done"]
