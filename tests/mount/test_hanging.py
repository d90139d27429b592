"""What is behind the mount hangs: here another mount whose worker is stopped."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lib import build, mountinfo, threads, users
from tests.lib.client import Client
from tests.lib.wait import wait_until
from tests.mount.test_git import children

REQUESTS = {
    "lookup": ("dir/new", "os.stat('dir/new')"),
    "read": ("dir/old", "os.read(os.open('dir/old', os.O_RDONLY), 9)"),
    "create": ("made", "os.open('made', os.O_CREAT | os.O_EXCL | os.O_WRONLY)"),
    "rename": ("dir/old", "os.rename('dir/old', 'dir/else')"),
}


@pytest.fixture
def outer(mount, tree):
    (tree.src / "dir").mkdir()
    (tree.src / "dir" / "old").write_text("old")
    (tree.dir / "mid").mkdir()
    inner = mount(mnt=tree.dir / "mid")
    m = mount(src=tree.dir / "mid", options="sole_writer" + ("" if os.geteuid() else ",allow_other"))  # sole: the kernel asks nothing twice
    m.inner = inner
    return m


def stands_still(pid):
    """A thread that was under way when the signal came goes on for a moment."""
    states = [stat.read_text().rpartition(")")[2].split()[0] for stat in Path(f"/proc/{pid}/task").glob("*/stat")]
    return set(states) <= {"T", "t"}


@contextmanager
def stopped(m):
    worker = m.worker_pid()
    os.kill(worker, signal.SIGSTOP)
    wait_until(lambda: stands_still(worker), what="its end of work")
    try:
        yield
    finally:
        os.kill(worker, signal.SIGCONT)


CLIENT = """
import os, sys
os.listdir(".")
[os.path.exists(name) for name in ("dir/old", "dir/else", "made")]
print("go", flush=True)
input()
try:
    exec(sys.argv[1])
except FileNotFoundError:
    pass
"""


def start(m, script):
    """A client that has looked up what it needs, and goes on when it is told to."""
    argv = [sys.executable, "-c", CLIENT, script]
    p = subprocess.Popen(argv, cwd=m.path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline() == "go\n"
    return p


def status_for(user, m):
    def there():
        with Client(m.socket) as c:
            return c.call("hrfs-status", str(m.path))

    for directory in Path(m.socket).parents[0:3]:
        directory.chmod(0o755)
    return users.run_as(user, there)


@pytest.mark.parametrize("request_name", [pytest.param(n, marks=[] if n == "create" else pytest.mark.long) for n in REQUESTS])
def test_status_shows_what_hangs(outer, hrfs, request_name):
    path, script = REQUESTS[request_name]
    assert outer.status()["slow"] == []
    client = start(outer, script)
    with stopped(outer.inner):
        client.stdin.write("\n")
        client.stdin.flush()
        slow = wait_until(lambda: outer.status()["slow"], what="a request that hangs")
        assert [(s["request"], s["name"]) for s in slow] == [(request_name, path)]
        assert slow[0]["ms"] >= 1000
        assert f"{request_name} of {path} has taken " in hrfs("status", outer.path).stdout
        user = None if os.geteuid() else users.ordinary()
        if user:
            assert [sorted(s) for s in status_for(user, outer)["slow"]] == [["ms", "request"]]
    assert client.wait() == 0
    wait_until(lambda: outer.status()["slow"] == [], what="nothing hangs any more")


def test_others_go_on(mount, tree):
    """A directory of the source hangs, and more requests for it than there are threads: all else is served."""
    if "without=all" in os.environ.get("HRFS_TEST_OPTIONS", ""):
        pytest.skip("without parallel lookups the kernel asks for one name of a directory after the other")
    hung, behind = tree.src / "hung", tree.dir / "behind"
    hung.mkdir()
    behind.mkdir()
    inner = mount(src=behind, mnt=hung)
    m = mount(options="threads=2")
    os.stat(m.path / "hung")
    clients = []
    try:
        with stopped(inner):
            for n in range(5):
                clients.append(subprocess.Popen([sys.executable, "-c", f"import os; os.stat({str(m.path)!r} + '/hung/{n}')"]))
            for c in clients:
                wait_until(lambda: threads.state(c.pid) in "SD", what="a client that waits")
            for n in range(20):
                (m.path / f"f{n}").write_bytes(b"fine")
            wait_until(lambda: len(m.status()["slow"]) == 5, what="all that hang")
            assert m.status()["threads"] > 5
            clients[0].kill()  # it waits for an answer: killed, it gets one
            assert clients[0].wait(20) == -signal.SIGKILL
            for c in clients:
                c.kill()
                c.wait(20)
            assert m.umount() == 0
            assert "event=all_hang" in m.log_text() and "event=let_go" in m.log_text()
    finally:
        for c in clients:
            c.kill()
            c.wait()
    assert sorted(os.listdir(tree.src)) == sorted(["hung", *(f"f{n}" for n in range(20))])


def runs(pid, program):
    try:
        return os.path.samefile(f"/proc/{pid}/exe", program)
    except OSError:
        return False  # it is about to


def test_a_source_that_hangs_at_the_start(mount, tree, start):
    """Nothing is mounted yet, and who has asked for it can end it."""
    (tree.dir / "mid").mkdir()
    inner = mount(mnt=tree.dir / "mid")
    with stopped(inner):
        worker = inner.worker_pid()
        # what one of its threads has read is waited for, whatever happens
        wait_until(lambda: {threads.state(worker, tid) for tid in threads.of(worker)} == {"T"}, what="all of it to be stopped")
        p = start(build.HRFS_FS, "--foreground", "--", tree.dir / "mid", tree.mnt)
        wait_until(lambda: runs(p.pid, build.HRFS_FS) and threads.state(p.pid) in "SD", what="the question that hangs")
        p.signal(signal.SIGTERM)
        assert p.wait() == -signal.SIGTERM
    assert mountinfo.device_of(tree.mnt) is None


def may_be_spared():
    """CAP_SYS_RESOURCE, which root may lack in a container."""
    return subprocess.run(["sh", "-c", "echo -900 >/proc/self/oom_score_adj"], stderr=subprocess.DEVNULL).returncode == 0


def test_the_mount_goes_last_when_memory_runs_out(mount):
    """A compiler can be started again. The git helper is like any other process."""
    m = mount()
    mine = Path("/proc/self/oom_score_adj").read_text()
    spared = "-900\n" if may_be_spared() else mine
    for _ in range(2):
        helper = wait_until(lambda: children(m, "hrfs-git"), what="a helper")[0]
        told = [Path(f"/proc/{pid}/oom_score_adj").read_text() for pid in (m.keeper, m.worker_pid(), helper)]
        assert told == [spared, spared, mine]
        os.kill(m.worker_pid(), signal.SIGKILL)
        os.stat(m.path)
