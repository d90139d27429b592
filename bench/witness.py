"""What does it cost a job, and others, that hrfs looks at what it reads?

    python3 bench/witness.py [--rounds N]

The same commands, in turns: natively, on the mount by themselves, by `hrfs trace` (as a service's first run is seen), as a
service that runs again, and the same on a mount that answers opens, as it is where hrfs-job may not mark what its job opens. The
time is the command's own. None of them writes into the tree, so that nothing runs by itself.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time

from common import BUILD, Place, Table, emit, until
from tests.lib.job import unable_job

SOURCES, MODULES, LIBRARIES, CRATES, REQUESTS = 300, 2000, 60, 40, 5000
ROUNDS_LEAST, ROUNDS_MOST, ROW_SECONDS = 3, 9, 14  # so that it takes three minutes in all
# writes down how long the command takes: TIME DIRECTORY COMMAND...
CLOCK = "import os, subprocess, sys, time; os.chdir(sys.argv[2]); t = time.perf_counter(); "
CLOCK += "c = subprocess.run(sys.argv[3:], stdout=subprocess.DEVNULL).returncode; "
CLOCK += "open(sys.argv[1], 'w').write(str(time.perf_counter() - t)); sys.exit(c)"
HRFS = BUILD / "cli" / "hrfs"
# writes down its port, then sends the file page for each byte that it gets
SERVER = """
import socket, sys
s = socket.create_server(("127.0.0.1", 0))
with open(sys.argv[1], "w") as f:
    f.write(str(s.getsockname()[1]))
while True:
    c = s.accept()[0]
    while c.recv(1):
        with open("page", "rb") as f:
            c.sendall(f.read())
"""


def make_c(top):
    """300 sources with 30 headers of their own each seen by all, as a Makefile with dependencies has it."""
    (top / "inc").mkdir(parents=True)
    for i in range(30):
        (top / "inc" / f"h{i}.h").write_text(f"#pragma once\nint h{i}(int);\n")
    includes = "".join(f'#include "h{i}.h"\n' for i in range(30))
    for i in range(SOURCES):
        (top / f"s{i}.c").write_text(f"{includes}int s{i}(int x) {{ return h{i % 30}(x); }}\n")
    rule = "all: $(patsubst %.c,$(O)/%.o,$(wildcard *.c))\n$(O)/%.o: %.c\n\t@gcc -MMD -Iinc -c -o $@ $<\n-include $(wildcard $(O)/*.d)\n"
    (top / "Makefile").write_text(rule)


def make_node(top):
    top.mkdir()
    for i in range(MODULES):
        (top / f"m{i}.js").write_text(f"module.exports = {i}\n")
    requires = "".join(f"require('./m{i}')\n" for i in range(MODULES))
    (top / "main.js").write_text(requires)


def make_go(top):
    (top / "p").mkdir(parents=True)
    (top / "go.mod").write_text("module x\n\ngo 1.19\n")
    for i in range(LIBRARIES):
        (top / "p" / f"p{i}").mkdir()
        (top / "p" / f"p{i}" / "p.go").write_text(f"package p{i}\n\nfunc F() int {{ return {i} }}\n")
    imports = "".join(f'\t"x/p/p{i}"\n' for i in range(LIBRARIES))
    calls = "".join(f"\tn += p{i}.F()\n" for i in range(LIBRARIES))
    (top / "main.go").write_text(f"package main\n\nimport (\n{imports})\n\nfunc main() {{\n\tn := 0\n{calls}\tprintln(n)\n}}\n")


def make_rust(top):
    """A workspace whose one program needs all of its libraries."""
    for i in range(CRATES):
        (top / f"p{i}" / "src").mkdir(parents=True)
        (top / f"p{i}" / "Cargo.toml").write_text(f'[package]\nname = "p{i}"\nversion = "0.1.0"\nedition = "2021"\n')
        (top / f"p{i}" / "src" / "lib.rs").write_text(f"pub fn f() -> u32 {{ {i} }}\n")
    (top / "src").mkdir()
    needs = "".join(f'p{i} = {{ path = "p{i}" }}\n' for i in range(CRATES))
    (top / "Cargo.toml").write_text(f'[package]\nname = "x"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\n{needs}[workspace]\n')
    (top / "src" / "main.rs").write_text("fn main() { println!(\"{}\", " + " + ".join(f"p{i}::f()" for i in range(CRATES)) + ") }\n")
    subprocess.run(["cargo", "generate-lockfile", "--offline"], cwd=top, check=True, stderr=subprocess.DEVNULL)


def make_old(top):
    """What is written in the second in which git writes its index is read by each git status, three requests for one."""
    then = time.time() - 3600
    for directory, _, names in os.walk(top):
        for name in names:
            os.utime(os.path.join(directory, name), (then, then))


class Tree:
    def __init__(self, top, objects):
        self.top, self.objects = top, objects
        make_c(top / "c")
        make_node(top / "node")
        make_go(top / "go")
        if shutil.which("cargo"):
            make_rust(top / "rust")
        (top / "page").write_text("page" * 100)
        make_old(top)
        git = ["git", "-C", str(top), "-c", "user.name=bench", "-c", "user.email=bench@example.org"]
        for words in ["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]:
            subprocess.run([*git, *words], check=True)

    def jobs(self):
        """(what, directory, command)"""
        objects = f"O={self.objects}"
        yield "make, 300 C files, all anew", "c", ["make", "-j2", "-B", objects]
        yield "make, nothing to do", "c", ["make", objects]
        if shutil.which("go"):
            yield "go build, 60 packages, nothing to do", "go", ["go", "build", "-o", "/dev/null", "."]
        if shutil.which("cargo"):
            target = f"{self.objects}/rust"
            build = ["env", f"CARGO_TARGET_DIR={target}", "cargo", "build", "--quiet", "--offline"]
            yield "cargo build, 40 crates, all anew", "rust", ["sh", "-c", 'rm -rf "$0"; "$@"', target, *build]
            yield "cargo build, 40 crates, nothing to do", "rust", build
        if shutil.which("node"):
            yield "node, 2,000 requires", "node", ["node", "main.js"]
        yield "git status", ".", ["git", "--no-optional-locks", "status", "--short"]
        yield "grep -r", ".", ["sh", "-c", "! grep -rq 'nothing that is there' c node go"]


class Trees:
    """The same natively, in a mount whose jobs are marked, and in one that answers opens."""

    def __init__(self, place):
        objects = place.make("objects")
        self.place, self.out = place, place.dir / "time"
        self.native, self.tree, self.answered = (Tree(place.make(name), objects) for name in ("native", "tree", "answered"))
        self.unable = {**os.environ, **unable_job(place.dir / "unable")}

    def run(self, tree, *command):
        """A service in a mount of its own over the tree."""
        env = self.unable if tree is self.answered else None
        run = self.place.start([HRFS, "run", "--", *command], cwd=tree.top, env=env)
        until(lambda: is_done(tree.top))
        return run

    def timed(self, tree, directory, command, *prefix):
        subprocess.run([*prefix, sys.executable, "-c", CLOCK, self.out, directory, *command], cwd=tree.top, check=True)
        return float(self.out.read_text())


def end_all(runs):
    for run in runs:
        run.terminate()
        run.wait()


def is_done(top):
    return subprocess.run([HRFS, "wait"], cwd=top, stderr=subprocess.DEVNULL).returncode == 0


def again(tree, out):
    subprocess.run([HRFS, "reload"], cwd=tree.top, check=True, stderr=subprocess.DEVNULL)
    return float(out.read_text())


def in_turns(ways, rounds, before=lambda way: None):
    """{way: [seconds]}. rounds: None for as many as fit into the time, three at least."""
    times = {way: [] for way in ways}
    start = time.monotonic()
    while not enough(len(times["native" if "native" in times else "blind"]), rounds, time.monotonic() - start):
        order = list(ways)
        for way in order if len(times[order[0]]) % 2 else reversed(order):
            before(way)
            times[way].append(ways[way]())
    return times


def enough(done, rounds, spent):
    if rounds:
        return done >= rounds
    return done >= ROUNDS_LEAST and (done >= ROUNDS_MOST or spent * (done + 1) / done > ROW_SECONDS)


def measure(trees, rounds, directory, command):
    tree, answered = trees.tree, trees.answered
    outs = [trees.place.dir / name for name in ("service-time", "answered-time")]
    runs = [trees.run(t, sys.executable, "-c", CLOCK, out, directory, *command) for t, out in zip((tree, answered), outs)]
    ways = {
        "native": lambda: trees.timed(trees.native, directory, command),
        "blind": lambda: trees.timed(tree, directory, command),
        "first": lambda: trees.timed(tree, directory, command, HRFS, "trace", "-o", "/dev/null", "--"),
        "again": lambda: again(tree, outs[0]),
        "answered": lambda: trees.timed(answered, directory, command),
        "answered again": lambda: again(answered, outs[1]),
    }
    long = trees.timed(trees.native, directory, command) > 1  # then it does not matter what was before

    def the_same(way):
        if not long:
            trees.timed({"native": trees.native, "answered": answered, "answered again": answered}.get(way, tree), directory, command)

    times = in_turns(ways, rounds, the_same)
    end_all(runs)
    return times


def others(trees, rounds):
    """What git status costs somebody else: before, while a job has its first window open, and its second."""
    status = [".", ["git", "--no-optional-locks", "status", "--short"]]
    tree, began = trees.tree, trees.place.dir / "began"
    run = trees.run(tree, "sh", "-c", f"ls c >/dev/null; echo x > {began}; sleep 1")

    def meanwhile(*argv):
        began.unlink(missing_ok=True)
        job = trees.place.start([HRFS, *argv], cwd=tree.top)
        until(began.exists)
        taken = trees.timed(tree, *status)
        job.wait()
        return taken

    ways = {
        "blind": lambda: trees.timed(tree, *status),
        "first": lambda: meanwhile("trace", "-o", "/dev/null", "--", "sh", "-c", f"echo x > {began}; sleep 1"),
        "again": lambda: meanwhile("reload"),
    }
    times = in_turns(ways, rounds, lambda way: trees.timed(tree, *status))
    end_all([run])
    return times


def ask(port):
    """How long a client waits for all its answers."""
    with socket.create_connection(("127.0.0.1", port)) as s:
        start = time.perf_counter()
        for _ in range(REQUESTS):
            s.sendall(b"x")
            s.recv(4096)
        return time.perf_counter() - start


def serving(trees, rounds):
    """A server that opens a file for each request."""
    place, ports, runs, ways = trees.place, {}, [], {}
    for way, tree, run in (
        ("native", trees.native, None), ("blind", trees.tree, None), ("again", trees.tree, trees.run),
        ("answered", trees.answered, None), ("answered again", trees.answered, trees.run),
    ):  # fmt: skip
        out = place.dir / f"port-{way.replace(' ', '-')}"
        ports[way] = out
        if run:
            runs.append(run(tree, sys.executable, "-c", SERVER, out))
    for way, tree in (("native", trees.native), ("blind", trees.tree), ("answered", trees.answered)):
        runs.append(place.start([sys.executable, "-c", SERVER, ports[way]], cwd=tree.top))
    for way, out in ports.items():
        until(lambda: out.exists() and out.read_text())
        ways[way] = lambda port=int(out.read_text()): ask(port)
    times = in_turns(ways, rounds, lambda way: ways[way]())
    end_all(reversed(runs))
    return times


def cell(times, base=None):
    if not times:
        return ""
    median = statistics.median(times)
    text = f"{median * 1000:.0f} ({min(times) * 1000:.0f}–{max(times) * 1000:.0f})"
    return text if base is None else f"{text}, **{(median / statistics.median(base) - 1) * 100:+.1f} %**"


def put(table, what, times):
    base = times["blind"]
    table.row(
        what, cell(times.get("native")), cell(base),
        *(cell(times.get(way), base) for way in ("first", "again", "answered", "answered again")),
    )  # fmt: skip


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int)
    rounds = parser.parse_args().rounds
    table = Table(
        f"What a job takes, milliseconds: median (least–most) of {rounds or f'{ROUNDS_LEAST} to {ROUNDS_MOST}'} rounds in turns",
        "what", "native", "on the mount, not looked at", "marked, for the first time", "marked, again",
        "opens answered, not looked at", "opens answered, looked at again",
    )  # fmt: skip
    with Place() as place:
        trees = Trees(place)
        for what, directory, command in trees.tree.jobs():
            put(table, what, measure(trees, rounds, directory, command))
        put(table, f"a server, {REQUESTS:,} requests that each open a file", serving(trees, rounds))
        put(table, "git status of somebody else meanwhile", others(trees, rounds))
    emit(table)


if __name__ == "__main__":
    sys.exit(main())
