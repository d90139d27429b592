"""Which names a job asks for, told by the mount (hrfs-job-add with a window, hrfs-job-names)."""

import os
import random
import sys
import threading

import pytest


@pytest.fixture
def m(tree, mount, request):
    for name in ("a", "b", "dir/one", "dir/two"):
        file = tree.src / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("x")
    return mount(options=getattr(request, "param", ""))


def opened(m, c, child, name="x/run", known=0):
    options = {"job": name, "pid": child.pid, "window": True, "known": known}
    assert c.call("hrfs-job-add", str(m.path), options)["window"] is True


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


@pytest.mark.parametrize("m", ["", "sole_writer", "without=long_cache"], indirect=True)
def test_what_dead_workers_have_answered(m, child):
    """Names that are there and such that are not, and listings: their successor knows which the kernel may believe."""
    job = child()
    absent = ["no", "dir/no", "x" * 255, *(f"dir/no{i}" for i in range(300))]
    for part in absent[:150], absent[150:]:
        for name in ["a", "dir/one", *part]:
            os.path.exists(m.path / name)
        os.listdir(m.path)
        os.listdir(m.path / "dir")
        os.kill(m.worker_pid(), 9)
        os.stat(m.path / "b")
    c = m.client()
    opened(m, c, job)
    job.do(f"[os.path.exists(os.path.join('{m.path}', n)) for n in {['a', 'dir/one', *absent]}]")
    job.do(f"os.listdir('{m.path}'), os.listdir('{m.path}/dir')")
    answer = names(m, c, job)
    assert answer["whole"] is True
    assert set(answer["found"]) == {"a", "dir", "dir/one"} and set(answer["absent"]) == set(absent)
    assert set(answer["listed"]) == {"", "dir"}


# ---- what is known from windows before ----


def requests(m):
    return m.status()["requests"]


def asks(job, m, *names):
    job.do("; ".join(f"os.path.exists('{m.path}/{name}')" for name in names))


@pytest.mark.parametrize("m", ["sole_writer"], indirect=True)
def test_what_is_known_is_not_asked_for_again(m, child):
    """Of the second window it is told what is new; the kernel keeps the rest, for the job and for everybody else."""
    c, job = m.client(), child()
    for i in range(100):
        (m.path / f"other{i}").mkdir()
        (m.path / f"other{i}/x").touch()
    opened(m, c, job)
    asks(job, m, "a", "no", "dir/one")
    first = names(m, c, job)
    others = [m.path / f"other{i}/x" for i in range(100)]
    for path in [m.path / "b", m.path / "dir/two", m.path / "dir/no", *others]:
        path.exists()
    opened(m, c, job, known=first["known"])
    before = requests(m)
    asks(job, m, "a", "no", "dir/one")
    assert requests(m) <= before + 2  # the attributes of the two directories, in which other names are doubtful
    before = requests(m)
    asks(job, m, "a", "no", "dir/one")
    assert requests(m) == before
    asks(job, m, "b", "dir/two", "dir/no")
    assert requests(m) == before + 3
    for path in others:  # a directory that it looks into has their names; what is in them stays
        path.exists()
    assert requests(m) <= before + 3 + 100
    second = names(m, c, job)
    assert set(second["found"]) == {"b", "dir/two"} and second["absent"] == ["dir/no"]
    # not the last token: all of it anew
    opened(m, c, job, known=first["known"])
    asks(job, m, "a", "no")
    third = names(m, c, job)
    assert third["found"] == ["a"] and third["absent"] == ["no"]


@pytest.mark.parametrize("m", ["sole_writer"], indirect=True)
def test_a_directory_that_it_has_not_been_in(m, child):
    """What the kernel knows in it is not asked for: all of that counts."""
    c, job = m.client(), child()
    deep = m.path / "far/away"
    deep.mkdir(parents=True)
    (deep / "file").touch()
    (m.path / "far/list").mkdir()
    opened(m, c, job)
    asks(job, m, "a")
    first = names(m, c, job)
    assert (deep / "file").exists() and not (deep / "no").exists() and os.listdir(m.path / "far/list") == []
    opened(m, c, job, known=first["known"])
    asks(job, m, "far/away/file", "far/away/no")
    answer = names(m, c, job)
    assert set(answer["found"]) == {"far", "far/away", "far/away/file", "far/list"}
    assert answer["absent"] == ["far/away/no"] and answer["listed"] == ["far/list"] and answer["whole"]


@pytest.mark.parametrize("m", ["sole_writer"], indirect=True)
def test_where_it_stands_already(m, child):
    """It has a directory that it has not been seen to ask for."""
    c, job = m.client(), child()
    job.do(f"os.chdir('{m.path}/dir')")
    opened(m, c, job)
    first = names(m, c, job)
    assert (m.path / "dir/one").exists() and (m.path / "dir/two").exists()
    opened(m, c, job, known=first["known"])
    job.do("os.path.exists('no'); os.path.exists('one')")
    answer = names(m, c, job)
    assert {"dir/one"} <= set(answer["found"]) and answer["absent"] == ["dir/no"]


@pytest.mark.parametrize("m", ["sole_writer"], indirect=True)
def test_what_it_has_made_is_asked_for_once_more(m, child):
    c, job = m.client(), child()
    opened(m, c, job)
    job.do(f"open('{m.path}/out', 'w').close()")
    token = names(m, c, job)["known"]
    for expected in (["out"], []):
        opened(m, c, job, known=token)
        asks(job, m, "out")
        answer = names(m, c, job)
        assert answer["found"] == expected
        token = answer["known"]


@pytest.mark.parametrize("m", ["sole_writer"], indirect=True)
def test_what_is_renamed_to_where_it_looks(m, child):
    c, job = m.client(), child()
    (m.path / "far").mkdir()
    (m.path / "far/file").touch()
    opened(m, c, job)
    asks(job, m, "a", "dir/one")
    token = names(m, c, job)["known"]
    assert (m.path / "far/file").exists()
    opened(m, c, job, known=token)
    (m.path / "far/file").rename(m.path / "dir/come")
    asks(job, m, "dir/come")
    assert names(m, c, job)["found"] == ["dir/come"]


@pytest.mark.parametrize("m", ["sole_writer", ""], indirect=True)
def test_nothing_is_missed(m, child):
    """Window after window, while others look everywhere, make and remove: all that it asks for has been told at some time."""
    seed = os.environ.get("HRFS_SEED", "1")
    chance = random.Random(seed)
    c, job = m.client(), child()
    folders = ["", *(f"d{i}" for i in range(4)), *(f"d{i}/e{j}" for i in range(4) for j in range(3))]
    for folder in folders[1:]:
        (m.path / folder).mkdir()
    paths = [os.path.join(folder, name) for folder in folders for name in ("p", "q", "r")]
    for path in chance.sample(paths, 30):
        (m.path / path).touch()
    stop = threading.Event()

    def others():
        mine = random.Random(seed + "others")
        while not stop.is_set():
            path = m.path / mine.choice(paths)
            what = mine.random()
            if what < 0.9:
                path.exists()
            elif what < 0.95:
                path.touch()
            else:
                path.unlink(missing_ok=True)

    thread = threading.Thread(target=others)
    thread.start()
    told, token = set(), 0
    try:
        for _ in range(60):
            opened(m, c, job, known=token)
            asked = chance.sample(paths, chance.randint(1, 8))
            asks(job, m, *asked)
            answer = names(m, c, job)
            token = answer["known"] if answer["whole"] else 0
            told |= set(answer["found"]) | set(answer["absent"])
            assert set(asked) <= told
    finally:
        stop.set()
        thread.join()
