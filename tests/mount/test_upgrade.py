"""Another hrfs-fs takes over a mount that is in use: nobody sees an error, nothing is lost, and back is the same."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lib import build
from tests.lib.users import run_as
from tests.lib.wait import wait_gone, wait_until
from tests.mount import outside
from tests.mount.forgotten import everything_is_forgotten
from tests.mount.test_git import children
from tests.mount.test_random import SECONDS, SEED, picture, result, show, start_one
from tests.mount.test_sidedoor import watched
from tests.mount.test_takeover import APPEND, GIT, alive
from tests.mount.test_takeover_load import Follower, run_load
from tests.mount.upgrades import OTHER, Upgrader, ask, end, runnable, status, upgrade

pytestmark = pytest.mark.skipif(not OTHER.exists(), reason="built without -Dlayout_test=true")


def version(m):
    return wait_until(lambda: status(m), what="the server")["hrfs-version"]


def test_there_and_back(mount):
    """Open, removed and read-only files, clocks, marks that have not settled, and what the kernel remembers."""
    m = mount()
    (m.path / "d").mkdir()
    (m.path / "d" / "f").write_bytes(b"before")
    m.settle()
    clock = m.clock()
    changed = []
    fd = os.open(m.path / "d" / "f", os.O_RDWR)
    gone = os.open(m.path / "gone", os.O_CREAT | os.O_RDWR)
    os.write(gone, b"removed")
    os.unlink(m.path / "gone")
    read_only = os.open(m.path / "read-only", os.O_CREAT | os.O_RDWR, 0o444)
    own = version(m)
    for n, program in enumerate([OTHER, build.HRFS_FS, OTHER]):
        before = m.worker_pid()
        held = os.open(m.path / f"held{n}", os.O_CREAT | os.O_WRONLY)
        os.write(held, b"half")  # settles when it is closed, or after a while: by another worker than noted it
        assert upgrade(m, program) == ("done", None)
        wait_gone(before)
        assert version(m) == (own + "+other" if program == OTHER else own)
        assert status(m)["keeper_version"] == own
        assert os.pwrite(fd, b"%d" % n, 0) == 1
        assert os.pread(gone, 10, 0) == b"removed"
        assert os.pwrite(read_only, b"%d" % n, n) == 1
        os.write(held, b"whole")
        os.close(held)
        (m.path / f"new{n}").write_text("new")
        changed += [f"held{n}", f"new{n}"]
        os.kill(wait_until(lambda: m.worker_pid(), what="a worker"), signal.SIGKILL)
        assert (m.path / f"held{n}").read_bytes() == b"halfwhole"
        assert version(m) == (own + "+other" if program == OTHER else own)
        m.settle()
        assert m.since(clock) == sorted([*changed, "d/f", "read-only"])
        assert m.since(m.clock()) == []
    for f in (fd, gone, read_only):
        os.close(f)
    assert (m.src / "d" / "f").read_bytes() == b"2efore"
    assert (m.src / "read-only").read_bytes() == b"012"
    everything_is_forgotten(m)


def test_references_of_the_kernel(mount, tree):
    """Lookup counts: not too low, or what is open would be gone; not too high, or it would never be forgotten."""
    for d in range(8):
        (tree.src / f"d{d}" / "e").mkdir(parents=True)
        for f in range(20):
            (tree.src / f"d{d}" / "e" / f"f{f}").write_text(f"{d} {f}")
    m = mount()
    look = ["ls", "-lR", m.path]
    first = subprocess.run(look, capture_output=True, check=True).stdout
    fds = [os.open(m.path / f"d{d}" / "e" / "f7", os.O_RDONLY) for d in range(8)]
    for program in (OTHER, build.HRFS_FS):
        nodes = status(m)["nodes"]
        assert upgrade(m, program) == ("done", None)
        assert status(m)["nodes"] == nodes
        assert subprocess.run(look, capture_output=True, check=True).stdout == first
    for d, fd in enumerate(fds):
        assert os.read(fd, 100) == b"%d 7" % d
        os.close(fd)
    everything_is_forgotten(m)


# ---- under load ----


READ = """
import os, sys
while not os.path.exists("stop"):
    assert open("told").read() == "told"
    assert "told" in os.listdir(".")
"""


@pytest.mark.time_limit(120)
def test_under_load(mount, capsys):
    """Appenders, git and a reader go on while the program changes under them, there and back."""
    m = mount()
    (m.path / "told").write_text("told")
    (m.path / "git").mkdir()
    reader = subprocess.Popen([sys.executable, "-c", READ], cwd=m.path, stderr=subprocess.PIPE)
    with Upgrader(m, SEED, 60) as u:
        running = [subprocess.Popen(["sh", "-c", APPEND, "sh", str(n)], cwd=m.path) for n in range(2)]
        git = subprocess.run(["sh", "-c", GIT], cwd=m.path / "git", capture_output=True, text=True)
        assert [p.wait() for p in running] == [0, 0]
        wait_until(lambda: len(u.done) >= 4, what="some upgrades", timeout=60)
        (m.path / "stop").touch()
        assert reader.wait() == 0, reader.stderr.read()
    assert git.returncode == 0, git.stderr
    assert {how for how, _ in u.ended} == {"done"}
    show(capsys, f"seed {SEED}, {len(u.done)} upgrades")
    lines = (m.src / "log").read_text().splitlines()
    for n in range(2):
        assert [line for line in lines if line.startswith(f"{n} ")] == [f"{n} {i}" for i in range(400)]
    assert len(lines) == 800
    assert picture(m.path / "git") == picture(m.src / "git")
    everything_is_forgotten(m)


@pytest.mark.stress
@pytest.mark.time_limit(int(SECONDS) + 300)
@pytest.mark.parametrize("kills", [False, True])
def test_random_operations_under_upgrades(mount, tree, capsys, kills):
    """Whatever it is killed at: the two programs go on, and one of them serves."""
    m = mount()
    plain = tree.dir / "plain"
    plain.mkdir()
    with Upgrader(m, SEED, 60, kills) as u:
        running = [start_one(n, m.path / f"p{n}", plain / f"p{n}") for n in range(2)]
        results = [result(p) for p in running]
    show(capsys, f"seed {SEED}, {sum(r['steps'] for r in results)} steps, {u.kills} kills, {u.told()}")
    assert [r["difference"] for r in results if r["difference"]] == []
    assert u.done
    alive(m)


@pytest.mark.long
@pytest.mark.time_limit(300)
@pytest.mark.parametrize("name", ["make", "sqlite_wal", "mapped", "list_and_look", "xattrs", "threads"])
def test_load(mount, tree, capsys, name):
    m = mount()
    expected = run_load(name, tree.dir / "plain")
    with Upgrader(m, SEED, 100, kills=True) as u:
        got = run_load(name, m.path / "load")
    assert got == expected
    show(capsys, f"seed {SEED}, {len(u.done)} upgrades of {len(u.ended)}, {u.kills} kills")
    alive(m)
    assert picture(m.src / "load") == picture(tree.dir / "plain")
    everything_is_forgotten(m)


def test_a_subscriber_misses_nothing(mount):
    m = mount()
    f = Follower(m)
    told = set()
    for n, program in enumerate([OTHER, build.HRFS_FS]):
        number, error = ask(m, program)
        names = {f"{n}-{i}" for i in range(10)}
        for name in names:
            (m.path / name).write_text(name)
        told |= names
        assert error is None and end(m, number) == ("done", None)
        f.follow(lambda names, told=told: told <= set(names))
    assert set(f.names) == told
    assert f.fresh == 0


def test_changes_behind_the_mount_go_on(mount):
    """What is watched stays so, and an event that the one before has not handled is the next one's."""
    m = mount()
    (m.path / "d").mkdir()
    (m.path / "d" / "f").write_text("before")
    m.settle()
    watched(m)
    outside.look(m.path)
    marks = m.status()["sidedoor"]["marks"]
    for n, program in enumerate([OTHER, build.HRFS_FS]):
        clock = m.clock()
        number, error = ask(m, program)
        for i in range(20):
            outside.write(m.src / "d" / f"{n}-{i}", b"outside")
        outside.write(m.src / "d" / "f", b"%d" % n)
        assert error is None and end(m, number) == ("done", None)
        outside.caught_up(m, "d/")
        assert (m.path / "d" / "f").read_bytes() == b"%d" % n
        answer = m.ask("query", {"since": clock, "fields": ["name"]})
        assert not answer["is_fresh_instance"]
        assert {f"d/{n}-{i}" for i in range(20)} | {"d/f"} <= set(answer["files"])
        told = m.status()["sidedoor"]
        assert told["marks"] == marks and told["overflows"] == 0


def test_rules_for_ignoring_go_on(mount, tree):
    """The new program brings its own hrfs-git."""
    subprocess.run(["git", "init", "-q", tree.src], check=True)
    (tree.src / ".gitignore").write_text("*.log\n")
    m = mount()
    before = wait_until(lambda: children(m, "hrfs-git"), what="a helper")
    assert upgrade(m, OTHER) == ("done", None)
    wait_gone(before[0])

    def ignored():
        clock = m.clock()
        (m.path / "x.log").write_bytes(os.urandom(8))
        m.settle()
        return [c["ignored"] for c in m.changes(clock)] == [True]

    wait_until(ignored, what="a helper that knows the rules")


# ---- refused: nothing is stopped ----


@pytest.fixture
def refused(mount, tree):
    """refused(program, options="") -> why, of a mount whose worker has stayed what it is."""

    def run(program, options=""):
        m = mount(options=options)
        (m.path / "f").write_text("x")
        before = m.worker_pid()
        number, error = ask(m, program)
        state, why = ("refused", error) if error else end(m, number)
        assert state == "refused"
        assert m.worker_pid() == before and status(m)["worker_pid"] == before
        assert (m.path / "f").read_text() == "x"
        return why

    return run


def test_a_layout_that_nobody_knows(refused):
    why = refused(build.UPGRADE / "hrfs-fs-foreign")
    assert why.startswith("nodes: this mount has layout 1 in memory, the other program layout 99; neither")


def test_no_program(refused, tree):
    assert refused(tree.dir / "none") == f"{tree.dir}/none: No such file or directory"


def test_not_a_program(refused, tree):
    (tree.dir / "text").write_text("text")
    (tree.dir / "text").chmod(0o755)
    assert refused(tree.dir / "text") == f"{tree.dir}/text: it cannot be executed: Exec format error"


def test_another_program(refused):
    why = refused(shutil.which("ls"))
    assert "--worker" in why  # its own words: such an option it does not know


def test_a_program_that_says_nothing(refused):
    assert refused(shutil.which("false")) == "it ended before it had said whether it fits"


def test_a_mount_that_ends_with_its_worker(refused):
    assert "no_takeover" in refused(OTHER, "no_takeover")


@pytest.mark.parametrize("given", [{}, {"program": "hrfs-fs", "git": "/git"}, {"program": "/fs"}, {"program": 1}])
def test_a_request_that_makes_no_sense(mount, given):
    m = mount()
    with m.client() as c:
        assert "must be the absolute path of a program" in c.ask("hrfs-upgrade", str(m.path), given)["error"]


def test_others_may_not(mount, other):
    """A root daemon runs no file that an ordinary user names."""
    m = mount(options="allow_other")
    for directory in Path(m.socket).parents[0:3]:
        directory.chmod(0o755)

    def try_it():
        return ask(m, OTHER)

    number, error = run_as(other, try_it)
    assert number is None and "only the mount's owner" in error
    assert "upgrade" not in status(m)
    assert upgrade(m, directory / "none")[0] == "refused"
    assert status(m)["upgrade"]["error"].startswith(f"{directory}/none")
    assert run_as(other, lambda: status(m)["upgrade"]).keys() == {"id", "state"}  # a path is none of their business


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("how", ["owned", "writable", "a link to it"])
def test_root_executes_what_is_its_own_alone(refused, tree, other, how):
    program = tree.dir / "program"
    shutil.copy(OTHER, program)
    if how == "writable":
        program.chmod(0o757)
    else:
        os.chown(program, other.uid, other.gid)
    if how == "a link to it":
        os.symlink(program, tree.dir / "link")
        program = tree.dir / "link"
    assert refused(program) == f"{program}: root executes it only when it is root's and nobody else can write to it"


def test_another_protocol():
    done = subprocess.run([build.HRFS_FS, "--worker", "999", "3", "4", "5"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("this mount's keeper speaks protocol 999, and this hrfs-fs 2")


# ---- failed: the program before goes on ----


def test_killed_while_it_converts(mount):
    m = mount()
    (m.path / "f").write_bytes(b"before")
    gone = os.open(m.path / "gone", os.O_CREAT | os.O_RDWR)
    os.write(gone, b"removed")
    os.unlink(m.path / "gone")
    m.settle()  # or it may be told again: whose an event was that a dead worker has caused, an ordinary user is not told
    clock = m.clock()
    own = version(m)
    for n in range(3):
        state, why = upgrade(m, build.UPGRADE / "hrfs-fs-broken")
        assert (state, why) == ("failed", "the new program ended before it could serve; the log may say why")
        assert version(m) == own
        assert os.pread(gone, 10, 0) == b"removed"
        (m.path / f"n{n}").write_text("x")
    assert upgrade(m, OTHER) == ("done", None)
    m.settle()
    assert m.since(clock) == ["n0", "n1", "n2"]
    os.close(gone)
    everything_is_forgotten(m)


def test_one_at_a_time(mount):
    m = mount()
    request = "hrfs-upgrade", str(m.path), {"program": str(runnable(OTHER)), "git": str(runnable(build.HRFS_GIT))}
    with m.client() as c:
        c.send(*request)
        c.send(*request)
        number = c.answer()["id"]
        assert c.answer()["error"] == "an upgrade of this mount is under way already"
    assert end(m, number) == ("done", None)


def test_a_program_in_the_mount_itself(mount):
    """Its pages could be had from nobody while there is no worker: it runs from a copy."""
    m = mount()
    shutil.copy(OTHER, m.path / "hrfs-fs")
    before = m.worker_pid()
    assert upgrade(m, m.path / "hrfs-fs") == ("done", None)
    wait_gone(before)
    for _ in range(3):
        os.unlink(m.path / "hrfs-fs") if (m.path / "hrfs-fs").exists() else None
        os.kill(m.worker_pid(), signal.SIGKILL)
        assert os.listdir(m.path) == []
    assert version(m).endswith("+other")
    assert m.umount() == 0
