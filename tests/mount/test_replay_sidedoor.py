"""Replay together with the side door: nobody says what has been changed, hrfs sees it itself."""

import contextlib
import os
import subprocess

import pytest

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


def prepare_outside(tree, name):
    """What the edit before has moved in or out is there, or gone, again."""
    outside = tree.src.parent
    subprocess.run(["rm", "-rf", outside / "outdir"], check=True)
    (outside / "in").write_text("in")


def children(m):
    with open(f"/proc/{m.keeper}/task/{m.keeper}/children") as f:
        return {m.keeper, *map(int, f.read().split())}
