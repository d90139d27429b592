"""What servers read over their whole run, against strace, while others read the same tree."""

import shutil

import pytest

from tests.cli.test_trace import Others
from tests.lib.http import get
from tests.lib.straced import Straced, compare
from tests.lib.wait import wait_until
from tests.supervisor.test_reads import by_each, web  # noqa: F401

PYTHON = """
import http.server, os, helper
conf = open("conf").read()
local = os.path.exists("local/conf") and open("local/conf").read()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = open("pages" + self.path).read() if self.path != "/" else " ".join(sorted(os.listdir("pages")))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
NODE = """
const http = require("http"), fs = require("fs");
require("./helper");
fs.readFileSync("conf");
if (fs.existsSync("local/conf")) fs.readFileSync("local/conf");
http.createServer((q, a) => a.end(q.url == "/" ? fs.readdirSync("pages").join(" ") : fs.readFileSync("pages" + q.url)))
    .listen(+process.env.PORT, "127.0.0.1");
"""
WAYS = {"looked at": "seen", "looked for": "absent", "written": "wrote"}  # as trace has them
COMMON = {"conf": "c", "pages/one": "1", "pages/two": "2", "unread": "u", "alien/one": "x", "alien/two": "x"}
SERVERS = {
    "python3": ("main.py", {"main.py": PYTHON, "helper.py": "", "unread.py": "", **COMMON}),
    "node": ("main.js", {"main.js": NODE, "helper.js": "", "unread.js": "", **COMMON}),
}


@by_each
@pytest.mark.parametrize("program", SERVERS)
def test_a_server(web, test, free_port, program):  # noqa: F811
    """Started, started again and asked for pages: what it opens and lists once it is ready counts too."""
    if not shutil.which("strace") or not shutil.which(program):
        pytest.skip(f"needs strace and {program}")
    main, files = SERVERS[program]
    log, port = test.dir / "strace", free_port()
    strace = f"strace -f -y -s 4096 -A -o {log} -e trace=file,getdents64"
    w = web(f"services:\n  web:\n    run: {strace} {program} {main}\n    port: {port}\n", files)
    with Others(w.path / "alien"):
        w.s.ask("hrfs-reload", {"service": "web"})
        w.s.ready()
        assert get(port, "/") == (200, "one two")
        assert get(port, "/two") == (200, "2")

    def read():
        paths = w.s.ask("hrfs-deps", {"service": "web"})["paths"]
        return {p["path"]: [WAYS.get(way, way) for way in p["how"]] for p in paths if p["stage"] == "run"}

    # the kernel tells of it in its own time
    wait_until(lambda: "listed" in read().get("pages", []) and "read" in read().get("pages/two", []))
    assert "web/run has read:" in w.s.ask("hrfs-deps", {"service": "web"})["text"]
    straced = Straced(log, w.path, w.path)
    assert {"conf", "pages/two"} <= straced.opened and "pages" in straced.listed
    compare({"paths": [{"path": path, "how": how} for path, how in read().items()]}, straced, True)
