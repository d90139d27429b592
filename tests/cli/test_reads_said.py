"""What hrfs log, status, deps and why say of what jobs have read."""

import re

import pytest

from tests.lib import build
from tests.lib.wait import wait_until

pytestmark = pytest.mark.skipif(not build.job_may_mark(), reason="an ordinary user's hrfs-job has no capability in a build tree")

CONFIG = """
services:
  web:
    build: sh -c 'mkdir -p out && grep -v "^#" page > out/made'
    run: sh -c 'cat out/made; echo up; exec sleep 1000'
    ready: log:^up
"""


@pytest.fixture
def web(cli, tree):
    """write(name, text): and what came of it is in force."""
    for name, text in {"hrfs.yaml": CONFIG, "page": "p\n", "README": "r", ".gitignore": "out\n"}.items():
        (tree.src / name).write_text(text)
    cli("trust", "--yes", tree.src)
    cli("mount", tree.src)
    cli("wait", cwd=tree.src)
    # it is known a moment after the server is ready; a change before that counts
    wait_until(lambda: "web/run has read" in cli("deps", "web", cwd=tree.src).stdout)

    def write(name, text):
        (tree.src / name).write_text(text)
        cli("wait", cwd=tree.src)

    return write


def line_of(text, pattern):
    (line,) = [line for line in text.splitlines() if re.search(pattern, line)]
    return line


@pytest.mark.any_user
def test_log(cli, tree, web):
    web("README", "other")
    web("page", "q\n")
    log = cli("log", cwd=tree.src).stdout
    assert line_of(log, r"\bREADME\b").endswith("no job has read it")
    assert "no job has read it" not in line_of(log, r"changed.*\bpage\b")
    batches = [b for b in map(str.strip, cli("log", "--json", cwd=tree.src).stdout.splitlines()) if '"README"' in b]
    assert len(batches) == 1 and '"unread":true' in batches[0].replace(" ", "")


def test_status(cli, tree, web):
    assert "reload" not in cli("status", tree.src).stdout
    web("README", "other")
    web("LICENSE", "l")
    web("page", "p\n# a comment\n")
    assert re.search("reloaded 0 times; 3 changes needed no reload: (README, LICENSE|LICENSE, README)\n", cli("status", tree.src).stdout)
    web("page", "q\n")
    assert "reloaded once; 3 changes needed no reload: " in cli("status", tree.src).stdout
    (service,) = cli.json("status", tree.src)["here"]["services"]
    assert (service["reloads"], service["avoided"], sorted(service["avoided_for"])) == (1, 3, ["LICENSE", "README"])
    assert service["witness"] == "mark"


@pytest.mark.any_user
def test_deps_and_why(cli, tree, web):
    web("README", "other")
    deps = cli("deps", "web", cwd=tree.src).stdout
    assert "web/build has read:\n" in deps and re.search(r"^ +page  read", deps, re.M) and re.search(r"^ +made  .*written", deps, re.M)
    assert "README" not in deps
    assert cli("deps", "README", cwd=tree.src).stdout == "no job has read it\n"
    assert cli("deps", "page", cwd=tree.src).stdout.startswith("web/build  read")
    assert "no reload of web: none of its jobs has read it" in cli("why", "README", cwd=tree.src).stdout
    web("page", "q\n")
    why = cli("why", "page", cwd=tree.src).stdout
    assert "counts for web" in why and "; read by web/build" in why
    assert re.search(r"file [0-9a-f]+ → file [0-9a-f]+", why)
