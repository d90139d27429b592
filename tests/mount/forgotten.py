"""Does the node table let go of what the kernel has let go of?"""

import os
import shutil

import pytest

from tests.lib import mountinfo
from tests.lib.client import Closed
from tests.lib.wait import wait_until


def nodes(m):
    try:
        return m.status()["nodes"]
    except (ConnectionError, Closed):
        return None  # of a worker that was about to be killed


def everything_is_forgotten(m):
    """
    Nothing is open any more: the kernel drops its dentries and inodes, and only the root is left. A reference that
    was counted once too often keeps its node for ever.
    """
    if os.geteuid():
        return
    wait_until(lambda: nodes(m), what="the last worker's server")
    # what may have come from outside, when a worker was killed, is kept until it is gone
    if m.status()["sidedoor"].get("adopted"):
        for entry in os.scandir(m.src):
            shutil.rmtree(entry) if entry.is_dir(follow_symlinks=False) else os.unlink(entry)

    def dropped():
        mountinfo.drop_caches(m.path)
        return nodes(m) == 1

    try:
        wait_until(dropped, what="the kernel to forget its nodes")
    except TimeoutError:
        pytest.fail(f"{nodes(m)} nodes are left")
