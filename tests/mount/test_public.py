"""Programs that others wrote to try file systems, inside the mount. What is not installed is skipped."""

import shutil
import subprocess

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
