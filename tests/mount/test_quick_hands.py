"""Somebody behind the mount does something between two system calls of the daemon: a library before the real ones does it."""

import os
import shutil
import subprocess

import pytest

from tests.lib.mount import MountFailed

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")

CREATED = """
static void after(int dir, const char *name)
{
	if (strcmp(name, "replaced") == 0)
		renameat(dir, "theirs", dir, "replaced");
	else if (strcmp(name, "removed") == 0)
		unlinkat(dir, "removed", 0);
	else if (strcmp(name, "moved") == 0)
		renameat(dir, "moved", dir, "elsewhere");
}

#define DEFINE(call) \\
	int call(int dir, const char *name, int flags, ...) \\
	{ \\
		int (*real)(int, const char *, int, ...) = dlsym(RTLD_NEXT, #call); \\
		va_list more; \\
		mode_t mode; \\
		int fd; \\
		va_start(more, flags); \\
		mode = va_arg(more, mode_t); \\
		va_end(more); \\
		fd = real(dir, name, flags, mode); \\
		if (fd >= 0 && flags & O_CREAT) \\
			after(dir, name); \\
		return fd; \\
	}
DEFINE(openat)
DEFINE(openat64)
"""

MOUNTED = """
int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)
{
	int (*real)(const char *, const char *, const char *, unsigned long, const void *) = dlsym(RTLD_NEXT, "mount");

	if (rename(getenv("ABOVE"), getenv("ASIDE")) || symlink(getenv("WRONG"), getenv("ABOVE")))
		abort();
	return real(source, target, type, flags, data);
}
"""

HEAD = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
"""


@pytest.fixture
def before(tree):
    """before(text) -> the environment that puts the library in it before the system's."""

    def make(text):
        source, library = tree.dir / "before.c", tree.dir / "before.so"
        source.write_text(HEAD + text)
        subprocess.run(["cc", "-shared", "-fPIC", "-U_FILE_OFFSET_BITS", "-o", library, source, "-ldl"], check=True)
        asan = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
        return {"LD_PRELOAD": str(library), "ASAN_OPTIONS": asan}

    return make


def make_and_write(path):
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
    os.write(fd, b"mine")
    return fd


def test_a_new_file_that_is_replaced_at_once(mount, tree, before):
    """Who has made it writes into what he has made, and others do not find that in what is there instead."""
    (tree.src / "theirs").write_text("theirs")
    m = mount(env=before(CREATED))
    fd = make_and_write(m.path / "replaced")
    assert os.pread(fd, 9, 0) == b"mine"
    assert (tree.src / "replaced").read_text() == (m.path / "replaced").read_text() == "theirs"
    with open(m.path / "replaced", "a") as f:
        f.write(" too")
    assert (tree.src / "replaced").read_text() == "theirs too"
    assert os.pread(fd, 9, 0) == b"mine"
    os.close(fd)


def test_a_new_file_that_is_gone_at_once(mount, tree, before):
    m = mount(env=before(CREATED))
    for name in ("removed", "moved"):
        fd = make_and_write(m.path / name)
        assert os.pread(fd, 9, 0) == b"mine"
        assert not (m.path / name).exists()
        os.close(fd)
    assert (tree.src / "elsewhere").read_text() == (m.path / "elsewhere").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() != 0, reason="fusermount3 mounts for ordinary users")
def test_a_link_above_the_mountpoint_leads_nobody_elsewhere(mount, tree, before):
    above, aside, wrong = (tree.dir / name for name in ("above", "aside", "wrong"))
    for d in (above, wrong):
        (d / "mnt").mkdir(parents=True)
    try:
        with pytest.raises(MountFailed):  # it is not where it was to be
            mount(mnt=above / "mnt", env=before(MOUNTED) | {"ABOVE": str(above), "ASIDE": str(aside), "WRONG": str(wrong)})
        with open("/proc/self/mountinfo") as f:
            assert str(wrong) not in f.read()
    finally:
        for d in (aside, wrong):
            subprocess.run(["umount", "-l", d / "mnt"], stderr=subprocess.DEVNULL)
