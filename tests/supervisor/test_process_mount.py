"""Jobs under a supervisor on a real mount: terminals, shells, `go run`, and what is killed from outside."""

import os
import shutil
import signal
import socket
import sys
import textwrap
import urllib.request

import pytest

from tests.lib import processes
from tests.lib.wait import wait_gone, wait_until


@pytest.fixture
def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as r:
        return r.read().decode()


def test_a_debugger_answers_before_and_after_a_reload(supervise, monkeypatch):
    """One service has the terminal itself: standard input, foreground, and its prompt."""
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    app = "text = open('text').read()\nbreakpoint()\nprint('over')\n"
    s = supervise(None, files={"app.py": app}, command=[sys.executable, "app.py"], terminal=True)
    for text, shout in (("one", "ONE"), ("two", "TWO")):
        s.run.wait_for(r"-> (breakpoint\(\)|print\('over'\))")  # before Python 3.13 it stopped at the next line
        s.run.wait_for(r"\(Pdb\) ")
        s.run.write("text.upper()\n")
        s.run.wait_for(f"'{shout}'")
        if text == "one":
            (s.m.path / "text").write_text("two")
    s.run.write("\x03")
    assert s.run.wait() == 128 + signal.SIGINT


def test_a_server_on_the_terminal_that_binds_the_held_port_is_told(supervise, free_port):
    """Its own message goes to the terminal, where hrfs does not see it; the key is named all the same."""
    s = supervise(
        f"services:\n  web:\n    run: {sys.executable} server.py --bind\n    listen: 127.0.0.1:{free_port}\n",
        terminal=True,
    )
    s.run.wait_for("Address already in use")
    s.run.wait_for(f"hrfs holds 127.0.0.1:{free_port}.*'port: {free_port}'")


def test_a_server_that_has_taken_the_socket_once_is_told_nothing_of_it(supervise, free_port):
    s = supervise(
        f"services:\n  web:\n    run: {sys.executable} server.py\n    listen: 127.0.0.1:{free_port}\n", terminal=True
    ).ready()
    (s.m.path / "server.py").write_text("nonsense(")
    line = s.run.wait_for("failed: server.py .*before it was ready.*serving the code of").group(0)
    assert "hrfs holds" not in line
    assert s.service("web")["error"] == "what it printed is on the terminal of hrfs run"


def test_a_shell_that_executes_passes_the_sockets_on(supervise, free_port):
    s = supervise(
        f"services:\n  web:\n    run: test -e text && exec {sys.executable} server.py\n    listen: 127.0.0.1:{free_port}\n"
    ).ready()
    assert "accepting on" in s.service("web")["ready_by"]
    assert get(free_port) == "one"
    (s.m.path / "text").write_text("two")
    s.ready()
    assert get(free_port) == "two"


GO = """
package main

import (
	"fmt"
	"net"
	"os"
)

const text = "one"

func main() {
	l, err := net.FileListener(os.NewFile(3, "web"))
	if err != nil {
		panic(err)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			panic(err)
		}
		c.Read(make([]byte, 4096))
		fmt.Fprintf(c, "HTTP/1.0 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s", len(text), text)
		c.Close()
	}
}
"""


@pytest.mark.any_user
@pytest.mark.time_limit(300)
@pytest.mark.skipif(not shutil.which("go"), reason="there is no go")
def test_go_run_with_a_held_socket(supervise, free_port, leftovers):
    s = supervise(
        f"services:\n  web:\n    run: go run .\n    listen: 127.0.0.1:{free_port}\n    ready_timeout: 120s\n",
        files={"main.go": GO, "go.mod": "module example\n\ngo 1.19\n"},
    ).ready(timeout=120)
    assert get(free_port) == "one"
    (s.m.path / "main.go").write_text(GO.replace('"one"', '"two"'))
    s.ready(timeout=120)
    assert get(free_port) == "two"
    s.end()
    wait_until(lambda: not [c for c in leftovers().values() if "go" in c.split("/")[-1]])


def test_a_killed_hrfs_job_is_a_crash_and_leaves_nothing(supervise, free_port, leftovers):
    s = supervise(
        f"services:\n  web:\n    run: {sys.executable} server.py\n    listen: 127.0.0.1:{free_port}\n"
    ).ready()
    old = s.service("web")
    os.kill(processes.state_and_parent(old["pid"])[1], signal.SIGKILL)
    wait_gone(old["pid"])
    # the socket is hrfs's: the next request waits for the next generation
    assert get(free_port) == "one"
    wait_until(lambda: s.service("web")["state"] == "ready" and s.service("web")["pid"] != old["pid"])
    assert old["pid"] not in leftovers()


STUBBORN = textwrap.dedent(
    """
    import os, signal, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open("pids", "a") as f:
        f.write(f"{os.getpid()}\\n")
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        with open("pids", "a") as f:
            f.write(f"{os.getpid()}\\n")
    time.sleep(1000)
    """
)


def test_the_next_generation_starts_after_the_last_process_of_the_one_before(supervise):
    s = supervise(
        f"services:\n  bad:\n    run: {sys.executable} bad.py\n    grace: 50ms\n    ignore: [pids]\n",
        files={"bad.py": STUBBORN},
    )

    def pids(count):
        found = (s.m.path / "pids").read_text().split() if (s.m.path / "pids").exists() else []
        return [int(p) for p in found] if len(found) >= count else None

    first = wait_until(lambda: pids(2))
    s.ready()
    (s.m.path / "bad.py").write_text(STUBBORN + "# changed\n")
    wait_until(lambda: pids(3))
    assert not [pid for pid in first if processes.alive(pid)]


NOTIFIER = textwrap.dedent(
    """
    import os, signal, socket, sys, time
    def notify(text):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.connect("\\0" + os.environ["NOTIFY_SOCKET"][1:])
        s.send(text.encode())
    def load():
        global text
        text = open("text").read()
    def reload(*_):
        notify("RELOADING=1")
        while not os.path.exists(sys.argv[1]):
            time.sleep(0.005)
        load()
        notify("READY=1")
    signal.signal(signal.SIGHUP, reload)
    load()
    server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
    notify("READY=1\\nSTATUS=serves")
    while True:
        c, _ = server.accept()
        c.recv(4096)
        c.sendall(f"HTTP/1.0 200 OK\\r\\nContent-Length: {len(text)}\\r\\n\\r\\n{text}".encode())
        c.close()
    """
)


def test_a_reload_by_signal_is_over_when_the_server_notifies(supervise, free_port, test):
    gate = test.dir / "gate"
    s = supervise(
        f"services:\n  web:\n    run: {sys.executable} notifier.py {gate}\n    port: {free_port}\n"
        "    ready: notify\n    reload: signal:HUP\n    watch: [text]\n",
        files={"notifier.py": NOTIFIER},
    ).ready()
    pid = s.service("web")["pid"]
    assert s.service("web")["ready_by"] == "notified: serves"
    (s.m.path / "text").write_text("two")
    # far longer than what is waited for a server that says nothing
    assert s.ask("hrfs-wait", {"timeout_ms": 700})["timed_out"]
    gate.write_text("")
    s.ready()
    assert get(free_port) == "two"
    assert s.service("web")["pid"] == pid


def test_nothing_of_hrfss_own_is_open_in_a_job(supervise):
    """Above all not the lifeline: a job that outlived hrfs would keep the mount."""
    read, write = os.pipe()
    try:
        s = supervise(None, command=["sh", "-c", "echo $(ls /proc/self/fd) over; sleep 1000"], lifeline=write)
        s.run.wait_for("^0 1 2 3 over$")  # 3 is the directory that ls reads
        s.end()
    finally:
        os.close(read)
        os.close(write)
