"""Servers that reload themselves, the real ones: hrfs leaves each alone, says with which flag it does that itself, and then does.

What is no Debian package comes from ./dev bench, which installs it into a cache folder.
"""

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys

import pytest

from tests.lib.build import ROOT
from tests.lib.http import get
from tests.lib.wait import DEADLINE, Deadline, wait_until

sys.path.insert(0, str(ROOT / "bench"))
from peers import peer  # noqa: E402

pytestmark = [pytest.mark.long, pytest.mark.time_limit(300)]

# each start of the code is a line in a file outside the mount
STARTED = "open(os.environ['STARTS'], 'a').write('started\\n')\n"

DJANGO = {
    "manage.py": """
import os, sys
from django.conf import settings
from django.core.management import execute_from_command_line
settings.configure(DEBUG=True, ALLOWED_HOSTS=["*"], SECRET_KEY="x", ROOT_URLCONF="urls", INSTALLED_APPS=[])
execute_from_command_line(sys.argv)
""",
    "urls.py": f"""
import os
from django.http import HttpResponse
from django.urls import path
{STARTED}
urlpatterns = [path("", lambda request: HttpResponse("WORD"))]
""",
}
FLASK = {
    "app.py": f"""
import os
from flask import Flask
{STARTED}
app = Flask(__name__)
@app.get("/")
def root():
    return "WORD"
"""
}
FASTAPI = {
    "main.py": f"""
import os
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
{STARTED}
app = FastAPI()
@app.get("/", response_class=PlainTextResponse)
def root():
    return "WORD"
"""
}
NODE = {
    "app.js": """
require('fs').appendFileSync(process.env.STARTS, 'started\\n');
const server = require('http').createServer((request, response) => {
  response.writeHead(200, { Connection: 'close' });
  response.end('WORD');
});
server.listen(Number(process.env.PORT), '127.0.0.1');
process.on('SIGTERM', () => server.close(() => process.exit(0)));
"""
}
GO = {
    "go.mod": "module example.org/web\n\ngo 1.19\n",
    ".air.toml": '[build]\ncmd = "go build -o ./tmp/main ."\nentrypoint = ["./tmp/main"]\ndelay = 100\ninclude_ext = ["go"]\n',
    "main.go": """package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	f, _ := os.OpenFile(os.Getenv("STARTS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	fmt.Fprintln(f, "started")
	f.Close()
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "WORD") })
	panic(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
""",
}

PYTHON = "/usr/bin/python3"


class Tool:
    """itself: the command that reloads itself; says: how that is handed to hrfs; handed: the command with that."""

    def __init__(self, files, source, itself, says, handed, module=None, program=None, build=None):
        self.files, self.source, self.itself, self.says, self.handed = files, source, itself, says, handed
        self.module, self.program, self.build = module, program, build

    def need(self):
        if self.module and subprocess.run([PYTHON, "-c", f"import {self.module}"], capture_output=True).returncode:
            pytest.skip(f"{self.module} is not installed for {PYTHON}")
        if self.program and not peer(self.program):
            pytest.skip(f"{self.program} is not installed (./dev bench installs it)")

    def line(self, line, port):
        return line.format(python=PYTHON, port=port, program=peer(self.program) if self.program else "")

    def text(self, word):
        return self.files[self.source].replace("WORD", word)


TOOLS = {
    "django": Tool(
        DJANGO,
        "urls.py",
        "{python} manage.py runserver 127.0.0.1:{port}",
        "use --noreload",
        "{python} manage.py runserver --noreload 127.0.0.1:{port}",
        module="django",
    ),
    "flask": Tool(
        FLASK,
        "app.py",
        "{python} -m flask --app app --debug run --port {port}",
        "use --no-reload",
        "{python} -m flask --app app --debug run --no-reload --port {port}",
        module="flask",
    ),
    "uvicorn": Tool(
        FASTAPI,
        "main.py",
        "{python} -m uvicorn main:app --reload --port {port}",
        "leave out --reload",
        "{python} -m uvicorn main:app --port {port}",
        module="fastapi",
    ),
    "node": Tool(NODE, "app.js", "node --watch app.js", "leave out --watch", "node app.js", program="node"),
    "nodemon": Tool(NODE, "app.js", "{program} app.js", "run node itself", "node app.js", program="nodemon"),
    "air": Tool(GO, "main.go", "{program} -c .air.toml", "use build: and run:", "./main", program="air", build="go build -o main ."),
}


@pytest.fixture(params=sorted(TOOLS))
def tool(request):
    tool = TOOLS[request.param]
    tool.need()
    return tool


@pytest.fixture
def begin(test, supervise, free_port):
    def start(tool, line, build=None):
        port = free_port()
        starts = test.dir / "starts"
        build = f"    build: {build}\n" if build else ""
        config = f"services:\n  web:\n{build}    run: {tool.line(line, port)}\n    port: {port}\n    ready: tcp\n"
        files = {name: text.replace("WORD", "one") for name, text in tool.files.items()}
        s = supervise(config, files=files, env={"STARTS": str(starts), "HOME": str(test.dir)}).ready(150)
        wait_until(lambda: answer(port) == "one", what="the first answer")
        s.port, s.started = port, lambda: starts.read_text().count("started")
        return s

    return start


def answer(port):
    """None while the server is away."""
    try:
        return get(port)[1]
    except OSError:
        return None


def edit_until_seen(s, tool):
    """Those that poll take the first state that they see for the old one, also when it was saved after they had read it: a save that
    comes so early reloads nothing, however long one waits.
    """
    started = s.started()
    for word in ("two", "three", "four", "five"):
        (s.m.path / tool.source).write_text(tool.text(word))
        try:
            wait_until(lambda: answer(s.port) == word, timeout=30, what="the tool's own reload")
            return
        except TimeoutError:
            assert s.started() == started, "it has reloaded, but what?"
    pytest.fail("the tool has never reloaded itself")


def test_is_left_alone(tool, begin):
    s = begin(tool, tool.itself)
    s.run.wait_for(f"hrfs: web: reloads itself .*{re.escape(tool.says)}")
    pid, started = s.service("web")["pid"], s.started()
    edit_until_seen(s, tool)
    s.ready()
    assert s.service("web")["pid"] == pid
    assert s.started() == started + 1, "one reload an edit"


def test_hrfs_does_it_with_the_flag_that_it_names(tool, begin):
    s = begin(tool, tool.handed, tool.build)
    assert "reloads itself" not in s.run.output()
    pid, started = s.service("web")["pid"], s.started()
    (s.m.path / tool.source).write_text(tool.text("two"))
    s.ready(100)
    assert get(s.port) == (200, "two")
    assert s.service("web")["pid"] != pid
    assert s.started() == started + 1, "one reload an edit"


# ---- vite ----

PAGE = '<!doctype html><script type="module" src="/main.js"></script>'
MAIN = "document.body.textContent = 'one';\n"


class Client:
    """vite's own, as a browser has it: told of updates on a WebSocket."""

    def __init__(self, port):
        token = re.search(r'wsToken = "([^"]*)"', get(port, "/@vite/client")[1])
        path = f"/?token={token[1]}" if token else "/"
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Origin: http://127.0.0.1:{port}\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: vite-hmr\r\n\r\n".encode()
        )
        self.data = b""
        head = self._until(lambda: self.data.find(b"\r\n\r\n") + 4 if b"\r\n\r\n" in self.data else 0)
        assert head.startswith(b"HTTP/1.1 101"), head

    def _until(self, length):
        """What comes first of the data, when length() says how much that is."""
        while not length():
            data = self.socket.recv(65536)
            assert data, "the connection was closed"
            self.data += data
        taken, self.data = self.data[: length()], self.data[length() :]
        return taken

    def _frame(self):
        d = self.data
        if len(d) < 2:
            return 0
        head, size = 2, d[1] & 127
        if size == 126:
            head, size = 4, int.from_bytes(d[2:4], "big") if len(d) >= 4 else 1 << 30
        return head + size if len(d) >= head + size else 0

    def message(self):
        frame = self._until(self._frame)
        return json.loads(frame[4 if frame[1] & 127 == 126 else 2 :])


def test_vite_stays_and_tells_its_client(supervise, free_port, test):
    if not peer("vite") or not shutil.which("node"):
        pytest.skip("vite is not installed (./dev bench installs it)")
    port = free_port()
    config = f"services:\n  web:\n    run: {peer('vite')} --host 127.0.0.1 --port {port} --strictPort\n    port: {port}\n    ready: tcp\n"
    files = {"index.html": PAGE, "main.js": MAIN, "package.json": "{}"}
    s = supervise(config, files=files, env={"HOME": str(test.dir)}).ready(60)
    s.run.wait_for("hrfs: web: reloads itself .*so hrfs leaves it alone; reload: restart hands that to hrfs")
    pid = s.service("web")["pid"]
    assert "one" in get(port, "/main.js")[1]
    client = Client(port)
    assert client.message()["type"] == "connected"
    told = []
    deadline = Deadline(60, "vite's client to be told")
    (s.m.path / "main.js").write_text(MAIN.replace("one", "two"))
    while not told:
        deadline.left()
        message = client.message()
        if message["type"] in ("full-reload", "update"):
            told.append(message)
    s.ready()
    assert "two" in get(port, "/main.js")[1]
    assert s.service("web")["pid"] == pid
