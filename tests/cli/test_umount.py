"""hrfs umount: who is inside, what becomes of services and daemons, and what nobody answers for any more."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from tests.cli.test_mount import kill_whole_mount, worker_of
from tests.lib import build, processes
from tests.lib.wait import wait_gone, wait_until

STAND = "import sys; print('there', flush=True); sys.stdin.read()"


@pytest.fixture
def inside(start):
    """inside(code, directory) -> a process that runs the code and stays until the test ends it."""

    def run(code, cwd="/", **more):
        r = start(sys.executable, "-c", f"import mmap, os\n{code}\n{STAND}", cwd=cwd, stdin=subprocess.PIPE, **more)
        r.wait_for("there")
        return r

    return run


def test_daemon_is_gone_and_changes_are_published(who, tree):
    told = who.mount(tree.src, tree.mnt)
    worker = worker_of(told["pid"])
    if who.user is None:
        (tree.mnt / "a").write_text("x")
    who("umount", tree.mnt)
    assert not processes.alive(told["pid"]) and not processes.alive(worker)
    assert not os.path.exists(told["socket"])
    assert os.path.exists(told["log"])
    assert not list(who.run_dir.glob("*.json"))


def test_taken_away_by_another_meanwhile(user_cli, tree):
    """A run that ends does so."""
    told = user_cli.mount(tree.src, tree.mnt)
    real = shutil.which("fusermount3")
    stub = tree.dir / "bin" / "fusermount3"
    stub.parent.mkdir()
    stub.write_text(f'#!/bin/sh\n{real} "$@" && exec {real} "$@"\n')
    stub.chmod(0o755)
    assert user_cli("umount", tree.mnt, env={"PATH": f"{stub.parent}:{os.environ['PATH']}"}).stderr == ""
    assert not user_cli.is_mounted(tree.mnt) and not processes.alive(told["pid"])


def test_from_inside(cli, tree):
    """The command itself is not in its own way."""
    cli("mount", tree.src, tree.mnt)
    script = f"cd {tree.mnt} && exec {build.HRFS} umount"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not cli.is_mounted(tree.mnt)


def test_this_shell_is_named(cli, tree):
    cli("mount", tree.src, tree.mnt)
    done = subprocess.run(["sh", "-c", f"cd {tree.mnt}; {build.HRFS} umount; echo $?"], capture_output=True, text=True, check=False)
    assert done.stdout == "1\n"
    assert "this shell" in done.stderr and "cd /" in done.stderr


@pytest.mark.parametrize(
    "code, where, words",
    [
        ("", "inside", "stands in"),
        ("f = open('{mnt}/f')", "/", "has open"),
        ("fd = os.open('{mnt}/f', os.O_PATH)", "/", "has open"),
    ],
)
def test_names_the_process_and_refuses(cli, tree, inside, code, where, words):
    (tree.src / "f").write_text("content")
    cli("mount", tree.src, tree.mnt)
    r = inside(code.format(mnt=tree.mnt), tree.mnt if where == "inside" else where)
    done = cli("umount", tree.mnt, status=1)
    assert f"({r.pid}) {words} {tree.mnt}" in done.stderr
    assert f"hrfs umount --lazy {tree.mnt}" in done.stderr
    assert cli.is_mounted(tree.mnt)
    assert cli("clock", tree.mnt).stdout.startswith("c:"), "it goes on serving"
    r.process.stdin.close()
    r.wait()
    cli("umount", tree.mnt)


def test_names_a_mapping(cli, tree, start):
    """A program that runs from the mount and holds nothing else of it."""
    shutil.copy(shutil.which("sleep"), tree.src / "prog")
    cli("mount", tree.src, tree.mnt)
    r = start(tree.mnt / "prog", "1000", cwd="/")
    wait_until(lambda: os.readlink(f"/proc/{r.pid}/exe") == str(tree.mnt / "prog"))
    done = cli("umount", tree.mnt, status=1)
    assert f"prog ({r.pid}) has mapped {tree.mnt}/prog" in done.stderr


def test_a_copy_in_another_mount_namespace_is_named_and_not_waited_for(cli, tree, start):
    if os.geteuid():
        pytest.skip("needs root, for unshare")
    told = cli.mount(tree.src, tree.mnt)
    r = start("unshare", "--mount", "--propagation", "private", "sh", "-c", "echo there; exec sleep 1000", cwd="/")
    r.wait_for("there")
    done = cli("umount", tree.mnt, status=4)
    assert f"its daemon (pid {told['pid']}) goes on for others that have the mount:" in done.stderr
    assert f"({r.pid}) has a copy of the mount at {tree.mnt}" in done.stderr
    assert not cli.is_mounted(tree.mnt)
    r.signal(signal.SIGKILL)
    wait_gone(told["pid"])


def test_a_second_place_of_the_mount_is_named(cli, tree):
    if os.geteuid():
        pytest.skip("needs root, for mount")
    told = cli.mount(tree.src, tree.mnt)
    other = tree.dir / "other"
    other.mkdir()
    subprocess.run(["mount", "--bind", tree.mnt, other], check=True)
    try:
        assert f"here too, at {other}" in cli("umount", tree.mnt, status=4).stderr
    finally:
        subprocess.run(["umount", other], check=True)
    wait_gone(told["pid"])


def test_names_a_root(cli, tree, inside):
    if os.geteuid():
        pytest.skip("needs root, for chroot")
    cli("mount", tree.src, tree.mnt)
    r = inside(f"os.chroot('{tree.mnt}'); os.chdir('/')")
    done = cli("umount", tree.mnt, status=1)
    assert f"({r.pid}) stands in" in done.stderr or f"({r.pid}) has as its root" in done.stderr


def test_in_place_who_stood_there_before_is_not_inside(cli, tree, inside):
    """The same path by name, another directory by the kernel."""
    r = inside("", tree.src)
    cli("mount", tree.src)
    cli("umount", tree.src)
    assert r.process.poll() is None


def test_user_names_his_own_processes(user_cli, tree, inside):
    user_cli("mount", tree.src, tree.mnt)
    r = inside(f"os.chdir('{tree.mnt}')", user=user_cli.user)
    done = user_cli("umount", tree.mnt, status=1)
    assert f"({r.pid}) stands in {tree.mnt}" in done.stderr
    r.end()
    user_cli("umount", tree.mnt)


def test_busy_by_what_a_user_may_not_look_into(user_cli, tree, inside):
    """Root's process is inside: the user is told that there is one, and who can name it."""
    if user_cli.user is None:
        pytest.skip("needs root, to become another user")
    user_cli("mount", tree.src, tree.mnt)
    fd_holder = f"os.setegid({user_cli.user.gid}); os.seteuid({user_cli.user.uid}); fd = os.open('{tree.mnt}', os.O_PATH); os.seteuid(0)"
    inside(fd_holder)
    done = user_cli("umount", tree.mnt, status=1)
    assert f"sudo hrfs umount {tree.mnt}" in done.stderr


def test_lazy(who, tree, inside):
    """Who is inside goes on as if nothing had been, and the daemon ends with the last one."""
    (tree.src / "f").write_text("content")
    told = who.mount(tree.src, tree.mnt)
    become = f"os.setgid({who.user.gid}); os.setuid({who.user.uid})" if who.user else ""
    code = f"""
{become}
os.chdir('{tree.mnt}')
import sys
print('there', flush=True)
sys.stdin.readline()
print('read', open('f').read(), flush=True)
open('g', 'w').write('more')
"""
    process = subprocess.Popen([sys.executable, "-c", "import os\n" + code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "there\n"
    done = who("umount", "--lazy", tree.mnt)
    assert not who.is_mounted(tree.mnt)
    assert "until the last one leaves" in done.stderr
    assert processes.alive(told["pid"])
    out, _ = process.communicate("\n", timeout=20)
    assert out == "read content\n" and process.returncode == 0
    wait_gone(told["pid"])
    assert (tree.src / "g").read_text() == "more"


def test_lazy_without_anybody(cli, tree):
    told = cli.mount(tree.src, tree.mnt)
    cli("umount", "-z", tree.mnt)
    wait_gone(told["pid"])
    assert not cli.is_mounted(tree.mnt)


def test_by_the_source(who, tree):
    who("mount", tree.src, tree.mnt)
    who("umount", tree.src)
    assert not who.is_mounted(tree.mnt)


def test_a_path_inside_is_a_slip(cli, tree):
    (tree.src / "d").mkdir()
    cli("mount", tree.src, tree.mnt)
    done = cli("umount", tree.mnt / "d", status=1)
    assert f"hrfs umount {tree.mnt}" in done.stderr
    assert cli.is_mounted(tree.mnt)


def test_not_a_mount(cli, tree):
    for path in (tree.src, tree.dir / "no", "/proc"):
        assert cli("umount", path, status=3).stderr


def test_not_somebody_elses_file_system(cli, tree):
    """A mount of another kind is not for hrfs to take away."""
    if os.geteuid():
        pytest.skip("needs root")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", tree.mnt], check=True)
    cli("umount", tree.mnt, status=3)
    assert cli.is_mounted(tree.mnt)


def test_dead(who, tree):
    kill_whole_mount(who.mount(tree.src, tree.mnt)["pid"])
    assert who("umount", tree.mnt).stderr == ""
    assert not who.is_mounted(tree.mnt)


def test_dead_with_somebody_inside(cli, tree, inside):
    told = cli.mount(tree.src, tree.mnt)
    inside("", tree.mnt)
    kill_whole_mount(told["pid"])
    cli("umount", tree.mnt)
    assert not cli.is_mounted(tree.mnt)


def test_hung(cli, tree):
    """The daemon is stopped: nothing waits for it for ever, and --lazy takes the mount away."""
    told = cli.mount(tree.src, tree.mnt)
    stopped = [told["pid"], worker_of(told["pid"])]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        assert "hangs" in cli("status", tree.mnt).stdout
        cli("umount", "--lazy", tree.mnt)
        assert not cli.is_mounted(tree.mnt)
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    wait_gone(told["pid"])


def test_root_takes_a_users_mount_away(user_cli, hrfs, tree):
    if user_cli.user is None:
        pytest.skip("needs root")
    told = user_cli.mount(tree.src, tree.mnt)
    hrfs("umount", tree.mnt)
    assert not user_cli.is_mounted(tree.mnt)
    wait_gone(told["pid"])


def test_another_user_cannot(cli, tree, other, hrfs):
    cli("mount", tree.src, tree.mnt)
    done = hrfs("umount", tree.mnt, user=other, status=None, env={"XDG_RUNTIME_DIR": ""})
    assert done.returncode != 0
    assert cli.is_mounted(tree.mnt)

