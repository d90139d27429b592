"""Everybody who could answer is killed at once: no client may hang, and no dead mount is left."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from tests.lib import processes, threads
from tests.lib.running import identity
from tests.lib.wait import wait_gone, wait_until

READ = """
import os, sys
fd = os.open("f", os.O_RDONLY)
print("go", flush=True)
input()
try:
    os.read(fd, 4096)
    print(0)
except OSError as e:
    print(e.errno)
"""
APPEND = READ.replace("O_RDONLY", "O_WRONLY | os.O_APPEND").replace("os.read(fd, 4096)", "os.write(fd, b'end')")
ENDED = (errno.ENOTCONN, errno.ECONNABORTED, errno.EIO, errno.ENODEV)


@pytest.fixture(params=["same", "ordinary"])
def user(request):
    """Whose daemon it is: that of whoever runs the tests, or an ordinary user's, who may not abort a connection."""
    return None if request.param == "same" else request.getfixturevalue("other")


def name_of(pid):
    with open(f"/proc/{pid}/comm") as f:
        return f.read().strip()


def whole_mount(m):
    """[standby, worker, keeper], and the process that is there to survive them."""
    below = processes.descendants(m.keeper)
    workers = sorted(pid for pid in below if "--worker" in processes.command(pid).split())
    return [*workers[::-1], m.keeper], next(pid for pid in below if name_of(pid) == "hrfs-last")


def client(where, program, user=None):
    program = f"import os; os.chdir({str(where)!r})\n{program}"
    p = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **identity(user))
    assert p.stdout.readline() == "go\n"
    return p


def go(client):
    client.stdin.write("\n")
    client.stdin.flush()


def told(client):
    """The errno that it has got in the end; the test's time limit is what a hang would meet."""
    answer = int(client.stdout.readline())
    client.wait()
    return answer


def all_is_over(m):
    wait_until(lambda: not m.mounted(), what="the mount to be gone")
    assert os.listdir(m.path) == []


@pytest.mark.leaves_daemon
def test_while_a_notice_waits(mount, tree, user):
    """The notice waits for a page that a client's READ has locked, and no one has read that READ."""
    if "without=" in os.environ.get("HRFS_TEST_OPTIONS", ""):
        pytest.skip("without explicit_inval the kernel asks for attributes before it locks a page")
    (tree.src / "f").write_bytes(b"x" * (1 << 20))
    os.chmod(tree.src / "f", 0o666)
    m = mount(options="sole_writer", user=user)
    reader = client(m.path, READ, user)
    writer = client(m.path, APPEND, user)
    worker = m.worker_pid()
    notifier = min(threads.of(worker), key=lambda t: threads.descriptors(worker, t))
    threads.stop(notifier)
    with open(tree.src / "f", "ab") as behind:
        behind.write(b"behind the mount")
    go(writer)  # not where the kernel thinks: it is to be told
    assert told(writer) == 0
    rest = [t for t in threads.of(worker) if t != notifier]
    for t in rest:
        threads.stop(t)
    go(reader)
    wait_until(lambda: threads.state(reader.pid) == "D", what="a page that waits to be read")
    threads.go_on(notifier)
    wait_until(lambda: threads.state(worker, notifier) == "D", what="a notice that waits for the page")
    dead, last = whole_mount(m)
    assert len(dead) == 3
    os.kill(m.keeper, signal.SIGSTOP)
    threads.kill(dead)
    assert told(reader) in ENDED
    threads.reap(rest)
    for pid in [*dead, last]:
        wait_gone(pid)
    all_is_over(m)


BUSY = """
import os
print("go", flush=True)
input()
try:
    while True:
        with open("f", "ab") as f:
            f.write(b"line")
        with open("f", "rb") as f:
            f.read()
        os.rename("f", "g")
        os.rename("g", "f")
except OSError as e:
    print(e.errno)
"""


@pytest.mark.leaves_daemon
def test_under_load(mount):
    m = mount()
    (m.path / "f").write_bytes(b"")
    clients = []
    for name in "abc":
        (m.path / name).mkdir()
        clients.append(client(m.path / name, BUSY))
        go(clients[-1])
    wait_until(lambda: m.status()["requests"] > 200, what="load")
    dead, _ = whole_mount(m)
    os.kill(m.keeper, signal.SIGSTOP)
    threads.kill(dead)
    for c in clients:
        assert told(c) in (*ENDED, errno.ENOENT)
    all_is_over(m)
    again = mount()  # at the same place
    assert sorted(os.listdir(again.path)) == ["a", "b", "c", "f"]
