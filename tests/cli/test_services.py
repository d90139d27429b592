"""Services of a mount in the background, and trust."""

import os
import random
import signal
import subprocess

import pytest

from tests.lib import build, processes
from tests.lib.wait import wait_gone, wait_until

FILE = "services:\n  web:\n    run: sh -c 'echo up $(cat word); exec sleep 1000'\n"


@pytest.fixture
def tree_with_file(tree):
    (tree.src / "hrfs.yaml").write_text(FILE)
    (tree.src / "word").write_text("one")
    return tree


def services(cli, path):
    return {s["name"]: s for s in cli.json("status", path)["here"].get("services", [])}


def test_with_a_command(who, tree):
    (tree.src / "word").write_text("one")
    done = who("mount", tree.src, "--", "sh", "-c", "echo up $(cat word); exec sleep 1000")
    assert "started: sh" in done.stdout
    (service,) = services(who, tree.src).values()
    who("wait", tree.src, status=2)  # a path is no clock
    pid = service["pid"]
    if who.user is None:
        who("wait", cwd=tree.src)
        assert "sh | up one" in who("log", cwd=tree.src).stdout
        (tree.src / "word").write_text("two")
        who("wait", cwd=tree.src)
        assert "sh | up two" in who("log", cwd=tree.src).stdout
    who("umount", tree.src)
    if pid:
        assert not processes.alive(pid)
    assert not [p for p in processes.tagged(str(tree.dir)) if processes.alive(p)]


def test_untrusted_is_not_started(who, tree_with_file):
    tree = tree_with_file
    done = who("mount", tree.src)
    assert "not started: web: sh -c 'echo up" in done.stderr
    assert done.stderr.rstrip().endswith(f"hrfs trust {tree.src}")
    assert "started:" not in done.stdout
    assert not [s for s in services(who, tree.src).values() if s["state"] in ("ready", "starting", "building")]
    assert who("log", cwd="/", status=3)


def test_trust_starts_what_waits(who, tree_with_file):
    tree = tree_with_file
    who("mount", tree.src)
    done = who("trust", "--yes", tree.src)
    assert "run:" in done.stdout and "echo up" in done.stdout
    assert "started: web" in done.stdout
    pid = wait_until(lambda: services(who, tree.src)["web"]["pid"])
    # again: nothing to do, nothing is restarted
    assert "already" in who("trust", tree.src).stdout
    assert services(who, tree.src)["web"]["pid"] == pid
    who("umount", tree.src)
    # and from now on mount starts it
    assert "started: web" in who("mount", tree.src).stdout


def test_trust_starts_a_supervisor_where_none_is(cli, tree_with_file):
    tree = tree_with_file
    cli("mount", "--no-services", tree.src)
    cli("why", cwd=tree.src, status=3)
    assert "started: web" in cli("trust", "--yes", tree.src).stdout
    cli("wait", cwd=tree.src)
    assert services(cli, tree.src)["web"]["state"] == "ready"


def test_trust_without_a_mount(cli, tree_with_file):
    tree = tree_with_file
    inner = tree.src / "a"
    inner.mkdir()
    said = cli("trust", "--yes", cwd=inner).stdout
    assert str(tree.src / "hrfs.yaml") in said and "'hrfs mount' starts it" in said
    assert "already" in cli("trust", tree.src).stdout
    assert "trusted no more" in cli("trust", "--forget", tree.src).stdout
    assert "was not trusted" in cli("trust", "--forget", tree.src).stdout


def test_two_mounts_of_one_source(cli, tree_with_file):
    """One agreement is for both; which one is meant is asked where it makes a difference."""
    tree = tree_with_file
    second = tree.dir / "second"
    second.mkdir()
    for mountpoint in (tree.mnt, second):
        assert "not started: web" in cli("mount", tree.src, mountpoint).stderr
    for command in (["wait"], ["status", tree.src], ["umount", tree.src]):
        said = cli(*command, cwd=tree.src, status=None)
        assert said.returncode in (1, 3), said
        assert f"{tree.src} is mounted more than once" in said.stderr
        assert str(tree.mnt) in said.stderr and str(second) in said.stderr
    assert cli("trust", "--yes", tree.src).stdout.count("started: web") == 2
    pids = set()
    for mountpoint in (tree.mnt, second):
        cli("wait", cwd=mountpoint)
        pids.add(services(cli, mountpoint)["web"]["pid"])
    assert len(pids) == 2
    # a change in one of them is a change behind the other
    (second / "word").write_text("two")
    for mountpoint in (tree.mnt, second):
        cli("wait", cwd=mountpoint)
        assert "web | up two" in cli("log", cwd=mountpoint).stdout
    # from the source it is clear again once there is but one
    done = cli.umount(second, status=None)
    # where mounts do not propagate, the service in the other one keeps the copy of this one that it began with
    assert done.returncode == 0 or (done.returncode == 4 and "has a copy of the mount" in done.stderr), done
    cli("wait", cwd=tree.src)
    assert services(cli, tree.mnt)["web"]["state"] == "ready"


def test_nobody_to_ask(cli, tree_with_file):
    done = cli("trust", tree_with_file.src, status=1)
    assert done.stderr.endswith(f"hrfs trust --yes {tree_with_file.src}\n")
    assert "echo up" in done.stdout and "hrfs trust --yes" in done.stderr
    assert "was not trusted" in cli("trust", "--forget", tree_with_file.src).stdout


@pytest.mark.parametrize("answer, code", [("y\n", 0), ("n\n", 1), ("\n", 1), ("\x04", 1)])
def test_asks(cli, start, tree_with_file, answer, code):
    r = start(build.HRFS, "trust", tree_with_file.src, terminal=True)
    r.wait_for(r"\[y/N\] ")
    r.write(answer)
    assert r.wait() == code


def test_a_changed_file_is_shown_as_a_difference(cli, tree_with_file):
    tree = tree_with_file
    cli("trust", "--yes", tree.src)
    (tree.src / "hrfs.yaml").write_text(FILE.replace("cat word", "rm -rf /") + "  more:\n    run: 'true'\n")
    done = cli("mount", tree.src)
    assert "not started: web" in done.stderr
    done = cli("trust", tree.src, status=1)
    lines = done.stdout.splitlines()
    assert "@@ -1,3 +1,5 @@" in lines
    assert "-    run: sh -c 'echo up $(cat word); exec sleep 1000'" in lines
    assert "+    run: sh -c 'echo up $(rm -rf /); exec sleep 1000'" in lines
    assert "+  more:" in lines and "   web:" in lines
    cli("trust", "--yes", tree.src)


def test_the_difference_is_one_that_patch_applies(cli, tree):
    """Random edits of random lines: what is shown leads from the one file to the other."""
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    file = tree.src / "hrfs.yaml"
    old = FILE.splitlines() + [f"# {rng.randrange(5)}" for _ in range(40)]
    file.write_text("\n".join(old) + "\n")
    cli("trust", "--yes", tree.src)
    for _ in range(20):
        new = list(old)
        for _ in range(rng.randrange(1, 8)):
            at = rng.randrange(3, len(new) + 1)
            if rng.random() < 0.5 and at < len(new):
                del new[at]
            else:
                new.insert(at, f"# {rng.randrange(5)}")
        file.write_text("\n".join(new) + "\n")
        if new == old:
            continue
        shown = cli("trust", tree.src, status=1).stdout
        diff = shown[shown.index("@@ ") : shown.index(f"{file} would start")]
        copy = tree.dir / "copy"
        copy.write_text("\n".join(old) + "\n")
        done = subprocess.run(
            ["patch", "-s", "-F0", copy], input=f"--- a\n+++ b\n{diff}", text=True, capture_output=True, check=False
        )
        assert done.returncode == 0 and copy.read_text() == file.read_text(), (done.stdout, diff)


def test_what_a_terminal_would_obey_is_shown(cli, tree):
    """A command cannot paint over what is asked about it."""
    (tree.src / "hrfs.yaml").write_text('services: {web: {run: "rm -rf / #\\e[2K\\rtrue"}}\n')
    done = cli("trust", tree.src, status=1)
    assert "rm -rf / #\\033[2K\\015true" in done.stdout
    assert "\033" not in done.stdout and "\r" not in done.stdout


def test_bad_files(cli, tree):
    (tree.src / "hrfs.yaml").write_text("services:\n  web:\n    rnu: x\n")
    done = cli("trust", "--yes", tree.src, status=1)
    assert f"{tree.src}/hrfs.yaml:3: " in done.stderr and "did you mean 'run'" in done.stderr
    done = cli("mount", tree.src, status=1)
    assert "hrfs.yaml:3" in done.stderr and "stays mounted" in done.stderr
    assert cli.is_mounted(tree.src)
    cli("umount", tree.src)
    (tree.src / "hrfs.yaml").unlink()
    assert "nothing to trust" in cli("trust", "--yes", tree.src, status=1).stderr
    (tree.src / "hrfs.yaml").mkdir()
    assert cli("trust", "--yes", tree.src, status=1).stderr.startswith("hrfs: ")


def test_store_that_others_may_write(cli, tree_with_file):
    store = tree_with_file.dir / "state" / "hrfs" / "trust"
    store.mkdir(parents=True)
    store.chmod(0o777)
    done = cli("trust", "--yes", tree_with_file.src, status=1)
    assert "must be yours" in done.stderr or "cannot be read" in done.stderr


def test_umount_with_a_shell_inside_leaves_the_services(cli, tree, start):
    cli("mount", tree.src, "--", "sleep", "1000")
    cli("wait", cwd=tree.src)
    pid = next(iter(services(cli, tree.src).values()))["pid"]
    r = start("sleep", "1000", cwd=tree.src)
    assert f"({r.pid})" in cli("umount", tree.src, status=1).stderr
    assert processes.alive(pid)
    r.end()
    cli("umount", tree.src)
    assert not processes.alive(pid)


def test_lazy_umount_ends_services(cli, tree):
    cli("mount", tree.src, "--", "sleep", "1000")
    cli("wait", cwd=tree.src)
    pid = next(iter(services(cli, tree.src).values()))["pid"]
    cli("umount", "--lazy", tree.src)
    assert not processes.alive(pid)


def test_a_killed_supervisor_can_be_started_again(cli, tree_with_file):
    tree = tree_with_file
    cli("trust", "--yes", tree.src)
    cli("mount", tree.src)
    cli("wait", cwd=tree.src)
    pid = services(cli, tree.src)["web"]["pid"]
    (supervisor,) = [p for p in processes.tagged(str(tree.dir)) if open(f"/proc/{p}/comm").read() == "hrfs-supervisor\n"]
    os.kill(supervisor, signal.SIGKILL)
    wait_gone(supervisor)
    wait_gone(pid)
    wait_until(lambda: not cli.json("status", tree.src)["here"]["supervisor"])
    assert "started: web" in cli("trust", tree.src).stdout
    cli("wait", cwd=tree.src)
    assert services(cli, tree.src)["web"]["state"] == "ready"


def test_a_bad_file_is_said_everywhere_until_it_is_mended(cli, tree_with_file):
    tree = tree_with_file
    cli("trust", "--yes", tree.src)
    (tree.src / "hrfs.yaml").write_text("services: 5\n")
    wrong = "hrfs.yaml:1: services: a map"
    done = cli("mount", tree.src, status=1)
    assert wrong in done.stderr and "it is read again when it is saved" in done.stderr
    assert cli.is_mounted(tree.src)
    assert wrong in cli("wait", cwd=tree.src, status=1).stderr
    assert wrong in cli("status", tree.src).stdout
    assert f"hrfs | {wrong}" in cli("log", cwd=tree.src).stdout
    (tree.src / "hrfs.yaml").write_text(FILE)  # which has been agreed to
    cli("wait", cwd=tree.src)
    assert services(cli, tree.src)["web"]["state"] == "ready"
    assert "hrfs.yaml:" not in cli("status", tree.src).stdout
    cli.umount(tree.src)
    (tree.src / "hrfs.yaml").write_text("services: 5\n")
    assert wrong in cli.mount(tree.src, status=1)["config_error"]


def test_json(cli, tree_with_file):
    told = cli.mount(tree_with_file.src)
    assert [s["service"] for s in told["not_started"]] == ["web"]
    cli.umount(tree_with_file.src)
    cli("trust", "--yes", tree_with_file.src)
    assert cli.mount(tree_with_file.src)["services"] == ["web"]
