"""What another user may not have of a mount by root, who serves him with all of root's rights."""

import errno
import os
import resource
import shutil
import subprocess

import pytest

from tests.lib.client import Client
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


def test_his_question_hurries_nothing(mount, other):
    """What is half written is published for whoever may change the tree, and for nobody else."""
    m = mount(options="allow_other,settle_cap_ms=600000")
    socket = os.open(m.socket, os.O_PATH)

    def asks():
        with Client(f"/proc/self/fd/{socket}") as c:
            return c.call("hrfs-settle", str(m.path), {"timeout_ms": 300})["settled"]

    with open(m.path / "f", "w") as f:
        f.write("half")
        f.flush()
        assert run_as(other, asks) is False
        assert m.settle()
        assert run_as(other, asks) is True
    os.close(socket)


def test_many_other_users_leave_room_for_the_owner(mount, other):
    """Who has the numbers of many users, as a container's root has, may connect as each of them."""
    m = mount(options="allow_other")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(2048, hard), hard))
    socket = os.open(m.socket, os.O_PATH)
    clients, refused = [], 0
    try:
        for n in range(9 * 60):
            os.seteuid(other.uid + n // 60)
            try:
                c = Client(f"/proc/self/fd/{socket}")
            finally:
                os.seteuid(0)
            clients.append(c)
            try:
                c.send("version")
            except BrokenPipeError:
                pass  # it is told why before it has asked anything
            refused += "too many connections" in c.receive().get("error", "")
        assert refused >= 9 * 60 - 256
        assert m.clock()
    finally:
        for c in clients:
            c.close()
        os.close(socket)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
