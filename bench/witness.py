"""What does it cost a job, and others, that hrfs looks at what it reads?

    python3 bench/witness.py [--rounds N]

The same commands, in turns: natively, on the mount by themselves, by `hrfs trace` (as a service's first run is seen) and as a
service that runs again. The time is the command's own. None of them writes into the tree, so that nothing runs by itself.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import time

from common import BUILD, Place, Table, emit, until

SOURCES, MODULES, LIBRARIES = 300, 2000, 60
# writes down how long the command takes: TIME DIRECTORY COMMAND...
CLOCK = "import os, subprocess, sys, time; os.chdir(sys.argv[2]); t = time.perf_counter(); "
CLOCK += "c = subprocess.run(sys.argv[3:], stdout=subprocess.DEVNULL).returncode; "
CLOCK += "open(sys.argv[1], 'w').write(str(time.perf_counter() - t)); sys.exit(c)"
HRFS = BUILD / "cli" / "hrfs"


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


class Tree:
    def __init__(self, top, objects):
        self.top, self.objects = top, objects
        make_c(top / "c")
        make_node(top / "node")
        make_go(top / "go")
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
        if shutil.which("node"):
            yield "node, 2,000 requires", "node", ["node", "main.js"]
        yield "git status", ".", ["git", "--no-optional-locks", "status", "--short"]
        yield "grep -r", ".", ["sh", "-c", "! grep -rq 'nothing that is there' c node go"]


def timed(top, out, directory, command, *prefix):
    subprocess.run([*prefix, sys.executable, "-c", CLOCK, out, directory, *command], cwd=top, check=True)
    return float(out.read_text())


def again(top, out):
    subprocess.run([HRFS, "reload"], cwd=top, check=True, stderr=subprocess.DEVNULL)
    return float(out.read_text())


def is_done(top):
    return subprocess.run([HRFS, "wait"], cwd=top, stderr=subprocess.DEVNULL).returncode == 0


def measure(place, native, tree, rounds, directory, command):
    """{way: [seconds]}"""
    out, service_out = place.dir / "time", place.dir / "service-time"
    trace = [HRFS, "trace", "-o", "/dev/null", "--"]
    run = place.start([HRFS, "run", "--", sys.executable, "-c", CLOCK, service_out, directory, *command], cwd=tree.top)
    until(lambda: is_done(tree.top))
    ways = {
        "native": lambda: timed(native.top, out, directory, command),
        "blind": lambda: timed(tree.top, out, directory, command),
        "first": lambda: timed(tree.top, out, directory, command, *trace),
        "again": lambda: again(tree.top, service_out),
    }
    times = {way: [] for way in ways}
    for n in range(rounds):
        for way in list(ways) if n % 2 else reversed(ways):
            timed(tree.top, out, directory, command)  # each after the same
            times[way].append(ways[way]())
    run.terminate()
    run.wait()
    return times


def others(place, tree, rounds):
    """What git status costs somebody else: before, while a job has its first window open, and its second."""
    out = place.dir / "time"
    status = [".", ["git", "--no-optional-locks", "status", "--short"]]
    run = place.start([HRFS, "run", "--", "sh", "-c", "ls c >/dev/null; sleep 3"], cwd=tree.top)
    until(lambda: is_done(tree.top))
    times = {"blind": [], "first": [], "again": []}
    for _ in range(rounds):
        for way in times:
            timed(tree.top, out, *status)
            job = None
            if way == "first":
                job = place.start([HRFS, "trace", "-o", "/dev/null", "--", "sleep", "3"], cwd=tree.top)
            elif way == "again":
                job = place.start([HRFS, "reload"], cwd=tree.top)
            time.sleep(0.5)  # it has begun, and does nothing more
            times[way].append(timed(tree.top, out, *status))
            if job:
                job.wait()
    run.terminate()
    run.wait()
    return times


def cell(times, base=None):
    median = statistics.median(times)
    text = f"{median * 1000:.0f} ({min(times) * 1000:.0f}–{max(times) * 1000:.0f})"
    return text if base is None else f"{text}, **{(median / statistics.median(base) - 1) * 100:+.1f} %**"


def put(table, what, times):
    blind, native = times["blind"], times.get("native")
    table.row(what, cell(native) if native else "", cell(blind), cell(times["first"], blind), cell(times["again"], blind))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    table = Table(
        f"What a job takes, milliseconds: median (least–most) of {rounds} rounds in turns",
        "what", "native", "on the mount, not looked at", "looked at for the first time", "looked at again",
    )  # fmt: skip
    with Place() as place:
        objects = place.make("objects")
        native, tree = Tree(place.make("native"), objects), Tree(place.make("tree"), objects)
        for what, directory, command in tree.jobs():
            put(table, what, measure(place, native, tree, rounds, directory, command))
        put(table, "git status of somebody else meanwhile", others(place, tree, rounds))
    emit(table)


if __name__ == "__main__":
    sys.exit(main())
