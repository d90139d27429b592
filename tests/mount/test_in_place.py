"""What a mount needs of its own must not be looked for through it while nobody answers there."""

import os
import resource
import shutil
import signal

import pytest

from tests.lib import build
from tests.lib.mount import MountFailed
from tests.lib.wait import wait_until


def test_over_its_own_programs(mount, tree, monkeypatch):
    """The tree has hrfs's own build in it: the helper is started anyway, also after a worker's death."""
    programs = tree.src / "build"
    (programs / "meson-private").mkdir(parents=True)
    (programs / "fs" / "git").mkdir(parents=True)
    own = shutil.copy(build.HRFS_FS, programs / "fs" / "hrfs-fs")
    shutil.copy(build.HRFS_FS.parent / "git" / "hrfs-git", programs / "fs" / "git" / "hrfs-git")
    monkeypatch.delenv("HRFS_LIBEXECDIR", raising=False)
    monkeypatch.setattr(build, "HRFS_FS", own)
    m = mount(mnt=tree.src)
    wait_until(lambda: m.status()["git"]["helper"] == "running", what="hrfs-git")
    os.kill(m.worker_pid(), signal.SIGKILL)
    assert "build" in os.listdir(tree.src)
    wait_until(lambda: m.status()["git"]["helper"] == "running", what="hrfs-git again")


def test_over_its_own_socket(mount, tree, monkeypatch):
    (tree.src / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tree.src / "run"))
    with pytest.raises(MountFailed, match="XDG_RUNTIME_DIR"):
        mount(mnt=tree.src)


def test_more_victims_than_the_soft_limit(mount):
    """The worker raises its limit of descriptors, and the keeper has a copy of each."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] < 4096:
        pytest.skip("a higher hard limit is wanted")
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, before[1]))
    try:
        m = mount()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    open_files = []
    for i in range(150):
        (m.path / "f").write_bytes(b"%d" % i)
        open_files.append(os.open(m.path / "f", os.O_RDONLY))
        os.unlink(m.path / "f")
    os.kill(m.worker_pid(), signal.SIGKILL)
    for i, fd in enumerate(open_files):
        assert os.pread(fd, 9, 0) == b"%d" % i
        os.close(fd)


def test_detached_where_it_has_gone(mount, tree):
    """The directory above the mountpoint has been renamed: nothing is left at the new place either."""
    above = tree.dir / "above"
    (above / "mnt").mkdir(parents=True)
    m = mount(mnt=above / "mnt")
    moved = above.rename(tree.dir / "moved") / "mnt"
    assert os.path.ismount(moved)
    os.kill(m.process.pid, signal.SIGTERM)
    assert m.process.wait(10) == 0
    assert not os.path.ismount(moved)
