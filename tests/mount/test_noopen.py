"""What follows from never answering OPEN (docs/architecture.md): each fails without its cure."""

import ctypes
import errno
import mmap
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lib.users import run_as
from tests.lib.wait import wait_until

libc = ctypes.CDLL(None, use_errno=True)


def read(path):
    return Path(path).read_bytes()


def test_truncation_is_not_lost(mount):
    f = mount().path / "f"
    f.write_bytes(b"long content")
    with open(f, "wb"):
        pass
    assert f.stat().st_size == 0


def test_syncfs_is_asked_of_nobody(mount):
    """The kernel's FUSE answers it: what is only in the lower's memory stays there, fsync brings it down. See docs/differences.md."""
    m = mount()
    fd = os.open(m.path / "f", os.O_CREAT | os.O_WRONLY)
    os.write(fd, b"x")

    def requests_by(call):
        before = m.status()["requests"]
        assert call(fd) in (0, None)
        return m.status()["requests"] - before

    assert min(requests_by(os.fsync) for _ in range(3)) >= 1
    wait_until(lambda: requests_by(libc.syncfs) == 0, what="a moment in which nobody else asks")
    os.close(fd)


def test_append_goes_to_the_true_end(mount, tree):
    """Somebody has appended behind the mount: the kernel's idea of the size is old."""
    m = mount(options="sole_writer")  # so that it stays old
    fd = os.open(m.path / "f", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.write(fd, b"one ")
    with open(tree.src / "f", "ab") as behind:
        behind.write(b"two ")
    os.write(fd, b"three")
    os.close(fd)
    assert read(tree.src / "f") == b"one two three"
    # and the kernel has been told what it cannot know
    wait_until(lambda: read(m.path / "f") == b"one two three", what="the mount shows all three")


def test_removed_file_stays_open(mount):
    m = mount()
    (m.path / "f").write_bytes(b"content")
    fd = os.open(m.path / "f", os.O_RDWR)
    os.unlink(m.path / "f")
    (m.path / "f").write_bytes(b"new")
    assert os.pwrite(fd, b"C", 0) == 1
    assert os.pread(fd, 10, 0) == b"Content"
    assert os.fstat(fd).st_nlink == 0
    assert read(m.path / "f") == b"new"
    os.close(fd)


def test_replaced_file_stays_open(mount):
    m = mount()
    (m.path / "f").write_bytes(b"old")
    (m.path / "g").write_bytes(b"new")
    fd = os.open(m.path / "f", os.O_RDWR)
    os.rename(m.path / "g", m.path / "f")
    os.write(fd, b"OLD")
    os.fsync(fd)
    assert read(m.path / "f") == b"new"
    os.close(fd)


def test_victims_are_let_go(mount):
    """A removed file's descriptor is closed when the kernel forgets the file."""
    m = mount()
    for i in range(200):
        (m.path / f"f{i}").write_bytes(b"x")
        os.unlink(m.path / f"f{i}")
    fds = Path(f"/proc/{m.worker_pid()}/fd")

    def held():
        links = [os.readlink(fds / n) for n in os.listdir(fds) if os.path.lexists(fds / n)]
        return sum(link.endswith(" (deleted)") and not link.startswith("/memfd:") for link in links)

    wait_until(lambda: held() == 0, what="no removed file is held any more")


def test_inode_numbers_that_are_used_again(mount, tree):
    """ext4 gives a removed file's number to the next one: it must not show the old one's content."""
    m = mount(options="sole_writer")
    for i in range(300):
        f = m.path / f"f{i}"
        f.write_bytes(b"%d" % i)
        assert read(f) == b"%d" % i
        os.unlink(tree.src / f"f{i}")  # behind the mount: the kernel still knows it
        g = m.path / f"g{i}"
        g.write_bytes(b"other %d" % i)
        assert read(g) == b"other %d" % i


def test_rewrite_of_the_same_size_behind_the_mount(mount, tree):
    """AUTO_INVAL_DATA: time-outs do not cover the page cache."""
    m = mount()
    (m.path / "f").write_bytes(b"aaaa")
    assert read(m.path / "f") == b"aaaa"
    (tree.src / "f").write_bytes(b"bbbb")
    wait_until(lambda: read(m.path / "f") == b"bbbb", what="new content after a second", timeout=10)


def test_made_behind_the_mount(mount, tree):
    """A cached negative name and a file made behind it: open(O_CREAT) is success, O_EXCL is not."""
    m = mount(options="sole_writer")
    assert not os.path.exists(m.path / "f")
    assert not os.path.exists(m.path / "g")
    (tree.src / "f").write_bytes(b"there")
    (tree.src / "g").write_bytes(b"there")
    fd = os.open(m.path / "f", os.O_CREAT | os.O_RDWR)
    assert os.read(fd, 10) == b"there"
    os.close(fd)
    with pytest.raises(FileExistsError):
        os.open(m.path / "g", os.O_CREAT | os.O_EXCL | os.O_RDWR)


def test_rights_are_the_kernels(mount, tree, other):
    """Without OPEN only default_permissions guards a file."""
    m = mount(options="allow_other")
    (m.path / "secret").write_bytes(b"x")
    os.chmod(m.path / "secret", 0o600)
    (m.path / "dir").mkdir(mode=0o700)
    (m.path / "dir" / "in").write_bytes(b"x")
    for path in ("secret", "dir/in"):
        with pytest.raises(PermissionError):
            run_as(other, lambda p=path: read(m.path / p))


def test_files_belong_to_who_made_them(mount, tree, other):
    m = mount(options="allow_other")
    os.chmod(m.path, 0o777)

    def make():
        os.umask(0o077)
        (m.path / "f").write_bytes(b"x")
        os.mkdir(m.path / "d")
        os.symlink("f", m.path / "l")
        os.mkfifo(m.path / "p")

    run_as(other, make)
    for name in ("f", "d", "l", "p"):
        st = os.lstat(tree.src / name)
        assert (st.st_uid, st.st_gid) == (other.uid, other.gid), name
    assert stat.S_IMODE(os.stat(tree.src / "f").st_mode) == 0o600
    (m.path / "root").write_bytes(b"x")
    assert os.stat(tree.src / "root").st_uid == 0


def test_supplementary_groups_count(mount, tree, other):
    """A directory that the caller may write by a supplementary group only: the daemon does not know of it."""
    m = mount(options="allow_other")
    (tree.src / "shared").mkdir()
    os.chown(tree.src / "shared", 0, 7777)
    os.chmod(tree.src / "shared", 0o2770)
    run_as(other, lambda: (m.path / "shared" / "f").write_bytes(b"x"), groups=[7777])
    st = os.stat(tree.src / "shared" / "f")
    assert (st.st_uid, st.st_gid) == (other.uid, 7777)


def test_objects_made_read_only(mount):
    """git creates objects 0444 and then writes them; without root the daemon could not open them again."""
    m = mount()
    fds = []
    for i in range(100):
        fd = os.open(m.path / f"o{i}", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o444)
        fds.append(fd)
    for i, fd in enumerate(fds):
        assert os.write(fd, b"object %d" % i)
    for i, fd in enumerate(fds):
        os.fsync(fd)
        os.close(fd)
        assert read(m.path / f"o{i}") == b"object %d" % i


@pytest.mark.parametrize("mode", [0, 0o444, 0o200])
def test_rights_taken_while_open(mount, mode):
    m = mount()
    f = m.path / "f"
    f.write_bytes(b"before")
    fd = os.open(f, os.O_RDWR)
    os.chmod(f, mode)
    assert os.pwrite(fd, b"B", 0) == 1
    assert os.pread(fd, 10, 0) == b"Before"
    os.close(fd)


def test_program_runs_on_the_lower_after_its_build(mount, tree):
    """A descriptor kept for writing would make running it ETXTBSY."""
    m = mount()
    clock = m.clock()
    with open("/bin/true", "rb") as f:
        (m.path / "prog").write_bytes(f.read())
    os.chmod(m.path / "prog", 0o755)
    m.settle()
    assert m.since(clock) == ["prog"]
    assert subprocess.run([tree.src / "prog"]).returncode == 0
    assert subprocess.run([m.path / "prog"]).returncode == 0


def test_map_and_close(mount, tree):
    """A store through a map arrives at munmap at the latest, also when the file was closed before."""
    m = mount()
    f = m.path / "f"
    f.write_bytes(b"x" * 8192)
    fd = os.open(f, os.O_RDWR)
    area = mmap.mmap(fd, 8192)
    os.close(fd)
    area[5000:5003] = b"map"
    area.close()
    assert read(tree.src / "f")[5000:5003] == b"map"


def test_directory_read_while_it_shrinks(mount):
    m = mount()
    count = 5000
    for i in range(count):
        os.close(os.open(m.path / f"{i:05}", os.O_CREAT | os.O_WRONLY))
    removed = 0
    for entry in os.scandir(m.path):
        os.unlink(entry.path)
        removed += 1
    assert (removed, os.listdir(m.path)) == (count, [])


def overlay(tree):
    """Mounts one, or skips."""
    if os.geteuid():
        pytest.skip("needs root, to mount an overlay")
    parts = {n: tree.dir / n for n in ("lower", "upper", "work", "merged")}
    for p in parts.values():
        p.mkdir()
    data = ",".join(f"{n}dir={parts[n]}" for n in ("lower", "upper", "work"))
    if subprocess.run(["mount", "-t", "overlay", "overlay", "-o", data, parts["merged"]], capture_output=True).returncode:
        pytest.skip("no overlayfs here")
    return parts


def test_lower_whose_directory_offsets_change(mount, tree):
    """overlayfs: a readdir+unlink loop skips names when offsets are passed through."""
    parts = overlay(tree)
    try:
        for i in range(5000):
            (parts["merged"] / f"{i:05}").touch()
        m = mount(parts["merged"], tree.mnt)
        assert len(os.listdir(m.path)) == 5000
        for entry in os.scandir(m.path):
            os.unlink(entry.path)
        assert os.listdir(m.path) == []
        m.umount()
    finally:
        subprocess.run(["umount", "-l", parts["merged"]], check=True)


@pytest.mark.long
@pytest.mark.time_limit(200)
@pytest.mark.parametrize("over", [False, True])
def test_directory_of_100_000_entries(mount, tree, over):
    """Each name once, also while others come and go, on a lower with stable offsets and on one without."""
    parts = overlay(tree) if over else None
    base = parts["merged"] if over else tree.src
    try:
        names = {f"{i:06}" for i in range(100000)}
        for name in names:
            os.close(os.open(base / name, os.O_CREAT | os.O_WRONLY))
        m = mount(base, tree.mnt)
        found = os.listdir(m.path)
        assert len(found) == len(set(found)) and set(found) == names
        seen = []
        with os.scandir(m.path) as entries:
            for n, entry in enumerate(entries):
                seen.append(entry.name)
                if n % 1000 == 0:
                    os.unlink(entry.path)
                    (m.path / f"new{n}").touch()
        assert len(seen) == len(set(seen)) and names <= set(seen)
        assert len(os.listdir(m.path)) == 100000
        m.umount()
    finally:
        if over:
            subprocess.run(["umount", "-l", base], check=True)


def test_many_files_with_few_descriptors(mount, tree):
    """Descriptors are a cache, never one for each node."""
    m = mount()
    limit = int(next(line.split()[4] for line in Path(f"/proc/{m.worker_pid()}/limits").read_text().splitlines() if line.startswith("Max open files")))
    for d in range(60):
        (m.path / f"d{d}").mkdir()
        for i in range(50):
            (m.path / f"d{d}" / f"f{i}").write_bytes(b"x")
    count = 0
    for base, _, files in os.walk(m.path):
        count += sum(read(Path(base) / f) == b"x" for f in files)
    assert count == 3000
    assert len(os.listdir(f"/proc/{m.worker_pid()}/fd")) < min(limit, 60000)


FEW = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_victims_have_a_budget(mount, tree, monkeypatch):
    """So many removed files are open that no descriptor is left: ENFILE and a log line, and nothing is lost."""
    from tests.lib import build

    wrapper = tree.dir / "few"
    wrapper.write_text(f"#!{sys.executable}\nimport sys\nsys.argv.insert(1, {str(build.HRFS_FS)!r})\n" + FEW)
    wrapper.chmod(0o755)
    monkeypatch.setattr(build, "HRFS_FS", wrapper)
    m = mount()
    fds, refused = [], None
    for i in range(400):
        (m.path / f"f{i}").write_bytes(b"%d" % i)
        fds.append(os.open(m.path / f"f{i}", os.O_RDONLY))
        try:
            os.unlink(m.path / f"f{i}")
        except OSError as e:
            refused = e.errno
            break
    assert refused == errno.ENFILE
    assert "victims_full" in m.log_text() and "ulimit -n" in m.log_text()
    for i, fd in enumerate(fds):
        assert os.pread(fd, 10, 0) == b"%d" % i
        os.close(fd)
    # once they are closed there is room again
    wait_until(lambda: not _fails(os.unlink, m.path / f"f{i}"), what="room for victims")


def _fails(call, *args):
    try:
        call(*args)
    except OSError as e:
        return e.errno == errno.ENFILE
    return False


def append_lines(path, letter, count):
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    for i in range(count):
        os.write(fd, b"%s %06d\n" % (letter, i))
    os.close(fd)


def test_appends_from_both_sides(mount, tree):
    """A log that is written through the mount and behind it: no line is lost, none torn."""
    m = mount()
    (m.path / "log").write_bytes(b"")
    sides = {b"m": m.path / "log", b"b": tree.src / "log", b"n": m.path / "log"}
    pids = []
    for letter, path in sides.items():
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                append_lines(path, letter, 2000)
                code = 0
            finally:
                os._exit(code)
        pids.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0, 0, 0]
    lines = read(tree.src / "log").splitlines()
    for letter in sides:
        assert [line for line in lines if line[:1] == letter] == [b"%s %06d" % (letter, i) for i in range(2000)]
    assert len(lines) == 6000
    wait_until(lambda: read(m.path / "log") == read(tree.src / "log"), what="the mount shows all lines")


def test_name_that_went_behind_the_mount(mount, tree):
    """Renamed there, a file is known by two names, of which one is nothing any more: the other is its last."""
    m = mount()
    (m.path / "x").write_bytes(b"data")
    with open(m.path / "x", "rb", buffering=0) as f:
        (tree.src / "x").rename(tree.src / "y")
        wait_until((m.path / "y").exists, what="the new name", timeout=10)
        os.unlink(m.path / "y")
        assert f.read() == b"data"


def set_all(path):
    os.chmod(path, 0o640)
    os.utime(path, (5, 6))
    os.chown(path, os.getuid(), os.getgid())


@pytest.mark.parametrize("kept", [False, True])
def test_another_file_by_the_name_of_one_that_is_open_still(mount, tree, kept):
    """What has just been written is open here: attributes are for what the name leads to."""
    m = mount(options="no_sidedoor")
    with open(m.path / "a", "w") as f:
        f.write("x")
    if kept:
        (tree.src / "a").rename(tree.src / "old")
    (tree.src / "new").write_text("y")
    (tree.src / "new").rename(tree.src / "a")
    set_all(m.path / "a")
    st = (tree.src / "a").stat()
    assert (st.st_mode & 0o777, st.st_atime, st.st_mtime) == (0o640, 5, 6)
    if kept:
        st = (tree.src / "old").stat()
        assert st.st_mode & 0o777 == 0o644 and st.st_mtime != 6


def test_attributes_of_a_file_that_is_being_written(mount, tree):
    m = mount()
    with open(m.path / "a", "w") as f:
        f.write("x")
        f.flush()
        set_all(f.fileno())
        os.unlink(m.path / "a")
        os.utime(f.fileno(), (7, 8))
        assert (os.fstat(f.fileno()).st_mode & 0o777, os.fstat(f.fileno()).st_mtime) == (0o640, 8)
    assert not (tree.src / "a").exists()


def test_file_made_behind_the_mount_keeps_its_rights(mount, tree, other):
    """The kernel believes that there is none and asks to create it: that opens nothing to whom it is closed."""
    m = mount(options="allow_other,sole_writer")
    os.chmod(m.path, 0o777)
    assert not os.path.exists(m.path / "f")
    (tree.src / "f").write_bytes(b"secret")
    os.chmod(tree.src / "f", 0o600)
    with pytest.raises(PermissionError):
        run_as(other, lambda: os.open(m.path / "f", os.O_CREAT | os.O_RDWR | os.O_TRUNC))
    assert read(tree.src / "f") == b"secret"


def test_nameless_files_that_get_names_are_no_victims(mount):
    """Each would keep a descriptor as long as the kernel remembers it."""
    m = mount()
    before = len(os.listdir(f"/proc/{m.worker_pid()}/fd"))
    for i in range(50):
        fd = os.open(m.path, os.O_TMPFILE | os.O_RDWR)
        os.write(fd, b"%d" % i)
        os.link(f"/proc/self/fd/{fd}", m.path / f"f{i}", src_dir_fd=fd, follow_symlinks=True)
        os.pwrite(fd, b"%03d" % i, 0)
        assert os.pread(fd, 9, 0) == b"%03d" % i
        os.close(fd)
    assert read(m.path / "f7") == b"007"
    m.settle()
    # the open files themselves are a cache with a limit of its own: one for each is left
    assert len(os.listdir(f"/proc/{m.worker_pid()}/fd")) <= before + 60
