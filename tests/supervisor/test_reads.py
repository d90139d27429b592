"""A job is stale when something that it has read is in another state, and only then."""

import os
import re
import resource
import shutil
import signal
import subprocess
import textwrap

import pytest

from tests.lib import build, processes
from tests.lib.wait import wait_until
from tests.supervisor.supervised import Web

# builds in/a and whatever in/extra is into out/made, serves by out/made and conf; reads page at each SIGUSR1
BUILD = """
mkdir -p out
test ! -e in/extra || extra=$(cat in/extra)
cat in/a in/list/* 2>/dev/null | grep -v '^#' > out/new
echo "$extra" >> out/new
mv out/new out/made
"""
SERVER = textwrap.dedent(
    """
    import os, signal, time
    print("serving", open("out/made").read().split(), open("conf").read(), flush=True)
    def again(*_):
        print("page", open("page").read(), flush=True)
    signal.signal(signal.SIGUSR1, again)
    print("up", flush=True)
    while True:
        time.sleep(1000)
    """
)
CONFIG = """
services:
  web:
    build: sh build.sh
    run: python3 main.py
    ready: log:^up
"""
FILES = {
    "build.sh": BUILD,
    "main.py": SERVER,
    "in/a": "a\n",
    "in/list/one": "1\n",
    "conf": "c",
    "page": "p",
    "README": "r",
    ".gitignore": "out\n",
}
MARKED = build.job_may_mark()
needs_mark = pytest.mark.skipif(not MARKED, reason="an ordinary user's hrfs-job has no capability in a build tree")
# how it is known what a job opens, where the tests choose
by_each = pytest.mark.parametrize("web", ["mark", "opens"] if MARKED else ["opens"], indirect=True)
by_each_and_names = pytest.mark.parametrize("web", ["mark", "opens", "names"] if MARKED else ["opens", "names"], indirect=True)
by_opens = pytest.mark.parametrize("web", ["opens"], indirect=True)


@pytest.fixture
def web(supervise, request, unable):
    """web(config, files, …) -> Web. Of the ways that hrfs run would take the best one, unless a parameter says which."""
    way = getattr(request, "param", None)
    chosen = {"mark": {}, "opens": {"env": unable, "mount_options": "answer_opens"}, "names": {"env": unable, "mount_options": ""}}

    def make(config=CONFIG, files=FILES, **more):
        return Web(supervise(config, files=files, **chosen.get(way, {}), **more).ready())

    return make


@by_each_and_names
def test_the_first_line_says_how_it_is_known(web, request):
    """And what would better it."""
    w = web()
    line = w.s.run.output().splitlines()[0]
    way = w.s.service("web")["witness"]
    assert way == request.node.callspec.params["web"]
    if way == "mark":
        assert line == "hrfs: a change reloads what has read it, and nothing else"
        return
    if way == "opens":
        assert line.startswith("hrfs: a change reloads what has read it, and nothing else, at the price of a question for each open: ")
    else:
        assert line.startswith("hrfs: a change builds what has asked for it; what is running is restarted for any")
    assert "root may not do it here" in line if os.geteuid() == 0 else "hrfs-job has not the capability for it (setcap" in line


@by_each
def test_what_nobody_has_read_does_nothing(web):
    w = web()
    assert w.write("README", "other") == "nothing"
    assert w.write("in/b", "not listed") == "nothing"
    assert "none of its jobs has read it" in w.s.why("README")
    assert w.s.service("web")["generation"] == 1


@by_each
def test_the_job_that_has_read_it_is_stale(web):
    w = web()
    assert w.write("in/a", "b\n") == ("restart", True)
    assert w.write("conf", "d") == ("restart", False)
    assert w.write("main.py", SERVER + "# two\n") == ("restart", False)
    assert w.s.output("web").count("serving ['b', '1'] d") == 2


def test_a_build_that_changes_nothing_restarts_nothing(web):
    w = web()
    assert w.write("in/a", "a\n# a comment\n") == ("build", True)
    assert w.s.service("web")["generation"] == 1
    assert w.write("in/a", "b\n# a comment\n") == ("restart", True)
    assert w.write("in/a", "b\n") == ("build", True)


@by_each_and_names
def test_names_looked_for_in_vain(web):
    w = web()
    assert w.write("in/extra", "more\n") == ("restart", True)
    assert "serving ['a', '1', 'more'] c" in w.s.output("web")


@by_each
def test_new_names_in_a_directory_that_was_listed(web):
    w = web()
    assert w.write("in/list/two", "2\n") == ("restart", True)
    assert w.write("in/list/.two.swp", "x") == "nothing"


def test_what_is_ignored_and_read_counts(web):
    w = web(files={**FILES, ".gitignore": "out\nconf\n"})
    assert w.write("conf", "d") == ("restart", False)


@by_each_and_names
def test_outputs(web):
    w = web()
    before = w.number()
    w.s.ready()
    assert w.number() == before  # its own
    (w.path / "out/made").unlink()
    assert w.outcome(before) != "nothing"
    assert (w.path / "out/made").read_text() == "a\n1\n\n"


@by_each
def test_what_a_server_reads_later(web):
    w = web()
    assert w.write("page", "q") == "nothing"
    os.kill(w.s.service("web")["pid"], 10)
    w.s.run.wait_for("page q")
    # told by the kernel in its own time; by then it is read
    wait_until(lambda: w.write("page", os.urandom(4).hex()) != "nothing")
    assert w.s.reloads("web")[0]["cause"][0]["name"] == "page"


@by_opens
def test_what_a_server_reads_later_counts_at_once(web):
    """It waits for its answer, so that it is known by then."""
    w = web()
    assert w.write("page", "q") == "nothing"
    os.kill(w.s.service("web")["pid"], signal.SIGUSR1)
    w.s.run.wait_for("page q")
    assert w.write("page", "r") == ("restart", False)
    assert w.s.reloads("web")[0]["cause"][0]["name"] == "page"
    assert w.write("README", "other") == "nothing"


@needs_mark
def test_what_is_lost_counts_as_read(web):
    """No descriptor is left for what the kernel tells of: from then on anything restarts it, until a start is seen whole."""
    w = web()
    limits = resource.prlimit(w.s.run.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(w.s.run.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    os.kill(w.s.service("web")["pid"], 10)
    w.s.run.wait_for("event=witness_lost")
    resource.prlimit(w.s.run.pid, resource.RLIMIT_NOFILE, limits)
    assert w.write("README", "other") == ("restart", False)
    assert w.write("README", "third") == "nothing"


def test_while_a_build_runs(web, tree):
    """What it has read already counts once it has ended, what it does not read does not."""
    ask, answer = tree.dir / "ask", tree.dir / "answer"
    for fifo in (ask, answer):
        os.mkfifo(fifo)
    hold = f"trap '' TERM\ncat in/late\ntest -e in/quick || {{ echo x > {ask}; read line < {answer}; }}\n"
    w = web(files={**FILES, "build.sh": hold + BUILD, "in/quick": "", "in/late": ""})
    asked, answered = os.open(ask, os.O_RDWR), os.open(answer, os.O_RDWR)
    try:
        before = w.number()
        (w.path / "in/quick").unlink()
        os.read(asked, 100)
        (w.path / "README").write_text("while it runs")
        (w.path / "in/late").write_text("while it runs")
        w.s.m.settle()
        (w.path / "in/quick").write_text("")
        os.write(answered, b"x\n")
        assert w.outcome(before) != "nothing"
        assert "none of its jobs has read it" in w.s.why("README")
        assert "counts for web" in w.s.why("in/late")
        before = w.number()
        assert w.outcome(before) == "nothing"
    finally:
        os.close(asked)
        os.close(answered)


def test_a_check_runs_for_what_it_has_read(web):
    w = web(CONFIG + "    check: sh check.sh\n", {**FILES, "check.sh": "echo checked; cat README\n"})

    def checks():
        return w.s.run.output().count("check passed")

    wait_until(lambda: checks() == 1)
    assert w.write("README", "other") == "nothing"
    wait_until(lambda: checks() == 2)
    assert w.write("conf", "d") == ("restart", False)
    assert checks() == 2


@needs_mark
@pytest.mark.parametrize("inside", ["unshare --mount", "bwrap --dev-bind / / --"], ids=["unshare", "bwrap"])
def test_another_way_into_the_mount(web, inside):
    """A server in a mount namespace that it has made is not seen: everything counts."""
    works = shutil.which(inside.split()[0]) and not subprocess.run([*inside.split(), "true"], stderr=subprocess.DEVNULL).returncode
    if not works:
        pytest.skip(f"needs {inside.split()[0]}, and that it may make a mount namespace")
    w = web(CONFIG.replace("python3 main.py", f"{inside} python3 main.py"))
    assert w.write("README", "other") == ("restart", False)
    assert w.write("page", "other") == ("restart", False)


@by_opens
def test_another_way_into_a_mount_that_answers_opens(web):
    """It is seen there, whichever way it takes."""
    inside = ["unshare", "--map-root-user", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*inside, "true"], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("needs unshare, and that it may make a user namespace")
    w = web(CONFIG.replace("python3 main.py", " ".join([*inside, "python3", "main.py"])))
    assert w.write("README", "other") == "nothing"
    assert w.write("page", "other") == "nothing"
    assert w.write("conf", "d") == ("restart", False)


@by_opens
def test_the_mounts_worker_dies(web):
    """What the server opened just before it may not have been told: anything restarts it."""
    w = web()
    os.kill(w.s.m.worker_pid(), 9)
    w.s.run.wait_for("event=witness_lost")
    w.s.ready()
    assert w.write("README", "other") == ("restart", False)


@by_each
def test_the_mounts_worker_died_before(web):
    """What the next runs read is seen whole again."""
    w = web()
    os.kill(w.s.m.worker_pid(), 9)
    assert w.write("in/a", "b\n") == ("restart", True)
    assert w.write("README", "other") == "nothing"
    assert w.write("in/b", "not listed") == "nothing"
    assert w.write("in/extra", "more\n") == ("restart", True)
    assert w.write("conf", "d") == ("restart", False)
    assert w.write("README", "third") == "nothing"


def test_a_command_whose_work_others_do(web, test):
    """docker's daemon reads what nobody can see."""
    docker = test.dir / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\necho up\nexec sleep 1000\n")
    docker.chmod(0o755)
    w = web(CONFIG.replace("python3 main.py", f"{docker} compose up"))
    assert w.write("README", "other") == ("restart", False)


def test_patterns_keep_their_meaning(web):
    w = web(CONFIG + "    watch: ['*.md']\n")
    assert w.write("in/a", "b\n") == "nothing"
    assert w.write("x.md", "b\n")[0] == "restart"
    (w.path / "hrfs.yaml").write_text(CONFIG + "    ignore: [conf]\n")
    w.s.ready()
    assert w.write("conf", "d") == "nothing"


def test_from_scratch(web):
    w = web()
    w.s.ask("hrfs-reload", {"full": True})
    w.s.ready()
    assert w.write("README", "x") == "nothing"
    assert w.write("in/a", "x\n") == ("restart", True)


def test_the_supervisor_is_killed(web, supervise):
    """The next one knows nothing yet: it starts everything, then knows."""
    w = web()
    w.s.run.signal(9)
    w.s.run.wait()
    s = w.s
    again = type(s)(s.m, s.start, "--consent")
    try:
        again.ready()
        w.s = again
        assert w.write("README", "other") == "nothing"
        assert w.write("in/a", "b\n") == ("restart", True)
    finally:
        again.end()


# ---- real compilers ----

C = """
#include <stdio.h>
#include <unistd.h>
%s
int main(void)
{
	puts("%s");
	puts("up");
	fflush(stdout);
	pause();
	return 0;
}
"""
GO = """package main

import (
	"fmt"
	"time"
)

%s
func main() {
	fmt.Println("%s")
	fmt.Println("up")
	time.Sleep(time.Hour)
}
"""
COMPILED = "services:\n  web:\n    build: {}\n    run: bin/web\n    ready: log:^up\n"


@pytest.mark.parametrize("ignored", [True, False])
@pytest.mark.parametrize("language", ["c", pytest.param("go", marks=pytest.mark.any_user)])
def test_a_comment_restarts_nothing(web, language, ignored):
    """A build-id differs, what runs does not: no restart. Words in a line of its own move no line."""
    program, source, name, build = {
        "c": ("gcc", C, "main.c", "sh -c 'mkdir -p bin && gcc -g -Wl,--build-id=uuid -o bin/web main.c'"),
        "go": ("go", GO, "main.go", "go build -o bin/web ."),
    }[language]
    if not shutil.which(program):
        pytest.skip(f"{program} is not here")
    files = {name: source % ("// one", "a"), ".gitignore": "bin\n" if ignored else "", "go.mod": "module x\n\ngo 1.19\n"}
    w = web(COMPILED.format(build), files)
    first = (w.path / "bin/web").read_bytes()
    assert w.write(name, source % ("// two words", "a")) == ("build", True)
    if language == "c":
        assert (w.path / "bin/web").read_bytes() != first
    assert w.s.service("web")["generation"] == 1
    assert w.write(name, source % ("// two words", "b")) == ("restart", True)
    assert w.s.service("web")["generation"] == 2


@pytest.mark.any_user
@by_each
def test_a_tree_of_git(web):
    """go build asks git for the state of the whole tree: that is not what the program is made of."""
    from tests.lib import gits

    if not shutil.which("go"):
        pytest.skip("go is not here")
    files = {"main.go": GO % ("", "a"), "go.mod": "module x\n\ngo 1.19\n", "README": "r", "doc/x": "x", ".gitignore": "bin\n"}
    w = web(COMPILED.format("go build -o bin/web ."), files, prepare=gits.make)
    assert w.write("README", "other") == "nothing"
    assert w.write("doc/x", "other") == "nothing"
    assert w.write("doc/new", "x") == "nothing"
    assert w.write("main.go", GO % ("", "b")) == ("restart", True)


# ---- asking ----


@by_each
def test_who_reads_what(web):
    w = web()
    answer = w.s.ask("hrfs-deps", {"service": "web"})
    how = {(p["stage"], p["path"]): p["how"] for p in answer["paths"]}
    assert "read" in how["build", "in/a"] and "written" in how["build", "out/made"]
    assert how["build", "in/extra"] == ["looked for"] and "listed" in how["build", "in/list"]
    assert "read" in how["run", "out/made"] and ("run", "in/a") not in how
    assert "web/build has read:\n" in answer["text"] and "    a  read, looked at\n" in answer["text"]
    assert "web/build  read" in w.s.ask("hrfs-deps", {"path": "in/a"})["text"]
    assert w.s.ask("hrfs-deps", {"path": "README"})["text"] == "no job has read it\n"
    assert "error" in w.s.m.client().ask("hrfs-deps", str(w.path), {"service": "nosuch"})


def test_what_was_avoided_is_counted(web):
    w = web()
    assert w.s.service("web")["witness"] == ("mark" if MARKED else "opens")
    assert w.write("README", "other") == "nothing"
    assert w.write("in/a", "b\n") == ("restart", True)
    assert w.write("in/a", "b\n#\n") == ("build", True)
    service = w.s.service("web")
    assert (service["reloads"], service["avoided"], service["avoided_for"]) == (1, 2, ["README"])
    assert w.s.ask("hrfs-deps", {"paths": ["README", "in/a"]})["unread"] == ["README"]
    text = w.s.ask("hrfs-why", {"number": 2})["text"]
    assert "; read by web/build" in text and " → file " in text


# ---- chains ----

CHAIN = """
services:
  gen:
    build: sh -c 'cat schema 2>/dev/null > generated.new; cmp -s generated.new generated || cp generated.new generated; rm generated.new'
  lib:
    build: sh -c 'cat generated lib.c > lib.new; cmp -s lib.new lib.a || cp lib.new lib.a; rm lib.new'
  one:
    run: sh -c 'cat lib.a one.c; echo up; exec sleep 1000'
    ready: log:^up
  two:
    run: sh -c 'cat lib.a; echo up; exec sleep 1000'
    ready: log:^up
  other:
    run: sh -c 'cat other.c; echo up; exec sleep 1000'
    ready: log:^up
"""


def test_a_chain(supervise):
    """A generator, a library, three servers: nothing says who depends on whom."""
    files = {"schema": "s\n", "lib.c": "l\n", "one.c": "1\n", "other.c": "o\n", "generated": "s\n", "lib.a": "s\nl\n"}
    s = supervise(CHAIN, files=files).ready()

    def generations():
        return [s.service(name)["generation"] for name in ("one", "two", "other")]

    def write(name, text):
        """Whose jobs ran for it, in their order."""
        newest = s.reloads()[0]["number"]
        (s.m.path / name).write_text(text)
        s.ready()
        return [r["service"] for r in reversed(s.reloads()) if r["number"] > newest]

    assert generations() == [1, 1, 1]
    order = write("schema", "t\n")
    assert order[:2] == ["gen", "lib"] and sorted(order[2:]) == ["one", "two"]
    assert generations() == [2, 2, 1]
    assert (s.m.path / "lib.a").read_text() == "t\nl\n"
    order = write("lib.c", "m\n")
    assert order[0] == "lib" and sorted(order[1:]) == ["one", "two"]
    assert generations() == [3, 3, 1]
    assert write("one.c", "2\n") == ["one"]
    assert write("other.c", "p\n") == ["other"]
    assert generations() == [4, 3, 2]
    # what it generates comes out the same: it ends there
    assert write("schema", "t\n") == []
    assert write("schema.md", "nobody's") == []
    assert generations() == [4, 3, 2]


ROUND = """
services:
  a:
    build: sh -c '{} > a.new; mv a.new a.out'
  b:
    build: sh -c 'cat a.out > b.new; mv b.new b.out'
"""
ROUND_FILES = {"seed": "s\n", "a.out": "", "b.out": ""}


def test_a_circle(supervise):
    """Each writes something new for the other: that ends, and it is said who does what."""
    s = supervise(ROUND.format("(cat seed b.out; echo x)"), files=ROUND_FILES)
    ways = ("a reads b.out, which b/build writes", "b reads a.out, which a/build writes")
    said = rf"failed: ({ways[0]}; {ways[1]}|{ways[1]}; {ways[0]}): 3 times round.*ignore:"
    s.run.wait_for(said)
    answer = s.wait()
    held = [v["summary"] for v in answer["services"] if not v["ok"]]
    assert held and all("not built again for what comes of its own work, by way of other services" in text for text in held)
    # somebody else's change is built for
    before = len(s.run.output())
    (s.m.path / "seed").write_text("mine\n")
    assert not s.wait()["ok"]
    assert (s.m.path / "a.out").read_text().startswith("mine\n")
    assert re.search(said, s.run.output()[before:])


def test_a_circle_that_ends(supervise):
    """Once round, and nothing differs any more: as a document with its table of contents needs."""
    s = supervise(ROUND.format("sort -u seed b.out"), files=ROUND_FILES).ready()
    (s.m.path / "seed").write_text("mine\n")
    s.ready()
    assert (s.m.path / "b.out").read_text() == "mine\ns\n"
    assert "times round" not in s.run.output()


@by_each
def test_read_and_changed_while_hrfs_was_held_up(web, test):
    """That the server has read it and that it has changed are told at once: the first counts for the second."""
    seen = test.dir / "seen"
    server = SERVER.replace('print("page", open("page").read(), flush=True)', f'print(open("page").read(), file=open({str(seen)!r}, "w"))')
    w = web(files={**FILES, "main.py": server})
    before, server_pid = w.number(), w.s.service("web")["pid"]
    w.s.run.signal(signal.SIGSTOP)
    wait_until(lambda: processes.state_and_parent(w.s.run.pid)[0] == "T")
    os.kill(server_pid, signal.SIGUSR1)
    wait_until(lambda: seen.exists() and seen.read_text())
    (w.path / "page").write_text("q")
    w.s.m.settle()
    w.s.run.signal(signal.SIGCONT)
    assert w.outcome(before) == ("restart", False)
