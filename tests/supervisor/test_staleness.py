"""What counts as read and what does not, with the tools themselves: compilers, editors, databases, linters."""

import os
import shutil
import sqlite3
import subprocess
import textwrap
from contextlib import closing

import pytest

from tests.lib import build, gits
from tests.lib.http import get
from tests.lib.wait import wait_until
from tests.mount.test_editors import TEXT, code, vim
from tests.supervisor.supervised import Web

pytestmark = pytest.mark.skipif(not build.job_may_mark(), reason="an ordinary user's hrfs-job has no capability in a build tree")


@pytest.fixture
def web(supervise):
    """web(config, files, …) -> Web: a change of this or that, and what came of it."""
    return lambda config, files, **more: Web(supervise(config, files=files, **more).ready())


def needs(*programs):
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not here")


# ---- go ----

GO = """package main

import (
	"embed"
	"fmt"
	"time"

	"example.org/lib"
)

//go:embed static
var static embed.FS

func main() {
	text, _ := static.ReadFile("static/a/b/page.html")
	fmt.Println(string(text), lib.Word)
	fmt.Println("up")
	time.Sleep(time.Hour)
}
"""
GO_CONFIG = "services:\n  web:\n    build: go build -o bin/web .\n    run: bin/web\n    ready: log:^up\n"
GO_FILES = {
    "main.go": GO,
    "go.mod": "module example.org/web\n\ngo 1.19\n\nrequire example.org/lib v1.0.0\n",
    "vendor/modules.txt": "# example.org/lib v1.0.0\n## explicit\nexample.org/lib\n",
    "vendor/example.org/lib/lib.go": 'package lib\n\nconst Word = "one"\n',
    "static/index.html": "i",
    "static/a/b/page.html": "p",
    "static/a/made.css": "made",
    "docs/x.md": "x",
    ".gitignore": "bin\nvendor\nmade.css\nother.css\n",
}


@pytest.mark.any_user
def test_go_with_files_put_in_and_a_vendor_directory(web):
    """In a tree of git: nested directories that are put in, and what git ignores and go reads."""
    needs("go", "git")
    w = web(GO_CONFIG, GO_FILES, prepare=gits.make)
    assert w.write("docs/x.md", "y") == "nothing"
    assert w.write("static/a/b/page.html", "q") == ("restart", True)
    assert w.write("static/a/b/new.html", "n") == ("restart", True)
    assert w.write("static/c/d/new.html", "n") == ("restart", True)  # a directory that was not there
    assert w.write("static/a/made.css", "made anew") == ("restart", True)  # ignored, and read
    assert w.write("static/a/other.css", "o") == "nothing"  # ignored, and new
    lib = "vendor/example.org/lib/lib.go"
    assert w.write(lib, GO_FILES[lib].replace("one", "two")) == ("restart", True)
    assert "q two" in w.s.output("web")
    # git's own work: an index that is written anew, a branch
    before = w.number()
    for words in (["add", "docs"], ["commit", "-q", "-m", "y"], ["checkout", "-q", "-b", "other"], ["status"]):
        subprocess.run(["git", *words], cwd=w.path, check=True, capture_output=True, env={**os.environ, **gits.ENV})
    assert w.outcome(before) == "nothing"


# ---- editors ----


@pytest.mark.parametrize("editor", [vim, code], ids=["vim", "code"])
def test_a_save_is_one_reload_of_that_file(web, editor):
    """With their swap files and backups, in a directory that the build lists."""
    if editor is vim:
        needs("vim")
    config = "services:\n  web:\n    build: sh -c 'cat src/* > made'\n    run: sh -c 'cat made; echo up; exec sleep 1000'\n    ready: log:^up\n"
    w = web(config, {"src/page": TEXT, "src/other": "o", ".gitignore": "made\n"})
    settings = ["swapfile", "backup", "writebackup", "backupcopy=no"] if editor is vim else []
    before = w.number()
    editor(*settings, change=False)(w.path / "src" / "page")
    assert w.outcome(before) == "nothing"
    editor(*settings, change=True)(w.path / "src" / "page")
    assert w.outcome(before) == ("restart", True)
    assert w.number() == before + 1
    assert [c["name"] for c in w.s.reloads("web")[0]["cause"]] == ["src/page"]


# ---- live state ----

DATABASE = textwrap.dedent(
    """
    import http.server, os, sqlite3
    db = sqlite3.connect("data.db", check_same_thread=False, isolation_level=None)
    db.execute("PRAGMA journal_mode=MODE")
    db.execute("CREATE TABLE IF NOT EXISTS t (x)")
    log = open("server.log", "a")
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            db.execute("BEGIN")
            db.execute("INSERT INTO t VALUES (?)", (self.path,))
            db.execute("COMMIT")
            body = str(db.execute("SELECT count(*) FROM t").fetchone()[0]).encode()
            print(self.path, file=log, flush=True)
            os.listdir(".")
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def log_message(self, *_): pass
    http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
    """
)
READER = "import os, sqlite3, time\nsqlite3.connect('data.db').execute('SELECT * FROM sqlite_master').fetchall()\nos.listdir('.')\nprint('up', flush=True)\ntime.sleep(1000)\n"


@pytest.mark.any_user
@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_server_with_a_database_in_its_tree(web, free_port, mode):
    """What it writes while it serves restarts neither itself nor another service that reads the same database."""
    port = free_port()
    config = (
        f"services:\n  web:\n    run: python3 server.py\n    port: {port}\n"
        "  reader:\n    run: python3 reader.py\n    ready: log:^up\n    after: [web]\n"
    )
    w = web(config, {"server.py": DATABASE.replace("MODE", mode), "reader.py": READER, "data.db": ""})
    before = w.number(), w.number("reader")
    for i in range(1, 5):
        assert get(port, path="/x") == (200, str(i))
        assert (w.outcome(before[0]), w.outcome(before[1], "reader")) == ("nothing", "nothing")
    assert {s["generation"] for s in w.s.ask("hrfs-services")["services"]} == {1}
    with closing(sqlite3.connect(w.path / "data.db")) as db:
        assert db.execute("SELECT count(*) FROM t").fetchone() == (4,)
        assert db.execute("PRAGMA journal_mode").fetchone() == (mode,)
    assert w.write("server.py", DATABASE.replace("MODE", mode) + "# x\n") == ("restart", False)


# ---- checks ----


@pytest.mark.any_user
@pytest.mark.parametrize("program", ["rg", "grep"])
def test_a_linter_reads_everything(web, program):
    """Its check runs again for any file, and the service does not."""
    needs(program)
    search = {"rg": "rg -q FIX[M]E", "grep": "grep -rq --exclude-dir=.git FIX[M]E ."}[program]
    config = f"services:\n  web:\n    run: sh -c 'cat page; echo up; exec sleep 1000'\n    ready: log:^up\n    check: sh -c '! {search}'\n"
    w = web(config, {"page": "p\n", "docs/deep/x.md": "x"}, prepare=gits.make)
    wait_until(lambda: "check passed" in w.s.run.output())
    assert w.write("docs/deep/x.md", "to FIXME") == "nothing"
    w.s.run.wait_for("check failed")
    (w.path / "docs" / "deep" / "x.md").write_text("fixed")
    wait_until(lambda: w.s.run.output().count("check passed") == 2)
    assert w.write("docs/other/new.md", "FIXME") == "nothing"
    wait_until(lambda: w.s.run.output().count("check failed") == 2)
    assert w.s.service("web")["generation"] == 1


# ---- early cut-off: a comment's words ----

RUST = 'fn main() {\n    // %s\n    println!("%s\\nup");\n    std::thread::sleep(std::time::Duration::from_secs(1000));\n}\n'
CARGO = '[package]\nname = "hello"\nversion = "0.1.0"\nedition = "2021"\n'


@pytest.mark.long
@pytest.mark.time_limit(300)
def test_cargo_and_a_comment(web, test):
    needs("cargo", "cc")
    home = os.path.expanduser("~")
    env = {"CARGO_HOME": f"{home}/.cargo", "RUSTUP_HOME": f"{home}/.rustup", "HOME": str(test.dir)}
    config = "services:\n  web:\n    build: cargo build -q --offline\n    run: target/debug/hello\n    ready: log:^up\n"
    w = web(config, {"Cargo.toml": CARGO, "src/main.rs": RUST % ("one", "a"), ".gitignore": "target\n", "notes": "r"}, env=env)
    assert w.write("notes", "x") == "nothing"
    assert w.write("src/main.rs", RUST % ("two", "a")) == ("build", True)
    assert w.write("src/main.rs", RUST % ("two", "b")) == ("restart", True)
    assert "b" in w.s.output("web")


@pytest.fixture(scope="module")
def tsc():
    """TypeScript's compiler: of this machine, or fetched once beside the build."""
    needs("node")
    if found := shutil.which("tsc"):
        return found
    needs("npm")
    place = build.BUILD / "node-tools"
    if not (place / "node_modules" / ".bin" / "tsc").exists():
        done = subprocess.run(
            ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", place, "typescript@5"], capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"npm cannot fetch typescript: {done.stderr.strip()[:200]}")
    return str(place / "node_modules" / ".bin" / "tsc")


@pytest.mark.long
@pytest.mark.time_limit(300)
def test_tsc_and_a_comment(web, tsc):
    config = f"services:\n  web:\n    build: {tsc} -p .\n    run: node out/main.js\n    ready: log:^up\n"
    source = "/* %s */\nimport {{ word }} from './word';\nconsole.log(word, 'up'.length, '%s');\nconsole.log('up');\nsetInterval(() => 0, 1e6);\n"
    source = source.replace("{{", "{").replace("}}", "}")
    settings = '{"compilerOptions": {"outDir": "out", "removeComments": true, "module": "commonjs", "types": [], "lib": ["es2020", "dom"]}, "include": ["src"]}'
    files = {
        "tsconfig.json": settings,
        "src/main.ts": source % ("one", "a"),
        "src/word.ts": "export const word = 'w';\n",
        ".gitignore": "out\n",
        "README": "r",
    }
    w = web(config, files)
    assert w.write("README", "x") == "nothing"
    assert w.write("src/main.ts", source % ("two", "a")) == ("build", True)
    assert w.write("src/main.ts", source % ("two", "b")) == ("restart", True)
    assert w.write("src/new.ts", "export const more = 1;\n")[1] is True  # what it includes is listed
