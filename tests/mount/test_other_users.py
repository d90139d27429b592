"""What another user may not have of a mount by root, who serves him with all of root's rights."""

import os
import shutil
import subprocess

import pytest

from tests.lib.users import run_as


def test_a_program_is_not_executed_with_the_rights_that_a_write_took(mount, tree, other):
    """Nor when the kernel believes what it knows for a day."""
    shutil.copy("/usr/bin/id", tree.src / "id")
    os.chmod(tree.src / "id", 0o4777)
    m = mount(options="allow_other,suid,sole_writer")
    if os.statvfs(tree.src).f_flag & os.ST_NOSUID:
        pytest.skip("the directory for tests is itself mounted nosuid")

    def whose():
        return subprocess.run([m.path / "id", "-u"], capture_output=True, text=True).stdout.strip()

    def writes():
        before = whose()
        fd = os.open(m.path / "id", os.O_WRONLY | os.O_APPEND)
        os.write(fd, b"\0")
        os.close(fd)
        return before, whose()

    assert run_as(other, writes) == ("0", str(other.uid))
