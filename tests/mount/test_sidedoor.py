"""Changes made behind the mount are seen in it at once, and told."""

import os
import signal
import subprocess

import pytest

from tests.lib.users import run_as
from tests.lib.wait import wait_gone, wait_until
from tests.mount import outside
from tests.mount.test_lowers import lower
from tests.mount.test_takeover import alive


def watched(m):
    how = m.status()["sidedoor"]
    if how["how"] != "fanotify":
        pytest.skip(f"not watched here: {how['why']}")
    return how


def ours(m, clock):
    """What the journal has taken for a request of the mount, of all that it was told since."""
    return [c["name"] for b in m.history(clock) for c in b["changes"] if not c["writer"]["outside"]]


def test_each_kind(mount):
    m = mount()
    watched(m)
    clock = m.clock()
    outside.run(m)
    assert ours(m, clock) == []


def test_each_kind_as_a_user(mount, other, tree):
    os.chown(tree.dir, other.uid, other.gid)
    m = mount(user=other)
    watched(m)
    run_as(other, lambda: outside.run(m))


@pytest.mark.parametrize("kind", ["tmpfs", "overlay"])
def test_each_kind_on(mount, tree, kind):
    with lower(kind, tree.dir) as at:
        (at / "src").mkdir()
        m = mount(at / "src")
        watched(m)
        outside.run(m)
        m.umount()


def test_the_older_events(mount):
    """Before kernel 5.17 a rename was two events, and no event named its object."""
    m = mount(options="without=fanotify_target")
    watched(m)
    outside.run(m)


def test_own_changes_are_not_told_as_others(mount):
    m = mount()
    watched(m)
    clock = m.clock()
    for i in range(30):
        outside.write(m.path / "t", b"%d" % i)
        os.rename(m.path / "t", m.path / "f")
        os.chmod(m.path / "f", 0o600 + i % 2 * 0o100)
    (m.path / "d").mkdir()
    os.rename(m.path / "d", m.path / "e")
    os.link(m.path / "f", m.path / "e/g")
    os.unlink(m.path / "f")
    m.settle()
    # a change behind the mount comes after all of them
    later = m.clock()
    outside.write(m.src / "last", b"")
    outside.told(m, later, ["last"])
    m.settle()
    changes = [c for b in m.history(clock) for c in b["changes"]]
    assert [c["name"] for c in changes if c["writer"]["outside"]] == ["last"]
    assert m.status()["sidedoor"]["outside"] <= 3


def test_the_writer(mount):
    m = mount()
    watched(m)
    outside.look(m.path)
    clock = m.clock()
    p = subprocess.Popen(["sh", "-c", "echo x > f; read a"], cwd=m.src, stdin=subprocess.PIPE)
    outside.told(m, clock, ["f"])
    m.settle()
    p.communicate(b"")
    writer = m.changes(clock)[-1]["writer"]
    assert writer["outside"] and writer["job"] == ""
    if os.geteuid() == 0:
        assert (writer["pid"], writer["command"]) == (p.pid, "sh")
    else:
        assert writer["pid"] == 0


def test_what_was_there_before(mount):
    """Known where the journal has seen it since it watches, else said to be unknown."""
    m = mount()
    watched(m)
    outside.write(m.src / "f", b"1")
    outside.look(m.path)
    outside.caught_up(m)
    clock = m.clock()

    def of_f():
        return [c for b in m.history(clock) for c in b["changes"] if c["name"] == "f"]

    for data in (b"2", b"3", b"3"):
        count = len(of_f())
        outside.write(m.src / "f", data)
        wait_until(lambda n=count: len(of_f()) > n)
    first, second, third = of_f()
    assert first["before"]["kind"] == "file" and first["before"] != first["after"]
    assert second["before"] == first["after"] and second["after"]["hash"]
    assert third["reason"] == "same-content"


def test_a_name_that_nobody_has_looked_for_costs_nothing(mount, tree):
    (tree.src / "d/e").mkdir(parents=True)
    m = mount()
    watched(m)
    m.path.joinpath("d").stat()
    before = m.status()["sidedoor"]
    outside.write(m.src / "d/e/f", b"1")
    assert m.status()["sidedoor"] == before


def test_switched_off(mount):
    m = mount(options="no_sidedoor")
    assert m.status()["sidedoor"] == {"how": "timeout", "why": "switched off"}
    outside.write(m.src / "f", b"1")
    wait_until(lambda: (m.path / "f").exists())


def test_a_mount_put_over_a_part(mount, tree):
    if os.geteuid():
        pytest.skip("needs root, to mount")
    m = mount()
    watched(m)
    (m.src / "d").mkdir()
    outside.write(m.src / "d/f", b"below")
    assert outside.read(m.path / "d/f") == b"below"
    doubts = m.status()["sidedoor"]
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", m.src / "d"], check=True)
    try:
        outside.write(m.src / "d/f", b"over")
        wait_until(lambda: outside.read(m.path / "d/f") == b"over")
    finally:
        subprocess.run(["umount", "-l", m.src / "d"], check=True)
    wait_until(lambda: outside.read(m.path / "d/f") == b"below")
    assert doubts["how"] == "fanotify"


def test_kills(mount):
    """No event dies with a worker."""
    m = mount()
    watched(m)
    outside.look(m.path)
    clock = m.clock()
    for i in range(10):
        alive(m)
        worker = m.worker_pid()
        outside.write(m.src / f"a{i}", b"1")
        os.kill(worker, signal.SIGKILL)
        outside.write(m.src / f"b{i}", b"1")
        wait_gone(worker)
        os.stat(m.path)
    wait_until(lambda: set(m.since(clock)) == {f"{n}{i}" for n in "ab" for i in range(10)})
    os.unlink(m.path / "a0")
