"""The fixtures keep their word: what goes wrong in a test fails that test, and leaves nothing behind."""

import os
import re
import signal
import sys
import textwrap

import pytest

from tests.lib import build, mountinfo, processes
from tests.lib.wait import wait_until

pytestmark = pytest.mark.any_user

SAME_FIXTURES = """
import tests.conftest
globals().update({k: v for k, v in vars(tests.conftest).items() if not k.startswith("__")})
"""


@pytest.fixture
def pytest_run(start, test):
    """pytest_run(source, *arguments, **environment) -> a pytest of its own over one file, running."""

    def run(source, *arguments, **more):
        file = test.dir / "test_inner.py"
        file.write_text(textwrap.dedent(source))
        (test.dir / "conftest.py").write_text(SAME_FIXTURES)
        argv = [sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", "-q", "-c", build.ROOT / "pytest.ini", *arguments, file]
        env = {"HRFS_TEST_DIR": str(test.dir), "HRFS_HANG_LIMIT": "2", "HRFS_BUILD": str(build.BUILD), **more}
        return start(*argv, cwd=build.ROOT, env=env)

    return run


def test_a_stray_process_fails_the_test(pytest_run):
    run = pytest_run(
        """
        def test_it(start):
            r = start("sh", "-c", "setsid env -i sleep 1000 > /dev/null 2>&1 & echo pid $!; exec sleep 1000")
            print("stray", r.wait_for(r"pid (\\d+)")[1])
        """,
        HRFS_END_LIMIT="1",
    )
    assert run.wait() == 1
    assert "processes were left" in run.text
    strays = re.findall(r"(\d+): 'sleep 1000'", run.text)
    assert strays and not any(processes.alive(int(pid)) for pid in strays)


def test_a_sanitizers_report_fails_the_test(pytest_run):
    run = pytest_run(
        """
        def test_it(start):
            script = 'set -- $(echo "$ASAN_OPTIONS" | sed "s/.*log_path=//"); echo "a heap overflow" > "$1.123"'
            assert start("sh", "-c", script).wait() == 0
        """
    )
    assert run.wait() == 1
    assert "sanitizer reports: ['asan.123']" in run.text
    assert "a heap overflow" in run.text


@pytest.mark.time_limit(120)
def test_a_hung_mount_is_aborted(pytest_run, mount, test):
    mount()  # skips where there can be none
    run = pytest_run(
        """
        import os, signal, pytest

        @pytest.mark.time_limit(4)
        def test_hangs(mount):
            m = mount()
            os.kill(m.worker_pid(), signal.SIGSTOP)
            (m.path / "new").touch()

        def test_next(mount):
            assert os.listdir(mount().path) == []
        """
    )
    assert run.wait(60) == 1
    # in the test or, where the exception got lost, after it
    assert "the test took more than 4 s" in run.text
    assert re.search(r"(?m)^1 failed, 1 passed|^2 passed, 1 error", run.text)
    assert [m for m in mountinfo.below(test.dir) if b"/hrfs-" in m[0][len(str(test.dir)) :]] == []


def test_a_killed_pytest_leaves_nothing(pytest_run, mount, test, tree):
    mount()
    run = pytest_run(
        """
        import signal

        def test_it(mount, start, capfd):
            mount()
            start("sleep", "1000")
            with capfd.disabled():
                print("ready", flush=True)
            signal.pause()
        """
    )
    run.wait_for("ready")
    run.signal(signal.SIGKILL)
    inner = os.fsencode(test.dir) + b"/hrfs-"
    wait_until(lambda: not any(m[0].startswith(inner) for m in mountinfo.mounts()), what="the watchdog to unmount")
    wait_until(lambda: not any("sleep 1000" in processes.command(p) for p in processes.tagged(f"{test.dir}")))
    wait_until(lambda: not any("watchdog" in processes.command(p) for p in processes.tagged(f"{test.dir}")))
    assert not any("sleep 1000" in processes.command(p) for p in processes.descendants(os.getpid()))


def test_runs_share_a_list_of_tests(pytest_run, test):
    taken = test.dir / "taken"
    taken.mkdir()
    source = """
        import os, pytest
        from pathlib import Path
        from tests.lib.wait import wait_until

        place = Path(os.environ["PLACE"])

        @pytest.fixture(scope="module", autouse=True)
        def both_have_begun():
            (place / f"begun-{os.getpid()}").touch(exist_ok=False)
            wait_until(lambda: len(list(place.glob("begun-*"))) == 2)

        @pytest.mark.parametrize("n", range(9))
        def test_it(n):
            with open(place / "ran", "a") as ran:
                ran.write(f"{n} {os.getpid()}\\n")
            assert n != 4
        """
    runs = [pytest_run(source, "-p", "tests.lib.share", "--share", taken, PLACE=str(test.dir)) for _ in range(2)]
    assert sorted(run.wait() for run in runs) == [0, 1]
    ran = [line.split() for line in (test.dir / "ran").read_text().splitlines()]
    assert sorted(n for n, _ in ran) == list("012345678")
    assert len({pid for _, pid in ran}) == 2
    assert sum(int(re.search(r"(\d+) passed", run.text)[1]) for run in runs) == 8
