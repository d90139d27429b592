"""What the tests of the command line share: commands as root and as an ordinary user, and their mounts' end."""

import json
import os
import stat
from pathlib import Path

import pytest

from tests.lib import mountinfo, processes
from tests.lib.wait import wait_until


class Cli:
    """hrfs as one user: cli("mount", src) -> CompletedProcess. `user` is None for whoever runs the tests."""

    def __init__(self, hrfs, test, tree, user):
        self.hrfs, self.test, self.tree, self.user = hrfs, test, tree, user
        self.env = {}
        if user is not None:
            run = test.dir / f"run-{user.uid}"
            run.mkdir(mode=0o700, exist_ok=True)
            home = test.dir / f"home-{user.uid}"
            home.mkdir(exist_ok=True)
            for directory in (run, home, tree.src, tree.mnt):
                os.chown(directory, user.uid, user.gid)
            state = {"XDG_RUNTIME_DIR": run, "HOME": home, "XDG_STATE_HOME": home / "state", "XDG_CONFIG_HOME": home}
            self.env = {name: str(value) for name, value in state.items()}

    @property
    def run_dir(self):
        return Path(self.env.get("XDG_RUNTIME_DIR", self.test.run)) / "hrfs"

    def own(self, *paths):
        """Makes them the user's."""
        for path in paths:
            if self.user is not None:
                os.chown(path, self.user.uid, self.user.gid)

    def __call__(self, *args, status=0, cwd=None, input=None, timeout=30, env=None):
        return self.hrfs(
            *args, status=status, cwd=cwd, input=input, timeout=timeout, user=self.user, env={**self.env, **(env or {})}
        )

    def mount(self, *args, **more):
        """hrfs mount, without its services unless they are asked for; what it printed as JSON."""
        return json.loads(self("mount", "--json", *args, **more).stdout)

    def json(self, *args, **more):
        return json.loads(self(*args, "--json", **more).stdout)

    def umount(self, *args, **more):
        return self("umount", *args, **more)

    def is_mounted(self, path):
        return mountinfo.device_of(path) is not None


def pytest_itemcollected(item):
    """Root runs these as an ordinary user too."""
    if {"who", "user_cli"} & set(item.fixturenames):
        item.add_marker(pytest.mark.any_user)


def may_use_fuse(user):
    return user is None or bool(os.stat("/dev/fuse").st_mode & stat.S_IWOTH)


@pytest.fixture
def clean_mounts(test):
    """Whatever a command has mounted and started goes with the test."""
    yield
    for r in test.running:
        r.end()
    for mountpoint, _, _ in mountinfo.below(test.dir):
        mountinfo.detach(mountpoint)
    wait_until(lambda: not [p for p in processes.tagged(str(test.dir)) if processes.alive(p)], what="the daemons' end")


@pytest.fixture
def cli(hrfs, test, tree, clean_mounts):
    """As whoever runs the tests."""
    return Cli(hrfs, test, tree, None)


@pytest.fixture(params=["self", "other"] if os.geteuid() == 0 else ["self"])
def who(request, hrfs, test, tree, clean_mounts):
    """As whoever runs the tests, then as an ordinary user."""
    if request.param == "self":
        return Cli(hrfs, test, tree, None)
    user = request.getfixturevalue("other")
    if not may_use_fuse(user):
        pytest.skip("/dev/fuse is not for ordinary users here (chmod 666 /dev/fuse)")
    return Cli(hrfs, test, tree, user)


@pytest.fixture
def user_cli(request, hrfs, test, tree, clean_mounts):
    """As an ordinary user, whoever runs the tests."""
    if os.geteuid():
        return Cli(hrfs, test, tree, None)
    user = request.getfixturevalue("other")
    if not may_use_fuse(user):
        pytest.skip("/dev/fuse is not for ordinary users here (chmod 666 /dev/fuse)")
    return Cli(hrfs, test, tree, user)
