"""When a save is over. Nobody hurries; time passes by another mount's batches, never by a clock."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.lib.wait import wait_until
from tests.mount import outside
from tests.mount.observe_batches import Batches, Metronome, Tool, deep_directory, grow_old, names, real, told, tool, whys
from tests.mount.test_hanging import stopped

PATIENT = "settle_cap_ms=600000"


def write_files(tree, count):
    (tree.src / "d").mkdir()
    for i in range(count):
        (tree.src / "d" / f"f{i}").write_text(f"line {i}\n")
    return [f"d/f{i}" for i in range(count)]


@pytest.fixture
def many(tree):
    return write_files(tree, 500)


def make_repository(tree, names):
    """With another branch B, on which all these files differ, one is gone, and one more is there."""

    def git(*args):
        subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=a@b.c", *args], cwd=tree.src, check=True)

    (tree.src / "gone").write_text("gone\n")
    git("init", "-q", "-b", "A", ".")
    git("add", ".")
    git("commit", "-q", "-m", "A")
    git("checkout", "-q", "-b", "B")
    for name in names:
        with open(tree.src / name, "a") as f:
            f.write("B\n")
    os.unlink(tree.src / "gone")
    (tree.src / "more").write_text("more\n")
    git("add", "-A")
    git("commit", "-q", "-m", "B")
    git("checkout", "-q", "A")
    return sorted(names + ["gone", "more"])


def knows_repository(m):
    """Its git helper, which each batch asks, has answered; on a busy machine the first ones do not wait so long."""

    def answered():
        (m.path / "asked").write_text("")
        m.settle()
        return "event=git worktree=" in m.log_text()

    wait_until(answered, what="hrfs-git to tell of the repository")


@pytest.fixture
def repository(tree, many):
    return make_repository(tree, many)


def outside_git(changed):
    return [name for name in changed if name != ".git" and not name.startswith(".git/")]


# ---- one change ----


def test_sed_over_many_files(mount, many):
    m = mount(options=PATIENT)
    batches = Batches(m)
    subprocess.run("sed -i s/line/LINE/ d/*", shell=True, cwd=m.path, check=True)
    batch = batches.next()
    assert real(batch) == sorted(many)
    assert {c["writer"]["command"] for c in batch["changes"]} == {"sed"}


def test_checkout_of_another_branch(mount, repository):
    m = mount(options=PATIENT)
    batches = Batches(m)
    subprocess.run(["git", "checkout", "-q", "B"], cwd=m.path, check=True)
    assert outside_git(real(batches.next())) == repository


def test_checkout_there_and_back(mount, tree):
    make_repository(tree, write_files(tree, 50))
    m = mount(options=PATIENT)
    clock = m.clock()
    subprocess.run("git checkout -q B && git checkout -q A", shell=True, cwd=m.path, check=True)
    batches = told(m, clock)
    assert [outside_git(real(b)) for b in batches] == [[]]
    assert outside_git(m.since(clock)) == []


def test_tool_that_writes_file_after_file(mount, tree):
    m = mount(options=PATIENT)
    beat = Metronome(mount, tree.dir)
    batches = Batches(m)
    grow_old()
    t = Tool("for n in 'abc':\n  open(n, 'w').write(n)\n  pause()", cwd=m.path)
    for _ in "abc":
        t.paused()
        beat.beat()
        t.go_on()
    t.end()
    assert real(batches.next()) == ["a", "b", "c"]


# ---- held up ----


def test_open_writer(mount, tree):
    m = mount(options=PATIENT)
    beat = Metronome(mount, tree.dir)
    clock = m.clock()
    grow_old()
    with open(m.path / "f", "w") as f:
        f.write("one")
        f.flush()
        beat.beat(20)
        f.write("two")
        f.flush()
        beat.beat(20)
    (batch,) = told(m, clock)
    assert real(batch) == ["f"] and not batch["changes"][0]["open"]
    assert (m.path / "f").read_text() == "onetwo"


def test_open_writer_of_a_path_longer_than_a_system_call_takes(mount, tree):
    below = "/".join(["n" * 200] * 30)
    at = deep_directory(tree.src, below)
    os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)
    m = mount(options=PATIENT)
    beat = Metronome(mount, tree.dir)
    at = deep_directory(m.path, below)
    m.settle()
    clock = m.clock()
    grow_old()
    with open("f", "w", opener=lambda *how: os.open(*how, dir_fd=at)) as f:
        f.write("one")
        f.flush()
        beat.beat(20)
        f.write("two")
    os.close(at)
    (batch,) = told(m, clock)
    assert real(batch) == [below + "/f"] and not batch["changes"][0]["open"]


def test_reader_holds_up_nothing(mount, tree):
    m = mount(options=PATIENT)
    batches = Batches(m)
    grow_old()
    (m.path / "f").write_text("one")
    batches.upto("f")
    with open(m.path / "f"):
        (m.path / "f").write_text("two")
        assert real(batches.next()) == ["f"]


def test_open_file_outside_of_the_batch_holds_up_nothing(mount, tree):
    m = mount(options=PATIENT)
    batches = Batches(m)
    grow_old()
    (m.path / "log").write_text("")
    batches.upto("log")
    with open(m.path / "log", "a"), open(tree.dir / "elsewhere", "w") as elsewhere:
        elsewhere.write("x")
        (m.path / "f").write_text("two")
        assert real(batches.next()) == ["f"]


def test_swap_file_of_an_editor_holds_up_nothing(mount):
    m = mount(options=PATIENT)
    batches = Batches(m)
    grow_old()
    with open(m.path / ".f.swp", "w") as swap:
        swap.write("mine")
        swap.flush()
        (m.path / "f").write_text("two")
        (batch,) = batches.upto("f")
        assert "f" in real(batch)


def test_index_lock_of_a_living_process(mount, tree):
    subprocess.run(["git", "init", "-q", tree.src], check=True)
    m = mount(options=PATIENT)
    knows_repository(m)
    beat = Metronome(mount, tree.dir)
    batches = Batches(m)
    grow_old()
    (m.path / ".git" / "index.lock").write_text("")
    (m.path / "a").write_text("a")
    beat.beat()
    (m.path / "b").write_text("b")
    beat.beat()
    os.unlink(m.path / ".git" / "index.lock")
    batch = batches.next()
    assert real(batch) == ["a", "b"]
    assert ".git/index.lock" in names(batch)


def test_index_lock_of_a_dead_process(mount, tree):
    subprocess.run(["git", "init", "-q", tree.src], check=True)
    m = mount(options=PATIENT)
    batches = Batches(m)
    grow_old()
    tool("open('.git/index.lock', 'w')", cwd=m.path)
    (m.path / "a").write_text("a")
    batches.upto("a")


def test_index_lock_of_a_repository_above(mount, tree):
    subprocess.run(["git", "init", "-q", tree.src], check=True)
    (tree.src / "below").mkdir()
    m = mount(src=tree.src / "below", options=PATIENT)
    knows_repository(m)
    beat = Metronome(mount, tree.dir)
    batches = Batches(m)
    grow_old()
    (tree.src / ".git" / "index.lock").write_text("")
    (m.path / "a").write_text("a")
    beat.beat()
    (m.path / "b").write_text("b")
    os.unlink(tree.src / ".git" / "index.lock")
    assert real(batches.next()) == ["a", "b"]


def test_close_behind_the_mount(mount, tree):
    (tree.src / "f").write_text("")
    m = mount(options=PATIENT)
    if m.status()["sidedoor"]["how"] != "fanotify":
        pytest.skip("changes behind the mount are not watched here")
    beat = Metronome(mount, tree.dir)
    outside.look(m.path)
    batches = Batches(m)
    clock = m.clock()
    with open(tree.src / "f", "w") as f:
        f.write("one")
        f.flush()
        outside.told(m, clock, ["f"])
        beat.beat(5)
    assert not batches.one("f")["open"]


def asks(tid):
    """Does it wait for the answer of a mount?"""
    return Path(f"/proc/{tid}/wchan").read_text() == "request_wait_answer"


def test_request_that_no_thread_has_taken_yet(mount, tree):
    """As on a busy machine: between two requests of one save the only thread is kept, by another mount that hangs."""
    for name in ("sub", "inner", "d"):
        (tree.src / name).mkdir()
    (tree.src / "d" / "f").write_text("before")
    subprocess.run(["git", "init", "-q", tree.src], check=True)
    inner = mount(src=tree.src / "inner", mnt=tree.src / "sub")
    m = mount(options=PATIENT + ",threads=1")
    beat = Metronome(mount, tree.dir)
    t = Tool("pause()\nos.rename('d/f', 'd/f~')\npause()\nopen('d/f', 'x').write('after')", cwd=m.path)
    t.paused()
    knows_repository(m)
    os.stat(m.path / "sub")
    grow_old(t.pid)
    clock = m.clock()
    (m.path / ".git" / "index.lock").write_text("")  # nothing is over until it goes
    t.go_on()
    t.paused()
    with stopped(inner):
        reader = subprocess.Popen(["test", "-e", "sub/nothing"], cwd=m.path)
        wait_until(lambda: asks(reader.pid), what="the only thread to be kept")
        t.go_on()
        wait_until(lambda: asks(t.pid), what="the writer to wait for it")
        os.unlink(tree.src / ".git" / "index.lock")
        beat.beat(20)
    t.end()
    reader.wait()
    assert [c["after"]["kind"] for b in told(m, clock) for c in b["changes"] if c["name"] == "d/f"] == ["file"]


# ---- not for ever ----


def test_cap_ends_the_wait_for_a_tool(mount):
    m = mount(options="settle_cap_ms=50")
    batches = Batches(m)
    t = Tool("open('f', 'w').write('f')\npause()", cwd=m.path)
    t.paused()
    batches.upto("f")
    assert t.process.poll() is None
    t.end()


def test_stale_lock_holds_up_one_batch_only(mount, tree):
    subprocess.run(["git", "init", "-q", tree.src], check=True)
    (tree.src / ".git" / "index.lock").write_text("")
    m = mount(options="settle_cap_ms=20")
    batches = Batches(m)
    grow_old()
    for n in "abc":
        (m.path / n).write_text(n)
        batches.upto(n)


def test_a_log_holds_up_nobody_else(mount):
    m = mount(options="settle_cap_ms=100")
    batches = Batches(m)
    grow_old()
    t = Tool(
        """
import threading
over = threading.Event()
log = open('log', 'a')
def write():
  while not over.wait(0.001):
    log.write('line\\n')
    log.flush()
thread = threading.Thread(target=write)
thread.start()
pause()
over.set()
thread.join()""",
        cwd=m.path,
    )
    t.paused()
    for i in range(20):
        (m.path / "f").write_text(str(i))
        batches.one("f")
    log = batches.one("log")
    assert log["open"] and log["writer"]["appended"]
    t.end()
    m.settle()
    assert m.status()["journal"]["marks"] == 0


def test_waiting_does_not_wait_for_open_writers(mount):
    m = mount(options=PATIENT)
    grow_old()
    clock = m.clock()
    with open(m.path / "f", "w") as f:
        f.write("one")
        f.flush()
        (batch,) = told(m, clock)
    assert real(batch) == ["f"] and batch["changes"][0]["open"]


def test_waiting_from_within_a_tool(mount):
    m = mount(options=PATIENT)
    clock = m.clock()
    t = Tool("open('f', 'w').write('f')\npause()", cwd=m.path)
    t.paused()
    (batch,) = told(m, clock)
    assert real(batch) == ["f"]
    t.end()


# ---- what is told ----


def test_suppressed_batches_are_told(mount, tree):
    (tree.src / "f").write_text("f")
    m = mount()
    batches = Batches(m)
    grow_old()
    (m.path / "f").write_text("f")
    assert whys([batches.next()]) == {"f": "same-content"}
    os.utime(m.path / "f")
    assert whys([batches.next()]) == {"f": "only-times"}
    (m.path / "f").write_text("g")
    batch = batches.next()
    assert not batch["suppressed"] and real(batch) == ["f"]


def test_batches_follow_one_upon_the_other(mount):
    m = mount()
    clock = m.clock()
    for i in range(30):
        (m.path / f"f{i % 3}").write_text(str(i))
        if i % 4 == 0:
            m.settle()
    batches = told(m, clock)
    for before, after in zip(batches, batches[1:]):
        assert before["to"] <= after["from"] < after["to"]


def test_nothing_happens_at_rest(mount):
    m = mount()
    grow_old()
    batches = Batches(m)
    (m.path / "f").write_text("f")
    batches.upto("f")
    settler = thread_of(m.worker_pid(), "settle")
    before = switches(settler)
    for _ in range(5):
        m.clock()
    # two for the end of what it was doing
    assert switches(settler) <= before + 2


def thread_of(pid, name):
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/comm") as f:
            if f.read().strip() == name:
                return f"/proc/{pid}/task/{tid}"
    raise LookupError(name)


def switches(task):
    with open(f"{task}/status") as f:
        return sum(int(line.split()[1]) for line in f if "ctxt_switches" in line)
