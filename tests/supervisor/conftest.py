import pytest

from tests.supervisor.driver import DRIVER, Driver


@pytest.fixture
def driver(start, test):
    """driver(*options, "--", *command, terminal=False) -> Driver, ended with the test."""
    if not DRIVER.exists():
        pytest.skip(f"{DRIVER} is not built")

    def make(*words, **more):
        return Driver(start, test.dir, *words, **more)

    return make
