"""What is built into the tree and lies outside of it: whatever changes there counts, and hrfs run says how to see more."""

import shutil

import pytest

from tests.lib import build
from tests.lib.wait import wait_until
from tests.supervisor.supervised import Web

pytestmark = [
    pytest.mark.any_user,
    pytest.mark.skipif(not build.job_may_mark(), reason="an ordinary user's hrfs-job has no capability in a build tree"),
]

GO = """package main

import (
	"fmt"
	"time"

	"example.org/lib"
)

func main() {
	fmt.Println(lib.Word)
	fmt.Println("up")
	time.Sleep(time.Hour)
}
"""
LIB = 'package lib\n\n// %s\nconst Word = "%s"\n'


class Outside(Web):
    def until(self, name, text, expected):
        """Changes a file outside, and waits for what comes of it: it is told in the kernel's own time."""
        before = self.number()
        name.parent.mkdir(parents=True, exist_ok=True)
        name.write_text(text)
        wait_until(lambda: self.number() != before)
        assert self.outcome(before) == expected
        return self.s.reloads("web")[0]["cause"]


def write(directory, files):
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)


@pytest.mark.parametrize("way", ["replace", "work"])
def test_go(supervise, tree, way):
    if not shutil.which("go"):
        pytest.skip("go is not here")
    lib = tree.dir / "lib"
    write(lib, {"go.mod": "module example.org/lib\n\ngo 1.19\n", "lib.go": LIB % ("one", "a"), ".git/HEAD": "x"})
    mod = "module example.org/web\n\ngo 1.19\n"
    files = {"main.go": GO, ".gitignore": "bin\n", "README": "r", "go.mod": mod}
    if way == "replace":
        files["go.mod"] += "\nrequire example.org/lib v0.0.0\n\nreplace example.org/lib => ../lib\n"
    else:
        files["go.work"] = "go 1.19\n\nuse (\n\t.\n\t../lib\n)\n"
    config = "services:\n  web:\n    build: go build -o bin/web .\n    run: bin/web\n    ready: log:^up\n"
    w = Outside(supervise(config, files=files).ready())
    said = f"go.{'mod' if way == 'replace' else 'work'}"
    w.s.run.wait_for(rf"outside of this tree, .*: \.\./lib \({said}\)\. hrfs run --source {tree.dir} sees")
    assert f"  ../lib ({said})\n" in w.s.ask("hrfs-deps", {"service": "web"})["text"]
    assert w.write("README", "x") == "nothing"
    cause = w.until(lib / "lib.go", LIB % ("one", "b"), ("restart", True))
    assert [c["name"] for c in cause] == ["../lib/lib.go"]
    assert "counts for web" in w.s.why("../lib/lib.go")
    w.until(lib / "lib.go", LIB % ("two", "b"), ("build", True))
    # a name that is new, in a directory that is; what is hidden, or an editor's, does nothing
    before = w.number()
    write(lib, {".git/HEAD": "y", "x~": "x", ".hidden/x": "x"})
    w.until(lib / "more" / "deep" / "x.go", "package deep\n", ("build", True))
    assert w.number() == before + 1
    # saved as it was: what it was is known by now
    (lib / "lib.go").write_text(LIB % ("two", "b"))
    w.until(lib / "more" / "deep" / "y.go", "package deep\n", ("build", True))
    assert w.number() == before + 2


def test_a_linked_package_and_one_that_comes_later(supervise, tree):
    """npm link: what only runs is started anew. What the tree says is read again when it changes."""
    one, two = tree.dir / "one", tree.dir / "two"
    write(one, {"index.js": "1"})
    write(two, {"index.js": "2"})

    def link(src):
        (src / "node_modules").mkdir()
        (src / "node_modules" / "one").symlink_to(one)

    config = "services:\n  web:\n    run: sh -c 'cat node_modules/one/index.js; echo; echo up; exec sleep 1000'\n    ready: log:^up\n"
    w = Outside(supervise(config, files={"package.json": "{}"}, prepare=link).ready())
    w.until(one / "index.js", "3", ("restart", False))
    assert "3" in w.s.output("web")
    (w.path / "package.json").write_text('{"dependencies": {"two": "file:../two"}}')
    w.s.ready()
    w.s.run.wait_for(r"\.\./two \(package.json\)")
    w.until(two / "index.js", "4", ("restart", False))


def test_a_build_that_writes_there(supervise, tree):
    """Its output lies outside, by a link: it is not built for that for ever, and once it is ignored not at all."""
    dist = tree.dir / "dist"
    write(dist, {"made": ""})
    config = "services:\n  web:\n    build: sh -c 'cat page; date +%N > dist/made'\n"
    s = supervise(config, files={"page": "p"}, prepare=lambda src: (src / "dist").symlink_to(dist))
    s.run.wait_for(r"failed: \.\./dist/made changed only while it was built or started, 3 times in a row")
    assert not s.wait()["ok"]
    (s.m.path / "hrfs.yaml").write_text(config + "    ignore: [../dist]\n")
    s.ready()
    w = Outside(s)
    before = w.number()
    assert w.write("page", "q") == ("build", True)
    w.outcome(before)
    assert w.number() == before + 1


def test_nothing_outside_is_not_spoken_of(supervise):
    w = Outside(supervise("services:\n  web:\n    run: sh -c 'echo up; exec sleep 1000'\n    ready: log:^up\n").ready())
    assert "outside" not in w.s.run.output()
