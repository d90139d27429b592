"""Programs that others wrote to try file systems, inside the mount. What is not installed is skipped."""

import grp
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile

import pytest

pytestmark = [pytest.mark.long, pytest.mark.time_limit(300)]

# stress-ng's class "filesystem" without what measures a device, changes the machine, or asks for what FUSE has not
STRESSORS = [
    *("access", "acl", "chattr", "chdir", "chmod", "chown", "copy-file", "dentry", "dir", "dirdeep", "dirmany", "dup"),
    *("eventfd", "fallocate", "fcntl", "file-ioctl", "filename", "flock", "fpunch", "fstat", "getdent", "io-uring", "iomix"),
    *("lease", "link", "locka", "lockf", "lockofd", "mknod", "metamix", "open", "rename", "seal", "seek", "sendfile"),
    *("symlink", "sync-file", "touch", "utime", "verity", "xattr"),
]


def have(program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")


def healthy(m):
    """It answers, and has not lost a worker on the way."""
    (m.path / "after").write_bytes(b"x")
    assert (m.src / "after").read_bytes() == b"x"
    assert "event=worker_died" not in m.log_text()


def knows(stressor):
    text = subprocess.run(["stress-ng", "--help"], capture_output=True, text=True).stdout
    return f"--{stressor} N" in text


def stress(stressor, directory):
    argv = ["stress-ng", f"--{stressor}", "2", "--timeout", "1s", "--verify", "--no-rand-seed", "--temp-path", directory]
    return subprocess.run(argv, capture_output=True, text=True)


@pytest.mark.parametrize("stressor", STRESSORS)
def test_stress_ng(mount, tree, stressor):
    """Two of a kind for a second, each checking what it reads back."""
    have("stress-ng")
    if not knows(stressor):
        pytest.skip(f"this stress-ng has no {stressor}")
    m = mount()
    done = stress(stressor, m.path)
    if done.returncode in (3, 4):  # no resources, or not implemented here
        pytest.skip(f"stress-ng --{stressor}: {(done.stderr + done.stdout).strip().splitlines()[-1]}")
    if done.returncode and stress(stressor, tree.dir).returncode:
        pytest.skip(f"stress-ng --{stressor} fails on a plain directory, too")
    assert done.returncode == 0, done.stdout + done.stderr
    healthy(m)


ENGINES = {
    "psync": ["--rw=randrw", "--bs=512-64k", "--bs_unaligned=1"],
    "mmap": ["--rw=randwrite", "--bs=4k"],
    "sync": ["--rw=randwrite", "--bs=4k", "--direct=1"],
    "libaio": ["--rw=randwrite", "--bs=4k", "--iodepth=8", "--direct=1"],
    "io_uring": ["--rw=randrw", "--bs=8k", "--iodepth=8"],
}


@pytest.mark.parametrize("engine", ENGINES)
def test_fio_reads_what_it_wrote(mount, tree, engine):
    have("fio")
    if f"{engine}\n" not in subprocess.run(["fio", "--enghelp"], capture_output=True, text=True).stdout:
        pytest.skip(f"this fio has no engine {engine}")
    m = mount()
    argv = ["fio", f"--ioengine={engine}", *ENGINES[engine], "--size=8m", "--numjobs=2", "--verify=crc32c", "--verify_fatal=1", "--do_verify=1", "--fallocate=none"]
    done = subprocess.run([*argv, "--name=v", f"--directory={m.path}", f"--aux-path={tree.dir}"], cwd=tree.dir, capture_output=True, text=True)
    if "not supported" in done.stderr or "Function not implemented" in done.stderr or "Operation not permitted" in done.stderr:
        pytest.skip(f"fio: {done.stderr.strip().splitlines()[0]}")
    assert done.returncode == 0, done.stdout + done.stderr
    healthy(m)


# Python's tests of what it does with files; each brings its own idea of what a file system answers.
OF_PYTHON = [
    *("test_dbm_dumb", "test_fcntl", "test_file", "test_filecmp", "test_fileinput", "test_fileio", "test_genericpath", "test_glob"),
    *("test_import", "test_largefile", "test_mailbox", "test_mmap", "test_os", "test_pathlib", "test_posix", "test_posixpath"),
    *("test_shelve", "test_shutil", "test_stat", "test_tarfile", "test_tempfile", "test_zipfile", "test_zipimport"),
]


def of_python(module, directory):
    argv = [sys.executable, "-m", "test", "-u", "largefile", "--tempdir", directory, module]
    return subprocess.run(argv, cwd=directory, env={**os.environ, "TMPDIR": str(directory)}, capture_output=True, text=True)


@pytest.mark.parametrize("module", OF_PYTHON)
def test_pythons_own(mount, tree, module):
    if not importlib.util.find_spec("test") or not importlib.util.find_spec(f"test.{module}"):
        pytest.skip("python's own tests are not installed (Debian: libpythonX.Y-testsuite)")
    m = mount()
    done = of_python(module, m.path)
    if done.returncode and of_python(module, tree.dir).returncode:
        pytest.skip(f"{module} fails on a plain directory, too")
    assert done.returncode == 0, done.stdout + done.stderr
    healthy(m)


PJDFSTEST = """
[features]
posix_fallocate = {}
rename_ctime = {}
utimensat = {}
utime_now = {}
[settings]
naptime = 0.02
allow_remount = false
[dummy_auth]
entries = [["nobody", "%s"], ["daemon", "daemon"]]
"""


def test_pjdfstest(mount, tree):
    """As root all of it: who may do what, with which errno."""
    have("pjdfstest")
    config = tree.dir / "pjdfstest.toml"
    config.write_text(PJDFSTEST % grp.getgrgid(pwd.getpwnam("nobody").pw_gid).gr_name)
    m = mount(options="" if os.geteuid() else "allow_other,suid,dev")
    results = {}
    for d in (tree.dir, m.path):
        os.chmod(d, 0o755)
        with tempfile.TemporaryDirectory(prefix="h", dir="/tmp") as short:  # sockets are tried, too
            os.chmod(short, 0o755)
            os.symlink(d, short + "/d")
            done = subprocess.run(["pjdfstest", "-c", config, "-p", short + "/d"], cwd="/", capture_output=True, text=True)
        results[d] = set(re.findall(r"^(\S+)\s+FAILED$", done.stdout, re.MULTILINE))
        assert re.search(r"^Summary: .* [1-9]\d* passed", done.stdout, re.MULTILINE), done.stderr
    assert sorted(results[m.path] - results[tree.dir]) == []
    healthy(m)


@pytest.mark.parametrize("seed", range(3))
def test_fsx(mount, tree, seed):
    """Reads, writes, maps and truncations of one file against a copy in memory."""
    have("fsx")
    m = mount()
    done = subprocess.run(["fsx", "-N", "5000", "-S", str(seed), m.path / "f"], cwd=tree.dir, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    healthy(m)
