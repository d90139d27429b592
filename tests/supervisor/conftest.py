import pytest

from tests.lib import build
from tests.supervisor.driver import DRIVER, Driver
from tests.supervisor.supervised import SERVER, Supervised


@pytest.fixture
def driver(start, test):
    """driver(*options, "--", *command, terminal=False) -> Driver, ended with the test."""
    if not DRIVER.exists():
        pytest.skip(f"{DRIVER} is not built")

    def make(*words, **more):
        return Driver(start, test.dir, *words, **more)

    return make


@pytest.fixture
def supervise(start, tree, mount):
    """supervise(config, *options, files={name: text}, command=None, …) -> Supervised on a mount of its own.

    config: the text of hrfs.yaml, None for a command. The tree has server.py, which serves the file `text`.
    """
    if not build.HRFS_SUPERVISOR.exists():
        pytest.skip(f"{build.HRFS_SUPERVISOR} is not built")

    made = []

    def make(config, *options, files=None, mount_env=None, mount_options=None, prepare=None, **more):
        write = {"server.py": SERVER, "text": "one", **(files or {})}
        if config is not None:
            write["hrfs.yaml"] = config
        for name, text in write.items():
            file = tree.src / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        if prepare:
            prepare(tree.src)
        if mount_options is None:
            mount_options = "" if build.job_may_mark() else "answer_opens"  # as hrfs run mounts
        made.append(Supervised(mount(env=mount_env, options=mount_options), start, *options, **more))
        return made[-1]

    yield make
    for s in made:
        s.end()
