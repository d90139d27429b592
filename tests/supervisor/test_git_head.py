"""`git: head`: a service that depends on which commit is checked out, with git itself."""

import os
import subprocess

import pytest

from tests.lib import gits
from tests.lib.wait import wait_until
from tests.supervisor.supervised import Web

CONFIG = """
services:
  web:
    build: sh -c 'git rev-parse HEAD > made'
    run: sh -c 'cat made; echo up; exec sleep 1000'
    ready: log:^up
    git: head
    env: {GIT_DISCOVERY_ACROSS_FILESYSTEM: '1'}
  other:
    run: sh -c 'echo up; exec sleep 1000'
    ready: log:^up
"""
FILES = {"text": "t\n", ".gitignore": "made\n"}


def git(directory, *words):
    env = {**os.environ, **gits.ENV}
    return subprocess.run(["git", *words], cwd=directory, check=True, capture_output=True, text=True, env=env).stdout


@pytest.fixture
def web(supervise):
    return lambda prepare: Web(supervise(CONFIG, files=FILES, prepare=prepare).ready())


def test_another_commit(web):
    w = web(gits.make)
    first = git(w.path, "branch", "--show-current").strip()

    def do(*words):
        before = w.number()
        git(w.path, *words)
        return w.outcome(before)

    assert do("status") == "nothing"
    assert do("checkout", "-q", "-b", "a/b") == "nothing"  # another name, the same commit
    assert do("commit", "-q", "--allow-empty", "-m", "y") == ("restart", True)
    assert w.s.reloads("web")[0]["cause"][0]["name"] == ".git/HEAD"
    assert git(w.path, "rev-parse", "HEAD").strip() in w.s.output("web")
    assert do("checkout", "-q", first) == ("restart", True)
    assert do("checkout", "-q", "--detach") == "nothing"
    assert do("pack-refs", "--all") == "nothing"
    assert do("checkout", "-q", "a/b") == ("restart", True)
    assert do("reset", "-q", "--hard", "HEAD~1") == ("restart", True)
    assert do("tag", "v1") == "nothing"
    assert do("commit", "-q", "--allow-empty", "-m", "z") == ("restart", True)
    assert len(w.s.reloads("other")) == 1  # which has not said that it depends on it


def below(src):
    gits.make(src.parent)


def beside(src):
    git(src, "init", "-q", "--separate-git-dir", src.parent / "real")
    gits.make(src)


def worktree(src):
    main = src.parent / "main"
    main.mkdir()
    (main / "one").write_text("1")
    gits.make(main)
    git(main, "worktree", "add", "-q", "-b", "side", src.parent / "aside")
    (src.parent / "aside" / ".git").rename(src / ".git")
    git(src, "worktree", "repair")


@pytest.mark.parametrize("where", [below, beside, worktree])
def test_a_repository_that_is_not_in_the_tree(web, where):
    """The source is a part of a work tree, or what is its own lies elsewhere."""
    w = web(where)
    for words in (["commit", "-q", "--allow-empty", "-m", "y"], ["checkout", "-q", "HEAD~1"]):
        before = w.number()
        git(w.s.m.src, *words)
        wait_until(lambda before=before: w.number() > before)
        assert w.outcome(before) == ("restart", True)
        assert git(w.s.m.src, "rev-parse", "HEAD").strip() in w.s.output("web")


def test_taken_into_the_configuration_later(web):
    w = web(gits.make)
    text = (w.path / "hrfs.yaml").read_text()
    (w.path / "hrfs.yaml").write_text(text.replace("    git: head\n", ""))
    w.s.ready()
    before = w.number()
    git(w.path, "commit", "-q", "--allow-empty", "-m", "y")
    assert w.outcome(before) == "nothing"
    (w.path / "hrfs.yaml").write_text(text)
    w.s.ready()
    before = w.number()
    git(w.path, "commit", "-q", "--allow-empty", "-m", "z")
    assert w.outcome(before) == ("restart", True)


def test_a_build_that_commits(supervise):
    """What it does to HEAD itself is no reason to build again; what others do is, however often in a row."""
    config = CONFIG.replace("git rev-parse", "git commit -q --allow-empty -m b && git rev-parse")
    config = config.replace("{GIT_D", "{GIT_AUTHOR_NAME: a, GIT_AUTHOR_EMAIL: a@x, GIT_COMMITTER_NAME: a, GIT_COMMITTER_EMAIL: a@x, GIT_D")
    w = Web(supervise(config, files=FILES, prepare=gits.make).ready())
    assert len(w.s.reloads("web")) == 1
    for count in range(2, 7):
        before = w.number()
        git(w.path, "commit", "-q", "--allow-empty", "-m", "y")
        assert w.outcome(before) == ("restart", True)
        assert len(w.s.reloads("web")) == count
