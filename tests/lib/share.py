"""Several runs of pytest share one list of tests: each takes the next that nobody has taken. So they end together, however
long each test takes on the machine at hand.

    pytest -p tests.lib.share --share DIRECTORY …

DIRECTORY is empty at first, and the same for all; a file in it says that a test is taken.
"""

import hashlib
import os

import pytest


def pytest_addoption(parser):
    parser.addoption("--share", metavar="DIRECTORY", help="run only tests that no other run with the same directory has taken")


def _take(directory, item):
    name = hashlib.sha256(item.nodeid.encode()).hexdigest()
    try:
        os.close(os.open(os.path.join(directory, name), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    directory = session.config.getoption("share")
    if directory is None or session.config.option.collectonly or session.testsfailed:
        return None  # pytest's own loop
    ours = (item for item in session.items if _take(directory, item))
    item = next(ours, None)
    while item is not None:
        # taken before this one is run: it says which fixtures may stay
        following = next(ours, None)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following
    return True
