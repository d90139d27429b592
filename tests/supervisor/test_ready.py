"""When a job counts as serving: by itself, by what it is asked, by what it says."""

import os
import shutil
import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.lib import processes
from tests.lib.wait import wait_until
from tests.supervisor.test_process import python

pytestmark = pytest.mark.any_user

SERVER = [sys.executable, str(Path(__file__).with_name("server.py"))]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(port):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as c:
        c.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return c.makefile("rb").read().rpartition(b"\n")[2].decode()


class Gate:
    """A fifo: who opens it to read waits until it is open."""

    def __init__(self, path):
        os.mkfifo(path)
        self.option = f"gate={path}"
        self.pass_it = f"os.close(os.open({str(path)!r}, os.O_RDONLY))\n"
        self.path, self.fd = path, -1

    def open(self):
        self.fd = os.open(self.path, os.O_RDWR)

    def shut(self):
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


@pytest.fixture
def gate(test):
    g = Gate(test.dir / "gate")
    yield g
    g.shut()


# ---- without `ready:` ----


def test_the_first_listening_socket_counts(driver):
    port = free_port()
    d = driver("--ready", "default", "--stay", "--", *SERVER, f"port={port}")
    d.wait(f"ready 0 listening on 127.0.0.1:{port}")
    d.end()


def test_a_socket_of_a_child_counts(driver):
    port = free_port()
    d = driver("--ready", "default", "--stay", "--", "sh", "-c", f"{' '.join(SERVER)} port={port} & wait")
    d.wait(f"ready 0 listening on 127.0.0.1:{port}")
    d.end()


def test_somebody_elses_socket_does_not_count(driver):
    with socket.create_server(("127.0.0.1", 0)) as s:
        d = driver("--ready", "default", "--port", s.getsockname()[1], "--stay", "--", "sleep", "1000")
        d.wait(f"ready 0 alive for 1 s, does not listen on port {s.getsockname()[1]}")
        d.end()


def test_a_unix_socket_counts(driver, test):
    program = "import socket, sys, time\ns = socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\ns.listen()\ntime.sleep(1000)"
    d = driver("--ready", "default", "--stay", "--", *python(program, test.dir / "sock"))
    d.wait(f"ready 0 listening on unix:{test.dir}/sock")
    d.end()


def test_without_a_socket_being_alive_counts(driver):
    d = driver("--ready", "default", "--stay", "--", "sleep", "1000")
    d.wait("ready 0 alive for 1 s, listens nowhere")
    d.end()


def test_who_works_is_not_ready_by_being_alive(driver):
    """A server that is not up yet, or tests that run: until it listens, ends, or has nothing to do any more."""
    d = driver("--ready", "default", "--timeout", "1500", "--stay", "--", "sh", "-c", "while :; do :; done")
    d.wait("ready 0 alive for 1 s and at work, listens nowhere")
    d.end()


def test_who_has_ended_before_must_be_quiet_for_longer(driver):
    d = driver("--ready", "default", "--quiet", "2000", "--stay", "--", "sleep", "1000")
    d.wait("ready 0 alive for 2 s, listens nowhere")
    d.end()


def test_who_is_to_end_is_never_ready(driver):
    d = driver("--ready", "exit", "--timeout", "10", "--", "sleep", "0.1")
    d.wait("ended 0")
    assert d.running.wait() == 0
    assert "ready 0" not in d.running.text


def test_what_has_ended_is_never_ready(driver):
    """Alive is asked of the job's processes, not of hrfs-job: that one lives on with a stray child."""
    d = driver("--ready", "default", "--", "sh", "-c", "exit 1")
    d.wait("ended 0")
    assert d.running.wait() == 0
    assert "@ready" not in d.running.text


@pytest.mark.parametrize("how", ["accept", "poll", "select", "epoll"])
def test_a_held_socket_counts_once_the_job_waits_on_it(driver, gate, how):
    """Connecting works from the start, so it says nothing."""
    d = driver("--ready", "default", "--listen", "127.0.0.1:0", "--stay", "--", *SERVER, gate.option, f"how={how}")
    address = d.wait(r"listen (127.0.0.1:(\d+))")
    d.started()
    with socket.create_connection(("127.0.0.1", int(address[2]))):
        assert "@ready" not in d.running.output()
    gate.open()
    d.wait(f"ready 0 accepting on {address[1]}")
    d.end()


def test_a_slow_start_with_a_held_socket_is_waited_for(driver, gate):
    """Longer than the second after which being alive would count: the old generation serves as long."""
    d = driver("--ready", "default", "--timeout", "1400", "--listen", "127.0.0.1:0", "--stay", "--", *SERVER, gate.option)
    d.wait("unready 0 it has a socket that hrfs holds, but does not accept from it")
    d.end()


def test_who_drops_the_held_socket_is_ready_when_alive(driver):
    d = driver(
        *("--ready", "default", "--listen", "127.0.0.1:0", "--stay", "--"),
        *python("import os, time\nos.close(3)\ntime.sleep(1000)"),
    )
    d.wait(r"ready 0 alive for 1 s, and has not kept the socket that hrfs holds \(LISTEN_FDS\)")
    d.end()


def test_what_may_not_be_looked_into_is_ready_when_alive(driver, other):
    """As behind sudo: its descriptors and system calls are hidden from hrfs."""
    program = "import ctypes, socket\nctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\nsocket.socket(fileno=3).accept()"
    d = driver("--ready", "default", "--listen", "127.0.0.1:0", "--stay", "--", *python(program), user=other)
    d.wait("ready 0 alive for 1 s; hrfs may not look into its processes")
    d.end()


def test_a_newcomer_is_not_ready_by_what_the_old_one_answers(driver, gate):
    """Two generations on one socket: until the second one accepts, every answer is the first one's."""
    d = driver("--ready", "http:/x", "--listen", "127.0.0.1:0", "--stay", "--", *SERVER, gate.option, "how=epoll")
    gate.open()
    port = int(d.wait(r"ready 0 GET /x on 127.0.0.1:(\d+) answered 200$")[1])
    gate.shut()
    d.say("start")
    second = d.started(1)
    wait_until(lambda: "server.py" in processes.command(second))
    for _ in range(30):
        assert get(port) != str(second)
    assert "@ready 1" not in d.running.output()
    gate.open()
    d.wait("ready 1 GET /x on 127.0.0.1:.* answered 200")
    d.end()


def test_an_old_one_that_takes_every_request_does_not_keep_a_newcomer_out(driver, test):
    """As with EPOLLEXCLUSIVE, where the kernel always wakes the same one."""
    program = f"if [ -e {test.dir}/second ]; then exec \"$@\" how=never; else exec \"$@\"; fi"
    d = driver("--ready", "http:/x", "--listen", "127.0.0.1:0", "--stay", "--", "sh", "-c", program, "sh", *SERVER)
    d.wait("ready 0 GET /x on 127.0.0.1:.* answered 200$")
    (test.dir / "second").write_text("")
    d.say("start")
    d.wait(r"ready 1 GET /x .* answered 200 \(by another process, which takes all requests; this one accepts too\)")
    d.end()


# ---- tcp, http, log, delay ----


def test_tcp_is_a_port_that_takes_connections(driver, gate):
    port = free_port()
    d = driver("--ready", "tcp", "--port", port, "--stay", "--", *SERVER, f"port={port}", gate.option)
    d.started()
    gate.open()
    d.wait(f"ready 0 listening on 127.0.0.1:{port}")
    d.end()


def test_tcp_with_an_address(driver):
    port = free_port()
    d = driver("--ready", f"tcp:127.0.0.1:{port}", "--stay", "--", *SERVER, f"port={port}")
    d.wait(f"ready 0 listening on 127.0.0.1:{port}")
    d.end()


def test_tcp_of_a_held_socket_is_the_jobs_accepting(driver, gate):
    d = driver("--ready", "tcp", "--timeout", "500", "--listen", "127.0.0.1:0", "--stay", "--", *SERVER, gate.option)
    d.wait("unready 0 nothing listened; last: it has the socket that hrfs holds, but does not accept")
    d.end()


def test_tcp_finds_a_server_on_the_other_loopback_address(driver):
    port = free_port()
    program = "import socket, sys, time\ns = socket.create_server(('::1', int(sys.argv[1])), family=socket.AF_INET6)\ntime.sleep(1000)"
    d = driver("--ready", "tcp", "--port", port, "--stay", "--", *python(program, port))
    d.wait(rf"ready 0 listening on \[::1\]:{port}")
    d.end()


def test_http_wants_a_good_answer(driver, test):
    port = free_port()
    d = driver("--ready", "http:/x", "--port", port, "--timeout", "1500", "--stay", "--", *SERVER, f"port={port}", "status=503")
    d.wait(f"unready 0 GET /x was not answered well; last: 127.0.0.1:{port} answered 503")
    d.end()


def test_http_takes_a_redirection(driver):
    d = driver("--ready", "http:/x", "--listen", "127.0.0.1:0", "--stay", "--", *SERVER, "status=302")
    d.wait("ready 0 GET /x on 127.0.0.1:.* answered 302")
    d.end()


def test_http_of_every_address(driver):
    d = driver("--ready", "http:/x", "--listen", ":0", "--stay", "--", *SERVER)
    port = d.wait(r"listen \[::\]:(\d+)|listen 0.0.0.0:(\d+)")
    d.wait(f"ready 0 GET /x on 127.0.0.1:{port[1] or port[2]} answered 200")
    d.end()


def test_tcp_with_an_address_that_a_held_socket_answers(driver, gate):
    """tcp: names one address, hrfs holds them all: connecting would always succeed."""
    port = free_port()
    d = driver(
        *("--ready", f"tcp:127.0.0.1:{port}", "--timeout", "300", "--listen", f":{port}", "--stay"),
        *("--", *SERVER, gate.option),
    )
    d.wait("unready 0 nothing listened; last: it has the socket that hrfs holds")
    d.end()


def test_http_over_a_unix_socket(driver, test):
    d = driver("--ready", "http:/x", "--listen", f"unix:{test.dir}/s", "--stay", "--", *SERVER)
    d.wait(f"ready 0 GET /x on unix:{test.dir}/s answered 200")
    d.end()


def test_http_without_an_address_finds_it(driver):
    port = free_port()
    d = driver("--ready", "http:/x", "--stay", "--", *SERVER, f"port={port}")
    d.wait(f"ready 0 GET /x on 127.0.0.1:{port} answered 200")
    d.end()


def test_a_line_of_its_output(driver):
    d = driver(
        *("--ready", "log:^Listening on [0-9]+$", "--mode", "pty", "--stay", "--"),
        *("sh", "-c", "echo not yet; printf '\\033[32mListening on 80\\033[0m\\n'; sleep 1000"),
    )
    d.wait("ready 0 printed: Listening on 80$")
    d.end()


def test_no_line_of_its_output(driver):
    d = driver("--ready", "log:^up$", "--timeout", "1000", "--stay", "--", "sh", "-c", "echo starting; sleep 1000")
    d.wait(r"unready 0 no line of its output matched \^up\$; last: starting")
    d.end()


def test_a_delay(driver):
    d = driver("--ready", "delay:50ms", "--stay", "--", "sleep", "1000")
    d.wait("ready 0 alive for 0.05 s, as ready: says")
    d.end()


# ---- notify ----

NOTIFY = """
import os, socket, sys, time
def send(text, fds=()):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    name = os.environ["NOTIFY_SOCKET"]
    s.connect("\\0" + name[1:] if name[0] == "@" else name)
    socket.send_fds(s, [text.encode()], fds)
"""


def test_notify_with_status(driver):
    d = driver(
        *("--ready", "notify", "--stay", "--"),
        *python(NOTIFY + "send('STATUS=loading')\nsend('MAINPID=1\\nREADY=1\\nSTATUS=serves\\n')\nsend('STATUS=later')\ntime.sleep(1000)"),
    )
    d.wait("status 0 loading")
    d.wait("ready 0 notified: serves")
    d.wait("status 0 later")
    d.end()


def test_notify_in_time_only(driver):
    d = driver(
        *("--ready", "notify", "--timeout", "1500", "--stay", "--"),
        *python(NOTIFY + "send('READY=0\\nSTATUS=loading\\nERRNO=2')\ntime.sleep(1000)"),
    )
    d.wait("unready 0 no READY=1 came to NOTIFY_SOCKET; last: No such file or directory")
    d.end()


def test_notify_may_ask_for_more_time(driver, gate):
    """The time-out would come before its one READY=1, which waits for a gate that opens after it."""
    program = NOTIFY + "send('EXTEND_TIMEOUT_USEC=60000000')\n" + gate.pass_it + "send('READY=1')\ntime.sleep(1000)"
    d = driver("--ready", "notify", "--timeout", "1500", "--stay", "--", *python(program))
    d.started()
    # one that was started later, and does not ask, is too late first
    other = driver("--ready", "notify", "--timeout", "1600", "--stay", "--", "sleep", "1000")
    other.wait("unready 0")
    gate.open()
    d.wait("ready 0 notified")
    assert "@unready" not in d.running.text
    d.end()
    other.end()


def test_who_notifies_late_is_ready_late(driver, gate):
    program = NOTIFY + gate.pass_it + "send('READY=1')\ntime.sleep(1000)"
    d = driver("--ready", "notify", "--timeout", "100", "--stay", "--", *python(program))
    d.wait("unready 0")
    gate.open()
    d.wait("ready 0 notified")
    d.end()


def test_a_reload_is_told_from_its_begin_to_its_end(driver):
    program = NOTIFY + """
import signal
def reload(*a):
    send("RELOADING=1\\nMONOTONIC_USEC=1")
    send("STATUS=reads")
    send("READY=1")
signal.signal(signal.SIGHUP, reload)
send("READY=1")
while True: time.sleep(1000)
"""
    d = driver("--ready", "notify", "--stay", "--", *python(program))
    d.wait("ready 0")
    d.say("signal", 0, int(signal.SIGHUP))
    d.wait("reloading 0 begins")
    d.wait("status 0 reads")
    d.wait("reloading 0 over")
    d.end()


def test_a_barrier_is_passed(driver):
    """Its descriptor is closed once what came before it is taken."""
    program = NOTIFY + """
r, w = os.pipe()
send("READY=1")
send("BARRIER=1", [w])
os.close(w)
os.read(r, 1)
os.write(1, b"passed\\n")
time.sleep(1000)
"""
    d = driver("--ready", "notify", "--stay", "--", *python(program))
    d.running.wait_for("^passed")
    d.end()


def test_a_child_may_notify_and_end_at_once(driver):
    """As systemd-notify in a script does: when the message is read, its sender is gone."""
    program = NOTIFY + "if os.fork() == 0:\n send('READY=1')\n os._exit(0)\nos.wait()\ntime.sleep(1000)"
    d = driver("--ready", "notify", "--stay", "--", *python(program))
    d.wait("ready 0 notified")
    d.end()


def test_a_stranger_is_not_heard(driver, test):
    program = f"import os, time\nopen({str(test.dir / 'name')!r}, 'w').write(os.environ['NOTIFY_SOCKET'] + '\\n')\ntime.sleep(1000)"
    d = driver("--ready", "notify", "--timeout", "400", "--stay", "--", *python(program))
    name = wait_until(lambda: (test.dir / "name").exists() and (test.dir / "name").read_text().strip())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.connect("\0" + name[1:])
        s.send(b"READY=1")
        d.wait("unready 0")
    assert "@ready" not in d.running.text
    d.end()


def test_another_user_may_notify(driver, other):
    """`run: sudo -u www server`: of the job's tree, so it is heard whoever it is."""
    program = NOTIFY + f"os.setgid({other.gid})\nos.setuid({other.uid})\nsend('READY=1')\ntime.sleep(1000)"
    d = driver("--ready", "notify", "--stay", "--", *python(program))
    d.wait("ready 0 notified")
    d.end()


# ---- the sockets as programs see them ----


def test_sockets_reach_a_program_behind_a_shell(driver):
    d = driver(
        *("--listen", "127.0.0.1:0", "--name", "web", "--listen", "@hrfs-test-ready", "--name", "", "--stay"),
        *("--ready", "default", "--", "sh", "-c", "true && exec " + " ".join(SERVER)),
    )
    d.wait("ready 0 accepting on")
    d.running.looked = 0
    d.running.wait_for("^got 2 web:unknown$")
    d.end()


def test_sockets_are_not_for_a_shells_child(driver):
    """Without exec it is another process: that LISTEN_PID says so is the convention."""
    d = driver("--listen", "127.0.0.1:0", "--stay", "--", "sh", "-c", " ".join(SERVER) + "; true")
    d.running.wait_for("^LISTEN_PID is ")
    d.end()


GO_SERVER = """
package main

import ("fmt"; "net"; "os"; "strconv")

func main() {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		fmt.Println("not mine")
		os.Exit(1)
	}
	l, err := net.FileListener(os.NewFile(3, "web"))
	if err != nil {
		panic(err)
	}
	fmt.Println("args", os.Args[1:])
	for {
		c, err := l.Accept()
		if err != nil {
			panic(err)
		}
		c.Close()
	}
}
"""


@pytest.mark.time_limit(300)
@pytest.mark.skipif(not shutil.which("go"), reason="there is no go")
def test_sockets_reach_a_server_that_go_runs(driver, test):
    """`go run` is its parent: LISTEN_PID has to be the server's all the same."""
    (test.dir / "main.go").write_text(GO_SERVER)
    d = driver(
        *("--listen", "127.0.0.1:0", "--ready", "default", "--timeout", "240000", "--cwd", test.dir, "--stay"),
        *("--", "go", "run", "main.go", "-exec", "x"),
    )
    d.running.wait_for(r"^args \[-exec x\]", timeout=240)
    d.running.looked = 0
    d.wait("ready 0 accepting on")
    d.say("stop", 0, int(signal.SIGTERM), 5000)
    d.wait("ended 0")
    d.end()


def test_connections_wait_while_generations_change(driver, test):
    """The socket is hrfs's: between two generations a client waits, and is answered by the next one."""
    d = driver("--ready", "default", "--listen", "127.0.0.1:0", "--stay", "--", *SERVER)
    port = int(d.wait(r"listen 127.0.0.1:(\d+)")[1])
    d.wait("ready 0")
    d.say("stop", 0, int(signal.SIGTERM), 100)
    d.wait("ended 0")
    with socket.create_connection(("127.0.0.1", port), timeout=20) as c:
        c.sendall(b"GET / HTTP/1.0\r\n\r\n")
        d.say("start")
        second = d.started(1)
        assert c.makefile("rb").read().endswith(b"\n" + str(second).encode())
    d.end()


def test_an_address_in_use_is_told_with_its_holder(driver, test):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
        d = driver("--listen", f"127.0.0.1:{port}", "--", "true")
        d.wait(rf"error 127.0.0.1:{port} is in use by pid {os.getpid()} \(.*pytest.*\), started \d+ (s|min|h) ago: end that, or change `listen:`")
        assert d.running.wait() == 125


@pytest.mark.parametrize(
    "address, text",
    [
        ("nohost:80", "nohost:80: no IP address: names are not looked up, but for localhost"),
        ("127.0.0.1:65536", "127.0.0.1:65536: no port from 0 to 65535 at its end"),
        ("203.0.113.77:0", "203.0.113.77:0: no interface of this machine has that address"),
        ("/nonexistent/dir/s", "/nonexistent/dir/s cannot be bound|/nonexistent/dir/s: its directory does not exist"),
        ("/etc/passwd", "/etc/passwd is there already and no socket"),
        ("/tmp/" + "x" * 120, "the path of a socket has at most 107 bytes"),
    ],
)
def test_what_cannot_be_bound_is_explained(driver, address, text):
    d = driver("--listen", address, "--", "true")
    d.wait(f"error .*({text})")
    assert d.running.wait() == 125


def test_a_socket_file_of_a_dead_server_is_replaced_and_removed_at_the_end(driver, test):
    path = test.dir / "s"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
        s.listen()
        d = driver("--listen", path, "--", "true")
        d.wait(rf"error {path} is in use by pid {os.getpid()} ")
        assert d.running.wait() == 125
    d = driver("--listen", path, "--stay", "--", "true")
    d.wait(f"listen unix:{path}")
    d.end()
    assert not path.exists()
