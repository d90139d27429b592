"""Real watchers inside the mount, woken by edits behind it: none of 300 is missed. Peers are those that ./dev bench installs."""

import os
import re
import select
import shutil
import signal
import sys

import pytest

from tests.lib.build import ROOT
from tests.lib.wait import wait_until

sys.path.insert(0, str(ROOT / "bench"))
from peers import CACHE, peer  # noqa: E402

EDITS = 300
PACE_S = 0.1
MODULES = CACHE / "npm/node_modules"

pytestmark = [pytest.mark.long, pytest.mark.time_limit(400)]

SEEN = "const show = () => console.log('seen ' + fs.readFileSync('src/main.txt', 'utf8').length + '.');"
SCRIPTS = {
    "fs.watch": SEEN + "fs.watch('src', show); console.log('ready')",
    "chokidar": SEEN + "import('MODULES/chokidar/index.js').then(c => (c.default || c).watch('.', {ignoreInitial: true}).on('all', show).on('ready', () => console.log('ready')))",
    "@parcel/watcher": SEEN + "require('MODULES/@parcel/watcher').subscribe(process.cwd(), show, {backend: 'inotify'}).then(() => console.log('ready'))",
}
COUNT = "echo seen $(wc -c < src/main.txt)."


def module(name):
    if not shutil.which("node") or not (MODULES / name).is_dir():
        pytest.skip(f"{name} is not installed (./dev bench installs it)")


def command(name):
    path = peer(name)
    if not path:
        pytest.skip(f"{name} is not installed (./dev bench installs it)")
    return path


def by_script(name):
    if name != "fs.watch":
        module(name)
    return ["node", "-e", "const fs = require('fs');" + SCRIPTS[name].replace("MODULES", str(MODULES))], "ready"


def program(name, root):
    """argv, and what it prints when it watches."""
    if name in SCRIPTS:
        return by_script(name)
    if name == "inotifywait":
        loop = "while inotifywait -q -e close_write src/main.txt; do sh show.sh; done"
        return [command("sh"), "-c", loop], None
    if name == "entr":
        return [command("sh"), "-c", "echo src/main.txt | exec entr -n sh show.sh"], "seen"
    if name == "watchexec":
        return [command("watchexec"), "--postpone", "-d", "10ms", "-w", "src", "--", "sh", "show.sh"], None
    if name == "nodemon":
        return [command("nodemon"), "-w", "src", "-e", "txt", "--delay", "0.01", "--exec", "sh show.sh"], "seen"
    if name == "air":
        (root / ".air.toml").write_text(
            'root = "."\ntmp_dir = "/tmp"\n[build]\ncmd = "true"\nfull_bin = "sh show.sh"\ninclude_ext = ["txt"]\ndelay = 10\n'
        )
        return [command("air"), "-c", ".air.toml"], "seen"
    raise AssertionError(name)


def pause():
    """They take edits that come closer than this for one (chokidar and entr within 50 ms), on any file system."""
    select.select([], [], [], PACE_S)


@pytest.fixture
def mount(mount):
    def make():
        m = mount()
        if m.status()["sidedoor"]["how"] != "fanotify":
            pytest.skip("changes behind the mount are not watched here")
        return m

    return make


def edit(m):
    with open(m.src / "src/main.txt", "a") as f:
        f.write("x")


@pytest.mark.parametrize("name", ["inotifywait", *SCRIPTS, "entr", "watchexec", "nodemon", "air"])
def test_none_of_the_edits_is_missed(mount, start, name, tree):
    (tree.src / "src").mkdir()
    (tree.src / "src/main.txt").write_text("x")
    (tree.src / "show.sh").write_text(COUNT)
    argv, ready = program(name, tree.src)
    m = mount()
    p = start(*argv, cwd=m.path, env={"TERM": "dumb"})
    if ready:
        p.wait_for(re.escape(ready))
    wait_until(lambda: watches(m))
    for i in range(EDITS):
        pause()
        edit(m)
        p.wait_for(rf"seen {i + 2}\.")
    os.killpg(p.pid, signal.SIGKILL)  # what the shell has started too


def watches(m, name="src/main.txt"):
    """Somebody in the mount does: a status says so once somebody has had a reason to look."""
    m.ask("hrfs-foreign", {"changes": [{"what": ["close"], "name": name}]})
    return m.status()["replay"]["watched"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_one_that_has_just_started(mount, start, name, tree):
    """The first edit comes as soon as it says that it watches."""
    (tree.src / "src").mkdir()
    (tree.src / "src/main.txt").write_text("x")
    argv, ready = program(name, tree.src)
    m = mount()
    for i in range(20):
        p = start(*argv, cwd=m.path)
        p.wait_for(ready)
        edit(m)
        p.wait_for(rf"seen {i + 2}\.")
        os.killpg(p.pid, signal.SIGKILL)


def test_tsc(mount, start, tree):
    (tree.src / "main.ts").write_text("export const a = 1;\n")
    (tree.src / "tsconfig.json").write_text('{"compilerOptions": {"noEmit": true}, "files": ["main.ts"]}')
    m = mount()
    p = start(command("tsc"), "--watch", "--preserveWatchOutput", cwd=m.path)
    p.wait_for("Found 0 errors")
    wait_until(lambda: watches(m, "main.ts"))
    for i in range(EDITS):
        bad = i % 2 == 0
        pause()
        (m.src / "main.ts").write_text(f"export const a{': string' if bad else ''} = 1;\n")
        p.wait_for("Found 1 error" if bad else "Found 0 errors")


def test_vite_tells_its_client(mount, start, tree, free_port):
    (tree.src / "index.html").write_text("<p>x</p>")
    port = free_port()
    m = mount()
    p = start(command("vite"), "--port", port, "--strictPort", "--clearScreen", "false", cwd=m.path, env={"NO_COLOR": "1"})
    p.wait_for("ready in")
    wait_until(lambda: watches(m, "index.html"))
    for _ in range(EDITS):
        pause()
        with open(m.src / "index.html", "a") as f:
            f.write("<p>x</p>")
        p.wait_for("page reload")
