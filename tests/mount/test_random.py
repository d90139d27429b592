"""Random operations: the mount against a plain directory, and many processes at once in one tree.

HRFS_STRESS_SECONDS: how long (2 by default, ./dev test takes more). HRFS_SEED: the seed of a run that is to be repeated.
"""

import json
import os
import random
import stat
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "random_ops.py"
pytestmark = pytest.mark.stress
SECONDS = float(os.environ.get("HRFS_STRESS_SECONDS") or 2)
SEED = os.environ.get("HRFS_SEED") or str(random.randrange(1 << 32))


def start_one(n, *directories):
    argv = [sys.executable, PROGRAM, f"{SEED}-{n}", str(SECONDS), *map(str, directories)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def result(process):
    out, err = process.communicate()
    assert process.returncode == 0, err
    return json.loads(out)


def show(capsys, text):
    with capsys.disabled():
        print(f" [{text}]", end="", flush=True)


@pytest.mark.time_limit(int(SECONDS) + 300)
@pytest.mark.parametrize("options", ["", "sole_writer"])
def test_against_a_plain_directory(mount, tree, capsys, options):
    m = mount(options=options)
    plain = tree.dir / "plain"
    plain.mkdir()
    running = [start_one(n, m.path / f"p{n}", plain / f"p{n}") for n in range(2)]
    results = [result(p) for p in running]
    show(capsys, f"seed {SEED}, {sum(r['steps'] for r in results)} steps")
    assert [r["difference"] for r in results if r["difference"]] == []


@pytest.mark.time_limit(int(SECONDS) + 300)
@pytest.mark.parametrize("options", ["allow_other", "allow_other,sole_writer"])
def test_several_users(mount, tree, capsys, options):
    """Rights, owners, groups and mode bits as they come to be between four users."""
    if os.geteuid():
        pytest.skip("needs root, to become several users")
    if "without=" in os.environ.get("HRFS_TEST_OPTIONS", ""):
        pytest.skip("an old kernel leaves setgid where a stranger writes")
    m = mount(options=options)
    plain = tree.dir / "plain"
    plain.mkdir()
    found = result(start_one("users", m.path / "p", plain / "p", "users"))
    show(capsys, f"seed {SEED}, {found['steps']} steps")
    assert found["difference"] is None


def picture(base):
    """The tree with its contents; by descriptors, since a crowd makes paths longer than PATH_MAX."""
    out = {}
    for directory, subdirs, files, fd in os.fwalk(base):
        for name in subdirs + files:
            st = os.stat(name, dir_fd=fd, follow_symlinks=False)
            entry = [st.st_mode, st.st_nlink]
            if stat.S_ISREG(st.st_mode):
                with open(os.open(name, os.O_RDONLY, dir_fd=fd), "rb") as f:
                    entry.append(f.read())
            out[os.path.join(directory, name)[len(str(base)) :]] = entry
    return out


def make_readable(base):
    for _, subdirs, files, fd in os.fwalk(base):
        for name in subdirs + files:
            mode = os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode
            if not stat.S_ISLNK(mode):
                os.chmod(name, 0o755 if stat.S_ISDIR(mode) else 0o644, dir_fd=fd)


@pytest.mark.time_limit(int(SECONDS) + 120)
def test_a_crowd(mount, capsys):
    """No wrong errno, no hang, and afterwards the mount and its source show the same tree."""
    m = mount()
    (m.path / "crowd").mkdir()
    running = [start_one(n, m.path / "crowd") for n in range(6)]
    results = [result(p) for p in running]
    show(capsys, f"seed {SEED}, {sum(r['steps'] for r in results)} steps")
    assert [r["difference"] for r in results if r["difference"]] == []
    make_readable(m.path / "crowd")
    assert picture(m.path / "crowd") == picture(m.src / "crowd")
