"""hrfs.yaml under a running supervisor: what is in force, and whose word counts."""

import json
import os
import subprocess

import pytest

from tests.lib import build
from tests.lib.http import get
from tests.lib.users import run_as
from tests.lib.wait import wait_gone, wait_until
from tests.supervisor.supervised import Supervised

pytestmark = pytest.mark.any_user

SLEEPS = "services:\n  a:\n    run: sleep 1000\n    ready: delay:1ms\n  b:\n    run: sleep 1001\n    ready: delay:1ms\n"


def names(s):
    return sorted(x["name"] for x in s.ask("hrfs-services")["services"])


def replace(file, text):
    """As editors save: written aside, renamed over it."""
    aside = file.with_name(".hrfs.yaml.new")
    aside.write_text(text)
    aside.rename(file)


def test_only_what_differs_restarts(supervise):
    s = supervise(SLEEPS).ready()
    before = {n: s.service(n)["pid"] for n in "ab"}
    replace(s.m.path / "hrfs.yaml", SLEEPS.replace("sleep 1001", "sleep 1002"))
    s.ready()
    assert s.service("a")["pid"] == before["a"]
    assert s.service("b")["pid"] != before["b"]
    assert s.reloads("b")[0]["reason"] == "its settings in hrfs.yaml changed"
    # comments, order and another way to write the same change nothing
    text = "# hello\nservices:\n  b: {run: [sleep, '1002'], ready: 'delay:1ms'}\n  a: {ready: 'delay:1ms', run: sleep 1000}\n"
    after = {n: s.service(n)["pid"] for n in "ab"}
    replace(s.m.path / "hrfs.yaml", text)
    s.ready()
    assert {n: s.service(n)["pid"] for n in "ab"} == after


def test_a_setting_at_the_top_counts_for_all_that_inherit_it(supervise):
    config = SLEEPS.replace("  b:\n", "  b:\n    env: {X: own}\n")
    s = supervise("env: {X: '1'}\n" + config).ready()
    before = {n: s.service(n)["pid"] for n in "ab"}
    replace(s.m.path / "hrfs.yaml", "env: {X: '2'}\n" + config)
    s.ready()
    assert s.service("a")["pid"] != before["a"]
    assert s.service("b")["pid"] == before["b"]


def test_services_come_and_go(supervise):
    s = supervise(SLEEPS).ready()
    pid = s.service("a")["pid"]
    replace(s.m.path / "hrfs.yaml", SLEEPS.replace("  a:\n", "  c:\n"))
    s.ready()
    wait_gone(pid)
    assert names(s) == ["b", "c"]
    replace(s.m.path / "hrfs.yaml", SLEEPS)
    s.ready()
    assert names(s) == ["a", "b"]


def test_a_bad_file_leaves_the_old_one_in_force(supervise):
    s = supervise(SLEEPS).ready()
    pid = s.service("a")["pid"]
    (s.m.path / "hrfs.yaml").write_text("services:\n  a:\n    runn: sleep 5\n")
    answer = s.wait()
    assert not answer["ok"]
    assert answer["config_error"].startswith("hrfs.yaml:3: ")
    assert "'run'" in answer["config_error"] or "run" in answer["config_error"]
    assert s.service("a")["pid"] == pid
    s.run.wait_for("hrfs: hrfs.yaml:3: .*stays in force")
    # put back: all is well, and nothing has restarted
    (s.m.path / "hrfs.yaml").write_text(SLEEPS)
    s.ready()
    assert s.service("a")["pid"] == pid


def test_a_file_that_goes_away_changes_nothing(supervise):
    s = supervise(SLEEPS).ready()
    pid = s.service("a")["pid"]
    (s.m.path / "hrfs.yaml").unlink()
    assert "there is none" in s.wait()["config_error"]
    assert s.service("a")["pid"] == pid
    (s.m.path / "hrfs.yaml").write_text(SLEEPS)
    s.ready()
    assert s.service("a")["pid"] == pid


def test_a_file_that_is_written_in_pieces_is_taken_whole(supervise):
    s = supervise(SLEEPS).ready()
    longer = SLEEPS.replace("sleep 1001", "sleep 1002")
    with open(s.m.path / "hrfs.yaml", "w") as f:
        for piece in (longer[:30], longer[30:60], longer[60:]):
            f.write(piece)
            f.flush()
            os.fsync(f.fileno())
    s.ready()
    assert "stays in force" not in s.run.output()
    assert s.reloads("b")[0]["reason"] == "its settings in hrfs.yaml changed"


def test_the_newest_of_many_versions_wins(supervise):
    s = supervise(SLEEPS).ready()
    for i in range(30):
        replace(s.m.path / "hrfs.yaml", SLEEPS.replace("sleep 1000", f"sleep {2000 + i}"))
    s.ready()
    command = open(f"/proc/{s.service('a')['pid']}/cmdline").read().split("\0")
    assert command[:2] == ["sleep", "2029"]


def test_another_listen_address_is_bound_anew(supervise, free_port):
    one, two = free_port(), free_port()
    config = f"services:\n  web:\n    run: python3 server.py\n    listen: 127.0.0.1:{one}\n"
    s = supervise(config).ready()
    assert get(one) == (200, "one")
    replace(s.m.path / "hrfs.yaml", config.replace(str(one), str(two)))
    s.ready()
    assert get(two) == (200, "one")
    # and both: one of the two is held already
    replace(s.m.path / "hrfs.yaml", config.replace(f"listen: 127.0.0.1:{one}", f"listen: ['127.0.0.1:{two}', '127.0.0.1:{one}']"))
    s.ready()
    assert s.service("web")["listen"] == [f"127.0.0.1:{two}", f"127.0.0.1:{one}"]


def test_a_bad_file_at_the_start_waits_until_it_is_mended(supervise):
    s = supervise("services: 5\n")
    s.run.wait_for("hrfs: hrfs.yaml:1: .*it is read again when it is saved")
    answer = s.wait()
    assert not answer["ok"]
    assert answer["config_error"].startswith("hrfs.yaml:1: ")
    assert names(s) == []
    (s.m.path / "hrfs.yaml").write_text("services: {a: 7}\n")  # otherwise wrong
    s.run.wait_for("hrfs: hrfs.yaml:1: services.a.*it is read again when it is saved")
    (s.m.path / "hrfs.yaml").write_text(SLEEPS)
    s.ready()
    assert names(s) == ["a", "b"]


def test_an_empty_file_waits_for_its_first_service(supervise):
    s = supervise("")
    s.run.wait_for("hrfs: hrfs.yaml names no services yet")
    assert s.wait()["ok"]
    (s.m.path / "hrfs.yaml").write_text(SLEEPS)
    s.ready()
    assert names(s) == ["a", "b"]


def test_a_service_that_does_not_exist_is_an_end(supervise):
    s = supervise(SLEEPS, "--service", "nothing")
    assert s.run.wait() == 125
    assert "there is no service 'nothing' in hrfs.yaml" in s.run.output()


# ---- trust ----


def trust(s):
    subprocess.run([build.HRFS, "trust", "--yes", s.m.src], check=True, capture_output=True)


def test_an_untrusted_file_starts_nothing_until_it_is_trusted(supervise):
    s = supervise(SLEEPS, consent=False)
    answer = s.ask("hrfs-services")
    assert answer["services"] == []
    assert [(x["service"], x["run"]) for x in answer["not_started"]] == [("a", "sleep 1000"), ("b", "sleep 1001")]
    assert "hrfs trust" in answer["not_started"][0]["reason"]
    # an edit of a file that was never agreed to is no consent to all of it
    (s.m.path / "hrfs.yaml").write_text(SLEEPS + "# seen\n")
    s.wait()
    assert names(s) == []
    trust(s)  # it also tells the supervisor
    wait_until(lambda: names(s))
    s.ready()
    assert [s.service(n)["generation"] for n in "ab"] == [1, 1]
    assert names(s) == ["a", "b"]
    assert s.ask("hrfs-services")["not_started"] == []


def test_the_users_own_edit_is_consent_and_is_remembered(supervise, test):
    s = supervise(SLEEPS).ready()
    edited = SLEEPS.replace("sleep 1000", "sleep 1003")
    (s.m.path / "hrfs.yaml").write_text(edited)
    s.ready()
    kept = list((test.dir / "state" / "hrfs" / "trust").iterdir())
    assert len(kept) == 1
    assert kept[0].read_bytes() == os.fsencode(s.m.src / "hrfs.yaml") + b"\0" + edited.encode()


def test_somebody_elses_edit_is_not(supervise, other, tree):
    (tree.src / "hrfs.yaml").write_text("")
    s = supervise(SLEEPS, mount_options="allow_other").ready()
    os.chmod(s.m.path / "hrfs.yaml", 0o666)
    pid = s.service("a")["pid"]
    run_as(other, lambda: (s.m.path / "hrfs.yaml").write_text(SLEEPS.replace("1000", "1004")) and None)
    answer = s.wait()
    assert not answer["ok"]
    assert "by somebody else" in answer["config_error"]
    assert s.service("a")["pid"] == pid
    assert [x["service"] for x in answer["not_started"]] == ["a", "b"]


# ---- without a terminal ----


def test_detached_it_says_what_has_started(start, tree, mount):
    (tree.src / "hrfs.yaml").write_text(SLEEPS)
    m = mount()
    reads, writes = os.pipe()
    argv = [build.HRFS_SUPERVISOR, "--socket", m.socket, "--mountpoint", m.path, "--source", m.src, "--detached"]
    run = start(*argv, "--ready", str(writes), "--consent", pass_fds=[writes])
    os.close(writes)
    with os.fdopen(reads) as f:
        line = json.loads(f.read())
    assert line == {"ok": True, "pid": run.pid, "services": ["a", "b"], "not_started": [], "config_error": None}
    wait_until(lambda: m.ask("hrfs-wait", {})["ok"])
    assert m.ask("hrfs-stop", {})["ok"]
    assert run.wait() == 0
    assert run.output() == ""


def test_detached_without_a_file_it_says_so(start, tree, mount):
    m = mount()
    reads, writes = os.pipe()
    argv = [build.HRFS_SUPERVISOR, "--socket", m.socket, "--mountpoint", m.path, "--source", m.src, "--detached"]
    run = start(*argv, "--ready", str(writes), pass_fds=[writes])
    os.close(writes)
    with os.fdopen(reads) as f:
        line = json.loads(f.read())
    assert line == {"ok": False, "error": "hrfs.yaml: there is none"}
    assert run.wait() == 125


def test_a_second_supervisor_is_refused(supervise, start):
    s = supervise(SLEEPS).ready()
    second = Supervised(s.m, start)
    assert second.run.wait() == 125
    assert names(s) == ["a", "b"]
