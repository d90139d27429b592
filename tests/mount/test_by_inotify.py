"""The side door where fanotify is refused: by inotify, which does not tell whose a change was."""

import os
import signal
from pathlib import Path

import pytest

from tests.lib import seccomp
from tests.lib.client import Closed
from tests.lib.inotify import Inotify
from tests.lib.users import as_owner
from tests.lib.wait import wait_until
from tests.mount import outside
from tests.mount.test_lowers import lower
from tests.mount.test_sidedoor import ours
from tests.mount.test_takeover import Killer, alive
from tests.mount.test_random import SEED

REFUSED = "without=fanotify"


def by_inotify(m):
    how = m.status()["sidedoor"]
    assert how["how"] == "inotify" and how["believed"] == "second"
    return how


def told_all(m):
    """All that was done before this has been told: the kernel tells in the order in which it was done."""
    clock = m.clock()
    outside.write(m.src / "last", clock.encode())
    outside.told(m, clock, ["last"])
    m.settle()


def told_as_others(m, clock):
    return {c["name"] for b in m.history(clock) for c in b["changes"] if c["writer"]["outside"] and not b["suppressed"]}


@pytest.mark.parametrize("by", ["root", "user"])
def test_each_kind(mount, other, tree, by):
    os.chown(tree.dir, other.uid, other.gid)
    m = mount(user=other if by == "user" else None, options=REFUSED)
    by_inotify(m)
    clock = as_owner(m, m.clock)
    as_owner(m, lambda: outside.run(m))
    assert as_owner(m, lambda: ours(m, clock)) == []


@pytest.mark.parametrize("kind", ["tmpfs", "overlay"])
def test_each_kind_on(mount, tree, kind):
    with lower(kind, tree.dir) as at:
        (at / "src").mkdir()
        m = mount(at / "src", options=REFUSED)
        by_inotify(m)
        outside.run(m)
        m.umount()


def test_in_a_container(mount):
    """What docker's own profile answers where CAP_SYS_ADMIN is not given."""
    if os.geteuid() or not seccomp.FANOTIFY_INIT:
        pytest.skip("needs root, to mount without new privileges, and a processor whose call numbers are known here")
    m = mount(before=lambda: seccomp.refuse(seccomp.FANOTIFY_INIT))
    assert by_inotify(m)["why"] == "by inotify only; fanotify: Operation not permitted"
    outside.write(m.src / "f", b"old")
    assert outside.read(m.path / "f") == b"old"
    clock = m.clock()
    outside.write(m.src / "f", b"new")
    outside.told(m, clock, ["f"])
    assert outside.read(m.path / "f") == b"new"


def test_own_changes_are_not_told_as_others(mount):
    m = mount(options=REFUSED)
    by_inotify(m)
    outside.write(m.path / "kept", b"0")
    m.settle()
    clock = m.clock()
    for i in range(30):
        outside.write(m.path / "t", b"%d" % i)
        os.rename(m.path / "t", m.path / "f")
        os.chmod(m.path / "f", 0o600 + i % 2 * 0o100)
        outside.write(m.path / "kept", b"%d" % i)
    (m.path / "d").mkdir()
    os.rename(m.path / "d", m.path / "e")
    os.link(m.path / "f", m.path / "e/g")
    os.unlink(m.path / "f")
    told_all(m)
    assert told_as_others(m, clock) == {"last"}
    assert set(ours(m, clock)) >= {"f", "kept", "e", "e/g"}


def test_a_watcher_inside_hears_of_others_and_once_of_the_mount(mount, tree):
    """An echo of what was done by way of the mount would be a second event."""
    (tree.src / "d").mkdir()
    m = mount(options=REFUSED)
    by_inotify(m)
    with Inotify() as inotify:
        inotify.add(m.path / "d", "d")
        outside.write(m.src / "d/first", b"")  # the watcher is known once it has been told of something
        inotify.until(lambda e: e[2] == "first")
        outside.write(m.path / "d/f", b"own")
        told_all(m)
        outside.write(m.src / "d/f", b"from outside")
        outside.write(m.src / "d/end", b"")
        seen = inotify.until(lambda e: e[1:3] == ("CREATE", "end"))
    of_f = [e[1] for e in seen if e[2] == "f"]
    assert of_f.count("CREATE") == 1 and of_f[:3] == ["CREATE", "MODIFY", "CLOSE_WRITE"]
    assert "MODIFY" in of_f[3:]  # as the other one has written


def told_among_kills(m, clock, name):
    try:
        answer = m.ask("query", {"since": clock, "fields": ["name"]})
    except (Closed, ConnectionError):
        return False
    return answer["is_fresh_instance"] or name in answer["files"]


@pytest.mark.time_limit(120)
def test_kills(mount):
    """Watches and what they tell outlive a worker."""
    m = mount(options=REFUSED)
    by_inotify(m)
    (m.src / "d").mkdir()
    outside.look(m.path)
    names = [f"d/{i}" for i in range(60)]
    clock = m.clock()
    with Killer(m, SEED):
        for name in names:
            outside.write(m.src / name, b"1")
            wait_until(lambda n=name: told_among_kills(m, clock, n), what=f"a notice of {name}")
    alive(m)


@pytest.mark.time_limit(120)
def test_overflow(mount):
    """More than a queue holds: everything is compared, and told."""
    m = mount(options=REFUSED)
    by_inotify(m)
    (m.src / "d").mkdir()
    wait_until((m.path / "d").exists)
    outside.look(m.path)
    clock = m.clock()
    worker = m.worker_pid()
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    os.kill(worker, signal.SIGSTOP)
    for i in range(most // 2 + 1000):
        outside.write(m.src / f"d/{i}", b"")
    os.kill(worker, signal.SIGCONT)
    wait_until(lambda: m.status()["sidedoor"]["overflows"], timeout=60)
    wait_until(lambda: m.ask("query", {"since": clock, "fields": ["name"]})["is_fresh_instance"], timeout=60)
    assert sorted(os.listdir(m.path / "d")) == sorted(os.listdir(m.src / "d"))
