"""What is a change, and what is none: states before and after, by content."""

import ctypes
import mmap
import os
import shutil
import stat
import subprocess

import pytest

from tests.mount.observe_batches import Batches, Tool, change, deep_directory, grow_old, names, real, save, told, tool, whys


@pytest.fixture
def m(mount, tree):
    (tree.src / "f").write_text("one\ntwo\n")
    (tree.src / "g").write_text("other\n")
    (tree.src / "d" / "sub").mkdir(parents=True)
    (tree.src / "d" / "x").write_text("x\n")
    (tree.src / "d" / "sub" / "y").write_text("y\n")
    os.symlink("target", tree.src / "d" / "link")
    grow_old()
    return mount()


def only(batches):
    """The one change that is told."""
    (found,) = [c for b in batches for c in b["changes"] if c["reason"] == "changed"]
    return found


# ---- no change ----


def test_same_bytes(m):
    clock = m.clock()
    save(m.path / "f", "one\ntwo\n")
    assert whys(told(m, clock)) == {"f": "same-content"}
    assert m.since(clock) == []


def test_same_bytes_by_replacement(m):
    clock = m.clock()
    tool("import os; open('n', 'w').write('one\\ntwo\\n'); os.rename('n', 'f')", cwd=m.path)
    assert whys(told(m, clock)) == {"f": "same-content", "n": "reverted"}


def test_same_bytes_removed_and_made_again(m):
    clock = m.clock()
    tool("import os,sys; os.unlink(sys.argv[1]); open(sys.argv[1],'w').write('one\\ntwo\\n')", m.path / "f")
    assert whys(told(m, clock)).keys() == {"f"}


def test_touch(m):
    clock = m.clock()
    os.utime(m.path / "f")
    assert whys(told(m, clock)) == {"f": "only-times"}
    assert m.since(clock) == []


def test_chmod_to_the_same_mode(m):
    clock = m.clock()
    os.chmod(m.path / "f", stat.S_IMODE(os.stat(m.path / "f").st_mode))
    assert whys(told(m, clock)) == {"f": "only-times"}


def test_chmod_of_reading_rights(m):
    clock = m.clock()
    os.chmod(m.path / "f", 0o600)
    assert whys(told(m, clock)) == {"f": "only-times"}


def test_xattr(m):
    clock = m.clock()
    os.setxattr(m.path / "f", "user.a", b"1")
    assert whys(told(m, clock)) == {"f": "only-times"}


def test_written_and_put_back(m):
    clock = m.clock()
    tool("import sys; p=sys.argv[1]; open(p,'w').write('no'); open(p,'w').write('one\\ntwo\\n')", m.path / "f")
    assert whys(told(m, clock)) == {"f": "reverted"}


def test_made_and_removed(m):
    clock = m.clock()
    tool("import os,sys; p=sys.argv[1]; open(p,'w').write('x'); os.unlink(p)", m.path / "new")
    assert whys(told(m, clock)) == {"new": "reverted"}


def test_moved_there_and_back(m):
    clock = m.clock()
    tool("import os; os.rename('f', 'h'); os.rename('h', 'f')", cwd=m.path)
    assert whys(told(m, clock)).keys() == {"f", "h"}
    tool("import os; os.rename('d', 'e'); os.rename('e', 'd')", cwd=m.path)
    assert [real(b) for b in told(m, clock)] == [[], []]


def test_failed_requests(m):
    clock = m.clock()
    with pytest.raises(FileExistsError):
        os.mkdir(m.path / "d")
    with pytest.raises(OSError):
        os.rmdir(m.path / "d")
    with pytest.raises(OSError):
        os.rename(m.path / "d", m.path / "d" / "sub" / "in")
    assert [real(b) for b in told(m, clock)] in ([], [[]])
    assert m.since(clock) == []
    assert m.status()["journal"]["marks"] == 0


def test_a_file_without_a_name(m):
    with open(m.path / "f", "r+") as f:
        os.unlink(m.path / "f")
        m.settle()
        clock = m.clock()
        f.write("nobody sees it")
        f.flush()
        os.fsync(f.fileno())
        assert told(m, clock) == []


# ---- what the state was before, whatever happens in between ----

KEPT = {
    "append, then overwrite, then put back": """
f = os.open('f', os.O_RDWR)
os.pwrite(f, b'more', 8); os.pwrite(f, b'X', 0); os.pwrite(f, b'o', 0); os.ftruncate(f, 8)""",
    "append, then truncate": "open('f', 'a').write('more'); os.truncate('f', 8)",
    "append, then truncate below and write again": "open('f', 'a').write('x'); os.truncate('f', 3); open('f', 'a').write('\\ntwo\\n')",
    "chmod, then append, then truncate": "os.chmod('f', 0o600); open('f', 'a').write('x'); os.truncate('f', 8)",
    "chmod, then write anew": "os.chmod('f', 0o600); open('f', 'w').write('?'); open('f', 'w').write('one\\ntwo\\n')",
    "chmod, then replace": "os.chmod('f', 0o600); open('n', 'w').write('one\\ntwo\\n'); os.rename('n', 'f')",
    "append, then replace": "open('f', 'a').write('x'); open('n', 'w').write('one\\ntwo\\n'); os.rename('n', 'f')",
    "append, then remove and make again": "open('f', 'a').write('x'); os.unlink('f'); open('f', 'w').write('one\\ntwo\\n')",
    "append, then move away, then make again": "open('f', 'a').write('x'); os.rename('f', 'h'); open('f', 'w').write('one\\ntwo\\n')",
    "move away, then write there, then make again": """
os.rename('f', 'h'); open('h', 'w').write('all else'); open('f', 'w').write('one\\ntwo\\n')""",
    "remove, then write through an old descriptor": """
f = os.open('f', os.O_RDWR); os.unlink('f'); os.pwrite(f, b'XXXX', 0); open('f', 'w').write('one\\ntwo\\n')""",
    "move away, append, move back, truncate": """
os.rename('f', 'h'); open('h', 'a').write('x'); os.rename('h', 'f'); os.truncate('f', 8)""",
    "touch, then write anew": "os.utime('f'); open('f', 'w').write('?'); open('f', 'w').write('one\\ntwo\\n')",
    "copy into it and back": """
a = os.open('g', os.O_RDONLY); b = os.open('f', os.O_RDWR); os.copy_file_range(a, b, 3, 0, 0)
os.pwrite(b, b'one', 0)""",
    "allocate and cut": "f = os.open('f', os.O_RDWR); os.posix_fallocate(f, 0, 100); os.ftruncate(f, 8)",
}


@pytest.mark.parametrize("case", KEPT, ids=str)
@pytest.mark.parametrize("known", [False, True], ids=["unknown before", "known before"])
def test_the_state_before_is_kept(m, case, known):
    if known:
        save(m.path / "f", "one\ntwo\n")
        m.settle()
    clock = m.clock()
    tool("import os\n" + KEPT[case], cwd=m.path)
    (batch,) = told(m, clock)
    assert "f" in names(batch)
    assert "f" not in real(batch), batch


@pytest.mark.parametrize("case", KEPT, ids=str)
def test_the_state_before_is_kept_and_differs(m, case):
    """The same, with one byte more at the end: it cannot pass by calling everything equal."""
    clock = m.clock()
    tool("import os\n" + KEPT[case] + "\nopen('f', 'ab').write(b'!')", cwd=m.path)
    (batch,) = told(m, clock)
    assert "f" in real(batch)


def test_append_below_a_directory_that_moves(m):
    clock = m.clock()
    tool(
        """
import os
open('d/x', 'a').write('more'); os.chmod('d/sub/y', 0o600)
os.rename('d', 'e')
os.mkdir('d'); os.mkdir('d/sub'); open('d/x', 'w').write('x\\n'); open('d/sub/y', 'w').write('y\\n')
os.symlink('target', 'd/link')""",
        cwd=m.path,
    )
    (batch,) = told(m, clock)
    assert real(batch) == ["e", "e/link", "e/sub", "e/sub/y", "e/x"]


# ---- changes ----


def test_new_content(m):
    clock = m.clock()
    save(m.path / "f", "three\n")
    c = only(told(m, clock))
    assert (c["name"], c["open"], c["writer"]["appended"]) == ("f", False, False)
    assert c["before"]["hash"] and c["after"]["hash"] and c["before"]["hash"] != c["after"]["hash"]
    assert m.since(clock) == ["f"]


def test_states_are_of_the_content_alone(m):
    clock = m.clock()
    save(m.path / "g", "one\ntwo\n")
    first = only(told(m, clock))
    clock = m.clock()
    save(m.path / "f", "new")
    assert only(told(m, clock))["before"] == first["after"]


def test_chmod_x(m):
    clock = m.clock()
    os.chmod(m.path / "f", 0o755)
    c = only(told(m, clock))
    assert (c["name"], c["before"]["exec"], c["after"]["exec"]) == ("f", 0, 7)
    assert c["before"]["hash"] == c["after"]["hash"]


def test_removed(m):
    clock = m.clock()
    os.unlink(m.path / "f")
    c = only(told(m, clock))
    assert (c["name"], c["before"]["kind"], c["after"]["kind"]) == ("f", "file", "absent")


def test_symlink_with_another_target(m):
    clock = m.clock()
    os.symlink("elsewhere", m.path / "d" / "l2")
    os.rename(m.path / "d" / "l2", m.path / "d" / "link")
    m.settle()
    assert m.since(clock) == ["d/link"]
    c = [c for b in m.history(clock) for c in b["changes"] if c["name"] == "d/link"][-1]
    assert c["before"]["kind"] == c["after"]["kind"] == "symlink"
    assert c["before"]["hash"] != c["after"]["hash"]


def test_directory_with_a_file(m):
    clock = m.clock()
    subprocess.run(["sh", "-c", "mkdir -p a/b/c && echo 1 > a/b/c/file"], cwd=m.path, check=True)
    (batch,) = told(m, clock)
    assert real(batch) == ["a", "a/b", "a/b/c", "a/b/c/file"]


def test_a_directory_moves(m):
    clock = m.clock()
    os.rename(m.path / "d", m.path / "e")
    (batch,) = told(m, clock)
    assert real(batch) == sorted(f"{top}{rest}" for top in "de" for rest in ["", "/link", "/sub", "/sub/y", "/x"])
    assert change(batch, "d/sub/y")["after"]["kind"] == "absent"
    assert change(batch, "e/sub/y")["before"]["kind"] == "absent"
    assert change(batch, "e/sub/y")["after"]["hash"]
    assert m.since(clock) == real(batch)


def test_a_directory_moves_twice(m):
    clock = m.clock()
    tool("import os; os.rename('d', 'e'); os.rename('e', 'h')", cwd=m.path)
    (batch,) = told(m, clock)
    assert real(batch) == sorted(f"{top}{rest}" for top in "dh" for rest in ["", "/link", "/sub", "/sub/y", "/x"])


def test_a_directory_moves_and_its_content_changes(m):
    clock = m.clock()
    tool(
        """
import os
os.rename('d', 'e')
os.unlink('e/x'); os.utime('e/sub/y'); open('e/new', 'w').write('new')""",
        cwd=m.path,
    )
    (batch,) = told(m, clock)
    assert real(batch) == ["d", "d/link", "d/sub", "d/sub/y", "d/x", "e", "e/link", "e/new", "e/sub", "e/sub/y"]


def test_a_directory_is_seen_moved_at_once(m):
    clock = m.clock()
    os.rename(m.path / "d", m.path / "e")
    assert "e/sub/y" in m.since(clock)
    assert "d/sub/y" in m.since(clock)


def test_directories_are_exchanged(m):
    (m.path / "e").mkdir()
    save(m.path / "e" / "x", "another\n")
    save(m.path / "e" / "z", "z\n")
    m.settle()
    clock = m.clock()
    exchange(m.path / "d", m.path / "e")
    (batch,) = told(m, clock)
    assert {"d/x", "d/z", "d/sub", "d/sub/y", "d/link", "e/x", "e/z", "e/sub", "e/sub/y", "e/link"} <= set(real(batch))


def test_files_are_exchanged(m):
    clock = m.clock()
    exchange(m.path / "f", m.path / "g")
    (batch,) = told(m, clock)
    assert real(batch) == ["f", "g"]
    exchange(m.path / "f", m.path / "g")
    m.settle()
    assert m.since(clock) == ["f", "g"]  # as before again, but whoever looked in between saw another


def exchange(a, b):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(-100, os.fsencode(a), -100, os.fsencode(b), 2):
        raise OSError(ctypes.get_errno(), "renameat2")


def test_every_name_of_a_file(m):
    wanted = ["f"]
    for i in range(20):
        os.link(m.path / "f", m.path / f"link{i}")
        wanted.append(f"link{i}")
    m.settle()
    clock = m.clock()
    save(m.path / "link7", "by another name")
    (batch,) = told(m, clock)
    assert real(batch) == sorted(wanted)


def test_paths_longer_than_a_system_call_takes(m):
    clock = m.clock()
    below = "/".join(["n" * 200] * 40)
    at = deep_directory(m.path, below)
    f = os.open("deep", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=at)
    os.write(f, b"deep")
    os.close(f)
    path = below + "/deep"
    m.settle()
    c = [c for b in m.history(clock) for c in b["changes"] if c["name"] == path][-1]
    assert c["after"]["hash"]
    clock = m.clock()
    f = os.open("deep", os.O_WRONLY | os.O_TRUNC, dir_fd=at)
    os.write(f, b"deep")
    os.close(f)
    os.close(at)
    assert whys(told(m, clock)) == {path: "same-content"}


def test_strange_names(m):
    clock = m.clock()
    name = "new\nline \"quote\" \\ é"
    save(m.path / name, "x")
    assert only(told(m, clock))["name"] == name
    clock = m.clock()
    with open(os.fsencode(m.path) + b"/\xff\xfe", "w") as f:
        f.write("x")
    assert only(told(m, clock))["name_b64"] == "//4="


# ---- who ----


def test_writer(m):
    clock = m.clock()
    subprocess.run(["cp", m.path / "g", m.path / "f"], check=True)
    assert only(told(m, clock))["writer"]["command"] == "cp"
    clock = m.clock()
    (m.path / "f").write_text("by the test")
    assert only(told(m, clock))["writer"]["pid"] == os.getpid()


def test_writer_is_the_last_one(m):
    clock = m.clock()
    subprocess.run(["sh", "-c", "cp g f; tee f"], cwd=m.path, check=True, input=b"tea", stdout=subprocess.DEVNULL)
    assert change(told(m, clock)[-1], "f")["writer"]["command"] == "tee"


def test_writer_after_exec(m):
    clock = m.clock()
    subprocess.run(["sh", "-c", "echo 1 > one; exec tee two"], cwd=m.path, check=True, input=b"", stdout=subprocess.DEVNULL)
    batches = told(m, clock)
    m.settle()
    clock = m.clock()
    subprocess.run(["tee", "three"], cwd=m.path, check=True, input=b"3", stdout=subprocess.DEVNULL)
    assert batches and only(told(m, clock))["writer"]["command"] == "tee"


def test_appended(m):
    clock = m.clock()
    with open(m.path / "f", "a") as f:
        f.write("more")
    assert only(told(m, clock))["writer"]["appended"]
    clock = m.clock()
    tool("open('f', 'w').write('x'); open('f', 'a').write('y')", cwd=m.path)
    assert not only(told(m, clock))["writer"]["appended"]


# ---- through mmap, without a caller ----


def test_mmap(m):
    clock = m.clock()
    with open(m.path / "f", "r+b") as f:
        with mmap.mmap(f.fileno(), 0) as mapped:
            mapped[0:3] = b"ONE"
            mapped.flush()
    c = only(told(m, clock))
    assert c["name"] == "f"


def test_mmap_by_the_last_writer(m):
    with open(m.path / "f", "r+b") as f:
        f.write(b"first\n")
        f.flush()
        m.settle()
        clock = m.clock()
        with mmap.mmap(f.fileno(), 0) as mapped:
            mapped[0:3] = b"ONE"
            mapped.flush()
    assert only(told(m, clock))["writer"]["pid"] == os.getpid()


def test_mmap_by_who_has_it_open(m):
    clock = m.clock()
    t = Tool(
        """
import mmap
f = open(sys.argv[1], 'r+b')
mapped = mmap.mmap(f.fileno(), 0)
mapped[0:3] = b'ONE'
mapped.flush()
pause()""",
        m.path / "f",
    )
    t.paused()
    c = only(told(m, clock))
    t.end()
    assert c["writer"]["pid"] == t.pid


@pytest.mark.skipif(not shutil.which("ld.lld") or not shutil.which("cc"), reason="needs lld and a C compiler")
def test_link_by_lld(m):
    (m.path / "main.c").write_text("int main(void) { return 0; }\n")
    subprocess.run(["cc", "-c", "main.c"], cwd=m.path, check=True)
    m.settle()
    clock = m.clock()
    subprocess.run(["cc", "-fuse-ld=lld", "-o", "program", "main.o"], cwd=m.path, check=True)
    (batch,) = told(m, clock)
    assert real(batch) == ["program"]
    c = change(batch, "program")
    assert c["writer"]["command"] in ("ld.lld", "lld")
    assert c["after"]["exec"] == 7
    subprocess.run([m.path / "program"], check=True)


def test_append_by_a_process_that_never_closes(m):
    batches = Batches(m)
    t = Tool("f = open(sys.argv[1], 'a')\nf.write('line\\n')\nf.flush()\npause()", m.path / "f")
    t.paused()
    c = batches.one("f")
    assert c["reason"] == "changed"
    assert c["open"]
    assert c["writer"]["appended"] and c["writer"]["pid"] == t.pid
    t.end()


# ---- questions in between ----


def test_query_does_not_wait_for_settling(m):
    with open(m.path / "f", "w") as f:
        clock = m.clock()
        f.write("new")
        f.flush()
        assert m.since(clock) == ["f"]
        f.seek(0)
        f.truncate()
        f.write("one\ntwo\n")
        f.flush()
        # told again: whoever saw the state in between must hear that it is gone
        assert "f" in m.since(clock)


def test_state_at_a_clock(m):
    before = m.clock()
    save(m.path / "f", "new")
    m.settle()
    after = m.clock()
    old = m.ask("hrfs-state", {"path": "f", "clock": before})
    new = m.ask("hrfs-state", {"path": "f", "clock": after})
    assert old["touched"] and old["state"]["hash"]
    assert not new["touched"] or new["state"]["hash"] != old["state"]["hash"]
