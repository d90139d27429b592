"""Where nobody can take over, a dead daemon is an error at once, never a hang."""

import contextlib
import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.conftest import no_fuse
from tests.lib import build, mountinfo, processes
from tests.lib.wait import wait_gone, wait_until
from tests.mount.test_limits import balanced

BUSY = """
import os, sys
d = sys.argv[1]
os.makedirs(d, exist_ok=True)
print("go", flush=True)
try:
    while True:
        with open(d + "/f", "ab") as f:
            f.write(b"line\\n")
        os.stat(d)
        os.rename(d + "/f", d + "/g")
        with open(d + "/g", "rb") as f:
            f.read()
        os.rename(d + "/g", d + "/f")
except OSError as e:
    print(e.errno, flush=True)
"""


def dead(path):
    """The errno of everything that still tries."""
    try:
        os.listdir(path)
    except OSError as e:
        return e.errno
    return 0


@pytest.mark.leaves_daemon
@pytest.mark.parametrize("who", ["worker", "keeper"])
def test_killed(mount, who):
    m = mount(options="no_takeover")
    fd = os.open(m.path / "open", os.O_CREAT | os.O_RDWR)
    os.write(fd, b"acknowledged")
    clients = [subprocess.Popen([sys.executable, "-c", BUSY, str(m.path / f"busy{n}")], stdout=subprocess.PIPE, text=True) for n in range(3)]
    try:
        for c in clients:
            assert c.stdout.readline() == "go\n"
        worker = m.worker_pid()
        os.kill(worker if who == "worker" else m.keeper, signal.SIGKILL)
        for c in clients:
            # each gets an error; the test's time limit is what a hang would meet
            assert int(c.stdout.readline()) in (errno.ENOTCONN, errno.ECONNABORTED, errno.EIO, errno.ENOENT, errno.ENODEV)
            assert c.wait() == 0
        wait_gone(worker)
        wait_gone(m.keeper)
        with pytest.raises(OSError):
            os.pwrite(fd, b"x", 0)
    finally:
        for c in clients:
            c.kill()
            c.wait()
        os.close(fd)
    # the mount is off the tree, and what was written is in the source
    wait_until(lambda: not m.mounted(), what="the mount to be gone")
    assert (m.src / "open").read_bytes() == b"acknowledged"
    assert dead(m.path) == 0


@pytest.fixture
def fusectl():
    """Mounted, as it is on most systems; root's tests have a mount namespace of their own."""
    at = "/sys/fs/fuse/connections"
    mounted = os.path.ismount(at)
    if not mounted and (os.geteuid() or subprocess.run(["mount", "-t", "fusectl", "fusectl", at], check=False).returncode):
        pytest.skip("fusectl is not mounted")
    yield
    if not mounted:
        subprocess.run(["umount", at], check=True)


def test_aborted(mount, fusectl):
    """By somebody else, through fusectl: a dead mount would be left, so it is taken away."""
    m = mount()
    (m.path / "f").write_bytes(b"x")
    assert mountinfo.abort(os.fsencode(m.path), m.device)
    wait_gone(m.keeper)
    assert not m.mounted()
    assert "event=connection_aborted" in m.log_text()
    assert not Path(m.socket).exists()


def test_terminated_while_in_use(mount):
    """SIGTERM detaches at once and serves who is inside until the last one leaves."""
    m = mount()
    (m.path / "d").mkdir()
    here = os.open(m.path / "d", os.O_RDONLY | os.O_DIRECTORY)
    fd = os.open(m.path / "f", os.O_CREAT | os.O_RDWR)
    m.terminate()
    wait_until(lambda: not m.mounted(), what="the mount to be detached")
    os.write(fd, b"still here")
    os.mkdir("sub", dir_fd=here)
    assert os.listdir(here) == ["sub"]
    assert m.process.poll() is None
    os.close(fd)
    os.close(here)
    assert m.wait_end() == 0
    assert (m.src / "f").read_bytes() == b"still here"
    assert (m.src / "d" / "sub").is_dir()


def test_unmounted(mount):
    m = mount()
    (m.path / "f").write_bytes(b"x")
    assert m.umount() == 0
    assert not Path(m.socket).exists()


def test_lifeline(mount):
    """Whoever holds the other end keeps the mount, in whatever way it dies."""
    r, w = os.pipe()
    m = mount(lifeline=r)
    os.close(r)
    (m.path / "f").write_bytes(b"x")
    os.close(w)
    assert m.wait_end() == 0
    assert not m.mounted()


def start_with_a_stopped_worker(start, tree):
    """(hrfs-fs, the descriptor of its answer, its lifeline's other end)"""
    ready, answer = os.pipe()
    lifeline, hold = os.pipe()
    p = start(
        *(build.HRFS_FS, "--foreground", "--ready", answer, "--lifeline", lifeline, "--", tree.src, tree.mnt),
        pass_fds=(answer, lifeline),
    )
    os.close(answer)
    os.close(lifeline)
    worker = wait_until(lambda: worker_of(p.pid), what="its worker")
    os.kill(worker, signal.SIGSTOP)
    return p, ready, hold, worker


def worker_of(keeper):
    for pid in processes.descendants(keeper):
        with contextlib.suppress(OSError):  # whatever mounts is gone again
            if b"--worker" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                return pid
    return None


@pytest.mark.parametrize("how", ["signal", "lifeline"])
def test_told_to_end_before_it_serves(start, tree, how):
    """Its worker hangs at something that it needs to begin."""
    if why := no_fuse():
        pytest.skip(why)
    while True:
        p, ready, hold, worker = start_with_a_stopped_worker(start, tree)
        if how == "signal":
            p.signal(signal.SIGTERM)
        else:
            os.close(hold)
        answer = json.loads(os.read(ready, 1 << 16))
        os.close(ready)
        if not answer["ok"]:
            break
        os.kill(worker, signal.SIGCONT)  # it was quicker
        p.wait()
    assert "told to end" in answer["error"]
    assert p.wait() == 1
    assert mountinfo.device_of(tree.mnt) is None
    if how == "signal":
        os.close(hold)


def test_client_killed_in_the_middle(mount):
    """Requests of a dead client are carried out or not, the mount goes on, and no node is left over."""
    m = mount()
    for n in range(20):
        p = subprocess.Popen([sys.executable, "-c", BUSY, str(m.path / f"busy{n}")], stdout=subprocess.PIPE, text=True)
        assert p.stdout.readline() == "go\n"
        p.kill()
        p.wait()
    (m.path / "after").write_bytes(b"fine")
    assert (m.path / "after").read_bytes() == b"fine"


IN_THE_MIDDLE = {
    "read": "os.pread(big, 1 << 22, 0)",
    "readdir": "os.utime('many'); os.listdir('many')",
    "rename": "os.rename(*(('a', 'b') if os.path.exists('a') else ('b', 'a')))",
    "unlink": "os.close(os.open('c', os.O_CREAT | os.O_WRONLY)); os.truncate('c', 1 << 22); os.unlink('c')",
    "fsync": "os.pwrite(big, b'y', 0); os.fsync(big)",
    "lock": "fcntl.lockf(os.open('a', os.O_RDWR), fcntl.LOCK_EX)",
}


@pytest.mark.parametrize("what", IN_THE_MIDDLE)
def test_client_killed_in_the_middle_of(mount, tree, what):
    """Killed while it waits for one of many answers: each request has its reply, and everybody else goes on."""
    (tree.src / "many").mkdir()
    for n in range(500):
        (tree.src / "many" / str(n)).touch()
    (tree.src / "a").write_bytes(b"a")
    (tree.src / "big").write_bytes(b"x" * (1 << 22))
    m = mount()
    with open(m.path / "a", "rb+") as holder:
        fcntl.lockf(holder, fcntl.LOCK_EX)
        program = f"import fcntl, os\nbig = os.open('big', os.O_RDWR)\nprint('go', flush=True)\nwhile True:\n {IN_THE_MIDDLE[what]}"
        for _ in range(3):
            p = subprocess.Popen([sys.executable, "-c", program], cwd=m.path, stdout=subprocess.PIPE, text=True)
            assert p.stdout.readline() == "go\n"
            before = m.status()["requests"]
            if what not in ("read", "lock"):  # these stay in the kernel
                wait_until(lambda: m.status()["requests"] > before, what="its requests")
            p.kill()
            assert p.wait() == -signal.SIGKILL
    wait_until(lambda: balanced(m), what="as many replies as requests")
    assert len(os.listdir(m.path / "many")) == 500
    assert (m.path / "big").read_bytes()[1:] == b"x" * ((1 << 22) - 1)
    (name,) = {"a", "b"} & set(os.listdir(m.path))
    assert (m.path / name).read_bytes() == b"a"
    with open(m.path / name, "rb+") as f:
        fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a dead client's lock is gone


def test_threads_race(mount):
    """Lookups, renames and removals of the same names from several threads: no wrong answer, no stale name."""
    m = mount()
    d = m.path
    wrong = []
    stop = threading.Event()

    def shuffle(n):
        try:
            for i in range(400):
                a, b = d / f"{n}-{i}", d / "common"
                a.write_bytes(b"%d" % n)
                os.rename(a, b)
                try:
                    if not b.read_bytes().isdigit():
                        wrong.append("content")
                    if i % 7 == 0:
                        os.unlink(b)
                except FileNotFoundError:
                    pass
        except Exception as e:
            wrong.append(repr(e))

    def look():
        while not stop.is_set():
            try:
                os.stat(d / "common")
                os.listdir(d)
            except FileNotFoundError:
                pass
            except OSError as e:
                wrong.append(repr(e))

    looker = threading.Thread(target=look)
    looker.start()
    threads = [threading.Thread(target=shuffle, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    stop.set()
    looker.join()
    assert not wrong
    assert sorted(os.listdir(d)) == sorted(os.listdir(m.src))
