"""The same programs on the mount and on a plain directory: every answer is compared."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lib.running import identity

OLD_KERNEL = "without=" in os.environ.get("HRFS_TEST_OPTIONS", "")  # every test runs as on one

OPLIST = Path(__file__).parent / "oplist.py"

# Answers that differ: case -> (what the mount answers, why). An empty table is the aim; docs/differences.md explains.
KNOWN = {
    "direct_but_not_aligned": (100, "the kernel's FUSE checks no alignment"),
    "ranges_taken_out_and_put_in": (["ENOTSUP", "ENOTSUP", "ENOTSUP"], "the kernel's FUSE refuses these modes of fallocate"),
    "chown_that_changes_nothing": ("0o106755", "the kernel's FUSE asks for nothing"),
    "clones": ("ENOTSUP", "the kernel's FUSE has no reflinks"),
    "extents": ("ENOTSUP", "the kernel's FUSE has no FIEMAP"),
    "immutable_while_open": (["EPERM", "EPERM", "content", 1, "X"], "as on ext4: the daemon's own descriptor is let go of"),
    "opened_for_writing_in_vain": ([True, None, None, None, None], "the kernel asks nobody whether a file may be opened"),
    "type_of_the_file_system": ([0x65735546, False], "the kernel's FUSE answers for every file system"),
    "most_links": (127, "what the C library says of any type that it does not know"),
    "access_times_of_what_is_in_memory": ([False, False, True], "the kernel reads from its memory without asking"),
    "flags_in_statx": ([0, 0], "the kernel's FUSE passes no attributes on"),
}


def answers(directory, user=None):
    done = subprocess.run([sys.executable, OPLIST, directory], capture_output=True, text=True, timeout=100, **identity(user))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def everybody(options=""):
    """The cases that root does as several users need a mount that they may enter."""
    return ",".join(filter(None, (options, "" if os.geteuid() else "allow_other")))


def differences(plain, mounted):
    out = []
    for name, expected in plain.items():
        assert "Traceback" not in str(expected), f"{name} fails on the plain directory:\n{expected}"
        got = mounted[name]
        if got == expected or KNOWN.get(name, [None])[0] == got or (OLD_KERNEL and name in LACKING):
            continue
        pairs = list(enumerate(zip(expected, got))) if isinstance(expected, list) and isinstance(got, list) else [(0, (expected, got))]
        out += [f"{name}[{i}]: plain {a!r}, mount {b!r}" for i, (a, b) in pairs if a != b] or [f"{name}: plain {expected!r}, mount {got!r}"]
    return "\n".join(out)


@pytest.mark.time_limit(200)
@pytest.mark.parametrize("options", ["", "sole_writer", "threads=1", "answer_opens"])
def test_same_answers(mount, tree, options):
    plain = tree.dir / "plain"
    plain.mkdir()
    m = mount(options=everybody(options))
    assert not differences(answers(plain), answers(m.path))


# What an older kernel cannot do is answered as a file system without it answers it.
LACKING = {
    "tmpfile": "no O_TMPFILE",
    "tmpfile_more": "ENOTSUP",
    "birth_time": None,
    "acls": None,
    "setgid_is_for_members": None,
}


@pytest.mark.time_limit(200)
def test_same_answers_on_an_old_kernel(mount, tree):
    """Every kernel feature switched off."""
    plain = tree.dir / "plain"
    plain.mkdir()
    m = mount(options=everybody("without=all"))
    expected, got = answers(plain), answers(m.path)
    assert {name: got.pop(name) for name in ("tmpfile", "tmpfile_more")} == {name: LACKING[name] for name in ("tmpfile", "tmpfile_more")}
    assert not differences({name: value for name, value in expected.items() if name not in LACKING}, got)


@pytest.mark.time_limit(200)
def test_same_answers_for_another_user(mount, tree, other):
    """A mount by root, used by somebody else: what is made belongs to the caller, what may not be done is refused."""
    plain, mine = tree.dir / "plain", tree.src / "mine"
    for d in (plain, mine):
        d.mkdir()
        os.chown(d, other.uid, other.gid)
    m = mount(options="allow_other")
    assert not differences(answers(plain, other), answers(m.path / "mine", other))


@pytest.mark.time_limit(200)
def test_same_answers_in_place(mount, tree):
    """Mounted over its own source."""
    plain = tree.dir / "plain"
    plain.mkdir()
    m = mount(tree.src, tree.src, everybody())
    assert not differences(answers(plain), answers(m.path))


def test_mount_and_source_are_one_tree(mount, tree):
    """What was made through the mount is there without it, and the other way round."""
    m = mount()
    (m.path / "a").mkdir()
    (m.path / "a" / "f").write_text("through the mount")
    assert (tree.src / "a" / "f").read_text() == "through the mount"
    assert (m.path / "a" / "f").stat().st_ino == (tree.src / "a" / "f").stat().st_ino
    m.umount()
    assert (tree.src / "a" / "f").read_text() == "through the mount"
