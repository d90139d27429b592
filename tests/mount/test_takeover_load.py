"""The worker is killed some ten times a second while programs work: they see nothing of it.

Each load (loads.py) runs twice, natively and in the mount; what it saw and the tree that it leaves must be equal, and
when the kernel has let go of everything, so has the node table.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.lib import build
from tests.lib.client import Closed
from tests.lib.running import identity
from tests.lib.wait import wait_gone, wait_until
from tests.mount.forgotten import everything_is_forgotten, nodes
from tests.mount.loads import write_tree
from tests.mount.test_git import children
from tests.mount.test_random import SEED, picture, show
from tests.mount.test_takeover import Killer, alive

PROGRAM = Path(__file__).parent / "loads.py"
KILL_MS = 200  # at most; half of it on average


def run_load(name, directory, *args, user=None):
    argv = [sys.executable, PROGRAM, name, directory, *args]
    done = subprocess.run(argv, capture_output=True, text=True, **identity(user))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def run_both(m, tree, name, *args, user=None, kill_ms=KILL_MS):
    """Natively, then in the mount under kills; how many there were."""
    expected = run_load(name, tree.dir / "plain", *args, user=user)
    with Killer(m, SEED, kill_ms) as killer:
        got = run_load(name, m.path / "load", *args, user=user)
    assert got == expected
    assert killer.kills
    plain = picture(tree.dir / "plain")
    assert picture(m.src / "load") == plain
    if user is None:  # nobody but the user may look into it
        alive(m)
        assert picture(m.path / "load") == plain
    return killer.kills


LOADS = {  # how many milliseconds a worker lives at most: short loads are to meet several deaths, too
    "make": KILL_MS,
    "sqlite_rollback": KILL_MS,
    "sqlite_wal": 60,
    "mapped": 60,
    "list_and_look": KILL_MS,
    "xattrs": 60,
    "threads": KILL_MS,
}


@pytest.mark.stress
@pytest.mark.time_limit(180)
@pytest.mark.parametrize("name", LOADS)
def test_load(mount, tree, capsys, name):
    m = mount()
    kills = run_both(m, tree, name, kill_ms=LOADS[name])
    show(capsys, f"seed {SEED}, {kills} kills")
    everything_is_forgotten(m)


@pytest.mark.stress
@pytest.mark.time_limit(180)
def test_untar(mount, tree, capsys):
    archive = tree.dir / "tree.tar"
    write_tree(tree.dir / "tree")
    subprocess.run(["tar", "cf", archive, "-C", tree.dir, "tree"], check=True)
    m = mount()
    kills = run_both(m, tree, "untar", archive)
    show(capsys, f"seed {SEED}, {kills} kills")
    everything_is_forgotten(m)


@pytest.mark.stress
@pytest.mark.time_limit(180)
def test_several_users(mount, tree, other, capsys):
    m = mount(options="allow_other")
    kills = run_both(m, tree, "users")
    show(capsys, f"seed {SEED}, {kills} kills")
    everything_is_forgotten(m)


@pytest.mark.stress
@pytest.mark.time_limit(180)
def test_as_an_ordinary_user(mount, tree, other, capsys):
    """Without privilege, what its owner may not open again survives with the keeper."""
    m = mount(user=other)
    os.chown(tree.dir / "src", other.uid, other.gid)
    tree.dir.chmod(0o777)
    kills = run_both(m, tree, "read_only_objects", user=other)
    show(capsys, f"seed {SEED}, {kills} kills")
    everything_is_forgotten(m)


@pytest.mark.stress
@pytest.mark.long
@pytest.mark.time_limit(400)
def test_many_known_nodes(mount, tree, capsys):
    """A successor that has much to rebuild: each descriptor that was open still leads to its file."""
    for d in range(200):
        (tree.src / f"d{d}").mkdir()
        for n in range(1000):
            os.close(os.open(tree.src / f"d{d}" / f"f{n}", os.O_CREAT | os.O_WRONLY))
    m = mount(options="sole_writer")  # the kernel keeps what it knows
    assert len(subprocess.run(["find", m.path, "-size", "0"], capture_output=True, check=True).stdout.splitlines()) == 200_000
    show(capsys, f"{nodes(m)} nodes")  # a kernel that is short of memory has forgotten some
    fds = [os.open(m.path / f"d{d}" / "f0", os.O_RDWR) for d in range(0, 200, 20)]
    pauses = []
    for i in range(20):
        os.kill(m.worker_pid(), signal.SIGKILL)
        begun = time.monotonic()
        os.statvfs(m.path)  # is never cached
        pauses.append(1000 * (time.monotonic() - begun))
        for fd in fds:
            os.pwrite(fd, b"%d" % i, 0)
    pauses.sort()
    show(capsys, f"pause {pauses[10]:.0f} ms, at most {pauses[-1]:.0f} ms")
    for fd in fds:
        os.close(fd)
    kills = run_both(m, tree, "threads", kill_ms=400)
    show(capsys, f"seed {SEED}, {kills} kills")
    assert {(m.src / f"d{d}" / "f0").read_text() for d in range(0, 200, 20)} == {"19"}
    everything_is_forgotten(m)


# ---- those who are connected ----


class Follower:
    """Subscribes, and again whenever its connection ends, from the last clock that it was told."""

    def __init__(self, m):
        self.m = m
        self.clock = m.clock()
        self.names = []
        self.fresh = 0
        self.connections = 0
        self.client = None
        self.told = threading.Event()

    def _connect(self):
        self.client = self.m.client()
        self.connections += 1
        self.client.call("subscribe", str(self.m.path), "s", {"fields": ["name"], "since": self.clock})

    def _take(self, push):
        if "files" not in push:
            return
        self.fresh += push["is_fresh_instance"]
        self.names += push["files"]
        self.clock = push["clock"]
        if push["files"]:
            self.told.set()

    def got_on(self, stop):
        """See Killer: until it has been told something since the last kill."""
        self.told.clear()
        while not stop.is_set() and not self.told.wait(0.01):
            pass

    def follow(self, enough):
        """Until enough(self.names)."""
        while not enough(self.names):
            try:
                if self.client is None:
                    self._connect()
                self._take(self.client.push())
            except (ConnectionError, Closed):
                self.client = None


@pytest.mark.stress
@pytest.mark.time_limit(120)
def test_subscriber_misses_nothing(mount, capsys):
    m = mount()
    wanted = {f"f{i}" for i in range(300)}
    f = Follower(m)
    first = f.clock
    with Killer(m, SEED, KILL_MS, got_on=f.got_on) as killer:
        for start in range(0, 300, 20):
            names = {f"f{i}" for i in range(start, start + 20)}
            for name in names:
                (m.path / name).write_text(name)
            f.follow(lambda told, names=names: names <= set(told))
    assert killer.kills
    assert set(f.names) == wanted
    assert f.fresh == 0
    show(capsys, f"{killer.kills} kills, {f.connections} connections, {len(f.names)} told")
    alive(m)
    wait_until(lambda: nodes(m), what="the last worker's server")
    m.settle()
    assert m.since(first) == sorted(wanted)


def test_supervisor_connects_again(mount):
    """It registers with each worker anew, and clients' commands reach it."""
    m = mount()
    for i in range(3):
        with m.client() as supervisor:
            supervisor.call("hrfs-register", str(m.path), {"commands": ["hrfs-why"]})
            client = m.client()
            client.send("hrfs-why", str(m.path), {})
            asked = supervisor.push_with("hrfs-request")
            supervisor.send("hrfs-reply", asked["hrfs-request"], {"text": f"{i}"})
            assert client.answer()["text"] == f"{i}"
            client.send("hrfs-why", str(m.path), {})
            supervisor.push_with("hrfs-request")
            os.kill(m.worker_pid(), signal.SIGKILL)
            for c in (supervisor, client):
                with pytest.raises(Closed):
                    c.answer()
        assert os.listdir(m.path) == []


def register(m, *commands):
    supervisor = m.client()
    supervisor.call("hrfs-register", str(m.path), {"commands": list(commands)})
    return supervisor


def test_asked_before_the_supervisor_is_back(mount):
    """Of a worker that has just taken over: the answer is the supervisor's all the same."""
    m = mount()
    register(m, "hrfs-why", "hrfs-wait")
    worker = m.worker_pid()
    os.kill(worker, signal.SIGKILL)
    wait_gone(worker)
    asking = {name: m.client() for name in ("hrfs-why", "hrfs-wait")}
    for name, client in asking.items():
        client.send(name, str(m.path), {})
    with m.client() as gone:
        gone.send("hrfs-why", str(m.path), {})
        m.clock()  # of a later connection: the others have been taken by now
    wait_until(lambda: m.status()["connections"] == 3, what="the mount to have noticed")  # the two, and this
    supervisor = register(m, "hrfs-why", "hrfs-wait")
    for _ in asking:
        asked = supervisor.push_with("hrfs-request")
        supervisor.send("hrfs-reply", asked["hrfs-request"], {"text": asked["command"][0]})
    for name, client in asking.items():
        assert client.answer()["text"] == name


REGISTER = """
import sys
from tests.lib.client import Client
c = Client(sys.argv[1])
c.call("hrfs-register", sys.argv[2], {"commands": ["hrfs-why", "hrfs-wait"]})
print("there", flush=True)
input()
"""


def test_supervisor_dies_with_the_worker(mount, start):
    """Nobody waits for one that will not come."""
    m = mount()
    supervisor = start(sys.executable, "-c", REGISTER, m.socket, m.path, cwd=build.ROOT, stdin=subprocess.PIPE)
    supervisor.wait_for("there")
    worker = m.worker_pid()
    os.kill(worker, signal.SIGSTOP)  # it is not to see its supervisor die
    os.kill(supervisor.pid, signal.SIGKILL)
    supervisor.wait()
    os.kill(worker, signal.SIGKILL)
    wait_gone(worker)
    client = m.client()
    assert "no supervisor" in client.ask("hrfs-why", str(m.path), {})["error"]
    assert client.ask("hrfs-wait", str(m.path), {})["settled"] is True


def test_git_helper_killed(mount, tree):
    """Another one comes, with the rules."""
    subprocess.run(["git", "init", "-q", tree.src], check=True)
    (tree.src / ".gitignore").write_text("*.log\n")
    m = mount()
    for i in range(3):
        helper = wait_until(lambda: children(m, "hrfs-git"), what="a helper")[0]
        os.kill(m.worker_pid() if i == 1 else helper, signal.SIGKILL)
        os.stat(m.path)

        def told_so(i=i):
            """Until there is a helper nothing is ignored, and then it is."""
            clock = m.clock()
            (m.path / "x.log").write_bytes(os.urandom(8))
            (m.path / f"x{i}.c").write_bytes(os.urandom(8))
            m.settle()
            told = {c["name"]: c["ignored"] for c in m.changes(clock)}
            assert told[f"x{i}.c"] is False
            return told["x.log"]

        wait_until(told_so, what="a helper that knows the rules")
        wait_until(lambda: len(children(m, "hrfs-git")) == 1, what="one helper")
