"""hrfs-exact: an answer says whether it has everything that was changed behind the mount."""

import os
import signal

import pytest

from tests.lib import mountinfo
from tests.lib.users import run_as
from tests.lib.wait import wait_gone, wait_until
from tests.mount import outside
from tests.mount.test_never_stale import cached_for_long, fill, not_watched


def forget(m, left):
    """The kernel lets go of everything; so many nodes are kept all the same."""

    def forgotten():
        mountinfo.drop_caches(m.path)
        return m.status()["nodes"] == left

    wait_until(forgotten, what="the kernel to forget its nodes")


def since(m, clock):
    return m.ask("query", {"since": clock, "fields": ["name"]})


def everything(m):
    return m.ask("query", {"fields": ["name"]})


def test_from_the_begin(mount, tree):
    fill(tree.src)
    m = mount()
    cached_for_long(m)
    clock = m.ask("clock")
    assert clock["hrfs-exact"] is True and m.status()["exact"] is True
    outside.look(m.path)
    outside.write(m.src / "d/e/f", b"new")
    answer = since(m, clock["clock"])
    assert answer["files"] == ["d/e/f"] and answer["hrfs-exact"] is True


def test_whoever_is_told_all_files_hears_of_all(mount, tree):
    """What only a client of the socket has listed is watched too."""
    fill(tree.src)
    m = mount()
    cached_for_long(m)
    answer = everything(m)
    assert answer["hrfs-exact"] is True
    outside.write(m.src / "d/e/f", b"new")
    outside.write(m.src / "d/new", b"")
    answer = since(m, answer["clock"])
    assert set(answer["files"]) == {"d/e/f", "d/new"} and answer["hrfs-exact"] is True


def test_in_pushes(mount, tree):
    fill(tree.src)
    m = mount()
    cached_for_long(m)
    c = m.client()
    c.call("subscribe", str(m.path), "s", {"fields": ["name"]})
    assert c.push_with("files")["hrfs-exact"] is True
    outside.write(m.src / "d/e/f", b"new")
    push = c.push_with("files")
    assert push["files"] == ["d/e/f"] and push["hrfs-exact"] is True


@pytest.mark.parametrize("options", ["no_sidedoor", "without=fanotify", "sole_writer"])
def test_not_where_nobody_tells(mount, tree, options):
    m = mount(options=options)
    clock = m.ask("clock")
    assert clock["hrfs-exact"] is False and m.status()["exact"] is False
    assert everything(m)["hrfs-exact"] is False
    assert since(m, clock["clock"])["hrfs-exact"] is False


def test_not_once_a_directory_is_not_watched(mount, tree, other):
    with not_watched(mount, tree, other) as (m, _):
        cached_for_long(m)
        clock = m.clock()
        assert since(m, clock)["hrfs-exact"] is True
        run_as(other, lambda: os.stat(m.path / "d/f"))
        assert since(m, clock)["hrfs-exact"] is False and m.status()["exact"] is False
        assert everything(m)["hrfs-exact"] is False
        assert since(m, m.clock())["hrfs-exact"] is False


def test_not_for_older_clocks_once_something_was_forgotten(mount, tree):
    """The kernel forgets what it has no room for; whoever has everything listed again hears of everything again."""
    if os.geteuid():
        pytest.skip("needs root, to have the kernel forget")
    fill(tree.src)
    m = mount()
    cached_for_long(m)
    clock = m.clock()
    outside.look(m.path)
    assert since(m, clock)["hrfs-exact"] is True
    forget(m, 1)
    assert since(m, clock)["hrfs-exact"] is False
    everything(m)
    answer = everything(m)
    assert answer["hrfs-exact"] is True
    forget(m, 3)  # its directories
    outside.write(m.src / "d/e/f", b"new")
    assert since(m, clock)["hrfs-exact"] is False
    answer = since(m, answer["clock"])
    assert "d/e/f" in answer["files"] and answer["hrfs-exact"] is True


def test_a_successor_knows_what_was_lost(mount, tree, other):
    with not_watched(mount, tree, other) as (m, _):
        cached_for_long(m)
        run_as(other, lambda: os.stat(m.path / "d/f"))
        worker = m.worker_pid()
        os.kill(worker, signal.SIGKILL)
        wait_gone(worker)
        assert m.status()["exact"] is False
