"""Each example, edited through its mount, answers with the new code after `hrfs wait`."""

import re
import shutil
import signal

import pytest

from tests.lib import build
from tests.lib.http import get

pytestmark = pytest.mark.any_user

EXAMPLES = {
    "c": ("cc", "server.c", "Hello from C"),
    "go": ("go", "main.go", "Hello from Go"),
    "node": ("node", "server.js", "Hello from Node"),
    "python": ("python3", "greeting.py", "Hello from Python"),
}


@pytest.fixture(params=sorted(EXAMPLES))
def example(request, test, tree, free_port):
    """A copy of the example on a port of this test's own."""
    tool, file, greeting = EXAMPLES[request.param]
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed")
    shutil.copytree(
        build.ROOT / "examples" / request.param,
        tree.src,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("server", "__pycache__"),
    )
    port = free_port()
    settings = tree.src / "hrfs.yaml"
    settings.write_text(re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{port}", settings.read_text()))
    return request.param, tree.src / file, greeting, port


@pytest.mark.time_limit(240)
def test_reloads_on_edits(example, test, tree, hrfs, hrfs_start):
    name, file, greeting, port = example
    run = hrfs_start("run", cwd=tree.src)
    run.wait_for(r"(?m)^.*\bweb\b.*\bready\b", timeout=200)
    assert get(port) == (200, f"{greeting}\n")
    for edit in ("one", "two", "three"):
        text = file.read_text()
        file.write_text(re.sub(rf"{greeting}[^'\"]*", f"{greeting}, {edit}", text))
        hrfs("wait", cwd=tree.src, timeout=120)
        assert get(port) == (200, f"{greeting}, {edit}\n")
    run.signal(signal.SIGINT)
    run.wait()


@pytest.mark.time_limit(240)
def test_a_bad_edit_leaves_the_old_code_serving(example, test, tree, hrfs, hrfs_start):
    name, file, greeting, port = example
    if name not in ("c", "go"):
        pytest.skip("nothing is built that could fail")
    run = hrfs_start("run", cwd=tree.src)
    run.wait_for(r"(?m)^.*\bweb\b.*\bready\b", timeout=200)
    good = file.read_text()
    file.write_text(good + "\nthis is no code\n")
    failed = hrfs("wait", cwd=tree.src, status=None, timeout=120)
    assert failed.returncode == 1
    assert file.name in failed.stdout + failed.stderr
    assert get(port) == (200, f"{greeting}\n")
    file.write_text(good.replace(greeting, f"{greeting}, mended"))
    hrfs("wait", cwd=tree.src, timeout=120)
    assert get(port) == (200, f"{greeting}, mended\n")
    run.signal(signal.SIGINT)
    run.wait()
