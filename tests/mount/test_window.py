"""Which names a job asks for, told by the mount (hrfs-job-add with a window, hrfs-job-names)."""

import os
import subprocess
import sys
import threading

import pytest

# does what it is told by lines of Python, as a job of its own
CHILD = "import os, sys\nfor line in sys.stdin:\n    exec(line)\n    print('done', flush=True)\n"


class Child:
    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self.process.pid

    def do(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


@pytest.fixture
def child():
    made = []

    def make():
        made.append(Child())
        return made[-1]

    yield make
    for c in made:
        c.end()


@pytest.fixture
def m(tree, mount, request):
    for name in ("a", "b", "dir/one", "dir/two"):
        file = tree.src / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("x")
    return mount(options=getattr(request, "param", ""))


def opened(m, c, child, name="x/run"):
    assert c.call("hrfs-job-add", str(m.path), {"job": name, "pid": child.pid, "window": True})["window"] is True


def names(m, c, child, close=True):
    return c.call("hrfs-job-names", str(m.path), {"pid": child.pid, "close": close})


@pytest.mark.parametrize("m", ["", "sole_writer"], indirect=True)
def test_what_it_asks_for(m, child):
    """Also what the kernel has known before: for a second, or a day."""
    c, job = m.client(), child()
    for name in ("a", "b", "no", "dir/one", "dir/no"):
        os.path.exists(m.path / name)
    os.listdir(m.path / "dir")
    opened(m, c, job)
    job.do(f"os.path.exists('{m.path}/a'); os.path.exists('{m.path}/no'); os.path.exists('{m.path}/a')")
    job.do(f"os.listdir('{m.path}/dir'); open('{m.path}/dir/two').read(); os.path.exists('{m.path}/dir/no')")
    job.do(f"open('{m.path}/new', 'w').close(); os.mkdir('{m.path}/newdir'); os.rename('{m.path}/new', '{m.path}/newer')")
    answer = names(m, c, job)
    assert set(answer["found"]) >= {"a", "dir", "dir/two"}
    assert not {"b", "dir/one"} & set(answer["found"])
    assert set(answer["absent"]) == {"no", "dir/no", "new", "newdir", "newer"}
    assert answer["listed"] == ["dir"]
    assert set(answer["made"]) == {"new", "newdir", "newer"}
    assert (answer["whole"], answer["nested"], answer["git"]) == (True, False, [])
    assert "error" in c.ask("hrfs-job-names", str(m.path), {"pid": job.pid, "close": True})


def test_two_jobs_and_others(m, child):
    """Each is told of its own, though all of them ask for the same all the time."""
    c, one, two = m.client(), child(), child()
    stop = threading.Event()

    def others():
        while not stop.is_set():
            for name in ("a", "b", "no", "dir/one", "dir/two", "dir/no"):
                os.path.exists(m.path / name)

    thread = threading.Thread(target=others)
    thread.start()
    try:
        for _ in range(20):
            opened(m, c, one, "one/run")
            opened(m, c, two, "two/run")
            one.do(f"os.path.exists('{m.path}/a'); os.path.exists('{m.path}/no'); os.path.exists('{m.path}/dir/one')")
            two.do(f"os.path.exists('{m.path}/b'); os.path.exists('{m.path}/dir/no'); os.path.exists('{m.path}/dir/one')")
            first, second = names(m, c, one), names(m, c, two)
            assert set(first["found"]) == {"a", "dir", "dir/one"} and first["absent"] == ["no"]
            assert set(second["found"]) == {"b", "dir", "dir/one"} and second["absent"] == ["dir/no"]
    finally:
        stop.set()
        thread.join()


def test_processes_of_git(m, child, test):
    git = test.dir / "git"
    git.symlink_to(sys.executable)
    c, job = m.client(), child()
    opened(m, c, job)
    code = f"import os; print(os.getpid()); os.path.exists('{m.path}/a'); os.path.exists('{m.path}/no')"
    job.do(f"import subprocess; pid = subprocess.run(['{git}', '-c', \"\"\"{code}\"\"\"], capture_output=True).stdout")
    job.do(f"open('{test.dir}/pid', 'wb').write(pid) and None")
    answer = names(m, c, job)
    assert answer["git"] == [int((test.dir / "pid").read_text())]
    assert not answer["found"] and not answer["absent"]


def test_its_end(m, child):
    """A window ends with the job, and with the connection that has opened it."""
    c, job = m.client(), child()
    opened(m, c, job)
    c.call("hrfs-job-remove", str(m.path), {"job": "x/run", "pid": job.pid})
    assert "error" in c.ask("hrfs-job-names", str(m.path), {"pid": job.pid})
    opened(m, c, job)
    c.close()
    other = m.client()
    while "error" not in other.ask("hrfs-job-names", str(m.path), {"pid": job.pid}):
        pass


def test_a_worker_that_dies(m, child):
    """What the one before has answered is doubtful, and its windows are gone."""
    c, job = m.client(), child()
    opened(m, c, job)
    os.path.exists(m.path / "a")
    os.path.exists(m.path / "no")
    os.kill(m.worker_pid(), 9)
    os.stat(m.path / "b")
    again = m.client()
    assert "error" in again.ask("hrfs-job-names", str(m.path), {"pid": job.pid})
    opened(m, again, job)
    job.do(f"os.path.exists('{m.path}/a'); os.path.exists('{m.path}/no')")
    answer = names(m, again, job)
    assert answer["found"] == ["a"] and answer["absent"] == ["no"]
