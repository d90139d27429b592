"""Builds, starts, swaps and ends of real servers on a real mount, as changes of the tree ask for them."""

import http.client
import os
import shutil
import signal
import subprocess
import threading

import pytest

from tests.lib import build
from tests.lib.client import Closed
from tests.lib.http import get
from tests.lib.wait import wait_gone, wait_until
from tests.supervisor.supervised import SERVER, Supervised

pytestmark = pytest.mark.any_user

SERVE_OUT = SERVER.replace('open("text")', 'open("out")')
SERVE_COPY = SERVER.replace('open("text")', 'open("copy")')
SERVE_SIGNAL = SERVER.replace(
    "server.serve_forever",
    "def again(*_):\n    global TEXT\n    TEXT = open('text').read()\nsignal.signal(signal.SIGHUP, again)\nserver.serve_forever",
)


def held(port, **more):
    lines = [f"    {key}: {value}" for key, value in more.items()]
    return "\n".join(["services:", "  web:", "    run: python3 server.py", f"    listen: 127.0.0.1:{port}", *lines, ""])


# ---- reloads ----


def test_a_change_is_served_after_wait(supervise, free_port):
    port = free_port()
    s = supervise(held(port)).ready()
    assert get(port) == (200, "one")
    (s.m.path / "text").write_text("two")
    s.ready()
    assert get(port) == (200, "two")
    newest = s.reloads("web")[0]
    assert newest["decision"] == "overlap"
    assert [c["name"] for c in newest["cause"]] == ["text"]
    assert s.run.output().count("hrfs: web: ready: ") == 2
    s.run.wait_for(r"hrfs: web: ready: text \(.*\) → settle \d+ ms, start \d+ ms; ")


def test_what_changes_nothing_reloads_nothing(supervise, free_port):
    s = supervise(held(free_port())).ready()
    generation = s.service("web")["generation"]
    (s.m.path / "text").write_text("one")
    os.utime(s.m.path / "server.py")
    (s.m.path / "made").write_text("x")
    (s.m.path / "made").unlink()
    (s.m.path / "folder").mkdir()
    s.ready()
    assert s.service("web")["generation"] == generation
    assert "saved with the content it had" in s.why("text")
    assert "only its times or modes were touched" in s.why("server.py")


def test_port_is_exported_and_the_old_one_is_gone_first(supervise, free_port):
    port = free_port()
    config = f"services:\n  web:\n    run: python3 server.py\n    port: {port}\n"
    s = supervise(config).ready()
    pid = s.service("web")["pid"]
    (s.m.path / "text").write_text("two")
    s.ready()
    wait_gone(pid)
    assert get(port) == (200, "two")
    assert s.reloads("web")[0]["decision"] == "restart"
    assert f"listening on 127.0.0.1:{port}" in s.service("web")["ready_by"]


def test_a_start_whose_port_hrfs_holds_names_the_key(supervise, free_port):
    port = free_port()
    config = f"services:\n  web:\n    run: python3 server.py --bind\n    listen: 127.0.0.1:{port}\n"
    s = supervise(config)
    answer = s.wait()
    assert not answer["ok"]
    summary = answer["services"][0]["summary"]
    assert f"hrfs holds 127.0.0.1:{port}" in summary
    assert f"port: {port}" in summary
    # … and with that key it works
    (s.m.path / "hrfs.yaml").write_text(config.replace(f"listen: 127.0.0.1:{port}", f"port: {port}"))
    s.ready()
    assert get(port) == (200, "one")


def test_a_port_that_somebody_else_holds_is_reported_with_its_holder(supervise, free_port, start):
    port = free_port()
    other = start("python3", "-u", "-m", "http.server", str(port), "--bind", "127.0.0.1")
    other.wait_for("Serving")
    s = supervise(f"services:\n  web:\n    run: python3 server.py\n    port: {port}\n")
    s.run.wait_for(f"port {port} is still held by pid {other.pid} \\(")
    assert not s.wait()["ok"]
    listening = held(port)
    other.signal(signal.SIGTERM)
    other.wait()
    (s.m.path / "hrfs.yaml").write_text(listening)
    s.ready()


class Load:
    """Asks without end, on connections of their own; what was refused or broken off is in .errors."""

    def __init__(self, port, clients=2):
        self.port = port
        self.errors, self.answers = [], []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def _ask(self):
        while not self.over.is_set():
            try:
                self.answers.append(get(self.port))
            except (OSError, http.client.HTTPException) as e:
                self.errors.append(repr(e))

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for t in self.threads:
            t.join()


@pytest.mark.time_limit(240)
@pytest.mark.parametrize("edits", [20, pytest.param(200, marks=pytest.mark.long)])
def test_edits_under_load_refuse_nothing_and_answer_right(supervise, free_port, leftovers, edits):
    port = free_port()
    source = (build.ROOT / "examples" / "c" / "server.c").read_text()
    config = f"services:\n  web:\n    build: cc -o server server.c\n    run: ./server\n    listen: 127.0.0.1:{port}\n"
    s = supervise(config, files={"server.c": source}).ready()
    with Load(port) as load:
        for i in range(edits):
            (s.m.path / "server.c").write_text(source.replace("Hello from C", f"edit {i}"))
            s.ready()
            assert get(port) == (200, f"edit {i}\n")
    assert not load.errors, load.errors[:5]
    assert len(load.answers) > edits
    assert {status for status, _ in load.answers} == {200}
    assert all(text == "Hello from C\n" or text.startswith("edit ") for _, text in load.answers)
    s.run.signal(signal.SIGINT)
    assert s.run.wait() == 130
    wait_until(lambda: not [c for c in leftovers().values() if "server" in c and "hrfs-fs" not in c])


def test_edits_of_an_interpreted_server_under_load(supervise, free_port):
    port = free_port()
    s = supervise(held(port)).ready()
    with Load(port) as load:
        for i in range(4):
            (s.m.path / "text").write_text(f"edit {i}")
            s.ready()
            assert get(port) == (200, f"edit {i}")
    assert not load.errors, load.errors[:5]


def test_who_is_asked_while_the_next_one_starts_is_let_answer(supervise, free_port):
    """The old generation may take the request that is meant for the new one. It logs no broken connection for it."""
    port = free_port()
    s = supervise(held(port, ready="http:/")).ready()
    for i in range(6):
        (s.m.path / "text").write_text(f"edit {i}")
        s.ready()
        assert get(port) == (200, f"edit {i}")
    assert "Traceback" not in s.run.output()


# ---- builds ----

BUILD = """
services:
  web:
    build: sh build.sh
    run: python3 server.py
    listen: 127.0.0.1:{port}
"""


def test_a_failed_build_leaves_the_old_generation_serving(supervise, free_port):
    port = free_port()
    s = supervise(
        BUILD.format(port=port),
        files={"source": "good", "build.sh": "grep -q good source || { echo 'main.c:3:1: error: bad' >&2; exit 1; }\n"},
    ).ready()
    pid = s.service("web")["pid"]
    (s.m.path / "source").write_text("bad")
    answer = s.wait()
    web = answer["services"][0]
    assert not answer["ok"]
    assert web["pid"] == pid
    assert "serving the code of " in web["summary"]
    assert "build failed: main.c:3:1: error: bad" in web["summary"]
    assert "main.c:3:1: error: bad" in web["error"]
    assert get(port) == (200, "one")
    s.run.wait_for(r"hrfs: web: failed: source \(.*build failed: main.c:3:1: error: bad; serving the code of ")
    # back to what serves: nothing need be built, and all is well
    (s.m.path / "source").write_text("good")
    s.ready()
    assert s.service("web")["pid"] == pid
    # the same bad state again is not taken for built
    (s.m.path / "source").write_text("bad")
    assert not s.wait()["ok"]
    (s.m.path / "source").write_text("very good")
    s.ready()


def test_a_build_that_never_was_good_waits_for_a_change(supervise, free_port):
    port = free_port()
    s = supervise(BUILD.format(port=port), files={"build.sh": "exit 3\n"})
    answer = s.wait()
    assert not answer["ok"]
    assert answer["services"][0]["state"] == "failed"
    (s.m.path / "build.sh").write_text("exit 0\n")
    s.ready()
    assert get(port) == (200, "one")


def test_what_a_job_writes_never_triggers_it(supervise, free_port):
    port = free_port()
    config = BUILD.format(port=port).replace("python3 server.py", "sh -c 'echo start >> log; exec python3 server.py'")
    s = supervise(config, files={"build.sh": "mkdir -p bin; date +%N > bin/out; cp text bin/copy\n"}).ready()
    (s.m.path / "text").write_text("two")
    s.ready()
    s.ready()
    assert s.service("web")["generation"] == 2
    assert "written last by one of its own jobs" in s.why("bin/out")
    assert "written last by one of its own jobs" in s.why("log")
    # anyone else's edit of it counts: it is built again
    (s.m.path / "bin/out").write_text("mine")
    s.ready()
    assert (s.m.path / "bin/out").read_text() != "mine"
    assert s.reloads("web")[0]["cause"][0]["name"] == "bin/out"


def test_a_server_that_logs_into_the_tree_triggers_nobody(supervise, free_port):
    port = free_port()
    config = held(port) + "  other:\n    run: sh -c 'echo up; exec sleep 1000'\n    ready: log:up\n"
    server = SERVER.replace("def log_message(self, *_): pass", "def log_message(self, *_): LOG.write('asked\\n'); LOG.flush()")
    server = server.replace("TEXT =", "LOG = open('log', 'a')\nTEXT =")
    s = supervise(config, files={"server.py": server}).ready()
    for i in range(3):
        assert get(port) == (200, "one")
        s.ready()
    assert (s.m.path / "log").read_text().count("asked\n") >= 3
    assert s.service("web")["generation"] == 1
    assert s.service("other")["generation"] == 1
    why = s.why("log")
    assert "no reload of web: written last by one of its own jobs" in why
    assert "no reload of other: live state of a running server" in why


def test_what_one_service_builds_reloads_the_other(supervise, free_port):
    """No list of globs says so; and only when the content has changed."""
    port = free_port()
    config = held(port, watch="[copy, server.py]") + "  code:\n    build: sh -c 'wc -c < text > copy'\n"
    s = supervise(config, files={"server.py": SERVE_COPY, "copy": "-"}).ready()
    before = s.service("web")["generation"]
    (s.m.path / "text").write_text("longer")
    s.ready()
    assert get(port) == (200, "6\n")
    assert s.service("web")["generation"] == before + 1
    (s.m.path / "text").write_text("LONGER")
    s.ready()
    assert s.service("web")["generation"] == before + 1
    assert "no reload of web: saved with the content it had" in s.why("copy")


def test_a_change_during_a_build_builds_once_more(supervise, free_port, tree):
    port = free_port()
    fifo = tree.dir / "gate"
    os.mkfifo(fifo)
    s = supervise(
        BUILD.format(port=port),
        files={"build.sh": f"cp text seen; read line < {fifo}; echo $line\n"},
    )
    gate = os.open(fifo, os.O_RDWR)
    try:
        os.write(gate, b"go\n")
        s.ready()
        (s.m.path / "text").write_text("two")
        wait_until(lambda: s.service("web")["state"] == "building")
        wait_until(lambda: (s.m.path / "seen").read_text() == "two")
        (s.m.path / "text").write_text("three")
        s.m.settle()
        os.write(gate, b"go\n" * 2)
        s.ready()
        assert (s.m.path / "seen").read_text() == "three"
        assert get(port) == (200, "three")
        assert s.service("web")["generation"] == 2
    finally:
        os.close(gate)


def test_make_builds_again_what_changed_under_it(supervise, free_port, tree):
    """What was written while the inputs changed must not look up to date."""
    port = free_port()
    fifo = tree.dir / "gate"
    os.mkfifo(fifo)
    makefile = f"out: text\n\tcp text out.tmp\n\tread line < {fifo}\n\tmv out.tmp out\n\ttouch out\n"
    s = supervise(
        BUILD.format(port=port).replace("sh build.sh", "make"),
        files={"Makefile": makefile, "server.py": SERVE_OUT},
    )
    gate = os.open(fifo, os.O_RDWR)
    try:
        os.write(gate, b"go\n")
        s.ready()
        (s.m.path / "text").write_text("two")
        wait_until(lambda: (s.m.path / "out.tmp").exists() and (s.m.path / "out.tmp").read_text() == "two")
        (s.m.path / "text").write_text("three")
        s.m.settle()
        os.write(gate, b"go\n" * 2)
        s.ready()
        assert (s.m.path / "out").read_text() == "three"
        assert get(port) == (200, "three")
    finally:
        os.close(gate)


# ---- finished, crashed ----


def test_a_command_that_ends_waits_for_the_next_change(supervise):
    s = supervise(None, command=["sh", "-c", "cat text; exit 3"])
    answer = s.wait()
    assert not answer["ok"]
    assert answer["services"][0]["state"] == "finished"
    assert "exited with status 3" in answer["services"][0]["summary"]
    (s.m.path / "text").write_text("two\n")
    s.wait()
    assert s.output()[-1] == "two"
    assert s.service("sh")["generation"] == 0
    s.run.signal(signal.SIGINT)
    assert s.run.wait() == 3


def test_a_long_command_that_fails_is_not_started_again_by_itself(supervise):
    s = supervise(None, command=["sh", "-c", "sleep 1.2; exit 1"])
    s.run.wait_for(r"hrfs: sh: finished: .*exited with status 1")
    assert s.service("sh")["state"] == "finished"


def test_what_crashes_after_it_was_ready_is_started_again(supervise, free_port):
    port = free_port()
    s = supervise(held(port)).ready()
    pid = s.service("web")["pid"]
    os.kill(pid, signal.SIGSEGV)
    s.run.wait_for(r"hrfs: web: crashed: it was ended by SIGSEGV.*starts again in 0.5 s")
    wait_until(lambda: s.service("web")["state"] == "ready")
    assert s.service("web")["pid"] != pid
    assert get(port) == (200, "one")


def test_a_program_that_is_not_there_says_so(supervise):
    s = supervise(None, command=["./nothing-of-the-kind"])
    s.run.wait_for(r"cannot be started: .*nothing-of-the-kind")
    assert not s.wait()["ok"]
    s.run.signal(signal.SIGTERM)
    assert s.run.wait() == 127


def test_a_server_that_ignores_term_and_forks_twice_is_gone(supervise, leftovers):
    code = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "        open('child', 'w').write(str(os.getpid()))\n"
        "        time.sleep(1000)\n"
        "    os._exit(0)\n"
        "print('up', flush=True)\n"
        "time.sleep(1000)\n"
    )
    config = "services:\n  bad:\n    run: python3 bad.py\n    ready: log:^up\n    grace: 200ms\n"
    s = supervise(config, files={"bad.py": code})
    s.ready()
    child = int(wait_until(lambda: (s.m.path / "child").exists() and (s.m.path / "child").read_text()))
    first = s.service("bad")["pid"]
    (s.m.path / "bad.py").write_text(code + "# two\n")
    s.ready()
    wait_gone(child)
    wait_gone(first)
    s.run.signal(signal.SIGTERM)
    assert s.run.wait() == 143
    assert not [c for c in leftovers().values() if "bad.py" in c]


# ---- several services ----


def test_services_wait_for_what_they_are_after(supervise, free_port):
    port = free_port()
    config = held(port, after="[code]") + "  code:\n    build: sh -c 'cp text copy'\n"
    s = supervise(config, files={"server.py": SERVE_COPY}).ready()
    assert get(port) == (200, "one")
    for text in ("two", "three"):
        (s.m.path / "text").write_text(text)
        s.ready()
        assert get(port) == (200, text)


def test_a_service_waits_while_what_it_needs_has_failed(supervise, free_port):
    port = free_port()
    config = held(port, after="[code]") + "  code:\n    build: sh -c 'grep -q good text'\n"
    s = supervise(config, files={"text": "bad"})
    answer = s.wait()
    states = {x["name"]: x["state"] for x in answer["services"]}
    assert states == {"web": "waiting", "code": "failed"}
    assert "waits for code" in s.service("web")["summary"]
    (s.m.path / "text").write_text("good")
    s.ready()
    assert get(port) == (200, "good")


def test_only_the_services_that_are_named_run(supervise, free_port):
    config = held(free_port(), after="[code]") + "  code:\n    build: 'true'\n  other:\n    run: sleep 1000\n"
    s = supervise(config, "--service", "web").ready()
    assert sorted(x["name"] for x in s.ask("hrfs-services")["services"]) == ["code", "web"]


# ---- checks, reload:, patterns ----


def test_a_check_runs_beside_and_is_told(supervise, free_port):
    port = free_port()
    check = "\"sh -c 'grep -q one text || { echo text:1: error: not one; exit 1; }'\""
    s = supervise(held(port, check=check))
    s.run.wait_for("hrfs: web: check passed")
    (s.m.path / "text").write_text("two")
    assert s.wait()["ok"]
    assert get(port) == (200, "two")
    s.run.wait_for("hrfs: web: check failed: text:1: error: not one")
    assert "check failed" in s.service("web")["summary"]


def test_reload_by_signal_keeps_the_process(supervise, free_port):
    server = SERVE_SIGNAL
    port = free_port()
    s = supervise(held(port, reload="signal:HUP"), files={"server.py": server}).ready()
    pid = s.service("web")["pid"]
    (s.m.path / "text").write_text("two")
    s.ready()
    assert s.service("web")["pid"] == pid
    assert get(port) == (200, "two")
    assert s.reloads("web")[0]["decision"] == "signal"


def test_reload_by_command_says_when_it_fails(supervise, free_port):
    port = free_port()
    command = "\"exec:sh -c 'grep -q bad text && exit 4; kill -HUP $MAINPID'\""
    s = supervise(held(port, reload=command), files={"server.py": SERVE_SIGNAL}).ready()
    pid = s.service("web")["pid"]
    (s.m.path / "text").write_text("two")
    s.ready()
    (s.m.path / "text").write_text("bad")
    answer = s.wait()
    assert not answer["ok"]
    assert "reload failed" in answer["services"][0]["summary"]
    assert s.service("web")["pid"] == pid


def test_watch_and_ignore(supervise, free_port):
    s = supervise(held(free_port(), watch="['*.py', text]", ignore="[skip/]")).ready()
    (s.m.path / "README").write_text("x")
    (s.m.path / "skip").mkdir()
    (s.m.path / "skip" / "a.py").write_text("x")
    s.ready()
    assert s.service("web")["generation"] == 1
    assert "not among watch:" in s.why("README")
    assert "among ignore:" in s.why("skip/a.py")
    (s.m.path / "text").write_text("two")
    s.ready()
    assert s.service("web")["generation"] == 2


def test_a_server_that_reloads_itself_is_left_alone(supervise):
    code = (
        "import ctypes, os, time\n"
        "libc = ctypes.CDLL(None)\n"
        "fd = libc.inotify_init()\n"
        "assert libc.inotify_add_watch(fd, os.getcwd().encode(), 0x3ff) > 0\n"
        "print('watching', flush=True)\n"
        "time.sleep(1000)\n"
    )
    config = "services:\n  dev:\n    run: python3 dev.py\n    ready: log:watching\n"
    s = supervise(config, files={"dev.py": code}).ready()
    s.run.wait_for("hrfs: dev: reloads itself .*reload: restart")
    pid = s.service("dev")["pid"]
    for text in ("two", "three"):
        (s.m.path / "dev.py").write_text(code + f"# {text}\n")
        s.ready()
    assert s.service("dev")["pid"] == pid
    assert s.run.output().count("reloads itself") == 1
    # the key overrules
    (s.m.path / "hrfs.yaml").write_text(config + "    reload: restart\n")
    s.ready()
    assert s.service("dev")["pid"] != pid
    pid = s.service("dev")["pid"]
    (s.m.path / "dev.py").write_text(code + "# four\n")
    s.ready()
    assert s.service("dev")["pid"] != pid


# ---- environment ----


def test_environment_and_working_directory(supervise):
    config = (
        "env: {A: top, B: top}\n"
        "services:\n  x:\n    run: sh -c 'pwd; echo $PWD; echo $A $B $C; echo py=$PYTHONDONTWRITEBYTECODE; echo [$LISTEN_FDS]'\n"
        "    cwd: sub\n    env: {B: own, C: c}\n"
    )
    s = supervise(config, files={"sub/x": ""}, env={"LISTEN_FDS": "7"})
    s.wait()
    sub = str(s.m.path / "sub")
    assert s.output("x") == [sub, sub, "top own c", "py=1", "[]"]


def test_a_command_runs_where_its_user_stands(supervise):
    s = supervise(None, "--cwd", "sub/deep", command=["pwd"], files={"sub/deep/x": ""})
    s.wait()
    assert s.output() == [str(s.m.path / "sub" / "deep")]


# ---- the end ----


def test_interrupting_twice_kills(supervise, leftovers):
    config = "services:\n  bad:\n    run: sh -c 'trap \"\" TERM INT; echo up; while :; do sleep 1; done'\n    ready: log:up\n    grace: 1h\n"
    s = supervise(config).ready()
    s.run.signal(signal.SIGINT)
    wait_until(lambda: s.service("bad")["state"] == "stopping")

    def ended_at_another_press():
        s.run.signal(signal.SIGINT)
        return s.run.process.poll() is not None

    wait_until(ended_at_another_press)
    assert s.run.wait() == 130
    assert not [c for c in leftovers().values() if "trap" in c]


def test_stop_on_request(supervise, free_port):
    s = supervise(held(free_port())).ready()
    pid = s.service("web")["pid"]
    assert s.ask("hrfs-stop")["ok"]
    assert s.run.wait() == 0
    wait_gone(pid)


def test_the_end_of_the_mount_ends_all(supervise, free_port):
    s = supervise(held(free_port())).ready()
    pid = s.service("web")["pid"]
    s.m.detach()
    s.run.wait_for("hrfs: .* is not mounted any more; its services are ended")
    assert s.run.wait() == 125
    wait_gone(pid)


@pytest.fixture
def run_own(start, tree, mount, free_port):
    """As hrfs run does it: the mount lives as long as the supervisor."""

    def make():
        for name, text in {"server.py": SERVER, "text": "one", "hrfs.yaml": held(free_port())}.items():
            (tree.src / name).write_text(text)
        reads, writes = os.pipe()
        m = mount(lifeline=reads)
        os.close(reads)
        s = Supervised(m, start, lifeline=writes)
        os.close(writes)
        return s.ready()

    return make


def test_killing_the_supervisor_leaves_no_process_and_no_mount(run_own, leftovers):
    s = run_own()
    pid = s.service("web")["pid"]
    os.kill(s.run.pid, signal.SIGKILL)
    wait_gone(pid)
    s.m.wait_end()
    assert not s.m.mounted()
    wait_until(lambda: not leftovers())


def test_the_end_takes_its_own_mount_away(run_own):
    s = run_own()
    s.run.signal(signal.SIGINT)
    assert s.run.wait() == 130
    assert not s.m.mounted()
    assert s.m.process.poll() is not None


def test_the_end_names_who_is_still_inside(run_own, start):
    s = run_own()
    inside = start("sh", "-c", "read line; cat text", cwd=s.m.path, stdin=subprocess.PIPE)
    s.run.signal(signal.SIGINT)
    assert s.run.wait() == 130
    assert not s.m.mounted()
    assert f"sh ({inside.pid}) stands in {s.m.path}" in s.run.output()
    # and it goes on working there
    inside.process.stdin.write(b"\n")
    inside.process.stdin.flush()
    inside.wait_for("one")
    inside.wait()
    s.m.wait_end()


@pytest.mark.parametrize("stage", ["build", "run"])
def test_a_tool_beside_a_job_does_not_keep_it_running(supervise, free_port, tree, stage):
    """What changes only while the build runs, or the tests, is no reason for ever, and that is said."""
    ask, answer = tree.dir / "ask", tree.dir / "answer"
    os.mkfifo(ask)
    os.mkfifo(answer)
    files = {"build.sh": f"cat stamp; trap '' TERM; echo x > {ask}; read line < {answer}\n", "stamp": ""}
    tests = "services:\n  web:\n    run: sh build.sh\n    ready: exit\n"
    s = supervise(BUILD.format(port=free_port()) if stage == "build" else tests, files=files)
    asked, answered = os.open(ask, os.O_RDWR), os.open(answer, os.O_RDWR)
    try:
        for i in range(4):
            os.read(asked, 100)
            (s.m.path / "stamp").write_text(str(i))
            s.m.settle()
            os.write(answered, b"x\n")
        result = s.wait()
        assert not result["ok"]
        assert "not built again" in s.service("web")["summary"]
        s.run.wait_for("hrfs: web: failed: stamp changed only while it was built or started, 3 times in a row.*ignore:")
        # anything else is built for, and so is that file when it is saved by itself
        os.write(answered, b"x\n")
        (s.m.path / "stamp").write_text("mine")
        s.ready()
    finally:
        os.close(asked)
        os.close(answered)


def test_a_killed_worker_is_no_reason_to_restart(supervise, free_port):
    """The mount's daemon goes on in another process; what changed meanwhile is not missed."""
    port = free_port()
    s = supervise(held(port)).ready()
    pid = s.service("web")["pid"]
    for text in ("two", "three"):
        os.kill(s.m.worker_pid(), signal.SIGKILL)
        wait_until(lambda: s.m.status()["supervisor"])
        s.ready()
        assert s.service("web")["pid"] == pid
        (s.m.path / "text").write_text(text)
        s.ready()
        assert get(port) == (200, text)
        pid = s.service("web")["pid"]
    for text in ("four", "five"):
        os.kill(s.m.worker_pid(), signal.SIGKILL)
        (s.m.path / "text").write_text(text)
        wait_until(lambda: s.m.status()["supervisor"])
        s.ready()
        assert get(port) == (200, text)


def test_a_wait_goes_on_when_workers_die(supervise, hrfs_start, free_port, tree):
    """hrfs wait, while a build is under way: it comes back when that is in force, and not before."""
    ask, answer = tree.dir / "ask", tree.dir / "answer"
    os.mkfifo(ask)
    os.mkfifo(answer)
    asked, answered = os.open(ask, os.O_RDWR), os.open(answer, os.O_RDWR)
    port = free_port()
    build = f"echo x > {ask}; read line < {answer}; cat text > out\n"
    try:
        os.write(answered, b"x\n")
        s = supervise(BUILD.format(port=port), files={"build.sh": build, "server.py": SERVE_OUT}).ready()
        os.read(asked, 100)
        (s.m.path / "text").write_text("two")
        waiting = hrfs_start("wait", cwd=s.m.path)
        os.read(asked, 100)
        for _ in range(3):
            # the supervisor's two, the one that waits, and this
            wait_until(lambda: alone(s.m)["connections"] == 4, what="all of them to be connected again")
            worker = s.m.worker_pid()
            os.kill(worker, signal.SIGKILL)
            wait_gone(worker)
        assert s.service("web")["state"] == "building"  # asked for before the supervisor is back, or after
        assert waiting.process.poll() is None
        os.write(answered, b"x\n")
        assert waiting.wait() == 0, waiting.output()
        assert get(port) == (200, "two")
    finally:
        os.close(asked)
        os.close(answered)


def alone(m):
    """Its status, when a worker tells it."""
    try:
        return m.status()
    except (OSError, Closed):
        return {"connections": 0}


def test_a_start_that_fails_leaves_the_old_generation_serving(supervise, free_port):
    port = free_port()
    s = supervise(held(port, ready_timeout="2s"), files={"server.py": SERVER}).ready()
    pid = s.service("web")["pid"]
    (s.m.path / "server.py").write_text("this is = no python\n")
    web = s.wait()["services"][0]
    assert (web["state"], web["pid"], web["ok"]) == ("failed", pid, False)
    assert "serving the code of " in web["summary"]
    assert "exited with status 1 before it was ready: " in web["summary"]
    assert "server.py:1: SyntaxError: invalid syntax" in web["summary"]
    assert get(port) == (200, "one")
    # one that hangs is ended when its time is over
    (s.m.path / "server.py").write_text("import time\ntime.sleep(1000)\n")
    web = s.wait()["services"][0]
    assert (web["state"], web["pid"]) == ("failed", pid)
    assert "not ready within 2 s: it has a socket that hrfs holds, but does not accept from it" in web["summary"]
    assert get(port) == (200, "one")
    (s.m.path / "server.py").write_text(SERVER.replace("TEXT =", "TEXT = 'mended' or"))
    s.ready()
    assert get(port) == (200, "mended")


def test_a_newer_change_supersedes_a_start(supervise, free_port):
    """Nobody waits for the readiness of code that is out of date already."""
    port = free_port()
    s = supervise(held(port, ready_timeout="1h")).ready()
    (s.m.path / "server.py").write_text("import time\ntime.sleep(1000)\n")
    wait_until(lambda: s.service("web")["state"] == "starting")
    (s.m.path / "server.py").write_text(SERVER)
    (s.m.path / "text").write_text("two")
    s.ready()
    assert get(port) == (200, "two")


def test_the_old_generation_serves_until_it_is_killed_when_it_ignores_term(supervise, free_port):
    """hrfs-wait waits for that: before it, an answer may be the old one's."""
    port = free_port()
    stubborn = SERVER.replace("signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())",
                              "signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    s = supervise(held(port, grace="300ms"), files={"server.py": stubborn}).ready()
    for text in ("two", "three"):
        (s.m.path / "text").write_text(text)
        s.ready()
        for _ in range(20):
            assert get(port) == (200, text)


def test_a_change_behind_the_mount_reloads(supervise, free_port):
    port = free_port()
    s = supervise(held(port)).ready()
    if s.m.status()["sidedoor"]["how"] != "fanotify":
        pytest.skip("not watched here")
    (s.m.src / "text").write_text("two")
    wait_until(lambda: get(port) == (200, "two"))
    assert [c["name"] for c in s.reloads("web")[0]["cause"]] == ["text"]


def test_another_source_at_the_same_path_reloads(supervise, free_port):
    port = free_port()
    s = supervise(held(port)).ready()
    if s.m.status()["sidedoor"]["how"] != "fanotify":
        pytest.skip("not watched here")
    new = s.m.src.with_name("new")
    shutil.copytree(s.m.src, new)
    (new / "text").write_text("two")
    s.m.src.rename(s.m.src.with_name("old"))
    new.rename(s.m.src)
    wait_until(lambda: get(port) == (200, "two"))
    s.ready()
    (s.m.src / "text").write_text("three")
    wait_until(lambda: get(port) == (200, "three"))
