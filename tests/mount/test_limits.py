"""Nothing is left without a reply: when memory, descriptors or clients are short."""

import errno
import fcntl
import os
import resource
import signal
import subprocess
import sys

import pytest

from tests.lib.wait import wait_until


def balanced(m):
    s = m.status()
    return s["requests"] and s["requests"] == s["replies"]


def test_each_request_has_its_reply(mount):
    m = mount()
    program = "import os, sys\nos.chdir(sys.argv[1])\nfor i in range(300):\n open(f'{os.getpid()}-{i % 9}', 'wb').write(b'x'); os.listdir('.'); os.rename(f'{os.getpid()}-{i % 9}', 'one')"
    running = [subprocess.Popen([sys.executable, "-c", program, m.path]) for _ in range(4)]
    for p in running:
        assert p.wait() == 0
    wait_until(lambda: balanced(m), what="as many replies as requests")
    assert "no_reply" not in m.log_text()


def limited(m, which, value):
    """A limit of the running worker; returns the one before."""
    return resource.prlimit(m.worker_pid(), which, value)


def sanitized(m):
    """By its shadow memory, which is terabytes: the run-time library may be part of the program."""
    with open(f"/proc/{m.worker_pid()}/status") as f:
        size_kb = next(int(line.split()[1]) for line in f if line.startswith("VmSize:"))
    return size_kb > 1 << 32


def everything(d, n):
    """Every kind of request once; the errnos that came."""
    seen = set()

    def do(call, *args):
        try:
            return call(*args)
        except OSError as e:
            seen.add(e.errno)

    for i in range(30):
        a, b = d / f"{n}a{i}", d / f"{n}b{i}"
        do(a.write_bytes, b"x" * 5000)
        do(a.read_bytes)
        do(os.setxattr, a, "user.x", b"y" * 1000)
        do(os.getxattr, a, "user.x")
        do(os.listxattr, a)
        do(os.listdir, d)
        do(os.mkdir, d / f"{n}d{i}")
        do(os.listdir, d / f"{n}d{i}")
        do(os.link, a, d / f"{n}l{i}")
        do(os.symlink, "a", d / f"{n}s{i}")
        do(os.readlink, d / f"{n}s{i}")
        do(os.rename, a, b)
        do(os.truncate, b, 3)
        do(os.chmod, b, 0o600)
        do(os.statvfs, b)
        do(os.unlink, b)
        do(os.rmdir, d / f"{n}d{i}")
    return seen


def test_no_descriptors_left(mount):
    m = mount()
    (m.path / "f").write_bytes(b"kept")
    before = limited(m, resource.RLIMIT_NOFILE, (8, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    assert everything(m.path, 1) <= {errno.EMFILE, errno.ENFILE, errno.ENOENT, errno.ENOMEM}
    limited(m, resource.RLIMIT_NOFILE, before)
    assert (m.path / "f").read_bytes() == b"kept"
    assert everything(m.path, 2) == set()
    assert m.umount() == 0


def test_no_memory_left(mount):
    m = mount()
    if sanitized(m):
        pytest.skip("a sanitizer ends the program when memory is short")
    (m.path / "f").write_bytes(b"kept")
    before = limited(m, resource.RLIMIT_AS, (1, resource.RLIM_INFINITY))
    assert everything(m.path, 1) <= {errno.ENOMEM, errno.ENOENT, errno.ENOSPC, errno.EMFILE}
    limited(m, resource.RLIMIT_AS, before)
    assert (m.path / "f").read_bytes() == b"kept"
    assert everything(m.path, 2) == set()
    assert m.umount() == 0


@pytest.mark.time_limit(120)
@pytest.mark.parametrize("count", [2500, pytest.param(50000, marks=pytest.mark.long)])
def test_untar_of_many_files(mount, tree, count):
    """With 1,024 descriptors for the daemon, as many systems have by default."""
    import io
    import tarfile

    archive = tree.dir / "a.tar"
    with tarfile.open(archive, "w") as t:
        for i in range(count):
            info = tarfile.TarInfo(f"d{i % 200}/s{i % 7}/f{i}")
            info.size = 20
            info.uid, info.gid = os.getuid(), os.getgid()
            info.mode = 0o444 if i % 3 else 0o644
            t.addfile(info, io.BytesIO(b"%020d" % i))
    m = mount(limits={resource.RLIMIT_NOFILE: 1024})
    subprocess.run(["tar", "xf", archive, "-C", m.path], check=True)
    subprocess.run(["tar", "df", archive, "-C", m.path], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["tar", "df", archive, "-C", tree.src], check=True, stdout=subprocess.DEVNULL)
    assert len(os.listdir(f"/proc/{m.worker_pid()}/fd")) <= 1024
    assert m.umount() == 0


def test_more_directories_moved_than_are_noted(mount, tree):
    """Who asks before that has settled is told that anything may have changed, rather than a part of it."""
    for n in range(1100):
        (tree.src / f"a{n}").mkdir()
        (tree.src / f"a{n}" / "below").touch()
    m = mount(options="settle_quiet_ms=10000,settle_cap_ms=60000")
    clock = m.clock()
    for n in range(1100):
        os.rename(m.path / f"a{n}", m.path / f"b{n}")
    answer = m.ask("query", {"since": clock, "fields": ["name"]})
    assert answer["is_fresh_instance"] or {f"b{n}/below" for n in range(1100)} <= set(answer["files"])


def test_a_lease_on_the_lower(mount, tree):
    """Who opens waits until the lease is given up, as he does without a mount."""
    m = mount()
    (tree.src / "leased").write_text("content")
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO})
    try:
        with open(tree.src / "leased", "r+") as f:
            fcntl.fcntl(f, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            reader = subprocess.Popen(["cat", m.path / "leased"], stdout=subprocess.PIPE, text=True)
            assert signal.sigtimedwait({signal.SIGIO}, 60)
            fcntl.fcntl(f, fcntl.F_SETLEASE, fcntl.F_UNLCK)
            assert (reader.communicate()[0], reader.returncode) == ("content", 0)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGIO})
