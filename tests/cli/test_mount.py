"""hrfs mount: what it does, and what it says beside."""

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from tests.lib import build, mountinfo, processes
from tests.lib.wait import wait_gone, wait_until


def worker_of(keeper):
    return next(
        pid
        for pid in processes.descendants(keeper)
        if b"--worker" in open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0")
    )


def kill_whole_mount(keeper):
    """Everybody at once: nobody is left who could unmount."""
    os.kill(keeper, signal.SIGSTOP)  # or it would see the others die
    everybody = processes.descendants(keeper)
    for pid in [*everybody, keeper]:
        os.kill(pid, signal.SIGKILL)
    for pid in [keeper, *everybody]:  # helpers end by themselves
        wait_gone(pid)


@pytest.fixture
def stander(start):
    """stander(directory, user=None) -> pid of a process that stands in it until the test ends."""

    def stand(directory, user=None):
        r = start(sys.executable, "-c", "print('there', flush=True); input()", cwd=directory, user=user, stdin=subprocess.PIPE)
        r.wait_for("there")
        return r

    return stand


def test_elsewhere(who, tree):
    (tree.src / "a").write_text("one")
    done = who("mount", tree.src, tree.mnt)
    assert f"{tree.src} is mounted on {tree.mnt}\n" in done.stdout
    assert (who.user is not None) or (tree.mnt / "a").read_text() == "one"
    assert who("umount", tree.mnt).stderr == ""
    assert not who.is_mounted(tree.mnt)


def test_in_place(who, tree):
    (tree.src / "a").write_text("one")
    done = who("mount", ".", cwd=tree.src)
    assert f"{tree.src} is mounted over itself\n" in done.stdout
    assert who.is_mounted(tree.src)
    assert who.json("status", tree.src)["here"]["mountpoint"] == str(tree.src)
    who("umount", tree.src)
    assert not who.is_mounted(tree.src)
    assert (tree.src / "a").read_text() == "one"


def test_json(who, tree):
    told = who.mount(tree.src, tree.mnt)
    assert told["ok"] is True
    assert told["mountpoint"] == str(tree.mnt)
    assert told["device"] == mountinfo.device_of(tree.mnt)
    assert os.path.exists(told["socket"]) and os.path.exists(told["log"])
    assert processes.alive(told["pid"])
    assert isinstance(told["notes"], list)


def test_daemon_is_on_its_own(cli, tree):
    """Neither the session nor the directory of who started it."""
    keeper = cli.mount(".", cwd=tree.src)["pid"]
    assert os.getsid(keeper) == keeper
    for pid in (keeper, worker_of(keeper)):
        assert os.readlink(f"/proc/{pid}/cwd") == "/"


def test_source_by_a_link(cli, tree):
    link = tree.dir / "link"
    link.symlink_to(tree.src)
    assert cli.mount(link)["mountpoint"] == str(tree.src)
    assert cli.json("status", link)["here"]["source"] == str(tree.src)
    cli.umount(link)


def test_awkward_names(cli, tree):
    src = tree.dir / "a b,c\\d\n\xe4"
    mnt = tree.dir / "m n,o\\p"
    src.mkdir()
    mnt.mkdir()
    (src / "f").write_text("x")
    cli("mount", src, mnt)
    assert (mnt / "f").read_text() == "x"
    assert "a b,c" in cli("status", mnt).stdout
    cli.umount(mnt)


def test_options_are_passed_on(cli, tree):
    cli("mount", "-o", "ro", "-onoexec", tree.src, tree.mnt)
    with pytest.raises(OSError, match="Read-only"):
        (tree.mnt / "x").touch()
    assert os.statvfs(tree.mnt).f_flag & os.ST_NOEXEC
    cli.umount(tree.mnt)


@pytest.mark.parametrize("options", ["upper=x", "nonsense", "threads=many"])
def test_unknown_options(cli, tree, options):
    done = cli("mount", "-o", options, tree.src, tree.mnt, status=2)
    assert options.split("=")[0] in done.stderr
    assert not cli.is_mounted(tree.mnt)
    assert "unknown option --upper" in cli("mount", "--upper", tree.dir, tree.src, tree.mnt, status=2).stderr


# ---- who may enter ----


def conf_allows():
    try:
        lines = open("/etc/fuse.conf").read().split("\n")
    except FileNotFoundError:
        return False
    return any(line.partition("#")[0].strip() == "user_allow_other" for line in lines)


def test_others_may_enter_by_default(cli, tree):
    if os.geteuid() and not conf_allows():
        pytest.skip("needs root, or user_allow_other in /etc/fuse.conf")
    told = cli.mount(tree.src, tree.mnt)
    assert told["allow_other"] is True
    assert not any("only you" in note for note in told["notes"])


def test_noallow_other_is_said_first(who, tree):
    done = who("mount", "-o", "noallow_other", tree.src, tree.mnt)
    first = done.stderr.split("\n")[0]
    assert "only you can enter" in first and "root, sudo, docker" in first and "-o noallow_other" in first


def test_user_without_fuse_conf(user_cli, tree):
    if conf_allows():
        pytest.skip("/etc/fuse.conf has user_allow_other")
    first = user_cli("mount", tree.src, tree.mnt).stderr.split("\n")[0]
    assert "only you can enter" in first
    assert "echo user_allow_other | sudo tee -a /etc/fuse.conf" in first
    user_cli.umount(tree.mnt)
    done = user_cli("mount", "-o", "allow_other", tree.src, tree.mnt, status=1)
    assert "user_allow_other" in done.stderr and "sudo tee -a" in done.stderr


@pytest.mark.parametrize(
    "text, allowed",
    [
        ("user_allow_other\n", True),
        ("  user_allow_other  # yes\n", True),
        ("mount_max = 500\nuser_allow_other\n", True),
        ("mount_max = 500\nuser_allow_other", False),
        ("#user_allow_other\n", False),
        ("user_allow_other = 1\n", False),
        ("user_allow_others\n", False),
        ("", False),
    ],
)
def test_fuse_conf_is_read_as_fusermount3_does(user_cli, tree, text, allowed):
    """In a mount namespace with another /etc/fuse.conf; what fusermount3 makes of it decides."""
    if os.geteuid():
        pytest.skip("needs root, for a mount namespace")
    conf = tree.dir / "fuse.conf"
    conf.write_text(text)
    script = f"mount --bind {conf} /etc/fuse.conf && exec setpriv --reuid {user_cli.user.uid} --regid {user_cli.user.gid} --clear-groups {build.HRFS}"
    script = f"{script[:-len(str(build.HRFS))]}sh -c '{build.HRFS} mount --json {tree.src} {tree.mnt} && {build.HRFS} umount {tree.mnt}'"
    if not os.path.exists("/etc/fuse.conf"):
        pytest.skip("there is no /etc/fuse.conf to cover")
    done = subprocess.run(
        ["unshare", "-m", "--propagation", "private", "sh", "-c", script],
        env={**os.environ, **user_cli.env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f'"allow_other":{str(allowed).lower()}' in done.stdout


# ---- what is said beside ----


def test_who_stood_there_before_is_listed_once(cli, tree, stander):
    r = stander(tree.src)
    line = next(line for line in cli("mount", tree.src).stderr.splitlines() if "cd ." in line)
    assert f"({r.pid})" in line
    assert str(os.getpid()) not in line
    cli.umount(tree.src)
    # elsewhere nobody is in the way
    assert "cd ." not in cli("mount", tree.src, tree.mnt).stderr


def test_inside_a_git_work_tree(who, tree):
    repo = tree.dir / "repo"
    mnt = repo / "deep" / "m?t"
    mnt.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", repo], check=True)
    who.own(repo, repo / ".git", repo / ".git" / "info", repo / ".git/info/exclude", repo / "deep", mnt)
    exclude = repo / ".git/info/exclude"
    before = exclude.read_bytes()
    told = who.mount(tree.src, mnt)
    assert any(str(exclude) in note and "git add" in note for note in told["notes"])
    assert b"/deep/m\\?t/\n" in exclude.read_bytes()
    (tree.src / "a").write_text("x")
    status = subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", repo, "status", "--porcelain"], capture_output=True, text=True, check=True
    )
    assert status.stdout == ""
    who.umount(mnt)
    assert exclude.read_bytes() == before


def test_exclude_line_goes_with_a_terminated_daemon(cli, tree):
    subprocess.run(["git", "init", "-q", tree.dir], check=True)
    exclude = tree.dir / ".git/info/exclude"
    before = exclude.read_bytes()
    told = cli.mount(tree.src, tree.mnt)
    assert exclude.read_bytes() != before
    os.kill(told["pid"], signal.SIGTERM)
    wait_gone(told["pid"])
    assert exclude.read_bytes() == before


def test_exclude_line_goes_with_a_dead_mount(cli, tree):
    subprocess.run(["git", "init", "-q", tree.dir], check=True)
    exclude = tree.dir / ".git/info/exclude"
    before = exclude.read_bytes()
    kill_whole_mount(cli.mount(tree.src, tree.mnt)["pid"])
    assert exclude.read_bytes() != before
    cli.umount(tree.mnt)
    assert exclude.read_bytes() == before


def test_in_place_nothing_is_excluded(cli, tree):
    subprocess.run(["git", "init", "-q", tree.src], check=True)
    before = (tree.src / ".git/info/exclude").read_bytes()
    assert not [note for note in cli.mount(tree.src)["notes"] if "git" in note]
    assert (tree.src / ".git/info/exclude").read_bytes() == before


@pytest.mark.parametrize("marker", ["go.mod", "package.json", ".git"])
def test_projects_root_is_the_thing_to_mount(cli, tree, marker):
    (tree.dir / marker).mkdir() if marker == ".git" else (tree.dir / marker).touch()
    inner = tree.src / "cmd"
    inner.mkdir()
    notes = cli.mount(inner)["notes"]
    (note,) = [n for n in notes if "the project's root" in n]
    assert note.startswith(f"{marker} lies in {tree.dir}") and note.endswith(f"hrfs mount {tree.dir}")
    cli.umount(inner)
    assert ("git does not find it" in note) == (marker == ".git")
    (tree.src / ".git").mkdir()
    notes = cli.mount(tree.src)["notes"]
    assert not [n for n in notes if "the project's root" in n], "a repository of its own"


# ---- dead mounts ----


@pytest.mark.parametrize("in_place", [False, True])
def test_dead_mount_is_replaced(who, tree, in_place):
    words = [tree.src] if in_place else [tree.src, tree.mnt]
    (tree.src / "a").write_text("one")
    kill_whole_mount(who.mount(*words)["pid"])
    with pytest.raises(OSError, match="not connected|Permission"):
        os.listdir(words[-1])
    told = who.mount(*words)
    assert any("dead mount" in note and "replaced" in note for note in told["notes"])
    assert who.json("status", words[-1])["here"]["pid"] == told["pid"]
    who.umount(words[-1])
    assert not who.is_mounted(words[-1])


def test_from_inside_a_dead_mount(cli, tree):
    """The working directory is dead: nothing hangs, and everything says so."""
    (tree.src / "d").mkdir()
    keeper = cli.mount(tree.src, tree.mnt)["pid"]
    os.chdir(tree.mnt / "d")
    kill_whole_mount(keeper)
    for command in ("clock", "wait", "log", "why", "get-sockname"):
        done = cli(command, status=3)
        assert "dead" in done.stderr and "hrfs umount --lazy" in done.stderr, command
    assert "dead" in cli("status").stdout
    assert "event=serving" in cli("log", "--daemon").stdout
    assert "is dead" in cli("mount", ".", status=1).stderr
    cli("umount")
    os.chdir("/")
    assert not cli.is_mounted(tree.mnt)


# ---- in the foreground ----


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_foreground_ends_by_a_signal(cli, tree, start, number):
    r = start(build.HRFS, "mount", "-f", tree.src, tree.mnt)
    r.wait_for("event=serving")
    r.signal(number)
    assert r.wait() == 0
    assert not cli.is_mounted(tree.mnt)


def test_foreground_ends_by_ctrl_c(cli, tree, start):
    r = start(build.HRFS, "mount", "-f", tree.src, tree.mnt, terminal=True)
    r.wait_for("event=serving")
    r.write("\x03")
    assert r.wait() == 0
    assert not cli.is_mounted(tree.mnt)


def test_foreground_ends_by_umount(cli, tree, start):
    r = start(build.HRFS, "mount", "-f", tree.src, tree.mnt)
    r.wait_for("is mounted on")
    cli.umount(tree.mnt)
    assert r.wait() == 0


@pytest.fixture
def small_disk(tree):
    """A directory on a file system with room for some pages."""
    if os.geteuid():
        pytest.skip("needs root, to mount a small file system")
    at = tree.dir / "small"
    at.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k,mode=700", "tmpfs", at]).returncode:
        pytest.skip("this root may not mount a file system")
    yield at
    subprocess.run(["umount", "-l", at], check=True)


def fill(path):
    with open(path, "ab", buffering=0) as f, contextlib.suppress(OSError):
        while True:
            f.write(b"x" * 512)


def test_the_disk_of_its_log_is_full(cli, tree, small_disk):
    """The mount goes on, its workers die and are replaced, and later one line says what is missing."""
    cli.env = {"XDG_RUNTIME_DIR": str(small_disk)}
    keeper = cli.mount(tree.src, tree.mnt)["pid"]
    (log,) = (small_disk / "hrfs").glob("*.log")
    fill(small_disk / "filler")
    fill(log)  # there was room on its last page
    before = log.read_text()
    for i in range(3):
        worker = worker_of(keeper)
        os.kill(worker, signal.SIGKILL)
        (tree.mnt / f"f{i}").write_text("written")
        wait_gone(worker)
    assert log.read_text() == before
    (small_disk / "filler").unlink()
    os.kill(worker_of(keeper), signal.SIGKILL)
    (tree.mnt / "f3").write_text("written")
    wait_until(lambda: "event=log_lines_lost count=" in log.read_text(), what="what is missing to be said")
    assert log.read_text().startswith(before)
    assert sorted(os.listdir(tree.src)) == [f"f{i}" for i in range(4)]
    cli("status", tree.mnt)
    cli("umount", tree.mnt)
