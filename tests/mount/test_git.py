"""Git and the mount: what is ignored, and git's own commands inside."""

import os
import shutil
import signal
import subprocess

import pytest

from tests.lib.wait import wait_gone, wait_until
from tests.mount.git_helper import git, repository, write


def children(m, name):
    found = []
    with open(f"/proc/{m.keeper}/task/{m.keeper}/children") as f:
        for pid in f.read().split():
            with open(f"/proc/{pid}/cmdline", "rb") as c:
                if os.path.basename(c.read().split(b"\0")[0]) == name.encode():
                    found.append(int(pid))
    return found


def verdicts(m, names, text="x"):
    """Writes to each and says for which the batch that told of it had ignored set."""
    clock = m.clock()
    for name in names:
        write(m.path / name, text)
    m.settle()
    told = {c["name"]: c["ignored"] for b in m.history(clock) for c in b["changes"]}
    return {name: told[name] for name in names}


def expect(m, expected):
    """
    No answer in time counts as "not ignored", which a busy machine may bring about: what is to be ignored
    is written again until it is. What is not, must not be called so once.
    """

    def right():
        told = verdicts(m, list(expected), os.urandom(8))
        assert not [name for name in told if told[name] and not expected[name]]
        return told == expected

    wait_until(right, what=f"{expected}")


# ---- ignored? ----


def test_changes_say_what_is_ignored(mount, tree):
    repository(tree.src, {".gitignore": "*.log\nout/\n", "golden.log": ""})
    write(tree.src / "sub/.gitignore", "!keep.log\n")
    m = mount()
    expect(
        m,
        {
            "a.c": False,
            "a.log": True,
            "out/deep/a.c": True,
            "sub/keep.log": False,
            "golden.log": False,
            ".git/x": True,
        },
    )


def test_mounted_over_itself(mount, tree):
    repository(tree.src, {".gitignore": "*.log\n"})
    m = mount(mnt=tree.src)
    expect(m, {"a.c": False, "a.log": True})
    git(m.path, "add", "-f", "a.log")
    expect(m, {"a.log": False, "b.log": True})


def test_mounted_over_itself_by_an_ordinary_user(mount, tree, other, test):
    (test.dir / "src").chmod(0o755)
    repository(tree.src, {".gitignore": "*.log\n"})
    subprocess.run(["chown", "-R", f"{other.uid}:{other.gid}", tree.src], check=True)
    m = mount(mnt=tree.src, user=other)

    def right():
        clock = m.clock()
        script = f"cd {m.path} && head -c 9 /dev/urandom | tee a.c > a.log"
        subprocess.run(["sh", "-c", script], user=other.uid, group=other.gid, check=True)
        m.settle()
        told = {c["name"]: c["ignored"] for c in m.changes(clock)}
        assert not told["a.c"]
        return told["a.log"]

    wait_until(right)


def test_below_the_repositorys_top(mount, tree):
    repository(tree.src, {".gitignore": "*.log\n", "sub/deep/.gitignore": "here\n"})
    m = mount(src=tree.src / "sub")
    expect(m, {"a.c": False, "a.log": True, "deep/here": True})


def test_linked_worktree(mount, tree):
    repository(tree.dir / "main", {".gitignore": "*.log\n"})
    tree.src.rmdir()
    git(tree.dir / "main", "worktree", "add", "-q", str(tree.src))
    m = mount()
    expect(m, {"a.c": False, "a.log": True})


def test_submodule(mount, tree):
    repository(tree.dir / "inner", {".gitignore": "*.in\n"})
    repository(tree.src, {".gitignore": "*.out\n"})
    git(tree.src, "submodule", "add", "-q", str(tree.dir / "inner"), "inner")
    m = mount()
    expected = {"a.in": False, "a.out": True, "inner/a.in": True, "inner/a.out": False}
    expect(m, expected)


def test_outside_git_nothing_is_ignored(mount, tree):
    write(tree.src / ".gitignore", "*.log\n")
    m = mount()
    expect(m, {"a.log": False})


def test_directories_too(mount, tree):
    repository(tree.src, {".gitignore": "out/\n*.log\n"})
    m = mount()
    expect(m, {"a.log": True})  # the helper is there
    (m.path / "out").mkdir()
    m.settle()
    (m.path / "out").rmdir()
    m.settle()
    assert [c["ignored"] for b in m.history() for c in b["changes"] if c["name"] == "out"] == [True, True]


def test_an_ignored_directory_that_is_gone(mount, tree):
    """By then nothing on disk tells that it was a directory."""
    repository(tree.src, {".gitignore": "out/\n*.log\n"})
    write(tree.src / "out/deep/x", "x")
    write(tree.src / "src/x", "x")
    m = mount()
    expect(m, {"a.log": True})  # the helper is there
    clock = m.clock()
    shutil.rmtree(m.path / "out")
    shutil.rmtree(m.path / "src")
    m.settle()
    assert {c["name"]: c["ignored"] for c in m.changes(clock)} == {
        "out": True,
        "out/deep": True,
        "out/deep/x": True,
        "src": False,
        "src/x": False,
    }


@pytest.mark.parametrize("file", [".gitignore", "sub/.gitignore", ".git/info/exclude"])
def test_rules_change_for_the_next_batch(mount, tree, file):
    repository(tree.src, {"sub/x": ""})
    m = mount()
    name = "sub/a.log"
    for text, expected in (("", False), ("*.log\n", True), ("!*.log\n", False), ("a.log\n", True)):
        write(m.path / file, text)
        m.settle()
        expect(m, {name: expected})
    (m.path / file).unlink()
    m.settle()
    expect(m, {name: False})


def test_rules_that_an_editor_puts_in_place(mount, tree):
    repository(tree.src)
    m = mount()
    expect(m, {"a.log": False})
    write(m.path / "new", "*.log\n")
    os.rename(m.path / "new", m.path / ".gitignore")
    m.settle()
    expect(m, {"a.log": True})


def test_tracking_a_file_makes_it_count(mount, tree):
    repository(tree.src, {".gitignore": "*.log\n"})
    m = mount()
    expect(m, {"a.log": True})
    git(m.path, "add", "-f", "a.log")
    m.settle()
    expect(m, {"a.log": False})
    git(m.path, "rm", "-q", "--cached", "-f", "a.log")
    m.settle()
    expect(m, {"a.log": True})


def test_git_init_inside(mount, tree):
    m = mount()
    expect(m, {"a.log": False})
    repository(m.path)
    write(m.path / ".gitignore", "*.log\n")
    m.settle()
    expect(m, {"a.log": True})


def test_ten_thousand_files_in_one_batch(mount, tree):
    repository(tree.src, {".gitignore": "*.o\nout/\n"})
    m = mount()
    names = [f"d{n % 50}/f{n}.{'oc'[n % 2]}" for n in range(5000)] + [f"out/{n % 100}/f{n}" for n in range(5000)]
    clock = m.clock()
    for d in {os.path.dirname(n) for n in names}:
        (m.path / d).mkdir(parents=True)
    for n in names:
        (m.path / n).touch()
    m.settle()
    told = {c["name"]: c["ignored"] for c in m.changes(clock)}
    # a time-out answers "not ignored": that may be for some, but nothing else is ever called ignored
    assert not [n for n in names if told[n] and not (n.endswith(".o") or n.startswith("out/"))]
    expect(
        m,
        {
            "out/7/f7": True,
            "d1/new.o": True,
            "d1/new.c": False,
        },
    )


# ---- the helper ----


def test_mount_by_root_reads_as_the_owner(mount, tree, other):
    repository(tree.src, {".gitignore": "*.log\n"})
    subprocess.run(["chown", "-R", f"{other.uid}:{other.gid}", tree.src], check=True)
    m = mount()
    expect(m, {"a.c": False, "a.log": True})
    (helper,) = children(m, "hrfs-git")
    assert os.stat(f"/proc/{helper}").st_uid == other.uid
    assert os.getsid(helper) == helper


def test_helper_killed(mount, tree):
    """Another takes its place; meanwhile nothing waits for it."""
    repository(tree.src, {".gitignore": "*.log\n"})
    m = mount()
    expect(m, {"a.log": True})
    (helper,) = children(m, "hrfs-git")
    os.kill(helper, signal.SIGKILL)
    wait_gone(helper)
    expect(m, {"b.c": False})
    expect(m, {"b.log": True})
    (another,) = children(m, "hrfs-git")
    assert m.status()["git"] == {"helper": "running"}
    assert another != helper
    assert m.log_text().count("git_helper_ended") == 1
    assert m.umount() == 0


def test_helper_stays_when_a_worker_is_killed(mount, tree):
    """The next one has its verdicts, by the rules as they are then."""
    repository(tree.src, {".gitignore": "*.log\n"})
    m = mount()
    expect(m, {"a.log": True})
    helper = children(m, "hrfs-git")
    for i in range(3):
        os.kill(m.worker_pid(), signal.SIGKILL)
        write(m.path / ".gitignore", f"*.log{i}\n")
        expect(m, {f"a.log{i}": True, "a.log": False})
    assert children(m, "hrfs-git") == helper
    assert m.umount() == 0


def test_rules_outside_the_tree_are_looked_at(mount, tree):
    """Nobody tells of their changes; they are compared now and then."""
    repository(tree.src, {"sub/x": ""})
    m = mount(src=tree.src / "sub")
    expect(m, {"a.log": False})
    write(tree.src / ".gitignore", "*.log\n")
    expect(m, {"a.log": True})


def test_helper_that_hangs_holds_up_nothing(mount, tree):
    repository(tree.src, {".gitignore": "*.log\n"})
    m = mount()
    expect(m, {"c.log": True})
    (helper,) = children(m, "hrfs-git")
    os.kill(helper, signal.SIGSTOP)
    try:
        expect(m, {"a.log": False, "a.c": False})
        expect(m, {"b.log": False})
    finally:
        os.kill(helper, signal.SIGCONT)
    # what it was asked meanwhile is answered now, and kept
    expect(m, {"a.log": True})


def test_helper_ends_with_the_mount(mount, tree):
    repository(tree.src)
    m = mount(mnt=tree.src)
    verdicts(m, ["a"])
    (helper,) = children(m, "hrfs-git")
    assert m.umount() == 0
    wait_gone(helper)


# ---- git's own commands ----

SESSION = """
set -e
git init -q -b main .
printf 'one\\ntwo\\nthree\\n' > a
mkdir -p d/e && echo deep > d/e/f && ln -s a link && printf '#!/bin/sh\\n' > run && chmod +x run
printf '*.log\\n' > .gitignore && echo noise > x.log
git status --porcelain=v2 --ignored
git add -A
git status --short
git commit -q -m first
git checkout -q -b topic
sed -i s/one/ONE/ a
git rm -q -r d
git mv run walk
git commit -q -a -m topic
git checkout -q main
echo four >> a
git commit -q -a -m main
git status --short
echo dirty >> a
git stash -q
git status --short
git stash pop -q
git diff --stat
git commit -q -a -m more
git checkout -q topic
git rebase -q main
git log --format='%h %s %T' --all
git cherry-pick --no-commit main~1 || git reset -q --hard
git merge -q --no-ff -m merge main
git tag -a -m tag v1
git clean -fdx
git gc -q --prune=now
git worktree add -q wt main
git -C wt status --short
git worktree remove wt
git bisect start HEAD HEAD~2 && git bisect reset
git checkout -q -f main
git status --porcelain=v2 --branch
git ls-files -s
git log --format='%h %s %T' --all
git fsck --strict 2>&1
"""


def session(directory):
    """What a session of git prints, and the tree that it leaves."""
    from tests.mount.git_helper import WHO

    done = subprocess.run(
        ["sh", "-c", SESSION], cwd=directory, capture_output=True, text=True, env={**os.environ, **WHO}, check=False
    )
    tree = {}
    for root, dirs, files in os.walk(directory):
        if ".git" in dirs:
            dirs.remove(".git")
        for name in dirs + files:
            path = os.path.join(root, name)
            st = os.lstat(path)
            content = os.readlink(path) if os.path.islink(path) else name in files and open(path).read()
            tree[os.path.relpath(path, directory)] = (st.st_mode, content)
    return done.returncode, done.stdout, done.stderr, tree


def test_a_session_of_git_is_the_same_as_elsewhere(mount, tree):
    plain = tree.dir / "plain"
    plain.mkdir()
    expected = session(plain)
    assert expected[0] == 0, expected[2]
    m = mount()
    assert session(m.path) == expected
    # and the index that was written inside is fresh outside
    assert git(tree.src, "diff-files") == b""
    m.settle()
    assert m.umount() == 0


def test_index_made_outside_is_fresh_inside(mount, tree):
    repository(tree.src, {f"d{n}/f": str(n) for n in range(20)})
    git(tree.src, "status")
    m = mount()
    assert git(m.path, "diff-files") == b""


def test_clone_into_the_mount(mount, tree):
    repository(tree.dir / "origin", {f"f{n}": "x" * n for n in range(200)})
    m = mount()
    git(m.path, "clone", "-q", str(tree.dir / "origin"), "clone")
    git(m.path / "clone", "fsck", "--strict")
    assert git(m.path / "clone", "status", "--porcelain") == b""
    assert len(os.listdir(tree.src / "clone")) == 201


def test_git_commands_by_the_owner_of_a_tree_that_root_has_mounted(mount, tree, other):
    repository(tree.src, {"a": "one\n"})
    subprocess.run(["chown", "-R", f"{other.uid}:{other.gid}", tree.src], check=True)
    m = mount(options="allow_other")
    home = {"env": {**os.environ, "HOME": "/nonexistent", "GIT_CONFIG_GLOBAL": "/dev/null"}}
    for command in (
        ["git", "status", "--porcelain"],
        ["git", "-c", "user.name=A", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x"],
        ["git", "stash", "list"],
    ):
        subprocess.run(command, cwd=m.path, user=other.uid, group=other.gid, extra_groups=[], check=True, **home)
    assert {os.stat(p).st_uid for p in (tree.src / ".git").rglob("*")} == {other.uid}
