"""Which reloads are missed, and which are needless? The last commits of a repository, replayed one by one.

    python3 bench/precision.py [--commits N] [--seed N] [--repository DIR]

Without --repository one is made (history.py). Of another one each `package main` of its Go module is a service, which is
built and not run. Each commit is checked out in the mount, where hrfs builds and starts what it takes for stale; a watcher of globs
reloads a service at each change of a path that they match, which needs no running. Whether a reload is needed says the language:
`go list -deps`, `cc -M`, what is generated, and which configuration a program opens, before the commit and after it. Every tenth time
what hrfs has built is compared with what a second checkout builds: a difference counts as missed.
"""

import argparse
import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from common import BUILD, NOT_INSTALLED, Place, Table, emit
from history import COMMITS, SERVICES, History

DEADLINE_MS = 120000
COMPARED = 10  # commits from one comparison of what was built to the next
GO_BUILD = ["go", "build", "-trimpath"]
GLOBS = {
    "a watcher of the tree: **/*.go, go.mod, static, schema, config, csrc": lambda service: [
        "*.go", "go.mod", "web/static/*", "schema/*", "config/*", "csrc/*",
    ],
    "the same without tests": lambda service: [
        "!*_test.go", "*.go", "go.mod", "web/static/*", "schema/*", "config/*", "csrc/*",
    ],
    "a watcher for each service, globs by hand": lambda service: [
        "!*_test.go", *BY_HAND.get(service, [f"cmd/{service}/*", "internal/*.go", "go.mod", f"config/{service}.json", "schema/*"]),
    ],
}  # fmt: skip
BY_HAND = {
    "admin": ["cmd/admin/*", "internal/*.go", "go.mod", "config/admin.json", "schema/*", "web/*"],
    "tool": ["csrc/*"],
    "generate": ["schema/*"],
}


def git(top, *words):
    return subprocess.run(["git", "-C", top, *words], check=True, capture_output=True, text=True).stdout


def content(file):
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


# ---- what is to be reloaded ----


class Truth:
    """A second checkout, in which the language is asked what each service is made of."""

    def __init__(self, top, services):
        self.top, self.services = top, services

    def _go(self):
        out = subprocess.run(
            ["go", "list", "-e", "-deps", "-json=ImportPath,Name,Dir,GoFiles,CgoFiles,CFiles,HFiles,EmbedFiles,Deps,Standard", "./..."],
            cwd=self.top,
            capture_output=True,
            text=True,
        ).stdout
        decoder, at, packages = json.JSONDecoder(), 0, {}
        while at < len(out):
            package, at = decoder.raw_decode(out, at)
            packages[package["ImportPath"]] = package
            while at < len(out) and out[at].isspace():
                at += 1
        return packages

    def _files(self, package):
        lists = (package.get(kind) or [] for kind in ("GoFiles", "CgoFiles", "CFiles", "HFiles", "EmbedFiles"))
        directory = os.path.relpath(package["Dir"], self.top)
        return {os.path.normpath(os.path.join(directory, f)) for files in lists for f in files}

    def _c(self):
        text = subprocess.run(
            ["cc", "-MM", *sorted(self.top.glob("csrc/*.c"))], cwd=self.top, check=True, capture_output=True, text=True
        ).stdout
        words = re.sub(r"\\\n|\S+:", " ", text).split()
        return {os.path.relpath(os.path.realpath(os.path.join(self.top, w)), os.path.realpath(self.top)) for w in words}

    def look(self):
        """{service: {path: content}} of what goes into it."""
        if (self.top / "schema/generate.sh").exists():
            subprocess.run(["sh", "schema/generate.sh"], cwd=self.top, check=True)
        packages, found = self._go(), {}
        for service, directory in self.services.items():
            if directory is None:
                paths = self._c() if service == "tool" else {os.fspath(p.relative_to(self.top)) for p in self.top.glob("schema/*")}
            else:
                (main,) = [p for p in packages.values() if p["Name"] == "main" and Path(p["Dir"]) == self.top / directory]
                names = [main["ImportPath"], *main.get("Deps", [])]
                paths = set().union(*(self._files(packages[n]) for n in names if n in packages and not packages[n].get("Standard")))
                paths |= {"go.mod", "go.sum", f"config/{service}.json"}
            found[service] = {p: content(self.top / p) for p in paths}
        return found

    def stale(self, built):
        """Those of the services whose program in `built` is not what is built here."""
        wrong = []
        for service, directory in self.services.items():
            if directory:
                here = self.top / "bin" / service
                subprocess.run([*GO_BUILD, "-o", here, f"./{directory}"], cwd=self.top, check=True)
                if content(here) != content(built / service):
                    wrong.append(service)
        return wrong


# ---- who reloads ----


class Hrfs:
    def __init__(self, place, src, mnt, config):
        (src / "hrfs.yaml").write_text(config)
        self.m = place.hrfs(src, mnt)
        argv = [BUILD / "supervisor" / "hrfs-supervisor", "--socket", self.m.socket, "--mountpoint", mnt, "--source", src, "--consent"]
        self.log = open(place.dir / "hrfs.log", "wb")
        self.process = place.start(argv, stdout=self.log)
        while not self.m.status()["supervisor"]:
            if self.process.poll() is not None:
                raise RuntimeError((place.dir / "hrfs.log").read_text())
        self.last = 0
        self.wait()
        self.reloads()

    def wait(self):
        answer = self.m.ask("hrfs-wait", {"timeout_ms": DEADLINE_MS}, timeout=DEADLINE_MS / 1000 + 10)
        if not answer["ok"]:
            raise RuntimeError(json.dumps(answer, indent=1))
        return answer

    def services(self):
        return {s["name"]: s for s in self.m.ask("hrfs-services")["services"]}

    def reloads(self):
        """{service: {"built", "restarted"}} since the last call."""
        done = {}
        for r in self.m.ask("hrfs-why", {})["reloads"]:
            if r["number"] > self.last:
                what = done.setdefault(r["service"], set())
                if "build" in [s["name"] for s in r["stages"]]:
                    what.add("built")
                if r["decision"] in ("restart", "overlap", "start"):
                    what.add("restarted")
        self.last = max([r["number"] for r in self.m.ask("hrfs-why", {})["reloads"]], default=self.last)
        return done


def matches(globs, path):
    for glob in globs:
        if fnmatch.fnmatch(path, glob.lstrip("!")) or fnmatch.fnmatch(os.path.basename(path), glob.lstrip("!")):
            return not glob.startswith("!")
    return False


# ---- services ----


def config_of(services, run):
    lines = ["services:"]
    for name, directory in services.items():
        lines.append(f"  {name}:")
        if name == "generate":
            lines.append("    build: sh schema/generate.sh")
        elif directory is None:
            lines.append("    build: sh -c 'mkdir -p bin && cc -Icsrc -o bin/tool csrc/*.c'")
        else:
            lines.append(f"    build: {' '.join(GO_BUILD)} -o bin/{name} ./{directory}")
        if run and directory:
            lines += [f"    run: bin/{name}", "    ready: log:^up"]
            lines += ["    after: [generate]"]  # without it the first build of all would fail; no order between the others
    return "\n".join(lines) + "\n"


def mains(top):
    out = subprocess.run(
        ["go", "list", "-f", '{{if eq .Name "main"}}{{.Dir}}{{end}}', "./..."], cwd=top, check=True, capture_output=True, text=True
    ).stdout
    found = {}
    for line in out.split():
        directory = os.path.relpath(line, top)
        found[re.sub(r"[^a-z0-9-]", "-", os.path.basename(os.path.abspath(line)).lower())[:24]] = directory
    return found


class Count:
    def __init__(self):
        self.needed = self.missed = self.needless = self.builds = 0

    def take(self, needed, reloaded, built=False):
        self.needed += needed
        self.missed += needed and not reloaded and not built
        self.needless += reloaded and not needed
        self.builds += built and not needed


def replay(place, args, repository, services, run):
    src, mnt, shadow = place.dir / "src", place.make("mnt"), place.dir / "shadow"
    for copy in (src, shadow):
        git("/", "clone", "-q", "--no-hardlinks", repository, copy)
        with open(copy / ".git/info/exclude", "a") as f:
            f.write("/bin/\n/hrfs.yaml\n/.hrfs/\n")
    commits = git(repository, "rev-list", "--first-parent", "--reverse", "HEAD").split()[-args.commits - 1 :]
    for copy in (src, shadow):
        git(copy, "checkout", "-q", commits[0])
    truth = Truth(shadow, services)
    before = truth.look()
    hrfs = Hrfs(place, src, mnt, config_of(services, run))
    who = {"hrfs": Count(), **{name: Count() for name in GLOBS}}
    for number, (old, new) in enumerate(zip(commits, commits[1:])):
        git(shadow, "checkout", "-q", new)
        now = truth.look()
        git(mnt, "checkout", "-q", new)
        hrfs.wait()
        done = hrfs.reloads()
        paths = git(repository, "diff", "--name-only", "--no-renames", old, new).split("\n")[:-1]
        for service in services:
            needed = before[service] != now[service]
            did = done.get(service, set())
            who["hrfs"].take(needed, "restarted" in did, "built" in did)
            if needed and not did:
                print(f"missed: {service} at {new}: {paths}", file=sys.stderr)
            for name, globs in GLOBS.items():
                who[name].take(needed, any(matches(globs(service), p) for p in paths))
        before = now
        if number % COMPARED == COMPARED - 1:
            for service in truth.stale(src / "bin"):
                who["hrfs"].missed += 1
                print(f"not the newest: {service} at {new}", file=sys.stderr)
        if number % 20 == 19:
            print(f"  {number + 1} commits", file=sys.stderr, flush=True)
    return who, len(commits) - 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--commits", type=int, default=COMMITS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repository", type=Path)
    args = parser.parse_args()
    with Place() as place:
        os.environ["XDG_STATE_HOME"] = str(place.make("state"))
        os.environ["GOFLAGS"] = "-buildvcs=false"
        repository = args.repository
        services = {"generate": None, **{name: f"cmd/{name}" for name in SERVICES}, "tool": None}
        if repository:
            services = mains(repository)
        else:
            repository = place.dir / "repository"
            History(repository, args.seed).make()
        who, count = {}, 0
        if shutil.which("go"):
            who, count = replay(place, args, repository, services, run=not args.repository)
        table = Table(
            f"{count} commits, {len(services)} services: reloads of each watcher",
            "who", "needed", "missed", "needless restarts", "needless builds that restarted nothing",
        )  # fmt: skip
        for name, c in who.items():
            table.row(name, c.needed, c.missed, c.needless, c.builds if name == "hrfs" else "each reload builds")
        if not who:
            table.row("go", NOT_INSTALLED, "", "", "")
        emit(table)


if __name__ == "__main__":
    sys.exit(main())
