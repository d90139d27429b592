"""hrfs-wait: what was written before it has been decided, and is in force or has failed."""

import os
import signal

import pytest

from tests.lib.client import Client, ServerError
from tests.lib.http import get
from tests.lib.wait import wait_until

pytestmark = pytest.mark.any_user


def held(port, more=""):
    return f"services:\n  web:\n    run: python3 server.py\n    listen: 127.0.0.1:{port}\n{more}"


def test_it_waits_for_the_build(supervise, free_port, tree):
    fifo = tree.dir / "gate"
    os.mkfifo(fifo)
    port = free_port()
    s = supervise(held(port, "    build: sh build.sh\n"), files={"build.sh": f"read line < {fifo}\n"})
    gate = os.open(fifo, os.O_RDWR)
    try:
        with Client(s.m.socket) as c:
            c.send("hrfs-wait", str(s.m.path), {})
            assert s.service("web")["state"] == "building"
            assert s.ask("hrfs-wait", {"timeout_ms": 1})["timed_out"]
            os.write(gate, b"go\n")
            assert c.answer()["ok"]
        assert s.service("web")["state"] == "ready"
    finally:
        os.close(gate)


def test_a_time_out_is_no_success(supervise):
    s = supervise("services:\n  slow:\n    run: sleep 1000\n    ready: log:never\n")
    answer = s.ask("hrfs-wait", {"timeout_ms": 50})
    assert answer["timed_out"] and not answer["ok"]
    assert answer["services"][0]["state"] == "starting"


def test_a_start_that_is_not_ready_in_time_has_failed(supervise):
    s = supervise("services:\n  slow:\n    run: sh -c 'echo hello; sleep 1000'\n    ready: log:never\n    ready_timeout: 100ms\n")
    answer = s.wait()
    assert not answer["ok"]
    assert "not ready within 0.1 s: no line of its output matched never; last: hello" in answer["services"][0]["summary"]


def gated(tree, name="gate"):
    fifo = tree.dir / name
    os.mkfifo(fifo)
    return fifo, os.open(fifo, os.O_RDWR)


def test_a_command_at_work_is_waited_for(supervise, tree):
    """As a test run is, which neither listens nor says anything."""
    s = supervise(None, command=["sh", "-c", f"while [ ! -e {tree.dir}/gate ]; do :; done; exit 3"])
    answer = s.ask("hrfs-wait", {"timeout_ms": 1300})
    assert answer["timed_out"] and not answer["ok"]
    assert "ready when it listens, ends, or has nothing to do for 1 s" in answer["services"][0]["summary"]
    (tree.dir / "gate").write_text("")
    answer = s.wait()
    assert not answer["ok"]
    assert answer["services"][0]["state"] == "finished"
    assert answer["services"][0]["error"] == "it exited with status 3"
    assert [x["name"] for x in s.reloads()[0]["stages"]] == ["run"]


def test_one_that_is_said_to_end_is_waited_for_though_it_sleeps(supervise, tree):
    fifo, gate = gated(tree)
    try:
        s = supervise(f"services:\n  t:\n    run: sh -c 'read line < {fifo}'\n    ready: exit\n    ready_timeout: 1ms\n")
        answer = s.ask("hrfs-wait", {"timeout_ms": 1300})
        assert answer["timed_out"]
        assert answer["services"][0]["summary"].endswith("ready when it ends")
        os.write(gate, b"go\n")
        assert s.wait()["ok"]
        s.run.wait_for(r"hrfs: t: finished: first start → run \d+ ms; exited with status 0; waits for the next change")
    finally:
        os.close(gate)


def test_what_comes_after_one_that_ends_waits_for_its_end(supervise, tree):
    fifo, gate = gated(tree)
    try:
        s = supervise(
            f"services:\n  one:\n    run: sh -c 'read line < {fifo}'\n    ready: exit\n"
            "  two:\n    run: sleep 1000\n    ready: delay:1ms\n    after: one\n"
        )
        wait_until(lambda: s.service("one")["pid"])
        assert s.service("two")["state"] == "waiting"
        os.write(gate, b"go\n")
        assert s.wait()["ok"]
        assert s.service("two")["state"] == "ready"
    finally:
        os.close(gate)


@pytest.mark.long
def test_what_always_works_is_waited_for_once(supervise):
    config = "services:\n  w:\n    run: sh -c 'cat text; while :; do :; done'\n    ready_timeout: 3s\n"
    s = supervise(config).ready()
    assert s.service("w")["ready_by"] == "alive for 3 s and at work, listens nowhere"
    (s.m.path / "text").write_text("two\n")
    s.ready()
    assert s.service("w")["ready_by"] == "alive for 1 s and at work, listens nowhere"


@pytest.mark.long
def test_one_that_has_ended_is_expected_to_end(supervise):
    """Whatever it waits for itself meanwhile: until it has been quiet as long as it has taken."""
    s = supervise(None, command=["sh", "-c", "cat text; sleep 2.2"])
    s.run.wait_for("finished")
    (s.m.path / "text").write_text("two\n")
    s.m.settle()
    assert "or has nothing to do for 2 s" in s.service("sh")["summary"]
    assert s.wait()["services"][0]["state"] == "finished"
    # one that does not end is not waited for in vain, nor the next time for longer
    (s.m.path / "text").write_text("three\n")
    s.wait()


def test_the_error_is_the_compilers_text(supervise):
    text = "echo main.c:1: warning: w >&2; echo main.c:2: error: e >&2; echo more >&2; exit 1\n"
    s = supervise("services:\n  lib:\n    build: sh build.sh\n", files={"build.sh": text})
    web = s.wait()["services"][0]
    assert web["error"] == "main.c:1: warning: w\nmain.c:2: error: e\nmore\n"
    assert web["summary"] == "build failed: main.c:2: error: e"


def test_a_clock_may_be_named(supervise, free_port):
    port = free_port()
    s = supervise(held(port)).ready()
    (s.m.path / "text").write_text("two")
    clock = s.m.clock()
    assert s.ask("hrfs-wait", {"clock": clock, "timeout_ms": 20000})["ok"]
    assert get(port) == (200, "two")


def test_many_wait_at_once(supervise, free_port):
    port = free_port()
    s = supervise(held(port, "    build: cp text copy\n")).ready()
    clients = [s.m.client() for _ in range(20)]
    for i in range(10):
        (s.m.path / "text").write_text(f"edit {i}")
        for c in clients:
            c.send("hrfs-wait", str(s.m.path), {})
        for c in clients:
            assert c.answer()["ok"]
            assert (s.m.path / "copy").read_text() == f"edit {i}"
        assert get(port) == (200, f"edit {i}")


def test_a_client_that_leaves_is_forgotten(supervise):
    s = supervise("services:\n  slow:\n    run: sleep 1000\n    ready: log:never\n")
    for _ in range(5):
        with Client(s.m.socket) as c:
            c.send("hrfs-wait", str(s.m.path), {})
            s.service("slow")
    assert s.ask("hrfs-wait", {"timeout_ms": 1})["timed_out"]


def test_it_says_what_the_end_of_the_services_leaves(supervise, free_port):
    s = supervise(held(free_port())).ready()
    with Client(s.m.socket) as c:
        os.kill(s.service("web")["pid"], signal.SIGSTOP)
        c.send("hrfs-stop", str(s.m.path), {})
        wait_until(lambda: s.service("web")["state"] == "stopping")
        os.kill(s.service("web")["pid"], signal.SIGCONT)
        assert c.answer()["ok"]
    assert s.run.wait() == 0


def test_output_of_builds_is_kept_and_followed(supervise, free_port):
    s = supervise(held(free_port(), "    build: cat text\n"), files={"text": "hello\n"}).ready()
    assert s.output("web") == ["hello"]
    with Client(s.m.socket) as c:
        first = c.ask("hrfs-output", str(s.m.path), {"service": "web", "follow": True, "lines": 10})
        assert [x["text"] for x in first["lines"]] == ["hello"]
        assert first["lines"][0]["stage"] == "build"
        (s.m.path / "text").write_text("again\n")
        assert [x["text"] for x in c.answer()["lines"]] == ["again"]
    s.ready()


def test_requests_that_make_no_sense_say_why(supervise, free_port):
    s = supervise(held(free_port())).ready()
    for request, words in (
        (("hrfs-reload", {"services": "web"}), "a list of names"),
        (("hrfs-reload", {"services": ["none"]}), "no service 'none'"),
        (("hrfs-why", {"service": "none"}), "no service 'none'"),
        (("hrfs-why", {"number": 77}), "no reload of that number"),
        (("hrfs-output", {"service": "none"}), "no service 'none'"),
    ):
        with pytest.raises(ServerError, match=words):
            s.ask(*request)


def test_reload_on_request(supervise, free_port):
    port = free_port()
    s = supervise(held(port, "    clean: sh -c 'echo cleaned'\n    build: sh -c 'echo built'\n")).ready()
    assert s.ask("hrfs-reload", {})["services"] == ["web"]
    s.ready()
    assert s.service("web")["generation"] == 2
    assert s.output() == ["built", "built"]
    s.ask("hrfs-reload", {"services": ["web"], "full": True})
    s.ready()
    assert s.output() == ["built", "built", "cleaned", "built"]
    assert s.reloads()[0]["reason"] == "asked for, from scratch"
