"""The form in which mount(8) and file-system test suites call hrfs: silent, and with standard options."""

import errno
import os
import shutil
import subprocess

import pytest

from tests.cli.test_mount import kill_whole_mount
from tests.lib import build
from tests.lib.users import run_as


def test_first_word_may_be_anything(who, tree):
    (tree.src / "a").write_text("x")
    for name in ("name", "mount", "run", "status"):
        done = who(name, tree.mnt, "-o", f"rw,nosuid,nodev,source={tree.src}")
        assert (done.stdout, done.stderr) == ("", "")
        assert who.is_mounted(tree.mnt)
        fsname = next(line.split(" - ")[1].split()[1] for line in open("/proc/self/mountinfo") if f" {tree.mnt} " in line)
        assert fsname == name
        who("umount", tree.mnt)


def test_options_first(who, tree):
    """As a wrapper that knows of the name only calls it: hrfs -ofsname="$@"."""
    (tree.src / "a").write_text("x")
    for words in (["-ofsname=name", tree.mnt, "-o", f"rw,source={tree.src}"], ["-o", "rw,fsname=name", tree.src, tree.mnt]):
        done = who(*words)
        assert (done.stdout, done.stderr) == ("", "")
        assert (run_as(who.user, lambda: os.listdir(tree.mnt)) if who.user else os.listdir(tree.mnt)) == ["a"]
        assert any(f" {tree.mnt} " in line and " - fuse.hrfs name " in line for line in open("/proc/self/mountinfo"))
        who("umount", tree.mnt)
    assert "source=SRC" in who("-ofsname=name", tree.mnt, status=2).stderr
    assert "source=SRC" in who("-o", "ro", "a", "b", "c", status=2).stderr


def test_type_without_a_name(who, tree):
    """Test suites look for the type fuse, as that of daemons that say nothing of themselves."""
    assert who("name", tree.mnt, "-o", f"source={tree.src},subtype=").stderr == ""
    assert any(f" {tree.mnt} " in line and " - fuse name " in line for line in open("/proc/self/mountinfo"))
    who("umount", tree.mnt)


def test_source_is_the_first_word(cli, tree):
    done = cli(tree.src, tree.mnt, "-o", "ro")
    assert (done.stdout, done.stderr) == ("", "")
    assert os.statvfs(tree.mnt).f_flag & os.ST_RDONLY
    cli("umount", tree.mnt)


def test_options_of_mount_itself_are_taken(cli, tree):
    options = "defaults,auto,noauto,user,nouser,users,_netdev,nofail,x-systemd.automount,comment=x,rw,suid,dev,exec,noatime"
    assert cli("name", tree.mnt, "-o", f"{options},fsname=other,source={tree.src}").stderr == ""
    assert any(f" {tree.mnt} " in line and " other " in line for line in open("/proc/self/mountinfo"))
    cli("umount", tree.mnt)


def test_flags_of_mount_are_the_mounts(who, tree):
    assert who("name", tree.mnt, "-o", f"sync,dirsync,nodiratime,lazytime,strictatime,mand,iversion,silent,source={tree.src}").stderr == ""
    line = next(line for line in open("/proc/self/mountinfo") if f" {tree.mnt} " in line)
    assert {"sync", "dirsync"} <= set(line.split(" - ")[1].split()[2].split(",")) 
    by_root = who.user is None and os.geteuid() == 0  # not all versions of fusermount3 know it
    assert ("nodiratime" in line.split()[5]) == by_root
    who("umount", tree.mnt)
    assert who("name", tree.mnt, "-o", f"sync,async,nodiratime,diratime,source={tree.src}").stderr == ""
    assert not any(f" {tree.mnt} " in line and ("sync" in line or "nodiratime" in line) for line in open("/proc/self/mountinfo"))
    who("umount", tree.mnt)


def test_several_lists_and_commas_in_names(cli, tree):
    src = tree.dir / "a,b"
    src.mkdir()
    (src / "f").touch()
    assert cli("n,m", tree.mnt, "-n", "-o", "ro", "-o", "source=" + str(src).replace(",", "\\,"), status=None).returncode in (0, 2)
    if cli.is_mounted(tree.mnt):
        assert os.listdir(tree.mnt) == ["f"]
        cli("umount", tree.mnt)


def test_in_place_with_options_is_the_command(cli, tree):
    done = cli("mount", tree.src, "-o", "ro")
    assert "mounted over itself" in done.stdout
    cli("umount", tree.src)


def test_errors_are_said(cli, tree):
    done = cli("name", tree.mnt, "-o", f"source={tree.dir}/no", status=1)
    assert "no such directory" in done.stderr
    assert "nonsense" in cli(tree.src, tree.mnt, "-o", "nonsense", status=2).stderr
    assert not cli.is_mounted(tree.mnt)


def test_dead_mount_is_replaced_in_silence(cli, tree):
    kill_whole_mount(cli.mount(tree.src, tree.mnt)["pid"])
    assert cli("name", tree.mnt, "-o", f"source={tree.src}").stderr == ""
    cli("umount", tree.mnt)


def test_remount(cli, tree):
    """`mount -o remount,ro` hands over what the mount has as well: what is not said is off."""
    if os.geteuid():
        pytest.skip("needs root: fusermount3 remounts nothing")
    (tree.src / "f").write_text("before")
    assert cli("name", tree.mnt, "-o", f"noexec,noatime,source={tree.src}").stderr == ""
    kept = os.ST_NOEXEC | os.ST_NOSUID | os.ST_NODEV | os.ST_NOATIME
    assert cli("name", tree.mnt, "-o", f"ro,remount,noexec,noatime,source={tree.src},user_id=0,allow_other").stderr == ""
    assert os.statvfs(tree.mnt).f_flag & (kept | os.ST_RDONLY) == kept | os.ST_RDONLY
    with pytest.raises(OSError) as e:
        (tree.mnt / "f").write_text("refused")
    assert e.value.errno == errno.EROFS
    assert cli("-o", "remount,rw,relatime", tree.mnt).stderr == ""
    assert os.statvfs(tree.mnt).f_flag & (kept | os.ST_RDONLY) == os.ST_NOSUID | os.ST_NODEV
    (tree.mnt / "f").write_text("after")
    assert (tree.src / "f").read_text() == "after"
    cli("umount", tree.mnt)
    assert "nothing is mounted there" in cli("name", tree.mnt, "-o", "remount,ro", status=1).stderr


@pytest.mark.parametrize("words", [["{src}", "{mnt}"], ["-o", "ro", "{src}", "{mnt}"], ["name", "{mnt}", "-o", "source={src}"]])
def test_mount_of_the_system(cli, tree, words):
    """In a mount namespace where hrfs is in /usr/local/bin: mount(8) clears PATH."""
    if os.geteuid() or not shutil.which("mount.fuse3", path="/usr/sbin:/sbin"):
        pytest.skip("needs root and mount.fuse3")
    (tree.src / "a").touch()
    bin_dir = tree.dir / "bin"
    bin_dir.mkdir()
    (bin_dir / "hrfs").symlink_to(build.HRFS)
    words = " ".join(w.format(src=tree.src, mnt=tree.mnt) for w in words)
    script = f"""
        mount --bind {bin_dir} /usr/local/bin
        mount -t fuse.hrfs {words}
        ls {tree.mnt}
        /usr/local/bin/hrfs clock {tree.mnt} >&2
        umount {tree.mnt}
        ls {tree.mnt}
    """
    done = subprocess.run(
        ["unshare", "-m", "--propagation", "private", "sh", "-ec", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "a\n"), done.stderr
    assert done.stderr.startswith("c:") and done.stderr.count("\n") == 1
