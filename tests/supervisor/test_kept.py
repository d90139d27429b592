"""What jobs have read is kept from one run of hrfs to the next: the first save is as precise as any."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.lib import build
from tests.lib.wait import wait_until
from tests.supervisor.supervised import Web

pytestmark = pytest.mark.skipif(not build.job_may_mark(), reason="an ordinary user's hrfs-job has no capability in a build tree")

# a build that reads less when it is up to date, as those do that keep hashes of their own: only the stamp tells
BUILD = """
if [ -e out/made ] && [ "$(cat stamp)" = "$(cat out/stamp)" ]; then exit 0; fi
mkdir -p out
cat in/a in/list/* > out/made
cp stamp out/stamp
"""
SERVER = 'read text < out/made; read conf < conf; echo "serving $text $conf"; echo up; exec sleep 1000'
CONFIG = f"""
services:
  web:
    build: sh build.sh
    run: sh -c '{SERVER}'
    ready: log:^up
"""
FILES = {"build.sh": BUILD, "in/a": "a\n", "in/list/one": "1\n", "conf": "c\n", "stamp": "1\n", "README": "r", ".gitignore": "out\n"}


class Kept(Web):
    """One tree, and one supervisor after the other."""

    def __init__(self, supervised, test):
        super().__init__(supervised)
        self.store = test.dir / "state" / "hrfs" / "reads"

    def file(self):
        """None while there is none."""
        files = [f for f in self.store.iterdir() if "." not in f.name] if self.store.exists() else []
        assert len(files) < 2
        return files[0] if files else None

    def end(self, kill=False):
        """As its user would; what is to be kept is there then."""
        if kill:
            self.s.run.signal(signal.SIGKILL)
            self.s.run.wait()
        else:
            self.s.end()

    def again(self, *, env=None):
        """Once what was written meanwhile has settled: else it is seen to come, beside being found."""
        self.s.m.settle()
        self.s = type(self.s)(self.s.m, self.s.start, env=env)
        return self

    def first(self):
        """The newest start, and what it says had changed before it."""
        self.s.ready()
        start = self.s.reloads("web")[-1]
        assert start["decision"] == "start"
        return {c["name"] for c in start["cause"]}


@pytest.fixture
def web(supervise, test):
    made = []

    def make():
        made.append(Kept(supervise(CONFIG, files=FILES).ready(), test))
        return made[-1]

    yield make
    for w in made:
        w.s.end()


def test_the_first_save_after_a_restart(web):
    w = web()
    w.end()
    w.again()
    assert w.first() == set()
    # this build has read nothing but the stamp
    assert w.write("README", "other") == "nothing"
    assert w.write("in/a", "b\n") == ("build", True)
    assert w.write("conf", "d\n") == ("restart", False)
    assert w.write("in/list/two", "2\n") == ("build", True)


def test_what_has_changed_meanwhile(web):
    w = web()
    w.end()
    (w.path / "in/a").write_text("b\n")
    (w.path / "in/list/two").write_text("2\n")
    (w.path / "conf").write_text("c\n")  # the same again
    (w.path / "README").write_text("other")
    w.again()
    assert w.first() == {"in/a", "in/list"}
    text = w.s.ask("hrfs-why", {"number": 1})["text"]
    assert "first start; this has changed since it was last seen:\n  in/a: changed\n" in text
    assert "  in/list: its names changed\n" in text
    assert "counts for web" in w.s.why("in/a")
    w.end()
    (w.path / "out/made").unlink()
    w.again()
    assert w.first() == {"out/made"}
    assert (w.path / "out/made").read_text() == "b\n1\n2\n"


def test_killed_before_it_has_ended(web):
    """It is kept soon after it is known, and not only at a good end."""
    w = web()
    wait_until(w.file)
    w.end(kill=True)
    w.again()
    w.first()
    assert w.write("README", "other") == "nothing"
    assert w.write("in/a", "b\n") == ("build", True)


@pytest.mark.any_user
def test_another_command_has_read_nothing(web):
    w = web()
    w.end()
    (w.path / "hrfs.yaml").write_text(CONFIG.replace("sh build.sh", "sh ./build.sh"))
    (w.path / "in/a").write_text("b\n")
    w.again()
    assert w.first() == set()
    assert w.write("README", "other") == "nothing"
    assert w.write("in/a", "c\n") == "nothing"  # so little this one has read


@pytest.mark.any_user
@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (lambda f: f.write_bytes(f.read_bytes()[:-1]), "is damaged"),
        (lambda f: f.write_bytes(f.read_bytes()[:-1] + b"x"), "is damaged"),
        (lambda f: f.write_bytes(b""), "is damaged"),
        (lambda f: f.write_bytes(f.read_bytes()[:8] + b"\xff" + f.read_bytes()[9:]), "is of another version"),
        (lambda f: os.chown(f, 12345, 12345), "is not this user's alone"),
        (lambda f: (f.rename(f.parent / "x"), f.symlink_to("x")), "is not this user's alone"),
        (lambda f: f.parent.chmod(0o777), "is not this user's alone"),
    ],
    ids=["cut", "byte", "empty", "version", "owner", "link", "directory"],
)
def test_what_cannot_be_trusted(web, harm, why):
    w = web()
    w.end()
    try:
        harm(w.file())
    except PermissionError:
        pytest.skip("an ordinary user can give a file to nobody")
    w.again()
    w.first()
    assert why in w.s.run.output()
    assert w.write("README", "other") == "nothing"  # by what has been read now
    w.end()
    if why != "is not this user's alone":
        w.again()
        w.first()
        assert why not in w.s.run.output()


@pytest.mark.any_user
def test_nowhere_to_keep_it(web):
    w = web()
    w.end()
    shutil.rmtree(w.store)
    w.store.write_text("in the way")
    w.again()
    w.s.run.wait_for("cannot be kept for the next start: Not a directory")
    assert w.write("conf", "d\n") == ("restart", False)
    assert w.s.run.output().count("cannot be kept") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user can mount no disk")
def test_a_full_disk(web, test):
    w = web()
    w.end()
    before = w.file().read_bytes()
    disk = test.dir / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], check=True)
    try:
        store = disk / "hrfs" / "reads"
        store.mkdir(parents=True, mode=0o700)
        (store / w.file().name).write_bytes(before)
        with open(disk / "fill", "wb", buffering=0) as f, pytest.raises(OSError):
            while f.write(b"x" * 4096):
                pass
        w.again(env={"XDG_STATE_HOME": str(disk)})
        w.s.run.wait_for("cannot be kept for the next start: No space left on device")
        assert w.write("README", "other") == "nothing"
        assert w.write("in/a", "b\n") == ("build", True)  # the old one is there as it was
        w.end()
        assert [f.name for f in store.iterdir()] == [w.file().name]
        assert (store / w.file().name).read_bytes() == before
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.any_user
@pytest.mark.parametrize("call", ["write", "fsync", "renameat"])
def test_killed_while_it_is_written(web, call):
    """The one before is whole, or the new one is; never neither."""
    if not shutil.which("strace"):
        pytest.skip("strace is not here")
    w = web()
    w.end()
    w.again()
    w.first()
    wait_until(w.file)
    aside = f"{w.file()}.{w.s.run.pid}"
    options = ["-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL"]
    options += [] if call == "renameat" else ["-P", aside]
    threads = os.listdir(f"/proc/{w.s.run.pid}/task")  # and not what it starts
    strace = w.s.start("strace", *options, *(f"-p{tid}" for tid in threads))
    for tid in threads:
        wait_until(lambda: "TracerPid:\t0" not in Path(f"/proc/{tid}/status").read_text())
    (w.path / "in/a").write_text("b\n")
    w.s.run.wait()
    strace.wait()
    assert w.s.run.process.returncode == -signal.SIGKILL
    w.again()
    w.first()
    assert "damaged" not in w.s.run.output()
    assert w.write("README", "other") == "nothing"
    assert w.write("in/a", "c\n") == ("build", True)
