"""Changes behind the mount, told inside it by inotify: the events are those that the same edit gives on a plain
directory, and nothing below is touched."""

import ctypes
import mmap
import os
import shutil
import signal
import subprocess

import pytest

from tests.lib.inotify import Inotify
from tests.lib.mount import MountFailed
from tests.lib.users import run_as
from tests.lib.wait import wait_gone, wait_until

PR_SET_DUMPABLE = 4
END = "end"  # its ATTRIB comes after everything that was told before


@pytest.fixture(autouse=True)
def told_by_hand(monkeypatch):
    """What has changed behind the mount is said by the test alone."""
    options = filter(None, (os.environ.get("HRFS_TEST_OPTIONS"), "no_sidedoor"))
    monkeypatch.setenv("HRFS_TEST_OPTIONS", ",".join(options))


def make_tree(root):
    for directory in ("a/sub/deep", "a/empty", "b"):
        (root / directory).mkdir(parents=True)
    for name in ("a/file", "a/watched", "a/other", "a/sub/deep/leaf", "b/victim", f"a/{END}"):
        (root / name).write_text(name)
    (root / "a/link").symlink_to("file")
    (root / "a/program").write_text("#!/bin/sh\n")
    (root / "a/program").chmod(0o755)


WATCHED = ("a", "b", "a/sub", "a/sub/deep", "a/empty", "a/watched", "b/victim")


def watch(root):
    inotify = Inotify()
    for name in WATCHED:
        inotify.add(root / name, name)
    return inotify


def collect(inotify):
    """{watch: [(kinds, name)]} up to the end's event, and how many halves of moves share a cookie."""
    events = inotify.until(lambda e: e[1:3] == ("ATTRIB", END))[:-1]
    seen = {}
    for where, kinds, name, _ in events:
        seen.setdefault(where, []).append((kinds, name))
    cookies = [cookie for _, _, _, cookie in events if cookie]
    return seen, len(cookies) - len(set(cookies))


def write(path, text="more"):
    with open(path, "a") as f:
        f.write(text)


def save_by_rename(root):
    (root / "a/.new").write_text("new")
    os.rename(root / "a/.new", root / "a/watched")


def replace_victim(root):
    os.rename(root / "a/other", root / "b/victim")


def say(what, name=None, to=None, kind=None):
    change = {"what": what.split(), "name": name, "to": to, "type": kind}
    return {key: value for key, value in change.items() if value is not None}


# what is done, and how the kernel tells a watcher of the lower
EDITS = {
    "write": (lambda r: write(r / "a/file"), [say("modify close", "a/file")]),
    "write a watched file": (lambda r: write(r / "a/watched"), [say("modify close", "a/watched")]),
    "write a program": (lambda r: write(r / "a/program"), [say("modify close", "a/program")]),
    "chmod": (lambda r: os.chmod(r / "a/file", 0o600), [say("attrib", "a/file")]),
    "chmod a directory": (lambda r: os.chmod(r / "a/sub", 0o700), [say("attrib", "a/sub")]),
    "times of a link": (lambda r: os.utime(r / "a/link", (1, 1), follow_symlinks=False), [say("attrib", "a/link")]),
    "create": (lambda r: write(r / "a/made"), [say("create modify close", "a/made")]),
    "create a directory": (lambda r: os.mkdir(r / "b/made"), [say("create", "b/made", kind="dir")]),
    "create a link": (lambda r: os.symlink("x", r / "b/made"), [say("create", "b/made", kind="symlink")]),
    "create a fifo": (lambda r: os.mkfifo(r / "b/made"), [say("create", "b/made", kind="fifo")]),
    "unlink": (lambda r: os.unlink(r / "a/file"), [say("delete", "a/file")]),
    "unlink a watched file": (lambda r: os.unlink(r / "a/watched"), [say("delete", "a/watched")]),
    "rmdir": (lambda r: os.rmdir(r / "a/empty"), [say("delete", "a/empty", kind="dir")]),
    "rm -r": (
        lambda r: (os.unlink(r / "a/sub/deep/leaf"), os.rmdir(r / "a/sub/deep"), os.rmdir(r / "a/sub")),
        [
            say("delete", "a/sub/deep/leaf"),
            say("delete", "a/sub/deep", kind="dir"),
            say("delete", "a/sub", kind="dir"),
        ],
    ),
    "rename": (lambda r: os.rename(r / "a/file", r / "a/moved"), [say("move", "a/file", "a/moved")]),
    "rename a watched file": (lambda r: os.rename(r / "a/watched", r / "b/x"), [say("move", "a/watched", "b/x")]),
    "rename a directory": (lambda r: os.rename(r / "a/sub", r / "b/sub"), [say("move", "a/sub", "b/sub")]),
    "rename over": (replace_victim, [say("move", "a/other", "b/victim")]),
    "save by rename": (save_by_rename, [say("create modify close", "a/.new"), say("move", "a/.new", "a/watched")]),
    "move out": (lambda r: os.rename(r / "a/watched", r.parent.parent / "out"), [say("move", "a/watched")]),
    "move in": (lambda r: os.rename(r.parent.parent / "in", r / "b/came"), [say("move", to="b/came")]),
    "move a directory out": (lambda r: os.rename(r / "a/sub", r.parent.parent / "outdir"), [say("move", "a/sub")]),
}
# a name that is gone by the time that it is told: only that it came and went
UNTOLD = {"save by rename": [("MODIFY", ".new"), ("CLOSE_WRITE", ".new")]}


def fingerprint(root):
    """Everything about each object but atime."""
    found = {}
    for directory, directories, files in os.walk(root):
        for name in [".", *directories, *files]:
            path = os.path.join(directory, name)
            st = os.lstat(path)
            found[path] = (st.st_ino, st.st_mode, st.st_nlink, st.st_size, st.st_mtime_ns, st.st_ctime_ns)
    return found


def prepare(root):
    """In a directory of its own, whose parent's parent is outside the tree."""
    make_tree(root)
    shutil.rmtree(root.parent.parent / "outdir", ignore_errors=True)
    (root.parent.parent / "in").write_text("in")


def on_plain(edit, root):
    prepare(root)
    with watch(root) as inotify:
        edit(root)
        os.utime(root / "a" / END)
        return collect(inotify)


def behind(m, name, edit, changes):
    """The same behind the mount, and what a watcher inside is told. Nothing below is touched by the telling."""
    lower, inside = m.src / name, m.path / name
    prepare(lower)
    subprocess.run(["ls", "-lR", inside], check=True, stdout=subprocess.DEVNULL)
    with watch(inside) as inotify:
        edit(lower)
        before = fingerprint(lower)
        tell(m, name, *changes)
        result = collect(inotify)
    assert fingerprint(lower) == before, name
    for directory, directories, files in os.walk(lower):
        assert sorted(os.listdir(inside / os.path.relpath(directory, lower))) == sorted(directories + files), name
    return result


def tell(m, top, *changes):
    """Names are below `top`; the last one is the end that collect() waits for."""
    changes = [*changes, say("attrib", f"a/{END}")]
    for c in changes:
        c.update({key: f"{top}/{c[key]}" for key in ("name", "to") if key in c})
    return m.ask("hrfs-foreign", {"changes": changes})


def test_events_are_those_of_a_plain_directory(mount, test):
    m = mount()
    clock = m.clock()
    (test.dir / "plain").mkdir()
    for name, (edit, changes) in EDITS.items():
        plain, cookies = on_plain(edit, test.dir / "plain" / name)
        for event in UNTOLD.get(name, ()):
            plain["a"].remove(event)
        seen, shared = behind(m, name, edit, [dict(c) for c in changes])
        assert seen == plain, name
        assert shared == cookies, name
    m.settle()
    assert m.history(clock) == []  # the journal has heard of nothing
    assert m.status()["replay"]["refused"] == 0


def helper_of(m):
    """The pid of the mount's helper, or None."""
    for pid in open(f"/proc/{m.keeper}/task/{m.keeper}/children").read().split():
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            if b"--replay" in f.read().split(b"\0"):
                return int(pid)
    return None


@pytest.fixture
def small(mount):
    """small(**options of mount) -> a mount of a tree with a few files, all looked at."""

    def make(**more):
        m = mount(**more)
        make_tree(m.src / "t")
        if "user" not in more:
            subprocess.run(["ls", "-lR", m.path], check=True, stdout=subprocess.DEVNULL)
        return m

    return make


def test_nobody_is_told_where_nobody_watches(small):
    m = small()
    tell(m, "t", say("modify close", "a/file"))
    wait_until(lambda: m.status()["replay"]["waiting"] == 0)
    assert m.status()["replay"]["told"] == 0
    assert helper_of(m) is None


def test_a_watcher_that_has_just_started_is_told_late(small):
    m = small()
    m.ask("hrfs-foreign", {"changes": [say("modify close", "t/a/file")]})
    wait_until(lambda: m.status()["replay"]["looks"])  # nobody watches: that is good for a second
    with watch(m.path / "t") as inotify:
        tell(m, "t", say("modify close", "a/file"))
        seen, _ = collect(inotify)
    assert ("MODIFY", "file") in seen["a"]


def test_options(small, mount):
    m = small(options="replay=never")
    with watch(m.path / "t") as inotify:
        tell(m, "t", say("modify", "a/file"))
        assert m.status()["replay"]["mode"] == "never"
        os.utime(m.path / "t/a" / END)
        assert collect(inotify)[0] == {}
    m.umount()
    shutil.rmtree(m.src / "t")
    m = small(options="replay=always")
    tell(m, "t", say("modify", "a/file"))
    wait_until(lambda: m.status()["replay"]["told"] == 2)
    assert m.status()["replay"]["looks"] == 0
    m.umount()
    with pytest.raises(MountFailed, match="replay=often: auto, always or never"):
        mount(options="replay=often")


def test_a_file_that_is_gone_stays_with_who_has_it_mapped(small):
    m = small()
    m.settle()
    with watch(m.path / "t") as inotify, open(m.path / "t/a/watched", "rb") as f:
        with mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as mapped:
            assert mapped[:] == b"a/watched"
            os.unlink(m.src / "t/a/watched")
            tell(m, "t", say("delete", "a/watched"))
            seen, _ = collect(inotify)
            assert seen["a/watched"][0] == ("ATTRIB", "")  # its end is told when it is not mapped any more
            pid = os.fork()  # where the pages have gone, looking at them kills
            if pid == 0:
                os._exit(mapped[:] != b"a/watched")
            assert os.waitpid(pid, 0)[1] == 0


def test_an_ordinary_user_without_the_right_to_write(small, other):
    m = small(user=other)
    for root, directories, files in os.walk(m.src):
        for name in [".", *directories, *files]:
            os.chown(os.path.join(root, name), other.uid, other.gid, follow_symlinks=False)
    os.chmod(m.src / "t/a/file", 0o444)
    for name in ("b", "b/victim"):
        os.chown(m.src / "t" / name, 0, 0)

    def inside():
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1)  # as after an exec: else its owner may not look into it
        subprocess.run(["ls", "-lR", m.path], check=True, stdout=subprocess.DEVNULL)
        with watch(m.path / "t") as inotify:
            tell(m, "t", say("modify close", "a/file"), say("delete", "b/victim"))
            return collect(inotify)[0]

    seen = run_as(other, inside)
    assert seen == {"a": [("MODIFY", "file")]}  # it has not been opened
    assert 'event=not_echoed path="t/b/victim"' in m.log_text()


def test_nothing_is_done_twice_or_for_real_when_all_are_killed(small):
    """The worker dies with an echo under way, and the helper too: what is below stays as it is."""
    m = small()
    before = fingerprint(m.src)
    with watch(m.path / "t") as inotify:
        tell(m, "t", say("modify close", "a/file"))
        collect(inotify)
        changes = [say("delete", "a/other"), say("create", "b/new"), say("move", "a/file", "b/file")]
        for i in range(6):
            tell(m, "t", *[dict(c) for c in changes * 20])
            victim = m.status()["worker_pid"] if i % 2 else wait_until(lambda: helper_of(m))
            os.kill(victim, signal.SIGKILL)
            wait_gone(victim)
        tell(m, "t")
        inotify.until(lambda e: e[1:3] == ("ATTRIB", END))
        wait_until(lambda: told_again(m, inotify))
    assert fingerprint(m.src) == before
    assert sorted(os.listdir(m.path / "t/a")) == sorted(os.listdir(m.src / "t/a"))
    status = m.status()
    assert status["requests"] - status["replies"] <= 1
    assert "event=no_reply" not in m.log_text()


def test_what_waits_outlives_the_worker(small):
    """The helper is busy, and worker after worker dies: who watches is told of everything all the same."""
    m = small()
    with watch(m.path / "t") as inotify:
        tell(m, "t")
        inotify.until(lambda e: e[1:3] == ("ATTRIB", END))
        helper = helper_of(m)
        os.kill(helper, signal.SIGSTOP)
        for i in range(3):
            names = [f"b/{i}-{n}" for n in range(100)]
            tell(m, "t", *[say("create", name) for name in names], say("move", "a/file", "b/file"), say("delete", "a/other"))
            worker = m.status()["worker_pid"]
            os.kill(worker, signal.SIGKILL)
            wait_gone(worker)
        os.kill(helper, signal.SIGCONT)
        tell(m, "t", say("attrib", "a/program"))
        events = inotify.until(lambda e: e[1:3] == ("ATTRIB", "program"))
    told = [e[:3] for e in events]
    missing = {("b", "CREATE", f"{i}-{n}") for i in range(3) for n in range(100)} - set(told)
    assert not missing, m.status()["replay"]
    for once in (("a", "MOVED_FROM", "file"), ("b", "MOVED_TO", "file"), ("a", "DELETE", "other")):
        assert told.count(once) >= 3, once
    wait_until(lambda: m.status()["replay"]["waiting"] == 0)


def told_again(m, inotify):
    tell(m, "t", say("attrib", "a/program"))
    return inotify.until(lambda e: e[1:3] == ("ATTRIB", "program"))


def test_inotifywait_and_node_are_woken(small):
    m = small()
    process = subprocess.Popen(
        ["inotifywait", "-q", "-e", "close_write", "--format", "%w%f", "--timeout", "20", m.path / "t/a"],
        stdout=subprocess.PIPE, text=True,
    )
    wait_until(lambda: os.path.exists(f"/proc/{process.pid}/fdinfo/3") and "inotify" in open(f"/proc/{process.pid}/fdinfo/3").read())
    write(m.src / "t/a/file")
    tell(m, "t", say("modify close", "a/file"))
    assert process.communicate()[0] == f"{m.path}/t/a/file\n"
    if shutil.which("node") is None:
        pytest.skip("node is not installed: inotifywait alone was woken")
    script = "fs.watch(process.argv[1], (kind, name) => { console.log(kind, name); process.exit() }); console.log('ready')"
    with subprocess.Popen(["node", "-e", script, m.path / "t/a"], stdout=subprocess.PIPE, text=True) as node:
        assert node.stdout.readline() == "ready\n"
        write(m.src / "t/a/file")
        tell(m, "t", say("modify close", "a/file"))
        assert node.stdout.readline() == "change file\n"
