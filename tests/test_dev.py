"""./dev on machines that lack what it needs: it says what, and installs it where it knows how."""

import os
import shutil
import subprocess

import pytest

from tests.lib import build

pytestmark = pytest.mark.any_user

TOOLS = ["sh", "dirname", "id", "cat", "sed", "cut", "tail", "ls"]
LIBRARIES = ["fuse3", "libxxhash", "libgit2", "jansson", "libuv", "yaml-0.1"]


@pytest.fixture
def bare(test):
    """bare(*words, name=script…) -> what ./dev says in a PATH of little more than a shell and these scripts."""
    here = test.dir / "bin"
    here.mkdir()
    for tool in TOOLS:
        (here / tool).symlink_to(shutil.which(tool))
    # ./dev adds the system's own directories for mkfs and the like; they hold nothing that it looks for

    def run(*words, status=1, **scripts):
        for name, text in scripts.items():
            file = here / name.replace("_", "-")
            file.write_text(f"#!/bin/sh\n{text}\n")
            file.chmod(0o755)
        done = subprocess.run(
            [here / "sh", build.ROOT / "dev", *words],
            env={"PATH": str(here), "HOME": str(test.dir)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done
        return done.stderr

    return run


@pytest.mark.parametrize("command", ["run", "test", "bench", "install"])
def test_what_is_missing_is_said(bare, command):
    said = bare(command, "--yes")
    assert "not found" not in said, said
    for what in ["the command cc", "meson 1.0 or newer", "the command fusermount3", *(f"the library {l}," for l in LIBRARIES)]:
        assert what in said, said
    assert "install these with your system's package manager" in said


def test_a_libfuse_that_is_too_old_is_named(bare):
    said = bare("run", apt_cache="echo '  Candidate: 3.10.5-1build1'")
    assert "libfuse 3.10.5, as it is here, is too old: hrfs needs 3.14" in said
    assert "too old" not in bare("run", apt_cache="echo '  Candidate: 3.14.0-4'")


def knows_this_system():
    words = dict(line.strip().split("=", 1) for line in open("/etc/os-release") if "=" in line)
    version = words.get("VERSION_ID", "999").strip('"').split(".")[0]
    return int(version) >= {"debian": 12, "ubuntu": 24}.get(words["ID"].strip('"'), 10000)


@pytest.mark.skipif(os.geteuid() != 0, reason="asks for root otherwise")
@pytest.mark.skipif(not knows_this_system(), reason="./dev knows the packages of Debian and Ubuntu only")
def test_it_is_installed_without_a_terminal(bare, test):
    log = test.dir / "log"
    said = bare("run", apt_get=f'echo "$*" >>{log}', env='shift; exec "$@"')
    assert "apt-get install --no-install-recommends gcc libc6-dev meson" in said
    first = log.read_text().splitlines()[:2]
    assert first[0] == "update -q"
    assert first[1].startswith("install -q -y --no-install-recommends gcc libc6-dev meson") and "libfuse3-dev" in first[1]


def test_a_relative_prefix_is_refused(test):
    done = subprocess.run(
        ["sh", build.ROOT / "dev", "install"], env={**os.environ, "PREFIX": "x"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "PREFIX is to be an absolute path" in done.stderr
