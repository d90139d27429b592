"""The source's path leads to another directory: the mount follows it."""

import contextlib
import errno
import os
import random
import shutil
import signal
import subprocess
import threading

import pytest

from tests.lib.users import as_owner
from tests.lib.wait import wait_gone, wait_until
from tests.mount import outside
from tests.mount.git_helper import repository
from tests.mount.test_git import expect
from tests.mount.test_kill_points import has_points
from tests.mount.test_lowers import lower
from tests.mount.test_random import SEED
from tests.mount.test_sidedoor import ours, watched
from tests.mount.test_takeover import alive


@pytest.fixture(params=["root", "user"])
def start(request, mount, tree):
    """start(src=None) -> Mount, by root or by an ordinary user who may move the source."""
    user = request.getfixturevalue("other") if request.param == "user" else None

    def make(src=None):
        if user:
            for top, dirs, files in os.walk(tree.dir):
                for path in (top, *(os.path.join(top, n) for n in dirs + files)):
                    os.chown(path, user.uid, user.gid, follow_symlinks=False)
        m = mount(src, user=user)
        watched(m)
        return m

    return make


def do(m, function):
    return as_owner(m, function)


def fill(top, text):
    """Some names are the same in all trees, some are not."""
    for name in ("same", f"only-{text}", "d/same", f"d/e/{text}"):
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def make(m, text):
    def run():
        m.src.mkdir()
        fill(m.src, text)

    do(m, run)


def move_away(m, name):
    do(m, lambda: m.src.rename(m.src.parent / name))


def look(m):
    do(m, lambda: outside.look(m.path))


def shows(m, text, but=()):
    """The mount shows what fill() has made, and nothing of the others."""

    def seen():
        with contextlib.suppress(OSError):
            for name in ("same", f"only-{text}", "d/same", f"d/e/{text}"):
                if (m.path / name).read_text() != text:
                    return False
            names = {"same", f"only-{text}", "d"}
            return set(os.listdir(m.path)) == names and not any(outside.absent(m.path / n) for n in names) and all(
                outside.absent(m.path / f"only-{o}") for o in but
            )
        return False

    def until():
        wait_until(seen, what=f"the mount to show {text}")

    do(m, until)


def kill(m):
    worker = m.worker_pid()
    os.kill(worker, signal.SIGKILL)
    wait_gone(worker)
    do(m, lambda: alive(m))


def everything_is_told(m, clock):
    answer = m.ask("query", {"since": clock, "fields": ["name"]})
    assert answer["is_fresh_instance"] is True
    return answer


def is_told_by_name(m, name, data):
    """Written behind the mount. False: it is still said that everything may have changed."""
    clock = m.clock()
    do(m, lambda: outside.write(m.src / name, data))
    answer = m.ask("query", {"since": clock, "fields": ["name"]})
    return not answer["is_fresh_instance"] and name in answer["files"]


def test_moved_and_made_again(start, tree):
    fill(tree.src, "one")
    m = start()
    look(m)
    clock = m.clock()
    move_away(m, "old")
    m.settle()
    shows(m, "one")  # its path leads nowhere
    make(m, "two")
    # a question after that is answered from the new one
    assert "only-two" in everything_is_told(m, clock)["files"]
    shows(m, "two", but=["one"])
    assert ours(m, clock) == []
    # watched as the first one was, and told by name again
    wait_until(lambda: is_told_by_name(m, "d/same", b"three"))
    assert do(m, lambda: outside.read(m.path / "d/same")) == b"three"
    # and what is written inside goes there
    do(m, lambda: outside.write(m.path / "inside", b"x"))
    assert outside.read(m.src / "inside") == b"x" and outside.absent(tree.dir / "old/inside")


def test_removed_and_made_again(start, tree):
    fill(tree.src, "one")
    m = start()
    look(m)
    clock = m.clock()
    do(m, lambda: shutil.rmtree(m.src))
    do(m, lambda: wait_until(lambda: os.listdir(m.path) == []))
    make(m, "two")
    shows(m, "two", but=["one"])
    everything_is_told(m, clock)
    assert ours(m, clock) == []


def test_a_link_on_its_way(start, tree):
    for name in ("one", "two"):
        fill(tree.dir / name / "tree", name)
    (tree.dir / "link").symlink_to("one")
    m = start(tree.dir / "link/tree")
    look(m)
    clock = m.clock()

    def point_to(target):
        (tree.dir / "new").symlink_to(target)
        (tree.dir / "new").rename(tree.dir / "link")

    do(m, lambda: point_to("two"))
    everything_is_told(m, clock)
    shows(m, "two", but=["one"])
    do(m, lambda: point_to(tree.dir / "one"))
    shows(m, "one", but=["two"])
    do(m, lambda: (tree.dir / "two").rename(tree.dir / "three"))
    do(m, lambda: point_to("three"))
    shows(m, "two", but=["one"])


def test_a_directory_above_it(start, tree):
    (tree.dir / "a/b").mkdir(parents=True)
    fill(tree.dir / "a/b/src", "one")
    fill(tree.dir / "c/b/src", "two")
    m = start(tree.dir / "a/b/src")
    look(m)
    do(m, lambda: outside.exchange(tree.dir / "a", tree.dir / "c"))
    shows(m, "two", but=["one"])
    do(m, lambda: outside.exchange(tree.dir / "a", tree.dir / "c"))
    shows(m, "one", but=["two"])


def test_into_itself_and_out_of_it(start, tree):
    """The new root was in the old one, and the other way round."""
    fill(tree.src, "one")
    fill(tree.dir / "inner", "two")
    (tree.dir / "inner").rename(tree.src / "inner")
    m = start()
    look(m)
    clock = m.clock()

    def inwards():
        m.src.rename(tree.dir / "old")
        m.src.symlink_to("old/inner")

    do(m, inwards)
    shows(m, "two", but=["one"])
    everything_is_told(m, clock)

    def outwards():
        m.src.unlink()
        (tree.dir / "old/inner").rename(tree.dir / "inner")
        m.src.symlink_to("old")

    do(m, outwards)
    shows(m, "one", but=["two"])
    do(m, lambda: outside.write(m.path / "d/e/new", b"x"))
    assert outside.read(tree.dir / "old/d/e/new") == b"x"
    m.settle()


def test_files_that_are_open(start, tree):
    """They go on where they are. Who stands in a directory may look, but make no name: it is as one that was removed."""
    fill(tree.src, "one")
    m = start()
    look(m)

    def run():
        old = tree.dir / "old"
        here = os.getcwd()
        with open(m.path / "d/same", "r+b", buffering=0) as f, open(m.path / "same", "r+b", buffering=0) as g:
            os.chdir(m.path / "d/e")
            try:
                m.src.rename(old)
                m.src.mkdir()
                fill(m.src, "two")
                wait_until(lambda: outside.read(m.path / "same") == b"two")
                for again in (False, True):
                    if again:
                        os.kill(m.worker_pid(), signal.SIGKILL)
                    assert f.read() == b"one" and g.read() == b"one"
                    f.write(b"more")
                    assert os.fstat(f.fileno()).st_size == 7 and os.stat("one").st_size == 3
                    os.ftruncate(f.fileno(), 3)
                    f.seek(0)
                    g.seek(0)
                    with pytest.raises(FileNotFoundError):
                        outside.write("made", b"")
                f.write(b"ONE")
                g.write(b"ONE")
            finally:
                os.chdir(here)
        assert outside.read(old / "d/same") == b"ONE" and outside.read(old / "same") == b"ONE"
        assert outside.read(m.src / "same") == b"two" and outside.read(m.path / "d/same") == b"two"

    do(m, run)
    do(m, lambda: alive(m))
    m.settle()
    shows(m, "two", but=["one"])


@pytest.mark.parametrize("when", ["before", "between", "after", "gone again"])
def test_a_worker_that_is_killed(start, tree, when):
    fill(tree.src, "one")
    m = start()
    look(m)
    clock = m.clock()
    if when == "before":
        kill(m)
    move_away(m, "old")
    if when == "between":
        kill(m)
        shows(m, "one")
    make(m, "two")
    if when == "gone again":
        shows(m, "two", but=["one"])
        move_away(m, "older")
    if when in ("after", "gone again"):
        kill(m)
    shows(m, "two", but=["one"])
    everything_is_told(m, clock)
    assert ours(m, clock) == []
    if when == "gone again":
        make(m, "three")
        shows(m, "three", but=["one", "two"])


@pytest.mark.parametrize("step", range(1, 7))
def test_killed_while_it_follows(mount, tree, step):
    if not has_points():
        pytest.skip("needs a build with -Dkill_points=true")
    fill(tree.src, "one")
    m = mount(env={"HRFS_DIE": f"follow:{step}"})
    watched(m)
    look(m)
    clock = m.clock()
    with open(m.path / "d/same", "r+b", buffering=0) as f, open(m.path / "same", "rb", buffering=0) as g:
        move_away(m, "old")
        make(m, "two")
        wait_until(lambda: f"event=dies point=follow opcode={step}" in m.log_text())
        shows(m, "two", but=["one"])
        f.write(b"ONE")
        assert g.read() == b"one"
    assert outside.read(tree.dir / "old/d/same") == b"ONE" and outside.read(m.src / "d/same") == b"two"
    everything_is_told(m, clock)
    assert ours(m, clock) == []
    # and once more, back to the first one
    do(m, lambda: outside.exchange(m.src, tree.dir / "old"))
    wait_until(lambda: (m.path / "same").read_text() == "one")
    assert (m.path / "d/same").read_text() == "ONE"


def test_again_and_again_with_kills(start, tree):
    """Neither nodes nor copies with the keeper are left behind."""
    fill(tree.src, "0")
    m = start()
    for i in range(1, 8):
        look(m)
        move_away(m, f"old-{i}")
        make(m, str(i))
        if i % 2:
            os.kill(m.worker_pid(), signal.SIGKILL)
        shows(m, str(i), but=[str(i - 1)])
        do(m, lambda: alive(m))
    do(m, lambda: shutil.rmtree(m.src))
    do(m, lambda: (tree.dir / "old-3").rename(m.src))
    shows(m, "2", but=["7"])


def test_a_repository_cloned_anew(start, tree):
    """The ignore rules are those of what is there now."""
    repository(tree.src, {".gitignore": "a\n", "f": "1"})
    repository(tree.dir / "other", {".gitignore": "b\n", "f": "2"})
    m = start()
    do(m, lambda: expect(m, {"a": True, "b": False}))

    def clone():
        m.src.rename(tree.dir / "old")
        subprocess.run(["git", "clone", "-q", tree.dir / "other", m.src], check=True)

    do(m, clone)
    do(m, lambda: wait_until(lambda: outside.read(m.path / "f") == b"2"))
    do(m, lambda: expect(m, {"a": False, "b": True}))


def test_the_rules_behind_a_link(start, tree):
    repository(tree.dir / "one", {".gitignore": "a\n", "f": "1"})
    repository(tree.dir / "two", {".gitignore": "b\n", "f": "2"})
    (tree.dir / "link").symlink_to("one")
    m = start(tree.dir / "link")
    do(m, lambda: expect(m, {"a": True, "b": False}))

    def point():
        (tree.dir / "new").symlink_to("two")
        (tree.dir / "new").rename(tree.dir / "link")

    do(m, point)
    do(m, lambda: wait_until(lambda: outside.read(m.path / "f") == b"2"))
    do(m, lambda: expect(m, {"a": False, "b": True}))


def test_to_another_file_system(mount, tree):
    fill(tree.src, "one")
    with lower("tmpfs", tree.dir) as at:
        fill(at / "src", "two")
        m = mount()
        watched(m)
        look(m)
        clock = m.clock()
        m.src.rename(tree.dir / "old")
        m.src.symlink_to(at / "src")
        shows(m, "two", but=["one"])
        everything_is_told(m, clock)
        clock = m.clock()
        outside.write(at / "src/d/same", b"three")
        outside.told(m, clock, ["d/same"])
        m.src.unlink()
        (tree.dir / "old").rename(m.src)
        shows(m, "one", but=["two"])


def test_not_to_what_is_mounted_over_it(mount, tree):
    if os.geteuid():
        pytest.skip("needs root, to mount")
    fill(tree.src, "one")
    m = mount()
    watched(m)
    look(m)
    with lower("tmpfs", tree.dir) as at:
        fill(at, "two")
        subprocess.run(["mount", "--bind", at, m.src], check=True)
        try:
            kill(m)  # the next worker compares them
            wait_until(lambda: "event=source_not_followed" in m.log_text())
            shows(m, "one")
        finally:
            subprocess.run(["umount", m.src], check=True)
    shows(m, "one")
    move_away(m, "old")
    make(m, "three")
    shows(m, "three", but=["one"])


def test_not_to_what_is_of_somebody_else(mount, tree, other):
    """Else who may move the source could have a mount of root's lead where he may not go."""
    fill(tree.src, "one")
    m = mount()
    watched(m)
    look(m)
    m.src.rename(tree.dir / "old")
    fill(tree.dir / "theirs", "two")
    os.chown(tree.dir / "theirs", other.uid, other.gid)
    (tree.dir / "theirs").rename(m.src)
    wait_until(lambda: "event=source_not_followed" in m.log_text())
    shows(m, "one")
    # nor where anybody could have done that
    m.src.rename(tree.dir / "theirs")
    tree.dir.chmod(0o777)
    fill(tree.dir / "new", "three")
    (tree.dir / "new").chmod(0o777)
    (tree.dir / "new").rename(m.src)
    wait_until(lambda: m.log_text().count("event=source_not_followed") == 2)
    shows(m, "one")
    tree.dir.chmod(0o755)
    kill(m)
    shows(m, "three", but=["one"])


@pytest.mark.parametrize("options", ["no_sidedoor", "sole_writer"])
def test_not_where_nothing_is_watched(mount, tree, options):
    fill(tree.src, "one")
    m = mount(options=options)
    m.src.rename(tree.dir / "old")
    fill(m.src, "two")
    m.settle()
    shows(m, "one")


def contents(top):
    """Every name below, and what a file holds."""
    found = {}
    for directory, dirs, files in os.walk(top):
        for name in dirs:
            found[os.path.relpath(os.path.join(directory, name), top)] = None
        for name in files:
            path = os.path.join(directory, name)
            found[os.path.relpath(path, top)] = outside.read(path)
    return found


def is_what_is_there(m):
    try:
        return contents(m.path) == contents(m.src)
    except OSError:
        return False  # it is about to follow


class Busy(threading.Thread):
    """Looks, writes, makes and removes inside, whichever directory that is in."""

    def __init__(self, m, number):
        super().__init__()
        self.m, self.rng = m, random.Random(f"{SEED}-{number}")
        self.stop, self.done, self.wrong = threading.Event(), 0, []

    def once(self):
        d = self.m.path / self.rng.choice([".", "d", "d/e"])
        path = d / self.rng.choice(["same", "a", "b", "c"])
        what = self.rng.randrange(5)
        if what == 0:
            outside.write(path, os.urandom(8))
        elif what == 1:
            os.unlink(path)
        elif what == 2:
            os.rename(path, d / "c")
        elif what == 3:
            outside.read(path)
        else:
            os.listdir(d)

    def run(self):
        while not self.stop.is_set():
            try:
                self.once()
            except OSError as e:
                # a file that was open when its directory was replaced and the worker killed may be lost
                if e.errno not in (errno.ENOENT, errno.ESTALE, errno.EEXIST):
                    self.wrong.append(e)
            self.done += 1


@pytest.mark.parametrize("kills", [False, True])
def test_exchanged_under_load(mount, tree, kills):
    """Whatever is under way: in the end the mount shows what is there, all of it."""
    fill(tree.src, "one")
    fill(tree.dir / "two", "two")
    m = mount()
    watched(m)
    rng = random.Random(SEED)
    busy = [Busy(m, i) for i in range(3)]
    for b in busy:
        b.start()
    try:
        for i in range(40):
            done = [b.done for b in busy]
            wait_until(lambda n=done: all(b.done > n[i] + 20 for i, b in enumerate(busy)))
            outside.exchange(m.src, tree.dir / "two")
            if kills and rng.random() < 0.4:
                with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                    os.kill(m.worker_pid(), signal.SIGKILL)
    finally:
        for b in busy:
            b.stop.set()
        for b in busy:
            b.join()
    alive(m)
    assert [b.wrong for b in busy] == [[], [], []]
    wait_until(lambda: is_what_is_there(m), what="the mount to show what is there")
    for name in ("a", "b", "c", "d/a", "d/b", "d/c"):
        assert outside.absent(m.path / name) == outside.absent(m.src / name)
    m.settle()


def test_over_itself_there_is_nothing_to_follow(mount, tree):
    fill(tree.src, "one")
    m = mount(tree.src, tree.src)
    watched(m)
    (tree.dir / "two").mkdir()
    (tree.dir / "two").rename(tree.dir / "three")
    with pytest.raises(OSError) as e:
        m.src.rename(tree.dir / "old")
    assert e.value.errno == errno.EBUSY
    kill(m)
    shows(m, "one")


def test_a_relative_path_by_the_command(hrfs, tree):
    """`hrfs mount` hands the path over as it was given, with its links."""
    for name in ("one", "two"):
        fill(tree.dir / name, name)
    (tree.dir / "link").symlink_to("one")
    hrfs("mount", "link", "mnt", cwd=tree.dir)
    try:
        assert (tree.mnt / "same").read_text() == "one"
        (tree.dir / "new").symlink_to("two")
        (tree.dir / "new").rename(tree.dir / "link")
        wait_until(lambda: (tree.mnt / "same").read_text() == "two")
        assert set(os.listdir(tree.mnt)) == {"same", "only-two", "d"}
    finally:
        hrfs("umount", tree.mnt)
