"""The supervisor killed with -9 while it works and others use the mount: they don't notice, and nothing is left of it."""

import os
import signal
import sys

import pytest

from tests.lib import processes
from tests.lib.http import get
from tests.lib.wait import wait_until
from tests.mount.test_death import BUSY
from tests.supervisor.supervised import Supervised

# each job leaves processes in sessions of their own, as daemons do
CONFIG = """
ignore: [load/**]
services:
  web:
    build: sh build.sh
    run: sh -c 'setsid sleep 1000 & exec python3 server.py'
    listen: 127.0.0.1:{port}
  beside:
    after: web
    run: sh -c 'setsid setsid sleep 1000 & exec sleep 1000'
"""
BUILD = "setsid sleep 1000 &\ncat text > built; sleep 0.2\n"


def its_processes(s, leftovers, load):
    """All that this supervisor has started, and it itself: not the mount's, and not the load."""
    others = {s.m.keeper, load.pid, *processes.descendants(s.m.keeper), *processes.descendants(load.pid)}
    return sorted(set(leftovers()) - others)


MOMENTS = ["settling", "building", "starting", "serving"]


def until(s, moment):
    if moment == "building":
        s.run.wait_for("hrfs: web: building: text")
    elif moment == "starting":
        s.run.wait_for("hrfs: web: building: text")
        wait_until(lambda: s.service("web")["state"] != "building", what="the end of the build")
    elif moment == "serving":
        s.ready()


@pytest.mark.time_limit(120)
def test_under_load(supervise, start, free_port, leftovers):
    port = free_port()
    s = supervise(CONFIG.format(port=port), "--markers", files={"build.sh": BUILD})
    load = start(sys.executable, "-c", BUSY, s.m.path / "load")
    for n, moment in enumerate(MOMENTS):
        s.ready()
        assert get(port) == (200, str(n) if n else "one")
        (s.m.path / "text").write_text(str(n + 1))
        until(s, moment)
        assert its_processes(s, leftovers, load)
        os.kill(s.run.pid, signal.SIGKILL)
        wait_until(lambda s=s: not its_processes(s, leftovers, load), what="the end of all that it had started")
        wait_until(lambda s=s: not s.m.status()["supervisor"], what="the mount to have noticed")
        s = Supervised(s.m, start, "--markers")
    s.ready()
    assert get(port) == (200, str(len(MOMENTS)))
    assert (load.process.poll(), load.output()) == (None, "go\n")  # it has seen no error
    s.end()
