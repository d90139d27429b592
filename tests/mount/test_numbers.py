"""The kernel gives the device number of a mount that is gone to the next one; their files are named by it."""

import os
import signal
from pathlib import Path


def test_ends_after_the_next_one_has_its_number(mount):
    old = mount()
    os.kill(old.keeper, signal.SIGSTOP)
    try:
        for c in old.clients:
            c.close()
        old.detach()
        # others may be making mounts too: as many as it takes, until one has the number
        for _ in range(20):
            new = mount()
            if new.device == old.device:
                break
        else:
            raise AssertionError("the number was never used again")
    finally:
        os.kill(old.keeper, signal.SIGCONT)
    old.wait_end()
    assert Path(new.socket).exists()
    assert Path(new.socket).with_suffix(".json").exists()
    assert new.status()["pid"] == new.keeper
    new.umount()
    assert not Path(new.socket).exists()
    assert not Path(new.socket).with_suffix(".json").exists()
