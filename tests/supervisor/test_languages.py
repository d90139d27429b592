"""Programs that start in ways of their own: shells, go run, node, servers that reload themselves."""

import shutil

import pytest

from tests.lib.http import get
from tests.supervisor.supervised import SERVER

pytestmark = pytest.mark.any_user


def service(run, port, key="listen", more=""):
    address = f"127.0.0.1:{port}" if key == "listen" else port
    return f"services:\n  web:\n    run: {run}\n    {key}: {address}\n{more}"


def edited(s, port):
    for text in ("two", "three"):
        (s.m.path / "text").write_text(text)
        s.ready(60)
        assert get(port) == (200, text)


@pytest.mark.parametrize(
    "line",
    [
        "cd . && exec python3 server.py",
        "X=1 exec python3 server.py",
        "exec python3 server.py 2>&1 | cat",
        "'true; exec python3 server.py'",
    ],
)
def test_lines_for_the_shell(supervise, free_port, line):
    """LISTEN_PID is the program's where it is executed by the shell's own process; a pipe takes another one."""
    port = free_port()
    server = SERVER
    if "|" in line:
        server = SERVER.replace('assert os.environ["LISTEN_PID"] == str(os.getpid())', "assert True")
    s = supervise(service(line, port), files={"server.py": server}).ready()
    edited(s, port)


GO = """
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
)

func main() {
	text, _ := os.ReadFile("text")
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, string(text)) })
	if os.Getenv("LISTEN_FDS") != "" {
		l, err := net.FileListener(os.NewFile(3, "listen"))
		if err != nil {
			panic(err)
		}
		panic(http.Serve(l, nil))
	}
	panic(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
"""


@pytest.mark.time_limit(240)
@pytest.mark.parametrize("key", ["listen", "port"])
def test_go_run(supervise, free_port, test, key):
    if not shutil.which("go"):
        pytest.skip("go is not installed")
    port = free_port()
    env = {"HOME": str(test.dir)}
    files = {"go.mod": "module example.org/web\n\ngo 1.19\n", "main.go": GO}
    s = supervise(service("go run .", port, key, "    ready: http:/\n"), files=files, env=env).ready(200)
    edited(s, port)
    # what does not compile has ended before it was ready
    (s.m.path / "main.go").write_text(GO + "this is no code\n")
    answer = s.wait(60)
    assert not answer["ok"]
    if key == "listen":
        assert get(port) == (200, "three")
        assert "main.go:" in s.service("web")["summary"]



@pytest.mark.time_limit(240)
@pytest.mark.parametrize("where", ["", "cmd/web"])
def test_go_run_as_a_command(supervise, free_port, test, where):
    """Taken apart into a build and a run: what does not compile ends nothing, although no socket is held."""
    if not shutil.which("go"):
        pytest.skip("go is not installed")
    port = free_port()
    main = f"{where}/main.go" if where else "main.go"
    files = {"go.mod": "module example.org/web\n\ngo 1.19\n", main: GO.replace('"text"', 'os.Getenv("TEXT")')}
    env = {"HOME": str(test.dir), "PORT": str(port)}
    options = ["--cwd", where] if where else []
    s = supervise(None, *options, files=files, env={**env, "TEXT": str(test.dir / "src/text")}, command=["go", "run", "."])
    s.ready(200)
    s.run.wait_for(r"hrfs: built and run apart, .*: go build -o \S*\.hrfs/go \., then \S*\.hrfs/go$")
    assert get(port) == (200, "one")
    (s.m.path / main).write_text("package main\n\nthis is no code\n")
    answer = s.wait(60)
    assert not answer["ok"] and "main.go:3" in s.service("go")["summary"]
    assert get(port) == (200, "one")
    (s.m.path / main).write_text(GO.replace("string(text)", '"mended"').replace('text, _ := os.ReadFile("text")', ""))
    s.ready(60)
    assert get(port) == (200, "mended")


def test_go_run_in_a_tree_that_is_only_read(supervise, free_port, test):
    """Nothing can be built into it: the command runs as it was typed."""
    if not shutil.which("go"):
        pytest.skip("go is not installed")
    port = free_port()
    files = {"go.mod": "module example.org/web\n\ngo 1.19\n", "main.go": GO}
    env = {"HOME": str(test.dir), "PORT": str(port)}
    s = supervise(None, files=files, env=env, mount_options="ro", command=["go", "run", "."]).ready(200)
    assert get(port) == (200, "one")
    assert "built and run apart" not in s.run.output()

NODE = """
const http = require("http"), fs = require("fs");
const text = fs.readFileSync("text", "utf8");
const server = http.createServer((q, a) => a.end(text));
server.listen(process.env.LISTEN_FDS ? { fd: 3 } : { port: +process.env.PORT, host: "127.0.0.1" });
process.on("SIGTERM", () => server.close());
"""


@pytest.mark.parametrize("key", ["listen", "port"])
def test_node(supervise, free_port, key):
    if not shutil.which("node"):
        pytest.skip("node is not installed")
    port = free_port()
    s = supervise(service("node app.js", port, key), files={"app.js": NODE}).ready()
    edited(s, port)


def test_node_that_watches_is_left_alone(supervise, free_port):
    if not shutil.which("node"):
        pytest.skip("node is not installed")
    port = free_port()
    s = supervise(service("node --watch app.js", port, "port"), files={"app.js": NODE})
    s.ready()
    s.run.wait_for("hrfs: web: reloads itself .*leave out --watch")
    pid = s.service("web")["pid"]
    (s.m.path / "app.js").write_text(NODE + "// another\n")
    s.ready()
    assert s.service("web")["pid"] == pid
