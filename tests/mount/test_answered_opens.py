"""A mount that answers opens (-o answer_opens), and so knows which job opens what: hrfs-job-add with opens, hrfs-opened."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.lib.wait import wait_until

LISTS = ("opened", "executed", "opened_directories")


@pytest.fixture
def m(tree, mount):
    for name in ("a", "b", "dir/one"):
        file = tree.src / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("x")
    return mount(options="answer_opens")


def begin(m, c, job):
    answer = c.call("hrfs-job-add", str(m.path), {"job": "x/run", "pid": job.pid, "window": True, "opens": True})
    assert answer["window"] and answer["opens"]


def close(m, c, job):
    """What it has opened since it was asked last."""
    answer = c.call("hrfs-job-names", str(m.path), {"pid": job.pid, "close": True})
    assert answer["opens_whole"]
    return lists(answer)


def lists(told):
    return tuple(sorted(told[key]) for key in LISTS)


def next_opened(c):
    return c.push_with("hrfs-opened")["hrfs-opened"]


def test_what_it_opens(m, child):
    """And nobody else; by descendants too, also when those in between have ended."""
    c, job = m.client(), child()
    (m.path / "run.sh").write_text("#!/bin/sh\nread x < dir/one\n")
    (m.path / "run.sh").chmod(0o755)
    job.do("import subprocess")
    begin(m, c, job)
    (m.path / "b").read_text()
    job.do(f"os.chdir('{m.path}'); open('a').read(); os.listdir('dir'); os.stat('b')")
    job.do("subprocess.run('(./run.sh & wait) & wait', shell=True, check=True)")
    assert close(m, c, job) == (["a", "dir/one", "run.sh"], ["run.sh"], ["dir"])
    job.do("os.chdir('/')")


def test_by_all_its_names(m, child):
    """By which of them it was opened the kernel does not say."""
    os.link(m.path / "a", m.path / "dir/link")
    c, job = m.client(), child()
    begin(m, c, job)
    job.do(f"open('{m.path}/dir/link').close(); open('{m.path}/new', 'w').close(); os.open('{m.path}/b', os.O_PATH)")
    assert close(m, c, job) == (["a", "dir/link", "new"], [], [])


def test_what_git_opens(m, child, test):
    git = test.dir / "git"
    git.symlink_to(sys.executable)
    c, job = m.client(), child()
    begin(m, c, job)
    job.do(f"import subprocess; subprocess.run(['{git}', '-c', \"open('{m.path}/a')\"], check=True)")
    assert close(m, c, job) == ([], [], [])


def test_later_it_is_told_as_it_comes(m, child):
    c, job = m.client(), child()
    begin(m, c, job)
    job.do(f"open('{m.path}/a').read()")
    assert close(m, c, job)[0] == ["a"]
    job.do(f"open('{m.path}/a').read(); open('{m.path}/b').read()")
    told = next_opened(c)
    assert told["pid"] == job.pid and told["opens_whole"] and lists(told) == (["b"], [], [])
    job.do(f"open('{m.path}/b').read(); os.listdir('{m.path}')")
    assert lists(next_opened(c)) == ([], [], [""])


def test_it_is_told_before_a_change_that_came_after(m, child):
    c, job = m.client(), child()
    c.call("subscribe", str(m.path), "changes", {"hrfs-batches": True, "fields": ["name"]})
    begin(m, c, job)
    close(m, c, job)

    def until_changed(name):
        """What was told to be opened up to the batch that has this name."""
        told = []
        while True:
            push = c.push()
            told += push.get("hrfs-opened", {}).get("opened", [])
            if any(change["name"] == name for change in push.get("hrfs-batch", {}).get("changes", [])):
                return told

    for name in (f"late{n}" for n in range(20)):
        (m.path / name).write_text("x")
        assert until_changed(name) == []
        job.do(f"open('{m.path}/{name}').read()")
        (m.path / name).write_text("other")
        assert until_changed(name) == [name]


def test_its_end(m, child):
    """With the job, and with the connection that has named it."""
    c, job = m.client(), child()
    begin(m, c, job)
    c.call("hrfs-job-remove", str(m.path), {"job": "x/run", "pid": job.pid})
    assert "error" in c.ask("hrfs-job-names", str(m.path), {"pid": job.pid, "close": True})
    begin(m, c, job)
    c.close()
    other = m.client()
    wait_until(lambda: "error" in other.ask("hrfs-job-names", str(m.path), {"pid": job.pid}))


def test_where_opens_are_not_answered(mount, child):
    m, job = mount(), child()
    answer = m.ask("hrfs-job-add", {"job": "x/run", "pid": job.pid, "window": True, "opens": True})
    assert answer["window"] and not answer["opens"] and not m.status()["answers_opens"]


def test_pages_and_listings_are_kept(m):
    """An open is one question and one notice, and nothing else is asked again for its sake."""
    (m.path / "a").read_text()
    os.listdir(m.path / "dir")

    def requests_by(call):
        before = m.status()["requests"]
        call()
        return m.status()["requests"] - before

    assert m.status()["answers_opens"]
    # the end of the one before may come late
    wait_until(lambda: requests_by(lambda: os.close(os.open(m.path / "a", os.O_RDONLY))) == 2)
    wait_until(lambda: requests_by((m.path / "a").read_text) <= 3)  # its time of access
    wait_until(lambda: requests_by(lambda: os.listdir(m.path / "dir")) <= 3)


def test_a_file_that_is_open_when_the_worker_dies(m):
    """Its end is told to the next one."""
    with open(m.path / "a", "r+") as f:
        os.kill(m.worker_pid(), 9)
        f.write("y")
    assert (m.path / "a").read_text() == "y"


def test_real_programs(m):
    """Mapped, executed, truncated and removed while it is open."""
    program = m.path / "true"
    shutil.copy(shutil.which("true"), program)
    subprocess.run([program], check=True)
    with open(program, "rb") as f:
        program.unlink()
        assert f.read(4) == b"\x7fELF"
    with open(m.path / "a", "w"):
        pass
    assert (m.path / "a").stat().st_size == 0
