"""hrfs-job's mark on its own copy of the mount: what it tells, and what somebody hostile gets of it."""

import array
import json
import os
import re
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from tests.lib import build
from tests.lib.running import identity

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a capability can be given to a file by root alone")


class Job:
    """hrfs-job, started by hand: say() and hear() are its control socket."""

    def __init__(self, program, user, witness, *command):
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(20)
        option = ["--witness", witness] if witness is not None else []
        self.process = subprocess.Popen(
            [program, "--control", str(theirs.fileno()), *option, "--", *command],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            **identity(user),
        )
        theirs.close()
        self.group = self.namespace = None

    def hear(self):
        text, rights, _, _ = self.control.recvmsg(4096, socket.CMSG_SPACE(8))
        for _, _, data in rights:
            fds = array.array("i")
            fds.frombytes(data)
            self.group, self.namespace = fds
        return text.decode()

    def until(self, word):
        while not (text := self.hear()).startswith(word):
            assert text, f"{word} never came"
        return text

    def marked(self):
        """What kind of mounts is marked, and whose: by the namespace that hrfs-job is in."""
        info = Path(f"/proc/self/fdinfo/{self.group}").read_text()
        ids = {int(i, 16) for i in re.findall(r"^fanotify mnt_id:([0-9a-f]+)", info, re.MULTILINE)}
        lines = Path(f"/proc/{self.process.pid}/mountinfo").read_text().splitlines()
        return [line for line in lines if int(line.split()[0]) in ids]

    def opened(self):
        """The paths of what it has opened and nobody has read yet; an event's descriptor opens what it tells of."""
        data, paths = os.read(self.group, 4096), []
        for at in range(0, len(data), 24):
            fd = int.from_bytes(data[at + 16 : at + 20], "little", signed=True)
            paths.append(os.readlink(f"/proc/self/fd/{fd}"))
            os.close(fd)
        return paths

    def end(self):
        self.control.close()
        for fd in (self.group, self.namespace):
            if fd is not None:
                os.close(fd)
        self.group = self.namespace = None
        self.process.stdout.close()
        self.process.wait(20)


@pytest.fixture
def job(capable, other):
    jobs = []

    def make(*words, user=other, program=capable):
        jobs.append(Job(program, user, *words))
        return jobs[-1]

    yield make
    for j in jobs:
        j.end()


@pytest.fixture
def theirs(mount, other, test):
    """A mount of an ordinary user, closed to everybody else."""
    if not os.stat("/dev/fuse").st_mode & 0o002:
        pytest.skip("/dev/fuse is not for ordinary users here (chmod 666 /dev/fuse)")
    return mount(user=other)


def test_a_users_own_mount(job, theirs):
    j = job(theirs.path, "true")
    assert j.hear() == "witness"
    (marked,) = j.marked()
    assert " fuse.hrfs " in marked and str(theirs.path) in marked


def test_no_capability_is_left(job, theirs):
    for witness in (theirs.path, None, "/"):
        j = job(witness, "grep", "-E", "^Cap(Inh|Prm|Eff|Amb)", "/proc/self/status")
        j.control.send(b"g")
        j.until("exited 0")
        j.until("empty")
        text = j.process.stdout.read().decode()
        assert len(re.findall(r":\s*0000000000000000$", text, re.MULTILINE)) == 4, text
        status = Path(f"/proc/{j.process.pid}/status")
        if status.exists():
            assert re.search(r"^CapEff:\s*0+$", status.read_text(), re.MULTILINE)


def test_what_is_no_mount_of_theirs(job, mount, tree, test, other):
    """A root's mount open to all, the root, a file system of the machine, a link, nothing: no mark."""
    roots = mount(options="allow_other")
    link = test.dir / "link"
    link.symlink_to(roots.path)
    for place in (roots.path, "/", "/proc", link, test.dir, "/nowhere"):
        j = job(place, "true")
        assert j.hear().startswith("unwitnessed "), place
        assert j.group is None


@pytest.fixture
def enter(test):
    """enter COMMAND...: in a root directory as chroot makes one; / has no mount of its own there that could be made private."""
    root, script = test.dir / "root", test.dir / "enter"
    root.mkdir()
    script.write_text(
        f"""#!/bin/sh
exec unshare --mount sh -ec '
for place in /*; do
    if [ -L "$place" ]; then cp -P "$place" {root}
    elif [ -d "$place" ]; then mkdir {root}$place && mount --rbind "$place" {root}$place
    fi
done
exec chroot {root} "$@"' sh "$@"
"""
    )
    script.chmod(0o755)
    return script


def test_in_a_root_directory_that_is_no_mount(job, mount, test, capable, enter):
    in_root = test.dir / "in-root"
    in_root.write_text(f'#!/bin/sh\nexec {enter} {capable} "$@"\n')
    in_root.chmod(0o755)
    m = mount()
    j = job(m.path, "true", user=None, program=in_root)
    assert j.hear() == "witness"
    (marked,) = j.marked()
    assert " fuse.hrfs " in marked and str(m.path) in marked


def test_what_is_read_in_such_a_root(test, tree, enter):
    """Of another mount namespace the kernel tells the path from outside the root."""
    (tree.src / "one").write_text("1")
    argv = [enter, build.HRFS, "trace", "--source", tree.src, "--json", "-o", test.dir / "report", "--", "cat", "one"]
    done = subprocess.run(argv, cwd=test.dir, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("1", 0), done.stderr
    report = json.loads((test.dir / "report").read_text())
    assert report["witness"] == "mark" and report["whole"]
    assert {"path": "one", "how": ["read", "seen"]} in report["paths"]


def test_a_path_that_changes_meanwhile(job, theirs, test, other, capable):
    """Somebody swaps directories and links under hrfs-job's eyes: whatever it marks is that user's mount."""
    place, aside = test.dir / "swap" / "place", test.dir / "swap" / "aside"
    place.parent.mkdir()
    os.chown(place.parent, other.uid, other.gid)
    place.symlink_to(theirs.path)
    aside.symlink_to("/")
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            for a, b in ((place, "x"), (aside, place), (place.parent / "x", aside)):
                os.rename(a, place.parent / b)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(30):
            j = job(str(place) + "/.", "true")
            if j.hear() == "witness":
                (marked,) = j.marked()
                assert f"user_id={other.uid}," in marked
            j.end()
    finally:
        stop.set()
        thread.join()


def test_the_whole_way_as_a_user(capable, hrfs, tree, other, test):
    """hrfs trace by an ordinary user with such an installation: the mark, and an environment without holes."""
    (tree.src / "one").write_text("1")
    run, home = test.dir / "run-other", test.dir / "home-other"
    for directory in (run, home, tree.src):
        directory.mkdir(exist_ok=True)
        os.chown(directory, other.uid, other.gid)
    run.chmod(0o700)
    env = {"HRFS_LIBEXECDIR": str(capable.parent), "XDG_RUNTIME_DIR": str(run), "HOME": str(home)}
    env.update({"LD_LIBRARY_PATH": "/a/b", "TMPDIR": str(home)})
    done = hrfs(
        *["trace", "--source", tree.src, "--json", "-o", home / "report", "--"],
        *["sh", "-c", "cat one; echo $LD_LIBRARY_PATH $TMPDIR; env | grep HRFS_KEEP"],
        status=1,
        cwd=test.dir,
        user=other,
        env=env,
    )
    assert done.stdout == f"1/a/b {home}\n"
    report = json.loads((home / "report").read_text())
    assert report["witness"] == "mark" and report["whole"]
    assert {"path": "one", "how": ["read", "seen"]} in report["paths"]


def test_others_are_not_told_of(job, theirs, other):
    from tests.lib import users

    users.run_as(other, lambda: [(theirs.path / n).write_text("x") for n in ("mine", "alien")] and None)
    j = job(theirs.path, "sh", "-c", f"cat {theirs.path}/mine; read x")
    assert j.hear() == "witness"
    users.run_as(other, lambda: (theirs.path / "alien").read_text())
    j.control.send(b"g")
    j.until("exited")
    names = [os.path.basename(path) for path in j.opened()]
    assert "mine" in names and "alien" not in names


def test_paths_once_nothing_of_it_is_left(job, mount):
    """Whoever reads late is told where in the mount it was, though the job's own copy of it would be gone with the job."""
    m = mount()
    (m.path / "one").write_text("1")
    j = job(m.path, "cat", m.path / "one", user=None)
    assert j.hear() == "witness"
    j.control.send(b"g")
    j.until("empty")
    j.process.wait(20)
    (path,) = j.opened()
    assert path.endswith(str(m.path / "one"))  # in a chroot the kernel tells what is above it, too
