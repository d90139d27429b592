"""hrfs doctor: what is in use, and what would better it."""

import os
import re

import pytest

from tests.lib import build
from tests.lib.users import run_as


def test_of_the_machine(cli, tree):
    text = cli("doctor", cwd=tree.dir).stdout
    assert f"Linux {os.uname().release}" in text and "you may mount" in text and "fanotify" in text
    assert "outside" not in text


def test_of_a_mount(cli, mount, tree):
    m = mount()
    how = m.status()["sidedoor"]
    text = cli("doctor", m.path).stdout
    assert ("seen at once" in text) == (how["how"] == "fanotify")
    assert f"what is known is believed for a {how['believed']}" in text


def test_says_why_it_is_a_second(cli, mount):
    m = mount(options="no_sidedoor")
    text = cli("doctor", m.path).stdout
    assert "seen within a second: switched off" in text and "believed for a second: switched off" in text
    assert "kept for a second: switched off" in cli("status", m.path).stdout


def test_says_where_it_is_a_second(user_cli, mount, tree):
    """A directory that the mount's owner may not list is not watched."""
    if os.geteuid():
        pytest.skip("needs root, to own what others may not list")
    closed = tree.src / "closed"
    closed.mkdir(mode=0o711)
    (closed / "f").write_text("x")
    m = mount(user=user_cli.user)
    if m.status()["sidedoor"]["believed"] != "day":
        pytest.skip("nothing is believed for longer here")
    run_as(user_cli.user, lambda: os.stat(m.path / "closed/f"))
    for command in ("doctor", "status"):
        assert re.search("closed:? the mount's owner may not list it", " ".join(user_cli(command, m.path).stdout.split()))


def test_in_no_mount(cli, tree):
    assert "is in no hrfs mount" in cli("doctor", tree.src, status=3).stderr


def jobs_line(text):
    """What it says of jobs, and what would better it."""
    lines = [*text.splitlines(), ""]
    (at,) = [n for n, line in enumerate(lines) if line[7:].startswith("jobs ")]
    return lines[at], lines[at + 1]


def test_how_it_is_known_what_jobs_read(cli, hrfs_start, tree):
    """As whoever runs the tests; the first line of hrfs run begins with the same."""
    line, mend = jobs_line(cli("doctor", cwd=tree.dir).stdout)
    run = hrfs_start("run", "--source", tree.src, "--", "true", cwd=tree.dir)
    first = run.wait_for("^hrfs: a change .*$").group()
    run.signal()
    run.wait()
    said = line.split(None, 2)[2]
    if not build.job_may_mark():
        assert line.startswith("better") and f"hrfs: {said}" == first
        assert mend.strip() == f"sudo setcap cap_sys_admin+ep {build.HRFS_JOB} (./dev install does it)"
        return
    assert line.startswith("good") and said.startswith(first.removeprefix("hrfs: ") + ": what they open is marked, ")
    assert said.endswith("as root" if os.geteuid() == 0 else "by hrfs-job's capability")


def test_as_a_user_without_and_with_the_capability(user_cli, tree, capable):
    line, mend = jobs_line(user_cli("doctor", cwd=tree.dir).stdout)
    assert line.startswith("better") and "hrfs-job has not the capability for it" in line and "sudo setcap" in mend
    line, _ = jobs_line(user_cli("doctor", cwd=tree.dir, env={"HRFS_LIBEXECDIR": str(capable.parent)}).stdout)
    assert line.startswith("good") and line.endswith("what they open is marked, by hrfs-job's capability")


def test_as_a_user_whose_capability_counts_for_nothing(user_cli, start, tree, capable):
    """no_new_privs: as in many containers, and under some service managers."""
    env = {**user_cli.env, "HRFS_LIBEXECDIR": str(capable.parent)}
    d = start("setpriv", "--no-new-privs", build.HRFS, "doctor", cwd=tree.dir, user=user_cli.user, env=env)
    d.wait()
    line, mend = jobs_line(d.output())
    assert line.startswith("better") and "has the capability, which counts for nothing here" in mend


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_as_a_root_that_may_not(start, tree):
    """As in a container."""
    d = start("setpriv", "--bounding-set", "-sys_admin", build.HRFS, "doctor", cwd=tree.dir)
    d.wait()
    line, mend = jobs_line(d.output())
    assert line.startswith("better") and "root may not do it here" in line and "docker run --cap-add SYS_ADMIN" in mend
