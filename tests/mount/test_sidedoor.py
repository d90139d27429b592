"""Changes made behind the mount are seen in it at once, and told."""

import contextlib
import errno
import os
import random
import signal
import subprocess
import threading
import time

import pytest

from tests.lib.inotify import Inotify
from tests.lib.running import identity
from tests.lib.users import as_owner, run_as
from tests.lib.wait import wait_gone, wait_until
from tests.mount import outside, races
from tests.mount.test_lowers import lower
from tests.mount.test_random import SECONDS, SEED
from tests.mount.test_takeover import Killer, alive


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


@pytest.mark.parametrize("by", ["root", "user"])
@pytest.mark.parametrize("kind", ["tmpfs", "overlay"])
def test_each_kind_on(mount, tree, other, kind, by):
    with lower(kind, tree.dir) as at:
        os.chown(at, other.uid, other.gid)
        (at / "src").mkdir()
        m = mount(at / "src", user=other if by == "user" else None)
        watched(m)
        as_owner(m, lambda: outside.run(m))
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
    # it may be told again: what was compared while an event was on its way is in doubt
    assert {c["name"] for c in changes if c["writer"]["outside"]} == {"last"}
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
    assert m.status()["sidedoor"] == {"how": "timeout", "why": "switched off", "believed": "second"}
    outside.write(m.src / "f", b"1")
    wait_until(lambda: (m.path / "f").exists())


HOLDS = """
import os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
print("open", flush=True)
sys.stdin.readline()
print(os.fstat(fd).st_size, os.pread(fd, 99, 0), flush=True)
"""


def test_a_change_that_the_mount_may_not_look_at(mount, other, tree):
    """What it cannot see now is not gone: who has it open inside goes on when it can be seen again."""
    os.chown(tree.dir, other.uid, other.gid)
    d, f = tree.src / "d", tree.src / "d" / "f"
    d.mkdir()
    f.write_text("content")
    for path in (d, f):
        os.chown(path, other.uid, other.gid)
    m = mount(user=other)
    watched(m)
    argv = ["/usr/bin/python3", "-c", HOLDS, m.path / "d" / "f"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, user=other.uid, group=other.gid, extra_groups=[]) as holder:
        assert holder.stdout.readline() == "open\n"
        d.chmod(0)
        f.write_text("more than that")
        m.clock()  # by then it has been told
        d.chmod(0o755)
        m.clock()
        assert holder.communicate("\n")[0] == "14 b'more than that'\n"


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


CONTAINER = """
mount --bind "$1" "$2" && cd "$2" || exit 1
echo new > f; mkdir d; echo deep > d/f; rm gone; mv old moved; chmod 600 moved
read go
"""


@pytest.mark.parametrize("by", ["same", "ordinary"])
def test_a_container_with_the_source_bind_mounted(mount, tree, request, by):
    """Another mount of the same directory, in namespaces of mounts, of processes and (without root) of users."""
    user = request.getfixturevalue("other") if by == "ordinary" else None
    inside = tree.dir / "container"
    inside.mkdir()
    for name in ("f", "gone", "old"):
        outside.write(tree.src / name, b"old")
        if user:
            os.chown(tree.src / name, user.uid, user.gid)
    m = mount(user=user)
    watched(m)
    as_owner(m, lambda: outside.look(m.path))
    clock = m.clock()
    namespaces = ["--mount", "--pid", "--fork", *([] if user is None and os.geteuid() == 0 else ["--user", "--map-root-user"])]
    if subprocess.run(["unshare", *namespaces, "true"], stderr=subprocess.DEVNULL, **identity(user)).returncode:
        pytest.skip("no namespaces here")
    argv = ["unshare", *namespaces, "sh", "-c", CONTAINER, "sh", tree.src, inside]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, **identity(user)) as container:
        names = ["f", "d/f", "gone", "old", "moved"]
        outside.told(m, clock, names)
        as_owner(m, lambda: see_as_below(m, [*names, "d", "."]))
        assert m.ask("query", {"since": clock, "fields": ["name"]})["hrfs-exact"] is (m.status()["sidedoor"]["believed"] == "day")
        m.settle()
        changes = m.changes(clock)
        assert {c["name"] for c in changes} >= set(names) and all(c["writer"]["outside"] for c in changes)
        if os.geteuid() == 0 and user is None:
            assert {c["writer"]["command"] for c in changes if c["name"] == "f"} == {"sh"}
        container.communicate(b"\n")


def see_as_below(m, names):
    assert races.all_of(m.path, names) == races.all_of(m.src, names)


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


def test_own_changes_among_kills_are_not_told_as_others(mount):
    """What a worker had under way when it was killed is still the mount's own."""
    m = mount()
    watched(m)
    (m.path / "d").mkdir()
    clock = m.clock()
    with Killer(m, SEED) as killer:
        for i in range(400):
            outside.write(m.path / "t", b"%d" % i)
            os.rename(m.path / "t", m.path / "f")
            os.chmod(m.path / "f", 0o600 + i % 2 * 0o100)
            os.link(m.path / "f", m.path / "d/g")
            os.unlink(m.path / "d/g")
    alive(m)
    later = m.clock()
    outside.write(m.src / "last", b"")
    outside.told(m, later, ["last"])
    m.settle()
    assert killer.kills
    assert {c["name"] for b in m.history(clock) for c in b["changes"] if c["writer"]["outside"]} == {"last"}


def no_answer_misses(m):
    """A change, and at once one question."""
    outside.write(m.src / "f", b"")
    (m.src / "d").mkdir()
    outside.look(m.path)
    c, root = m.client(), str(m.path)
    clock = c.call("clock", root)["clock"]
    for i in range(200):
        name = ("f", "new", "d/new")[i % 3]
        if name == "f":
            outside.write(m.src / name, b"%d" % i)
        elif i % 2:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(m.src / name)
        else:
            outside.write(m.src / name, b"%d" % i)
        answer = c.call("query", root, {"since": clock, "fields": ["name"]})
        if name == "f" or i % 2 == 0:
            assert name in answer["files"], f"{i}: {answer}"
        clock = answer["clock"]
        if i % 20 == 0:
            outside.write(m.src / "f", b"again %d" % i)
            later = c.call("clock", root)["clock"]
            answer = c.call("query", root, {"since": later, "fields": ["name"]})
            assert answer["files"] == [], f"{i}: {answer}"


def test_no_answer_misses_a_change(mount):
    m = mount()
    watched(m)
    no_answer_misses(m)


def test_no_answer_misses_a_change_as_a_user(mount, other, tree):
    os.chown(tree.dir, other.uid, other.gid)
    os.chown(tree.src, other.uid, other.gid)
    m = mount(user=other)
    watched(m)
    run_as(other, lambda: no_answer_misses(m))


def test_answers_while_somebody_writes(mount):
    """Our own events are in the queue too, and it is never empty: what stands before the question is waited for alone."""
    m = mount()
    watched(m)
    outside.look(m.path)
    stop = threading.Event()

    def write_on():
        while not stop.is_set():
            outside.write(m.path / "own", b"1")

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        c, root = m.client(), str(m.path)
        for i in range(30):
            clock = c.call("clock", root)["clock"]
            outside.write(m.src / "f", b"%d" % i)
            answer = c.call("query", root, {"since": clock, "fields": ["name"]})
            assert "f" in answer["files"], f"{i}: {answer}"
    finally:
        stop.set()
        writer.join()


def test_a_watcher_inside_wakes_up(mount):
    m = mount()
    watched(m)
    (m.path / "d").mkdir()
    with Inotify() as inotify:
        inotify.add(m.path / "d", "d")
        outside.write(m.src / "d/f", b"1")
        inotify.until(lambda e: e[1:3] == ("CREATE", "f"))
        outside.write(m.src / "d/f", b"2")
        inotify.until(lambda e: e[1:3] == ("MODIFY", "f"))
        assert outside.read(m.path / "d/f") == b"2"
        os.rename(m.src / "d/f", m.src / "d/g")
        inotify.until(lambda e: e[1:3] == ("MOVED_TO", "g"))


@pytest.mark.stress
@pytest.mark.time_limit(int(SECONDS) + 120)
def test_races(mount, capsys):
    """What has been told can be read, and the same file is changed on both sides."""
    m = mount()
    watched(m)
    rng = random.Random(SEED)
    names = [f"f{i}" for i in range(8)]
    for name in names:
        outside.write(m.src / name, b"0" * 8)
    outside.look(m.path)
    outside.caught_up(m)
    stop = threading.Event()

    def read_on():
        while not stop.is_set():
            for name in names:
                try:
                    outside.read(m.path / name)
                except OSError as e:  # removed, or removed while it was open
                    assert e.errno in (errno.ENOENT, errno.ESTALE)

    reader = threading.Thread(target=read_on)
    reader.start()
    until = time.monotonic() + float(SECONDS)
    n, stale = 1, 0
    try:
        while time.monotonic() < until:
            name, data = rng.choice(names), b"%08d" % n
            clock = m.clock()
            race(rng.choice(RACES), m, name, data, rng)
            outside.told(m, clock, [name])
            outside.caught_up(m)  # one change is several events
            stale += outside.read(m.path / name) != outside.read(m.src / name)
            n += 1
    finally:
        stop.set()
        reader.join()
    with capsys.disabled():
        print(f"[seed {SEED}, {n} races]", end=" ")
    assert stale == 0 and n > 1


RACES = ["write", "replace", "remove", "both"]


def race(kind, m, name, data, rng):
    if kind == "write":
        outside.write(m.src / name, data)
    elif kind == "replace":
        outside.write(m.src / "t", data)
        os.rename(m.src / "t", m.src / name)
    elif kind == "remove":
        with contextlib.suppress(FileNotFoundError):
            os.unlink(m.src / name)
        outside.write(m.src / name, data)
    else:
        inside = threading.Thread(target=outside.write, args=(m.path / name, data))
        inside.start()
        outside.write(m.src / name, data[::-1])
        inside.join()


def test_appends_from_both_sides_are_told(mount):
    m = mount()
    watched(m)
    outside.write(m.src / "log", b"")
    outside.look(m.path)

    def lines(path, mark):
        for i in range(200):
            with open(path, "ab") as f:
                f.write(b"%s%03d\n" % (mark, i))

    inside = threading.Thread(target=lines, args=(m.path / "log", b"i"))
    inside.start()
    lines(m.src / "log", b"o")
    inside.join()
    outside.caught_up(m)
    below = outside.read(m.src / "log")
    assert outside.read(m.path / "log") == below
    assert sorted(below.split()) == sorted(b"%s%03d" % (x, i) for x in (b"i", b"o") for i in range(200))
