"""Replay together with the side door: nobody says what has been changed, hrfs sees it itself."""

import contextlib
import os
import signal
import subprocess

import pytest

from tests.lib.inotify import Inotify
from tests.lib.wait import DEADLINE, Deadline, wait_gone
from tests.mount.test_replay import EDITS, END, UNTOLD, collect, fingerprint, on_plain, prepare, watch


def test_events_are_those_of_a_plain_directory(mount, test, tree):
    (test.dir / "plain").mkdir()
    for name in EDITS:
        prepare(tree.src / name)  # before the mount: whoever has just begun to watch is told of what was a moment ago, too
    m = mount()
    if m.status()["sidedoor"]["how"] != "fanotify":
        pytest.skip("changes behind the mount are not watched here")
    subprocess.run(["ls", "-lR", m.path], check=True, stdout=subprocess.DEVNULL)
    with contextlib.ExitStack() as stack:
        watchers = {name: stack.enter_context(watch(m.path / name)) for name in EDITS}
        for name, (edit, _) in EDITS.items():
            plain, cookies = on_plain(edit, test.dir / "plain" / name)
            prepare_outside(tree, name)
            edit(tree.src / name)
            before = fingerprint(tree.src / name)
            os.utime(tree.src / name / "a" / END)
            seen, shared = collect(watchers[name])
            after = fingerprint(tree.src / name)
            end = str(tree.src / name / "a" / END)
            for event in UNTOLD.get(name, ()):  # it may be told where hrfs was quicker than the edit
                plain["a"].remove(event)
                if event in seen["a"]:
                    seen["a"].remove(event)
            assert {**after, end: 0} == {**before, end: 0}, name
            assert seen == plain, name
            assert shared == cookies, name
    m.settle()
    assert {c["writer"]["pid"] for c in m.changes()}.isdisjoint(children(m))  # by nobody of ours


def test_a_watcher_misses_nothing_when_workers_die(mount):
    """Whether a change is in the kernel's queue, in the worker's hands, or has been handled and not been echoed yet."""
    m = mount()
    if m.status()["sidedoor"]["how"] != "fanotify":
        pytest.skip("changes behind the mount are not watched here")
    os.listdir(m.path)
    with Inotify() as inotify:
        inotify.add(m.path)
        for i in range(10):
            worker = m.status()["worker_pid"]
            for n in range(20):
                (m.src / f"a{i}-{n}").mkdir()
            os.kill(worker, signal.SIGKILL)
            for n in range(20):
                (m.src / f"b{i}-{n}").mkdir()
            wait_gone(worker)
        missing = {f"{k}{i}-{n}" for k in "ab" for i in range(10) for n in range(20)}
        deadline = Deadline(DEADLINE, "the events of all directories")
        while missing:
            missing -= {name for _, kinds, name, _ in inotify.read(deadline) if kinds == "CREATE|ISDIR"}


def prepare_outside(tree, name):
    """What the edit before has moved in or out is there, or gone, again."""
    outside = tree.src.parent
    subprocess.run(["rm", "-rf", outside / "outdir"], check=True)
    (outside / "in").write_text("in")


def children(m):
    with open(f"/proc/{m.keeper}/task/{m.keeper}/children") as f:
        return {m.keeper, *map(int, f.read().split())}
