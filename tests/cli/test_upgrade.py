"""hrfs upgrade, as it is typed; how it is done is tests/mount/test_upgrade.py's."""

import pytest

from tests.lib import build
from tests.mount.upgrades import OTHER, runnable

pytestmark = pytest.mark.skipif(not OTHER.exists(), reason="built without -Dlayout_test=true")


def test_there_and_back(who, tree):
    """Back is the same command."""
    who.mount(tree.src, tree.mnt)
    own = who("version").stdout.split()[-1]
    there = who("upgrade", "--with", runnable(OTHER), tree.mnt)
    assert there.stdout == f"{tree.mnt}: hrfs {own}+other serves now (before: {own})\n"
    assert f"worker {own}+other, keeper {own}" in who("status", tree.mnt).stdout
    assert who.json("upgrade", "--with", runnable(build.HRFS_FS), tree.mnt)["state"] == "done"
    assert "versions" not in who("status", tree.mnt).stdout
    who.umount(tree.mnt)


def test_refused(cli, tree):
    cli.mount(tree.src, tree.mnt)
    no = cli("upgrade", "--with", runnable(build.UPGRADE / "hrfs-fs-foreign"), tree.mnt, status=1)
    assert f"{tree.mnt}: nothing was changed: nodes: this mount has layout 1 in memory" in no.stderr
    no = cli("upgrade", "--with", tree.dir / "none", tree.mnt, status=1)
    assert f"{tree.dir}/none: No such file or directory" in no.stderr
    cli.umount(tree.mnt)


def test_failed(cli, tree):
    cli.mount(tree.src, tree.mnt)
    own = cli("version").stdout.split()[-1]
    no = cli("upgrade", "--with", runnable(build.UPGRADE / "hrfs-fs-broken"), tree.mnt, status=1)
    assert f"{tree.mnt}: hrfs {own} goes on: the new program ended before it could serve" in no.stderr
    cli.umount(tree.mnt)


def test_no_mount(cli, tree):
    assert "is in no hrfs mount" in cli("upgrade", tree.src, status=3).stderr
