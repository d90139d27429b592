"""What does it cost a job, and others, that hrfs looks at what it reads?

    python3 bench/witness.py [--rounds N]

The same commands by `hrfs trace` and `hrfs trace --blind`, in turns; natively beside them. The time is the command's own.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time

from common import BUILD, Place, Table, emit

SOURCES, MODULES, LIBRARIES = 300, 2000, 60
CLOCK = "import subprocess, sys, time; t = time.perf_counter(); c = subprocess.run(sys.argv[2:]).returncode; "
CLOCK += "open(sys.argv[1], 'w').write(str(time.perf_counter() - t)); sys.exit(c)"


def make_c(top):
    """300 sources with 30 headers of their own each seen by all, as a Makefile with dependencies has it."""
    (top / "inc").mkdir(parents=True)
    for i in range(30):
        (top / "inc" / f"h{i}.h").write_text(f"#pragma once\nint h{i}(int);\n")
    includes = "".join(f'#include "h{i}.h"\n' for i in range(30))
    for i in range(SOURCES):
        (top / f"s{i}.c").write_text(f"{includes}int s{i}(int x) {{ return h{i % 30}(x); }}\n")
    rule = "all: $(patsubst %.c,%.o,$(wildcard *.c))\n%.o: %.c\n\t@gcc -MMD -Iinc -c -o $@ $<\n-include $(wildcard *.d)\n"
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


def remove(top, *ends):
    for entry in os.scandir(top):
        if entry.name.endswith(ends):
            os.unlink(entry.path)


class Jobs:
    """(what, directory, command, prepare)"""

    def __init__(self, src):
        make_c(src / "c")
        make_node(src / "node")
        make_go(src / "go")
        git = ["git", "-C", str(src), "-c", "user.name=bench", "-c", "user.email=bench@example.org"]
        for words in ["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]:
            subprocess.run([*git, *words], check=True)

    def each(self):
        nothing = lambda top: None  # noqa: E731
        yield "make, 300 C files, cold", "c", ["make", "-j2"], lambda top: remove(top / "c", ".o", ".d")
        yield "make, nothing to do", "c", ["make"], nothing
        if shutil.which("go"):
            yield "go build, 60 packages, nothing to do", "go", ["go", "build", "-o", "/dev/null", "."], nothing
        if shutil.which("node"):
            yield "node, 2,000 requires", "node", ["node", "main.js"], nothing
        yield "git status", ".", ["git", "status", "--short"], nothing
        yield "grep -r", ".", ["grep", "-rq", "nothing that is there", "c", "node", "go"], nothing


def natively(top, directory, command, out):
    subprocess.run(
        [sys.executable, "-c", CLOCK, out, *command], cwd=top / directory, check=False, stdout=subprocess.DEVNULL
    )
    return float(out.read_text())


def traced(mnt, directory, command, out, *options):
    subprocess.run(
        [BUILD / "cli" / "hrfs", "trace", "-o", "/dev/null", *options, "--", sys.executable, "-c", CLOCK, out, *command],
        cwd=mnt / directory,
        check=False,
        stdout=subprocess.DEVNULL,
    )
    return float(out.read_text())


def others(place, mnt, rounds, out):
    """What git status costs somebody else, while a job has a window open and asks for nothing."""
    quiet, window = [], []
    for _ in range(rounds):
        quiet.append(natively(mnt, ".", ["git", "status", "--short"], out))
        p = place.start([BUILD / "cli" / "hrfs", "trace", "-o", "/dev/null", "--", "sleep", "30"], cwd=mnt)
        time.sleep(0.5)
        window.append(natively(mnt, ".", ["git", "status", "--short"], out))
        p.terminate()
        p.wait()
    return quiet, window


def cell(times, base=None):
    median = statistics.median(times)
    text = f"{median * 1000:.0f} ({min(times) * 1000:.0f}–{max(times) * 1000:.0f})"
    return text if base is None else f"{text}, **{(median / statistics.median(base) - 1) * 100:+.1f} %**"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    table = Table(
        f"What a job takes, milliseconds: median (least–most) of {rounds} rounds in turns",
        "what", "native", "on the mount, not looked at", "looked at, and more",
    )  # fmt: skip
    with Place() as place:
        native, src, mnt = place.make("native"), place.make("src"), place.make("mnt")
        Jobs(native)
        jobs = Jobs(src)
        place.hrfs(src, mnt)
        out = place.dir / "time"
        for what, directory, command, prepare in jobs.each():
            times = {"native": [], "blind": [], "seen": []}
            for n in range(rounds + 1):
                order = list(times) if n % 2 else list(times)[::-1]
                for way in order:
                    prepare(native if way == "native" else mnt)
                    if way == "native":
                        took = natively(native, directory, command, out)
                    else:
                        took = traced(mnt, directory, command, out, *(["--blind"] if way == "blind" else []))
                    if n:  # the first one warms everything up
                        times[way].append(took)
            table.row(what, cell(times["native"]), cell(times["blind"]), cell(times["seen"], times["blind"]))
        quiet, window = others(place, mnt, rounds, out)
        table.row("git status of somebody else, while a job begins", "", cell(quiet), cell(window, quiet))
    emit(table)


if __name__ == "__main__":
    sys.exit(main())
