"""A supervisor on a real mount, without the command line, and small servers for it."""

import json
import signal
import textwrap

from tests.lib import build
from tests.lib.wait import DEADLINE, wait_until

# answers with the content of the file `text`, read once; takes a held socket, else binds $PORT
SERVER = textwrap.dedent(
    """
    import http.server, os, signal, socket, sys, threading
    TEXT = open("text").read()
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 5
        def do_GET(self):
            body = TEXT.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
        def log_message(self, *_): pass
    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = False
        request_queue_size = 128
    held = "LISTEN_FDS" in os.environ and "--bind" not in sys.argv
    if held:
        assert os.environ["LISTEN_PID"] == str(os.getpid()), os.environ["LISTEN_PID"]
        server = Server(("127.0.0.1", 0), Handler, bind_and_activate=False)
        server.socket.close()
        server.socket = socket.socket(fileno=3)
        server.socket.setblocking(False)
    else:
        server = Server(("127.0.0.1", int(os.environ["PORT"])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.02)
    server.server_close()
    """
)


class Web:
    """The service web of a supervisor: a change of this or that, and what came of it."""

    def __init__(self, supervised):
        self.s = supervised
        self.path = supervised.m.path

    def number(self, service="web"):
        """Of its newest reload."""
        return self.s.reloads(service)[0]["number"]

    def outcome(self, before, service="web"):
        """What has come since that number: "nothing", or the newest reload's decision and whether there was a build."""
        self.s.ready(60)
        newest = self.s.reloads(service)[0]
        if newest["number"] == before:
            return "nothing"
        return newest["decision"], "build" in [stage["name"] for stage in newest["stages"]]

    def write(self, name, text):
        """As outcome()."""
        before = self.number()
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text)
        return self.outcome(before)


class Supervised:
    """`m` is the mount, `run` the supervisor's process; ask() asks it through the mount's socket."""

    def __init__(self, m, start, *options, command=None, terminal=False, lifeline=None, env=None, consent=True):
        argv = [build.HRFS_SUPERVISOR, "--socket", m.socket, "--mountpoint", m.path, "--source", m.src]
        argv += ["--consent"] if consent else []
        argv += options
        more = {}
        if lifeline is not None:
            argv += ["--lifeline", str(lifeline)]
            more["pass_fds"] = [lifeline]
        if command:
            argv += ["--", *command]
        self.m, self.start = m, start
        self.run = start(*argv, terminal=terminal, env=env, **more)
        # before that, hrfs-wait is the mount's own
        wait_until(lambda: m.status()["supervisor"] or self.run.process.poll() is not None)

    def ask(self, command, arguments=None, timeout=DEADLINE):
        return self.m.ask(command, arguments or {}, timeout=timeout)

    def wait(self, timeout=DEADLINE):
        """The answer of hrfs-wait: everything written before is in force, or has failed."""
        answer = self.ask("hrfs-wait", {"timeout_ms": int(timeout * 1000)}, timeout=timeout + 5)
        assert not answer["timed_out"], json.dumps(answer, indent=1)
        return answer

    def service(self, name):
        found = [s for s in self.ask("hrfs-services")["services"] if s["name"] == name]
        assert found, f"no service {name}"
        return found[0]

    def reloads(self, service=None):
        """Newest first."""
        return self.ask("hrfs-why", {"service": service} if service else {})["reloads"]

    def why(self, path):
        return self.ask("hrfs-why", {"path": path})["text"]

    def output(self, service=None, lines=1000):
        answer = self.ask("hrfs-output", {"service": service, "lines": lines, "follow": False})
        return [line["text"] for line in answer["lines"]]

    def ready(self, timeout=DEADLINE):
        answer = self.wait(timeout)
        assert answer["ok"], json.dumps(answer, indent=1) + self.run.output()
        return self

    def end(self):
        """As its user would."""
        if self.run.process.poll() is None:
            self.run.signal(signal.SIGTERM)
            self.run.wait()
        status = self.run.process.returncode
        assert status >= 0 or status == -signal.SIGKILL, f"the supervisor died of signal {-status}"
