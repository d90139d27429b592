"""A service in the foreground has the terminal itself; several share it, each line with its name; keys."""

import os
import signal

import pytest

from tests.lib.wait import wait_until

pytestmark = pytest.mark.any_user

TYPED_INT = "\x03"

DEBUGGED = """
import pdb
value = open("text").read()
pdb.set_trace()
print("after", value, flush=True)
"""


def test_a_debugger_answers_before_and_after_a_reload(supervise):
    s = supervise(None, command=["python3", "app.py"], files={"app.py": DEBUGGED}, terminal=True)
    s.run.wait_for(r"\(Pdb\) ")
    s.run.write("p value * 2\n")
    s.run.wait_for("'oneone'")
    (s.m.path / "text").write_text("two")
    s.run.wait_for(r"\(Pdb\) ")
    s.run.wait_for(r"\(Pdb\) ")
    s.run.write("p value * 2\n")
    s.run.wait_for("'twotwo'")
    s.run.write("c\n")
    s.run.wait_for("after two")
    s.run.wait_for("finished: .*exited with status 0")


def test_it_is_a_terminal_with_its_size_and_no_prefix(supervise):
    s = supervise(None, command=["sh", "-c", "test -t 0 && test -t 1 && test -t 2 && stty size && echo plain"], terminal=True)
    s.run.wait_for(r"^40 200$")
    s.run.wait_for(r"^plain$")


def test_ctrl_c_ends_all(supervise, leftovers):
    s = supervise(None, command=["sleep", "1000"], terminal=True)
    wait_until(lambda: s.service("sleep")["pid"])
    s.run.write(TYPED_INT)
    assert s.run.wait() == 130
    wait_until(lambda: not [c for c in leftovers().values() if "sleep" in c])


def test_ctrl_c_is_typed_once(supervise):
    """What the terminal has sent is not sent again: many servers give up at a second signal."""
    code = (
        "import os, signal, time\n"
        "count = [0]\n"
        "def got(*_):\n"
        "    count[0] += 1\n"
        "    os.write(1, b'signal %d\\n' % count[0])\n"
        "for s in (signal.SIGINT, signal.SIGTERM): signal.signal(s, got)\n"
        "print('up', flush=True)\n"
        "while not count[0]: time.sleep(0.01)\n"
        "time.sleep(0.2)\n"
        "print('total', count[0], flush=True)\n"
    )
    s = supervise(None, command=["python3", "app.py"], files={"app.py": code}, terminal=True)
    s.run.wait_for("^up$")
    s.run.write(TYPED_INT)
    s.run.wait_for(r"^(\^C)?total 1$")  # the terminal echoes what is typed when it likes
    assert s.run.wait() == 130


def test_several_services_have_prefixes_and_keys(supervise, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    config = (
        "services:\n"
        "  one:\n    run: sh -c 'cat text; echo; test -t 1 && echo tty; sleep 1000'\n    ready: log:tty\n"
        "  two:\n    run: sh -c 'echo other; sleep 1000'\n    ready: log:other\n"
    )
    s = supervise(config, terminal=True)
    s.run.wait_for("\033\\[[0-9;]*mone \\|\033\\[0m tty")
    s.ready()
    s.run.write("p")
    s.run.wait_for("hrfs: paused")
    (s.m.path / "text").write_text("two")
    answer = s.wait()
    assert answer["paused"]
    assert s.service("one")["generation"] == 1
    assert "paused, changes wait" in s.service("one")["summary"]
    s.run.write("p")
    wait_until(lambda: s.service("one")["generation"] == 2)
    s.ready()
    s.run.write("\n")
    wait_until(lambda: s.service("one")["generation"] == 3)
    s.ready()
    s.run.write("w")
    s.run.wait_for("hrfs: (one|two): asked for; ")
    s.run.write("q")
    assert s.run.wait() == 0


def test_one_service_with_keys(supervise):
    s = supervise(None, "--keys", command=["sh", "-c", "echo up; sleep 1000"], terminal=True)
    s.run.wait_for("up")
    wait_until(lambda: s.service("sh")["state"] == "ready")
    s.run.write("\n")
    wait_until(lambda: s.service("sh")["generation"] == 2)
    s.run.write("q")
    assert s.run.wait() == 0


def test_markers_stand_around_a_build(supervise):
    config = "services:\n  lib:\n    build: cat text\n"
    s = supervise(config, "--markers", files={"text": "lib.c:1: error: x\n"})
    s.run.wait_for(r"^hrfs: lib: building: first start\n(?s:.*)^hrfs: lib: finished: first start")
    (s.m.path / "text").write_text("lib.c:2: error: y\n")
    s.run.wait_for(r"^hrfs: lib: building: text \(.*\)\nlib.c:2: error: y\nhrfs: lib: finished: text ")


def test_a_hangup_ends_all(supervise, leftovers):
    s = supervise(None, command=["sleep", "1000"], terminal=True)
    wait_until(lambda: s.service("sleep")["pid"])
    os.close(s.run.master)
    s.run.master = s.run.fd = os.open("/dev/null", os.O_RDWR)
    wait_until(lambda: s.run.process.poll() is not None)
    assert s.run.process.returncode == 128 + signal.SIGHUP
    wait_until(lambda: not [c for c in leftovers().values() if "sleep" in c])
