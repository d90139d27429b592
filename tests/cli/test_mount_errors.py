"""Each way in which a mount cannot be made, really provoked: one line that says what to do, and no mount."""

import os
import shutil
import subprocess

import pytest

from tests.cli.test_mount import kill_whole_mount
from tests.lib import build, mountinfo
from tests.lib.wait import wait_until


def refused(cli, *args, status=1, **more):
    """The one line that it says."""
    before = len(mountinfo.mounts())
    done = cli("mount", *args, status=status, **more)
    assert done.stdout == ""
    assert done.stderr.startswith("hrfs: ") and done.stderr.count("\n") == 1, done.stderr
    assert len(mountinfo.mounts()) == before
    return done.stderr


def in_namespace(cli, prepare, *args):
    """hrfs in a mount namespace of its own, prepared by a line of shell."""
    if os.geteuid():
        pytest.skip("needs root, for a mount namespace")
    become = [] if cli.user is None else [f"--reuid={cli.user.uid}", f"--regid={cli.user.gid}", "--clear-groups"]
    script = f'{prepare} && exec setpriv {" ".join(become) or "--no-new-privs"} "$@"'
    return subprocess.run(
        ["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh", build.HRFS, *args],
        env={**os.environ, **cli.env},
        capture_output=True,
        text=True,
        check=False,
    )


# ---- the two directories ----


def test_source_missing(who, tree):
    assert "there is no such directory" in refused(who, tree.dir / "no", tree.mnt)
    assert "there is no such directory" in refused(who, tree.dir / "no")


def test_source_is_a_file(who, tree):
    (tree.src / "main.go").touch()
    line = refused(who, tree.src / "main.go", tree.mnt)
    assert "is not a directory" in line and line.endswith(f"hrfs mount {tree.src}\n")


def test_source_unreadable(user_cli, tree):
    for mode in (0o000, 0o400, 0o100):
        tree.src.chmod(mode)
        line = refused(user_cli, tree.src, tree.mnt)
        assert "you may not read it" in line and "ls -ld" in line, oct(mode)
    tree.src.chmod(0o755)


def test_mountpoint_missing(who, tree):
    line = refused(who, tree.src, tree.dir / "no such")
    assert line.endswith(f"mkdir -p '{tree.dir}/no such'\n")


def test_mountpoint_is_a_file(who, tree):
    (tree.dir / "f").touch()
    assert "is not a directory" in refused(who, tree.src, tree.dir / "f")


def test_mountpoint_beyond_a_closed_directory(user_cli, tree):
    closed = tree.dir / "closed"
    (closed / "m").mkdir(parents=True)
    closed.chmod(0o600)
    assert "you may not go there" in refused(user_cli, tree.src, closed / "m")


def test_mountpoint_of_another_user(user_cli, tree):
    foreign = "/usr"
    assert "he may write to" in refused(user_cli, tree.src, foreign)
    assert "he may write to" in refused(user_cli, foreign)


def test_mountpoint_sticky(user_cli, tree):
    shared = next(d for d in ("/tmp", "/var/tmp", "/dev/shm") if not str(tree.dir).startswith(d + "/"))
    line = refused(user_cli, tree.src, shared)
    assert "sticky" in line and f"mkdir {shared}/hrfs" in line


def test_mountpoint_inside_source(who, tree):
    inner = tree.src / "a" / "b"
    inner.mkdir(parents=True)
    line = refused(who, tree.src, inner)
    assert "lies inside" in line and line.endswith(f"hrfs mount {tree.src}\n")


def test_source_inside_mountpoint(who, tree):
    inner = tree.src / "a" / "b"
    inner.mkdir(parents=True)
    who.own(inner)
    line = refused(who, inner, tree.src)
    assert "would hide" in line and line.endswith(f"hrfs mount {inner}\n")


def test_inside_by_another_name(cli, tree):
    """A bind mount of the source: the same directory, whatever its path."""
    if os.geteuid():
        pytest.skip("needs root")
    (tree.src / "a").mkdir()
    subprocess.run(["mount", "--bind", tree.src, tree.mnt], check=True)
    assert "lies inside" in refused(cli, tree.src, tree.mnt / "a")
    mountinfo.detach(os.fsencode(tree.mnt))


def test_already_mounted(who, tree):
    who("mount", tree.src, tree.mnt)
    line = refused(who, tree.src, tree.mnt)
    assert f"already mounted, from {tree.src}" in line and line.endswith(f"hrfs umount {tree.mnt}\n")
    other = tree.dir / "other"
    other.mkdir()
    assert f"from {tree.src}" in refused(who, other, tree.mnt)
    who("umount", tree.mnt)
    who("mount", tree.src)
    assert "already mounted" in refused(who, tree.src)
    if who.user is None:
        assert "already mounted" in refused(who, ".", cwd=tree.src)


def test_already_mounted_by_another_user(user_cli, hrfs, tree):
    if user_cli.user is None:
        pytest.skip("needs root, to become another user")
    user_cli("mount", tree.src, tree.mnt)
    done = hrfs("mount", tree.src, tree.mnt, status=1)
    assert "already mounted" in done.stderr and str(tree.src) in done.stderr


def test_source_in_a_dead_mount(cli, tree):
    (tree.src / "d").mkdir()
    kill_whole_mount(cli.mount(tree.src, tree.mnt)["pid"])
    line = refused(cli, tree.mnt / "d")
    assert "is dead" in line and line.endswith(f"hrfs umount --lazy {tree.mnt}\n")


def test_dead_mount_of_something_else(cli, tree):
    """Only what is ours is replaced."""
    if not shutil.which("bindfs"):
        pytest.skip("needs bindfs")
    daemon = subprocess.Popen(["bindfs", "-f", "--no-allow-other", tree.src, tree.mnt])
    wait_until(lambda: mountinfo.device_of(tree.mnt))
    daemon.kill()
    daemon.wait()
    line = refused(cli, tree.src, tree.mnt)
    assert "a dead mount (fuse" in line and f"fusermount3 -uz {tree.mnt}" in line


# ---- the machine ----

NO_DEV = "mount -t tmpfs -o dev tmpfs /dev && mknod -m 666 /dev/null c 1 3"


def test_no_device(who, tree):
    done = in_namespace(who, NO_DEV, "mount", tree.src, tree.mnt)
    assert done.returncode == 1
    assert "/dev/fuse: No such file" in done.stderr and "sudo modprobe fuse" in done.stderr
    assert "--device /dev/fuse --cap-add SYS_ADMIN" in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_right_to_the_device(user_cli, tree):
    prepare = f"{NO_DEV} && mknod -m 600 /dev/fuse c 10 229"
    done = in_namespace(user_cli, prepare, "mount", tree.src, tree.mnt)
    assert done.returncode == 1
    assert done.stderr == "hrfs: /dev/fuse: you may not use it; sudo chmod 666 /dev/fuse\n"
    done = in_namespace(user_cli, f"{NO_DEV} && mknod -m 660 /dev/fuse c 10 229 && chgrp 12 /dev/fuse", "mount", tree.src, tree.mnt)
    assert done.returncode == 1
    assert "only group 12" in done.stderr


def test_device_without_a_driver(cli, tree):
    prepare = f"{NO_DEV} && mknod -m 666 /dev/fuse c 240 77"
    done = in_namespace(cli, prepare, "mount", tree.src, tree.mnt)
    assert done.returncode == 1
    assert "sudo modprobe fuse" in done.stderr


def test_no_fusermount3(user_cli, tree):
    line = refused(user_cli, tree.src, tree.mnt, env={"PATH": str(tree.dir)})
    assert "fusermount3 is missing" in line and "apt install fuse3" in line


def test_fusermount3_without_its_right(user_cli, tree):
    """Copied, so not setuid any more."""
    shutil.copy(shutil.which("fusermount3"), tree.dir / "fusermount3")
    (tree.dir / "fusermount3").chmod(0o755)
    line = refused(user_cli, tree.src, tree.mnt, env={"PATH": str(tree.dir)})
    assert "Operation not permitted" in line and "chmod u+s" in line


def test_root_without_the_capability(cli, tree):
    if os.geteuid():
        pytest.skip("needs root")
    done = subprocess.run(
        ["setpriv", "--bounding-set=-sys_admin", build.HRFS, "mount", tree.src, tree.mnt], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Operation not permitted" in done.stderr
    assert "CAP_SYS_ADMIN" in done.stderr and "--cap-add SYS_ADMIN" in done.stderr


def test_installation_that_is_not_whole(cli, tree):
    line = refused(cli, tree.src, tree.mnt, env={"HRFS_LIBEXECDIR": str(tree.dir)})
    assert f"{tree.dir}/hrfs-fs" in line


def test_daemon_that_dies_at_once(cli, tree):
    false = tree.dir / "hrfs-fs"
    false.symlink_to(shutil.which("false"))
    assert "ended before it had begun" in refused(cli, tree.src, tree.mnt, env={"HRFS_LIBEXECDIR": str(tree.dir)})
    false.unlink()
    false.write_text("no program")
    false.chmod(0o755)
    assert "cannot be executed" in refused(cli, tree.src, tree.mnt, env={"HRFS_LIBEXECDIR": str(tree.dir)})


def test_too_many_mounts(user_cli, tree):
    conf = tree.dir / "fuse.conf"
    conf.write_text("mount_max = 0\n")
    done = in_namespace(user_cli, f"mount --bind {conf} /etc/fuse.conf", "mount", tree.src, tree.mnt)
    assert done.returncode == 1
    assert "too many FUSE" in done.stderr and "mount_max" in done.stderr

