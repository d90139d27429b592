"""hrfs run in trees without an hrfs.yaml: it starts what it derives, reloads it, and a bad edit is no catastrophe."""

import re
import signal
import subprocess

import pytest

from tests.lib.derived import GO, OFTEN, PYTHON, TREES, environment
from tests.lib.http import get
from tests.lib.wait import wait_until

pytestmark = pytest.mark.any_user


@pytest.fixture(params=[k if k in OFTEN else pytest.param(k, marks=pytest.mark.long) for k in sorted(TREES)])
def kind(request, tree):
    kind = TREES[request.param]
    if kind.missing():
        pytest.skip(kind.missing())
    kind.write(tree.src)
    return kind


@pytest.fixture
def run(test, tree, hrfs_start, free_port):
    """run(*words) -> the running hrfs, with .port"""

    def begin(*words, services=1):
        port = free_port()
        r = hrfs_start("run", *words, cwd=tree.src, env=environment(test, port))
        for _ in range(services):
            r.wait_for(r"(?m)^.*\bready\b", timeout=200)
        r.port = port
        return r

    return begin


def end(r):
    r.signal(signal.SIGINT)
    r.wait()


@pytest.mark.time_limit(240)
def test_starts_reloads_breaks_and_mends(kind, run, tree, hrfs):
    r = run()
    for line in kind.derived:
        assert f"    {line}\n" in r.text or f"  {line}" in r.text, r.text
    assert get(r.port) == (200, "one")
    kind.edit(tree.src, "two")
    hrfs("wait", cwd=tree.src, timeout=120)
    assert get(r.port) == (200, "two")
    kind.break_it(tree.src)
    failed = hrfs("wait", cwd=tree.src, status=1, timeout=120)
    assert kind.source.split("/")[-1] in failed.stderr, failed.stderr
    if kind.built:
        assert get(r.port) == (200, "two")
    kind.edit(tree.src, "three")
    hrfs("wait", cwd=tree.src, timeout=120)
    assert get(r.port) == (200, "three")
    end(r)
    assert not (tree.src / "hrfs.yaml").exists()


@pytest.mark.parametrize("name", sorted(TREES))
def test_init_writes_the_same(name, tree, hrfs):
    TREES[name].write(tree.src)
    printed = hrfs("init", "--print", cwd=tree.src).stdout
    assert not (tree.src / "hrfs.yaml").exists()
    for line in TREES[name].derived:
        assert line in printed
    assert hrfs("init", cwd=tree.src).stdout == printed == (tree.src / "hrfs.yaml").read_text()
    refused = hrfs("init", cwd=tree.src, status=1)
    assert "is there already" in refused.stderr
    assert printed == (tree.src / "hrfs.yaml").read_text()


def test_what_init_wrote_runs(run, tree, hrfs):
    TREES["python"].write(tree.src)
    hrfs("init", cwd=tree.src)
    r = run()
    assert "derived" not in r.text
    assert get(r.port) == (200, "one")
    end(r)


def test_nothing_of_it_comes_into_git(run, tree):
    kind = TREES["go"]
    if kind.missing():
        pytest.skip(kind.missing())
    kind.write(tree.src)
    git = ["git", "-C", tree.src, "-c", "safe.directory=*"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    r = run()
    end(r)
    assert (tree.src / ".hrfs" / "hello").exists()
    status = subprocess.run([*git, "status", "--porcelain"], check=True, capture_output=True, text=True).stdout
    assert not [line for line in status.splitlines() if not line.startswith("A ")], status


def test_each_line_of_a_procfile(run, tree):
    for name in "ab":
        (tree.src / f"{name}.sh").write_text(f"echo {name} is up, port $PORT\nexec sleep 1000\n")
    (tree.src / "Procfile").write_text("a: exec sh a.sh $PORT\nb: exec sh b.sh $PORT\n")
    r = run(services=0)
    wait_until(lambda: {"a is up, port 5000", "b is up, port 5100"} <= set(re.findall(r"[ab] is up, port \d+", r.output())))
    end(r)


def test_only_one_of_them(run, tree):
    (tree.src / "Procfile").write_text("a: exec sleep 1000\nb: exec sleep 1001\n")
    r = run("b")
    assert re.search(r"\bb: ready", r.text) and not re.search(r"\ba: ready", r.text), r.text
    end(r)
    unknown = run("c", services=0)
    unknown.wait_for("no service.*c")
    assert unknown.wait() == 125


def test_a_file_that_comes_later_takes_over(run, tree, hrfs):
    (tree.src / "main.py").write_text(PYTHON.replace("WORD", "one"))
    r = run()
    assert get(r.port) == (200, "one")
    hrfs("init", cwd=tree.src)
    hrfs("wait", cwd=tree.src)
    pid = hrfs("status", cwd=tree.src).stdout
    assert "src" in pid
    # what it says is the same, so nothing was restarted; what is changed in it counts
    text = (tree.src / "hrfs.yaml").read_text()
    (tree.src / "hrfs.yaml").write_text(text.replace("python3 main.py", "python3 other.py"))
    (tree.src / "other.py").write_text(PYTHON.replace("WORD", "other"))
    hrfs("wait", cwd=tree.src)
    assert get(r.port) == (200, "other")
    end(r)


def test_a_build_that_fails_at_the_start(run, tree, hrfs):
    if TREES["go"].missing():
        pytest.skip(TREES["go"].missing())
    TREES["go"].write(tree.src)
    (tree.src / "main.go").write_text("package main\n\nno code\n")
    r = run(services=0)
    r.wait_for("failed", timeout=100)
    (tree.src / "main.go").write_text(GO.replace("WORD", "mended"))
    hrfs("wait", cwd=tree.src, timeout=100)
    assert get(r.port) == (200, "mended")
    end(r)


@pytest.mark.parametrize("below", ["", "web"])
def test_in_a_mount_that_is_there(test, tree, mount, hrfs_start, free_port, below):
    """Also where one stands below its top: no second mount inside."""
    TREES["python"].write(tree.src / below if below else tree.src)
    m, port = mount(), free_port()
    r = hrfs_start("run", cwd=m.path / below, env=environment(test, port))
    r.wait_for("ready", timeout=60)
    (m.path / below / "main.py").write_text(PYTHON.replace("WORD", "two"))
    m.ask("hrfs-wait", {"timeout_ms": 60000}, timeout=65)
    assert get(port) == (200, "two")
    end(r)
    assert m.status()["mountpoint"] == str(m.path)
