"""hrfs trace: what a command reads, against strace, while others read the same tree."""

import json
import os
import shutil
import subprocess
import sys
import threading

import pytest

from tests.lib import build
from tests.lib.straced import Straced, compare

# what each does lies in its own directory: (files, command, again)
JOBS = {
    "sh": (
        {
            "sh/job.sh": "test -e nothing || cat data list/* > out; ls list; mv out out2; (cat < out2); rm out2; ./sub.sh\n",
            "sh/sub.sh": "#!/bin/sh\n. ./more.sh\ncd list && test -e ../deep/er/gone; cat ../deep/there\n",
            "sh/more.sh": "read line < data; :\n",
            "sh/data": "x\n",
            "sh/list/a": "1",
            "sh/list/b": "2",
            "sh/deep/there": "3",
        },
        ["sh", "job.sh"],
    ),
    "c": (
        {
            "c/Makefile": "prog: a.o b.o\n\tgcc -o $@ $^\n\t./$@\n%.o: %.c inc/all.h\n\tgcc -Imissing -Iinc -c $<\n",
            "c/a.c": '#include "all.h"\nint main(void) { return b(); }\n',
            "c/b.c": '#include "all.h"\nint b(void) { return 0; }\n',
            "c/inc/all.h": "int b(void);\n",
            "c/unused.c": "",
        },
        ["make"],
    ),
    "python": (
        {
            "python/main.py": "import pkg.one, os\nopen('data').read()\nos.listdir('pkg')\n",
            "python/pkg/__init__.py": "",
            "python/pkg/one.py": "try:\n    import pkg.missing\nexcept ImportError:\n    pass\n",
            "python/pkg/unused.py": "",
            "python/data": "x",
        },
        [sys.executable, "-B", "main.py"],
    ),
    "node": (
        {
            "node/main.js": "require('./lib/a'); require('fs').readdirSync('lib'); require('fs').existsSync('gone')\n",
            "node/lib/a.js": "module.exports = require('b')\n",
            "node/node_modules/b/package.json": '{"main": "index.js"}',
            "node/node_modules/b/index.js": "",
            "node/node_modules/c/index.js": "",
        },
        ["node", "main.js"],
    ),
    "go": (
        {
            "go/go.mod": "module x\n\ngo 1.19\n",
            "go/main.go": 'package main\n\nimport (\n\t_ "embed"\n\t"x/lib"\n)\n\n//go:embed text\nvar text string\n\nfunc main() { lib.F() }\n',
            "go/text": "hello",
            "go/lib/lib.go": "package lib\n\nfunc F() {}\n",
            "go/lib/lib_test.go": "package lib\n",
            "go/other/other.go": "package other\n",
        },
        ["go", "build", "-o", "bin/x", "."],
    ),
    "rust": (
        {
            "rust/Cargo.toml": '[package]\nname = "x"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nlib = { path = "lib" }\n',
            "rust/src/main.rs": 'mod part;\nfn main() { println!("{}{}", include_str!("text"), lib::f() + part::f()) }\n',
            "rust/src/part/mod.rs": "pub fn f() -> i32 { 1 }\n",
            "rust/src/text": "hello",
            "rust/src/unused.rs": "",
            "rust/lib/Cargo.toml": '[package]\nname = "lib"\nversion = "0.1.0"\nedition = "2021"\n',
            "rust/lib/build.rs": 'fn main() { println!("cargo:rerun-if-changed=names"); std::fs::read_dir("names").unwrap().count(); }\n',
            "rust/lib/src/lib.rs": "pub fn f() -> i32 { 2 }\n",
            "rust/lib/names/a": "",
            "rust/other/Cargo.toml": "no crate of it",
        },
        ["cargo", "build", "-q", "--offline"],
    ),
}
SLOW = {"rust": pytest.mark.long}


class Others:
    """Reads, looks at and lists another part of the tree all the time."""

    def __init__(self, directory):
        self.stop = threading.Event()
        self.directory = directory
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.stop.is_set():
            for entry in os.scandir(self.directory):
                with open(entry.path) as f:
                    f.read()
            os.path.exists(self.directory / "nothing")

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


@pytest.fixture
def place(who, tree, test):
    for name in ("alien/one", "alien/two"):
        file = tree.src / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("x")
    return tree.src


def need(program):
    path = shutil.which(program)
    if not path:
        pytest.skip(f"{program} is not here")
    return path


def own_all(who, directory):
    for root, _, files in os.walk(directory):
        who.own(root, *(os.path.join(root, f) for f in files))


def trace(who, test, place, directory, command, name, env=None):
    """The report and what strace saw in the same run."""
    out = test.dir / "out"
    out.mkdir(exist_ok=True)
    out.chmod(0o777)
    report, log = out / f"report.{name}", out / f"strace.{name}"
    who(
        *["trace", "--source", place, "--json", "-o", report, "--"],
        *["strace", "-f", "-y", "-s", "4096", "-o", log, "-e", "trace=file,getdents64"],
        *["env", "-C", directory, *command],
        cwd=test.dir,  # an ordinary user's mount is closed to root
        timeout=60,
        env=env,
    )
    return json.loads(report.read_text()), Straced(log, place, place)


def make(who, place, job):
    """Its files, and what it runs."""
    files, command = JOBS[job]
    need("strace")
    need(command[0])
    if job in ("go", "rust") and (who.user is not None or not os.access(build.BUILD, os.W_OK)):
        pytest.skip("its compiler, or what it would compile first of its own library, is another user's")
    if job == "go":
        subprocess.run(["go", "build", "embed"], check=True)  # its own library is compiled without strace
    for name, text in files.items():
        file = place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        if text.startswith("#!"):
            file.chmod(0o755)
    own_all(who, place)
    return command


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("job", [pytest.param(job, marks=SLOW.get(job, [])) for job in JOBS])
def test_against_strace(who, test, place, job, answered, unable):
    """By the mark where hrfs-job may make it, by the names alone where not, or by opens that the mount answers."""
    command = make(who, place, job)
    mount = who.mount(*(["-o", "answer_opens"] if answered else []), place)
    # root's hrfs-job has no capability for others
    way = "opens" if answered else "mark" if build.job_may_mark() and who.user is None else "names"
    with Others(place / "alien") if who.user is None else open(os.devnull):
        for name in ("cold", "again"):
            report, straced = trace(who, test, place, job, command, name, unable if answered else None)
            assert report["witness"] == way
            compare(report, straced, way != "names")
            assert report["whole"] is True
            assert report["status"] == 0
    who.umount(mount["mountpoint"])


@pytest.mark.skipif(not build.job_may_mark(), reason="an ordinary user's hrfs-job has no capability in a build tree")
@pytest.mark.any_user
@pytest.mark.parametrize("job", [job for job in JOBS if job != "rust"])  # which names its files anew each time
def test_the_same_by_mark_and_by_answered_opens(cli, test, place, job, unable):
    seen = {}
    for way, options, env in (("mark", [], None), ("opens", ["-o", "answer_opens"], unable)):
        shutil.rmtree(place / job, ignore_errors=True)
        command = make(cli, place, job)
        mount = cli.mount(*options, place)
        report, _ = trace(cli, test, place, job, command, way, env)
        assert report["witness"] == way and report["whole"]
        seen[way] = {(entry["path"], how) for entry in report["paths"] for how in entry["how"]}
        cli.umount(mount["mountpoint"])
    assert seen["mark"] == seen["opens"]


def test_the_mounts_worker_dies(cli, place, test):
    """The command goes on with its successor, and so does who looks at it."""
    mount = cli.mount(place)
    worker = json.loads(cli("status", "--json", mount["mountpoint"]).stdout)["here"]["worker_pid"]
    report = test.dir / "report"
    cli("trace", "--source", place, "--json", "-o", report, "--", "sh", "-c", f"kill -9 {worker}; cat alien/one; ls alien")
    assert json.loads(report.read_text())["status"] == 0
    cli.umount(mount["mountpoint"])
