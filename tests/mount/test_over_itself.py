"""A mount over its own source: who stood in the source before goes on there, behind the mount."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.lib.users import run_as
from tests.mount import outside, races
from tests.mount.test_random import SEED
from tests.mount.test_sidedoor import watched

KINDS = [races.Write, races.Create, races.Replace, races.Directory, races.BothWrite, races.BothReplace]


def mount_over(mount, tree, **more):
    """m.src leads behind the mount, as a shell that has been there before."""
    fd = os.open(tree.src, os.O_RDONLY | os.O_DIRECTORY)
    m = mount(mnt=tree.src, **more)
    m.src = Path(f"/proc/{os.getpid()}/fd/{fd}")
    watched(m)
    return m, fd


def test_edits_by_who_stood_inside_before(mount, tree):
    m, fd = mount_over(mount, tree)
    for kind in KINDS:
        assert races.run(m, kind, SEED, 10) == [], f"seed {SEED}"
    os.close(fd)


def test_a_shell_that_stands_in_the_source(mount, tree, start):
    """It edits by relative names, and the mount shows and tells it."""
    shell = start("sh", cwd=tree.src, stdin=subprocess.PIPE)
    m = mount(mnt=tree.src)
    watched(m)
    outside.look(m.path)
    clock = m.clock()
    shell.process.stdin.write(b"echo edited > f; mkdir d; echo deep > d/f\n")
    shell.process.stdin.flush()
    outside.told(m, clock, ["f", "d/f"])
    assert outside.read(m.path / "f") == b"edited\n" and outside.read(m.path / "d/f") == b"deep\n"


def test_paths_of_compilers_are_those_of_the_source(mount, tree):
    if not shutil.which("gcc"):
        pytest.skip("no gcc")
    outside.write(tree.src / "good.c", b"int f(void) { return 1; }\n")
    outside.write(tree.src / "bad.c", b"int f(void) { return x; }\n")
    m = mount(mnt=tree.src)
    gcc = ["gcc", "-g", "-c"]
    subprocess.run([*gcc, "good.c", "-o", "relative.o"], cwd=m.path, check=True)
    subprocess.run([*gcc, tree.src / "good.c", "-o", m.path / "absolute.o"], check=True)
    for name in "relative.o", "absolute.o":
        assert bytes(tree.src) in outside.read(m.path / name)
    for argument, said in (("bad.c", "bad.c:1:"), (str(tree.src / "bad.c"), f"{tree.src}/bad.c:1:")):
        failed = subprocess.run([*gcc, argument], cwd=m.path, capture_output=True, text=True)
        assert failed.returncode and any(line.startswith(said) for line in failed.stderr.splitlines())


# ---- git on both sides ----


def git(at, *words):
    argv = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *words]
    return subprocess.run(argv, cwd=at, check=True, capture_output=True, text=True).stdout


def two_branches(at):
    git(at, "init", "-q", "-b", "one")
    (at / "d").mkdir()
    for branch in ("one", "two"):
        if branch == "two":
            git(at, "checkout", "-q", "-b", "two")
            os.unlink(at / "d/gone")
        else:
            outside.write(at / "d/gone", b"")
        for i in range(30):
            outside.write(at / f"d/f{i}", f"{branch} {i}\n".encode())
        outside.write(at / branch, b"")
        git(at, "add", "-A")
        git(at, "commit", "-q", "-m", branch)


def checkouts(m):
    """Another branch is checked out behind the mount; git inside sees a clean tree of that branch at once."""
    for i in range(6):
        branch = ("one", "two")[i % 2]
        git(m.src, "checkout", "-q", branch)
        m.clock()  # not before it has been told
        assert git(m.path, "status", "--porcelain=v1", "--branch") == f"## {branch}\n"
        names = ["one", "two", ".", "d", "d/gone", *(f"d/f{i}" for i in range(30))]
        assert races.all_of(m.path, names[4:]) == races.all_of(m.src, names[4:])
        assert outside.absent(m.path / "two") == (branch == "one")


def test_git_checkout_behind_the_mount(mount, tree):
    two_branches(tree.src)
    m = mount()
    watched(m)
    checkouts(m)


def test_git_checkout_behind_the_mount_as_a_user(mount, tree, other):
    os.chown(tree.src, other.uid, other.gid)
    run_as(other, lambda: two_branches(tree.src))
    m = mount(user=other)
    watched(m)
    run_as(other, lambda: checkouts(m))
