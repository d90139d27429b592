"""Small servers as other tools know them, without an hrfs.yaml: what `hrfs run` derives services from.

Each answers with a word of its source, on $PORT. `broken` is a source that does not work, `tools` what must be installed,
`built` whether a bad source is found before the old server is ended.
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass

GO = """package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "WORD") })
	panic(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
"""

RUST = """use std::io::{Read, Write};

fn main() {
    let port = std::env::var("PORT").unwrap();
    let listener = std::net::TcpListener::bind(format!("127.0.0.1:{port}")).unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut request = [0; 1024];
        let _ = stream.read(&mut request);
        let word = "WORD";
        let _ = write!(stream, "HTTP/1.1 200 OK\\r\\nContent-Length: {}\\r\\nConnection: close\\r\\n\\r\\n{word}", word.len());
    }
}
"""

C = """#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1, client;
	char request[1024];

	a.sin_port = htons(atoi(getenv("PORT")));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 16))
		return 1;
	while ((client = accept(fd, NULL, NULL)) >= 0) {
		if (read(client, request, sizeof(request)) > 0)
			dprintf(client, "HTTP/1.1 200 OK\\r\\nContent-Length: %zu\\r\\nConnection: close\\r\\n\\r\\n%s", strlen("WORD"), "WORD");
		close(client);
	}
}
"""

NODE = """const http = require('node:http');

const server = http.createServer((request, response) => {
  response.writeHead(200, { Connection: 'close' });
  response.end('WORD');
});
server.listen(Number(process.env.PORT), '127.0.0.1');
process.on('SIGTERM', () => server.close());
"""

PYTHON = """import http.server
import os


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len("WORD")))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"WORD")

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""

MAKEFILE = "all: server\n\nserver: server.c\n\tcc -o $@ $<\n\nrun: server\n\t./server\n"
CMAKE = "cmake_minimum_required(VERSION 3.13)\nproject(hello C)\nadd_executable(hello server.c)\n"
CARGO = '[package]\nname = "hello"\nversion = "0.1.0"\nedition = "2021"\n'
AIR = '[build]\ncmd = "go build -o ./tmp/main ."\nbin = "tmp/main"\ninclude_ext = ["go"]\nexclude_dir = ["tmp"]\n'
COMPOSE = "services:\n  web:\n    build: ./web\n    environment: {NAME: x}\n  db: {image: postgres}\n"


# Debian's own python has the modules; a project has an environment of its own, and that is found by this name
ENVIRONMENT = ".venv/bin/python"

DJANGO = """import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.management.commands.runserver import Command

Command.default_port = os.environ["PORT"]
settings.configure(DEBUG=True, ALLOWED_HOSTS=["*"], SECRET_KEY="x", ROOT_URLCONF="urls", INSTALLED_APPS=[])
execute_from_command_line(sys.argv)
"""

URLS = """from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("", lambda request: HttpResponse("WORD"))]
"""

FASTAPI = """from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

app = FastAPI()


@app.get("/", response_class=PlainTextResponse)
def root():
    return "WORD"
"""

FLASK = """from flask import Flask

web = Flask(__name__)


@web.get("/")
def root():
    return "WORD"
"""


@dataclass
class Tree:
    """files: name to text, with WORD where the answer's word goes in `source`."""

    tools: list
    source: str
    files: dict
    derived: list  # lines that are shown
    broken: str = "this is no code\n"
    built: bool = False
    module: str = None  # of python

    def missing(self):
        """What is not here, or None. A tool may be there and not for this user."""
        for tool in self.tools:
            if not shutil.which(tool):
                return f"{tool} is not installed"
        if "cargo" in self.tools and subprocess.run(["cargo", "version"], capture_output=True).returncode:
            return "cargo does not work for this user"
        if self.module and subprocess.run(["/usr/bin/python3", "-c", f"import {self.module}"], capture_output=True).returncode:
            return f"{self.module} is not installed (apt install python3-{self.module})"
        return None

    def write(self, directory, word="one"):
        for name, text in self.files.items():
            file = directory / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.replace("WORD", word))
        if self.module:
            (directory / ENVIRONMENT).parent.mkdir(parents=True)
            (directory / ENVIRONMENT).symlink_to("/usr/bin/python3")

    def edit(self, directory, word):
        (directory / self.source).write_text(self.files[self.source].replace("WORD", word))

    def break_it(self, directory):
        (directory / self.source).write_text(self.broken)


TREES = {
    "go": Tree(
        ["go"],
        "main.go",
        {"go.mod": "module example.org/hello\n\ngo 1.19\n", "main.go": GO},
        ["build: go build -o .hrfs/hello .", "run: .hrfs/hello"],
        built=True,
    ),
    "cargo": Tree(
        ["cargo", "cc"],
        "src/main.rs",
        {"Cargo.toml": CARGO, "src/main.rs": RUST},
        ["build: cargo build --bin hello", "run: target/debug/hello"],
        built=True,
    ),
    "make": Tree(
        ["make", "cc"], "server.c", {"Makefile": MAKEFILE, "server.c": C}, ["build: make server", "run: make run"], built=True
    ),
    "cmake": Tree(
        ["cmake", "make", "cc"],
        "server.c",
        {"CMakeLists.txt": CMAKE, "server.c": C},
        ["run: .hrfs/build/hello"],
        built=True,
    ),
    "node": Tree(
        ["node"],
        "server.js",
        {"package.json": json.dumps({"name": "web", "scripts": {"dev": "node --watch server.js"}}), "server.js": NODE},
        ["run: node server.js"],
    ),
    "npm": Tree(
        ["node", "npm"],
        "server.js",
        {"package.json": json.dumps({"name": "web", "scripts": {"start": "NAME=x node server.js"}}), "server.js": NODE},
        ["run: npm start"],
    ),
    "nodemon": Tree(
        ["node"],
        "src/server.js",
        {
            "package.json": json.dumps({"name": "web", "scripts": {"dev": "nodemon src/server.js"}}),
            "nodemon.json": json.dumps({"watch": ["src"], "ext": "js"}),
            "src/server.js": NODE,
        },
        ["run: node src/server.js", "watch: ['/src/**/*.js']"],
    ),
    "python": Tree(
        ["python3"],
        "main.py",
        {"requirements.txt": "", "main.py": PYTHON},
        ["run: python3 main.py"],
    ),
    "procfile": Tree(
        ["go"],
        "cmd/web/main.go",
        {"go.mod": "module example.org/hello\n\ngo 1.19\n", "cmd/web/main.go": GO, "Procfile": "serve: go run ./cmd/web\n"},
        ["build: go build -o .hrfs/serve ./cmd/web", "run: .hrfs/serve"],
        built=True,
    ),
    "compose": Tree(
        ["python3"],
        "web/main.py",
        {"compose.yaml": COMPOSE, "web/requirements.txt": "", "web/main.py": PYTHON},
        ["run: python3 main.py", "cwd: web", "# left out: compose.yaml: db, as images"],
    ),
    "air": Tree(
        ["go"],
        "main.go",
        {"go.mod": "module example.org/hello\n\ngo 1.19\n", "main.go": GO, ".air.toml": AIR},
        ["build: go build -o ./tmp/main .", "run: tmp/main", "watch: ['*.go']"],
        built=True,
    ),
    "django": Tree(
        [],
        "urls.py",
        {"manage.py": DJANGO, "urls.py": URLS},
        ["run: .venv/bin/python manage.py runserver --noreload"],
        module="django",
    ),
    "fastapi": Tree(
        [],
        "main.py",
        {"requirements.txt": "fastapi\nuvicorn\n", "main.py": FASTAPI},
        ["run: .venv/bin/python -m uvicorn main:app"],
        module="uvicorn",
    ),
    "flask": Tree(
        [],
        "app/main.py",
        {"pyproject.toml": "", "app/__init__.py": "", "app/main.py": FLASK},
        ["run: .venv/bin/python -m flask --app app.main:web run"],
        module="flask",
    ),
}

# the others differ in what is derived, which the unit tests look at, and not in how it runs
OFTEN = ["cargo", "cmake", "go", "make", "node", "python"]


def environment(test, port):
    """For tools that keep caches in the user's home: one of the test's own, but the toolchain's as it is."""
    home = os.path.expanduser("~")
    more = {"npm_config_update_notifier": "false"}
    if "CARGO_HOME" not in os.environ:
        more["CARGO_HOME"] = f"{home}/.cargo"
    if "RUSTUP_HOME" not in os.environ:
        more["RUSTUP_HOME"] = f"{home}/.rustup"
    return {"PORT": str(port), "FLASK_RUN_PORT": str(port), "UVICORN_PORT": str(port), "HOME": str(test.dir), **more}
