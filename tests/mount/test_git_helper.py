"""hrfs-git by itself: its verdicts are those of git, wherever the tree lies in a repository or out of one."""

import json
import os
import signal
import socket
import subprocess

import pytest

from tests.lib import build
from tests.lib.running import identity
from tests.mount.git_helper import Helper, git, git_verdicts, nasty_tree, repository, write

pytestmark = pytest.mark.any_user


@pytest.fixture
def helper():
    """helper(root, …) -> Helper; each must end well."""
    made = []

    def make(root, **more):
        made.append(Helper(root, **more))
        return made[-1]

    yield make
    for h in made:
        if h.process.poll() is None:
            assert h.end() == 0


# ---- verdicts ----


@pytest.mark.parametrize("seed", range(5))
def test_nasty_patterns_as_git_does(tree, helper, seed):
    met = set()
    for n in range(8):
        top = tree.dir / f"n{n}"
        paths = nasty_tree(top, seed * 1000 + n)
        h = helper(top)
        expected = git_verdicts(top, paths)
        assert list(zip(paths, h.ignored(*paths))) == list(zip(paths, expected)), f"seed {seed * 1000 + n}"
        met.update(expected)
        h.end()
    assert met == {"0", "1"}


CASES = {
    "nested": ({".gitignore": "*.log\n", "sub/.gitignore": "*.txt\n"}, ["a.log", "a.txt", "sub/a.txt", "sub/a.log"], "1011"),
    "negated in another file": ({".gitignore": "*.log\n", "sub/.gitignore": "!keep.log\n"}, ["keep.log", "sub/keep.log"], "10"),
    "not below an ignored directory": ({".gitignore": "d/\n!d/sub/x\n"}, ["d/sub/x", "d/", "d"], "110"),
    "anchored": ({".gitignore": "/a\nb/c\n"}, ["a", "x/a", "b/c", "x/b/c"], "1010"),
    "directories only": ({".gitignore": "out/\n"}, ["out/", "out/x", "deep/out/x", "out.c"], "1110"),
    "stars": ({".gitignore": "a/**/z\n**/y\nw/**\n"}, ["a/z", "a/b/c/z", "q/y", "y", "w/v", "w/"], "111110"),
    "trailing blanks": ({".gitignore": "a  \nb\\ \n"}, ["a", "a  ", "b ", "b"], "1010"),
    "not ASCII": ({".gitignore": "\u00e9*\n"}, ["\u00e9t\u00e9", "e"], "10"),
    "upper case": ({".gitignore": "Foo\n"}, ["Foo", "foo"], "10"),
    "everything but": ({".gitignore": "*\n!*.c\n!*/\n"}, ["a.c", "a.o", "d/", "d/a.c", "d/a.o"], "01001"),
    "its own directory": ({"cache/.gitignore": "*\n"}, ["cache/x", "cache/.gitignore", "x"], "110"),
    "odd names": ({".gitignore": "*.o\n"}, [":(top)x", "-n.o", "a\nb.o", "!x", "#x.o", "\udcff.o", "~.o"], "0110111"),
    "git's own": ({".gitignore": ""}, [".git/index", ".git/", "sub/.git/HEAD", ".github/x", "x.git/y"], "11100"),
}


@pytest.mark.parametrize("name", CASES)
def test_rules(tree, helper, name):
    rules, paths, expected = CASES[name]
    repository(tree.src)
    git(tree.src, "config", "core.ignorecase", "false")
    for file, text in rules.items():
        write(tree.src / file, text)
    assert helper(tree.src).ignored(*paths) == expected


def test_case_is_ignored_where_git_is_told_so(tree, helper):
    repository(tree.src)
    git(tree.src, "config", "core.ignorecase", "true")
    write(tree.src / ".gitignore", "Foo\n")
    assert helper(tree.src).ignored("foo", "bar") == "10"


def test_what_is_tracked_is_not_ignored(tree, helper):
    repository(tree.src, {"gen/kept.c": "", "golden.log": "", ".gitignore": "*.log\ngen/\n"})
    h = helper(tree.src)
    assert h.ignored("golden.log", "other.log", "gen/kept.c", "gen/new.c") == "0101"
    git(tree.src, "rm", "-q", "--cached", "golden.log")
    assert h.ignored("golden.log") == "1"


def test_excludes_of_repository_and_user(tree, helper, test):
    repository(tree.src)
    write(tree.src / ".git/info/exclude", "mine\n")
    write(tree.dir / "ignore", "yours\n")
    write(test.dir / "gitconfig", f"[core]\n\texcludesFile = {tree.dir}/ignore\n")
    assert helper(tree.src).ignored("mine", "yours", "ours") == "110"


def test_ignore_file_of_the_home_directory(tree, helper):
    repository(tree.src)
    write(tree.dir / "xdg/git/ignore", "yours\n")
    assert helper(tree.src, env={"XDG_CONFIG_HOME": str(tree.dir / "xdg")}).ignored("yours", "x") == "10"


def test_what_is_gone(tree, helper):
    repository(tree.src)
    write(tree.src / ".gitignore", "out/\n*.o\n")
    assert helper(tree.src).ignored("out/", "out/a", "gone/a.o", "gone/a.c") == "1110"


def test_many_at_once(tree, helper):
    repository(tree.src)
    write(tree.src / ".gitignore", "*.o\n")
    paths = [f"d{n % 7}/f{n}.{'oc'[n % 2]}" for n in range(1000)]
    assert helper(tree.src).ignored(*paths) == "10" * 500
    assert helper(tree.src).ignored() == ""


def test_one_path_that_git_refuses_spoils_no_other(tree, helper):
    repository(tree.src)
    write(tree.src / ".gitignore", "*.o\n")
    (tree.src / "link").symlink_to("/usr")
    assert helper(tree.src).ignored("a.o", "link/x.o", "b.o", "link/y.o", "c.o") == "10101"


# ---- where the tree is ----


def test_outside_git(tree, helper):
    write(tree.src / ".gitignore", "*.o\n")
    h = helper(tree.src)
    assert h.ignored("a.o", "d/") == "00"
    assert h.dirs() == []
    assert h.about() == "worktree=none"


def test_below_the_top(tree, helper):
    repository(tree.src)
    write(tree.src / ".gitignore", "*.log\n/sub/deep/anchored\n/anchored\n")
    write(tree.src / "sub/.gitignore", "!keep.log\n")
    write(tree.src / "sub/deep/.gitignore", "here\n")
    h = helper(tree.src / "sub/deep")
    assert h.ignored("a.log", "keep.log", "anchored", "here", "x") == "10110"
    assert h.dirs() == [str(tree.src / ".git")]


def test_tree_that_its_repository_ignores_is_none_of_it(tree, helper):
    repository(tree.src)
    write(tree.src / ".gitignore", "*\n")
    (tree.src / "project").mkdir()
    h = helper(tree.src / "project")
    assert h.ignored("a.c") == "0"
    assert "ignores all of it" in h.about()


def test_linked_worktree(tree, helper):
    repository(tree.src, {".gitignore": "*.o\n"})
    write(tree.src / ".git/info/exclude", "shared\n")
    git(tree.src, "worktree", "add", "-q", "../linked")
    h = helper(tree.dir / "linked")
    assert h.ignored("a.o", "shared", "a.c", ".git") == "1101"
    assert h.dirs() == [str(tree.src / ".git/worktrees/linked"), str(tree.src / ".git")]


@pytest.fixture
def superproject(tree):
    """src with a submodule at libs/inner"""
    repository(tree.dir / "inner", {".gitignore": "*.in\n", "f": ""})
    repository(tree.src, {".gitignore": "*.out\n"})
    git(tree.src, "submodule", "add", "-q", str(tree.dir / "inner"), "libs/inner")
    git(tree.src, "commit", "-q", "-m", "submodule")
    return tree.src


def test_submodule_has_rules_of_its_own(superproject, helper):
    h = helper(superproject)
    assert h.ignored("a.out", "a.in", "libs/inner/a.in", "libs/inner/a.out", "libs/inner/", "libs/inner/.git") == "101001"
    assert h.dirs() == [str(superproject / ".git"), str(superproject / ".git/modules/libs/inner")]


def test_inside_a_submodule(superproject, helper):
    h = helper(superproject / "libs/inner")
    assert h.ignored("a.in", "a.out") == "10"
    assert h.dirs() == [str(superproject / ".git/modules/libs/inner")]


def test_repository_nested_in_the_tree(tree, helper):
    repository(tree.src)
    write(tree.src / ".gitignore", "*.out\nthird/\n")
    repository(tree.src / "clone")
    write(tree.src / "clone/.gitignore", "*.in\n")
    repository(tree.src / "third/party")
    h = helper(tree.src)
    assert h.ignored("clone/a.in", "clone/a.out", "a.in", "third/party/x") == "1001"
    assert str(tree.src / "clone/.git") in h.dirs()


def test_repositories_nested_in_a_tree_outside_git(tree, helper):
    repository(tree.src / "one")
    write(tree.src / "one/.gitignore", "*.o\n")
    h = helper(tree.src)
    assert h.ignored("one/a.o", "one/a.c", "a.o", "one/.git/index") == "1001"
    assert h.dirs() == [str(tree.src / "one/.git")]


def test_nested_repository_that_comes_later(tree, helper):
    repository(tree.src)
    h = helper(tree.src)
    assert h.ignored("new/a.o") == "0"
    repository(tree.src / "new")
    write(tree.src / "new/.gitignore", "*.o\n")
    h.ask("reload")
    assert h.ignored("new/a.o") == "1"


# ---- what libgit2 refuses ----


def _sha256(top):
    top.mkdir()
    git(top, "init", "-q", "--object-format=sha256")


def _partial_clone(top):
    repository(top)
    git(top, "config", "core.repositoryFormatVersion", "1")
    git(top, "config", "extensions.partialClone", "origin")


@pytest.mark.parametrize("make", [_sha256, _partial_clone])
def test_git_answers_alone(tree, helper, make):
    top = tree.dir / "top"
    make(top)
    write(top / ".gitignore", "*.o\nout/\n")
    write(top / "kept/.gitignore", "*\n!.gitignore\n")
    h = helper(top)
    assert h.about().endswith("read_by=git")
    assert h.ignored("a.o", "a.c", "out/", "out/x", "kept/.gitignore", "kept/x", "sub/") == "1011010"
    assert h.dirs() == [str(top / ".git")]


def test_partial_clone_in_a_tree(tree, helper):
    repository(tree.src)
    _partial_clone(tree.src / "inner")
    write(tree.src / "inner/.gitignore", "*.o\n")
    assert helper(tree.src).ignored("inner/a.o", "a.o") == "10"


def test_without_the_program_git(tree, helper):
    repository(tree.src)
    write(tree.src / ".gitignore", "*.o\n")
    assert helper(tree.src, env={"PATH": "/nonexistent"}).ignored("a.o", "a.c", "d/a.o") == "101"


# ---- changes of the rules ----


def test_next_batch_goes_by_the_new_rules(tree, helper):
    repository(tree.src)
    h = helper(tree.src)
    for text, expected in (("a\n", "10"), ("b\n", "01"), ("", "00"), ("a\nb\n", "11")):
        write(tree.src / ".gitignore", text)
        h.ask("reload")
        assert h.ignored("a", "b") == expected


def _change_exclude(tree, test):
    write(tree.src / ".git/info/exclude", "a\n")


def _change_config(tree, test):
    write(tree.dir / "other", "a\n")
    git(tree.src, "config", "core.excludesFile", str(tree.dir / "other"))


def _change_users_ignore(tree, test):
    write(test.dir / "config/git/ignore", "a\n")


def _change_above(tree, test):
    write(tree.src / ".gitignore", "a\n")


@pytest.mark.parametrize("change", [_change_exclude, _change_config, _change_users_ignore, _change_above])
def test_rules_outside_the_tree_are_looked_at(tree, test, helper, change):
    repository(tree.src)
    (tree.src / "sub").mkdir()
    h = helper(tree.src / "sub")
    assert not h.changed()
    assert h.ignored("a") == "0"
    assert not h.changed()
    change(tree, test)
    assert h.changed()
    assert not h.changed()
    assert h.ignored("a") == "1"


def test_index_outside_the_tree_is_looked_at(tree, helper):
    repository(tree.src)
    write(tree.src / ".gitignore", "*.o\n")
    write(tree.src / "sub/a.o")
    h = helper(tree.src / "sub")
    assert not h.changed()
    assert h.ignored("a.o") == "1"
    git(tree.src, "add", "-f", "sub/a.o")
    assert h.changed()
    assert h.ignored("a.o") == "0"


# ---- as whom ----


def test_root_reads_as_the_owner(tree, helper, other, test):
    repository(tree.src)
    write(tree.src / ".gitignore", "*.o\n")
    write(test.dir / "gitconfig", f"[core]\n\texcludesFile = {tree.dir}/roots\n")
    write(tree.dir / "roots", "of-root\n")
    subprocess.run(["chown", "-R", f"{other.uid}:{other.gid}", tree.src], check=True)
    h = helper(tree.src)
    assert h.ignored("a.o", "a.c", "of-root") == "100"
    with open(f"/proc/{h.process.pid}/status") as f:
        ids = {line.split()[0]: line.split()[1:] for line in f if line.startswith(("Uid", "Gid", "Groups"))}
    assert ids["Uid:"] == [str(other.uid)] * 4
    assert ids["Gid:"] == [str(other.gid)] * 4
    assert "0" not in ids["Groups:"]


def test_somebody_elses_repository_counts_for_nothing(tree, helper, other):
    """The tree is ours, the repository around it is not: git would not read it either."""
    repository(tree.src)
    write(tree.src / ".gitignore", "*\n!sub\n")
    (tree.src / "sub").mkdir()
    os.chown(tree.src / "sub", other.uid, other.gid)
    h = helper(tree.src / "sub")
    assert h.ignored("a.o") == "0"
    assert "worktree=none why=" in h.about()


def test_hostile_repository_runs_nothing(tree, helper):
    repository(tree.src, {"tracked.o": ""})
    proof = tree.dir / "proof"
    write(tree.src / ".gitignore", "*.o\n")
    for key in ("core.fsmonitor", "core.pager", "core.sshCommand", "core.editor", "alias.check-ignore"):
        git(tree.src, "config", key, f"!touch {proof}" if key.startswith("alias") else f"touch {proof}; false")
    git(tree.src, "config", "filter.x.clean", f"touch {proof}")
    write(tree.src / ".gitattributes", "* filter=x\n")
    assert helper(tree.src).ignored("a.o", "tracked.o", "b.c") == "100"
    assert not proof.exists()


# ---- the wire ----


@pytest.mark.parametrize("bytes_", [b"x\n", b"\n", b"99999999999999", b"9999999\n", b"-1\n", b"3\nabc", b"6\nreload!"])
def test_nonsense_ends_it(tree, bytes_):
    h = Helper(tree.src)
    h.socket.sendall(bytes_)
    h.socket.shutdown(socket.SHUT_WR)
    h.answers.read()
    assert h.end() == 1


def test_half_a_question_is_no_error(tree):
    h = Helper(tree.src)
    h.socket.sendall(b"7\nign")
    assert h.end() == 0


def test_hangs_up_when_we_do(tree, helper):
    h = helper(tree.src)
    assert h.ask("reload") == b""
    assert h.end() == 0


def test_ends_when_told_to(tree):
    h = Helper(tree.src)
    assert h.ask("reload") == b""
    h.process.send_signal(signal.SIGTERM)
    assert h.process.wait(30) == 0
    h.end()


def test_answers_before_it_ends(tree):
    repository(tree.src)
    write(tree.src / ".gitignore", "*.o\n")
    h = Helper(tree.src)
    h.ask("reload")  # it runs
    h.send("ignored", *[f"{n}.o" for n in range(1000)])
    h.process.send_signal(signal.SIGTERM)
    assert h.receive() == b"1" * 1000
    assert h.process.wait(30) == 0
    h.end()


def test_the_next_worker(tree, helper):
    """Half a question of one that has died is forgotten, and so are the rules as they were."""
    repository(tree.src, {".gitignore": "*.o\n"})
    h = helper(tree.src)
    assert h.ignored("a.o", "a.log") == "10"
    h.socket.sendall(b"100\nignored")
    h.hang_up()
    write(tree.src / ".gitignore", "*.log\n")
    h.connect()
    assert h.ignored("a.o", "a.log") == "01"
    before = h.socket
    h.connect()  # the last one counts
    assert h.ignored("a.o", "a.log") == "01"
    assert before.recv(1) == b""


@pytest.mark.long
def test_ends_when_no_worker_comes(tree, helper):
    h = helper(tree.src)
    h.ask("reload")
    h.hang_up()
    assert h.process.wait(30) == 0


def test_holds_nothing_of_who_started_it(tree, helper):
    h = helper(tree.src)
    h.about()
    fds = f"/proc/{h.process.pid}/fd"
    for fd in "012":
        assert os.readlink(f"{fds}/{fd}") == "/dev/null"
    assert os.readlink(f"/proc/{h.process.pid}/cwd") == "/"


# ---- --discover ----


def discover(path, status=0, user=None):
    done = subprocess.run([build.HRFS_GIT, "--discover", path], capture_output=True, **identity(user))
    assert done.returncode == status, done.stderr
    assert done.stdout.count(b"\n") == (status == 0)
    return json.loads(done.stdout) if status == 0 else done.stderr.decode()


def test_discover(tree, superproject):
    git(superproject, "worktree", "add", "-q", "../linked")
    (superproject / "libs/deep").mkdir()
    top, dot = str(superproject), str(superproject / ".git")
    assert discover(superproject / "libs/deep") == {"worktree": top, "gitdir": dot, "commondir": dot}
    assert discover(tree.dir / "linked") == {
        "worktree": str(tree.dir / "linked"),
        "gitdir": f"{dot}/worktrees/linked",
        "commondir": dot,
    }
    assert discover(superproject / "libs/inner") == {
        "worktree": f"{top}/libs/inner",
        "gitdir": f"{dot}/modules/libs/inner",
        "commondir": f"{dot}/modules/libs/inner",
    }


def test_discover_nothing(tree):
    git(tree.dir, "init", "-q", "--bare", "bare")
    assert discover(tree.src) == {}
    assert discover(tree.dir / "bare") == {}
    assert "No such file" in discover(tree.dir / "gone", status=1)


def test_discover_what_libgit2_refuses(tree):
    top = tree.dir / "top"
    _partial_clone(top)
    (top / "sub").mkdir()
    git(top, "commit", "-q", "--allow-empty", "-m", "x")
    git(top, "worktree", "add", "-q", "../linked")
    assert discover(top / "sub") == {"worktree": str(top), "gitdir": f"{top}/.git", "commondir": f"{top}/.git"}
    assert discover(tree.dir / "linked")["commondir"] == f"{top}/.git"


def test_discover_as_root_what_a_user_owns(tree, other):
    repository(tree.src)
    subprocess.run(["chown", "-R", f"{other.uid}:{other.gid}", tree.src], check=True)
    assert discover(tree.src)["worktree"] == str(tree.src)
