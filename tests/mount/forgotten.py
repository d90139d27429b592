"""Does the node table let go of what the kernel has let go of?"""

import os
from pathlib import Path

import pytest

from tests.lib.client import Closed
from tests.lib.wait import wait_until

DROP = Path("/proc/sys/vm/drop_caches")


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

    def dropped():
        DROP.write_text("2")
        return nodes(m) == 1

    try:
        wait_until(dropped, what="the kernel to forget its nodes")
    except TimeoutError:
        pytest.fail(f"{nodes(m)} nodes are left")
