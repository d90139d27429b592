"""What another user may not have of a mount by root, who serves him with all of root's rights."""

import errno
import os
import shutil
import subprocess

import pytest

from tests.lib.users import run_as
from tests.mount.git_helper import repository
from tests.mount.test_git import children


def error_of(call, *args):
    with pytest.raises(OSError) as e:
        call(*args)
    return e.value.errno


def test_attributes_that_are_rights_on_other_file_systems(mount, tree, other):
    """The kernel asks nobody who may set system.*: on NFSv4 such are access control lists."""
    m = mount(options="allow_other")
    for name, owner in (("his", other.uid), ("roots", 0)):
        (tree.src / name).write_text("x")
        os.chown(tree.src / name, owner, owner)

    def tries():
        out = []
        for name in ("his", "roots"):
            out.append(error_of(os.setxattr, m.path / name, "system.nfs4_acl", b"x"))
            out.append(error_of(os.removexattr, m.path / name, "system.nfs4_acl"))
        return out

    assert run_as(other, tries) == [errno.ENOTSUP] * 2 + [errno.EPERM] * 2
    assert error_of(os.setxattr, m.path / "roots", "system.nfs4_acl", b"x") == errno.ENOTSUP


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


def test_git_helper_of_a_users_tree_knows_no_secrets_of_root(mount, tree, other):
    repository(tree.src, {"f": "x"})
    for place, _, files in os.walk(tree.src):
        for name in [".", *files]:
            os.lchown(os.path.join(place, name), other.uid, other.gid)
    m = mount(options="allow_other", env={"TOKEN": "secret", "GIT_CONFIG_COUNT": "0"})
    m.settle()
    (helper,) = children(m, "hrfs-git")

    def reads():
        with open(f"/proc/{helper}/environ", "rb") as f:
            return dict(line.split(b"=", 1) for line in f.read().split(b"\0") if line)

    known = run_as(other, reads)
    assert b"PATH" in known and not known.keys() & {b"TOKEN", b"GIT_CONFIG_COUNT", b"XDG_RUNTIME_DIR"}
