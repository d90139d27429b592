"""Commands that another process answers on its own connection."""

import os

import pytest

pytestmark = pytest.mark.any_user


@pytest.fixture
def m(mount):
    return mount()


@pytest.fixture
def supervisor(m):
    c = m.client()
    c.call("hrfs-register", str(m.path), {"commands": ["hrfs-reload", "hrfs-wait", "hrfs-mine"]})
    return c


def test_a_request_goes_there_and_its_answer_back(m, supervisor):
    c = m.client()
    c.send("hrfs-reload", str(m.path), {"services": ["api"]})
    request = supervisor.push_with("hrfs-request")
    assert request["command"] == ["hrfs-reload", str(m.path), {"services": ["api"]}]
    assert (request["uid"], request["pid"]) == (os.getuid(), os.getpid())
    supervisor.send("hrfs-reply", request["hrfs-request"], {"ok": True, "services": ["api"]})
    answer = c.answer()
    assert answer["ok"] is True and answer["services"] == ["api"] and "version" in answer
    # a reply has no answer of its own
    assert "clock" in supervisor.call("clock", str(m.path))


def test_more_than_one_answer(m, supervisor):
    c = m.client()
    c.send("hrfs-mine", str(m.path))
    c.send("clock", str(m.path))
    request = supervisor.push_with("hrfs-request")["hrfs-request"]
    for i in range(5):
        supervisor.send("hrfs-reply", request, {"n": i, "hrfs-more": True})
        assert c.answer()["n"] == i
    supervisor.send("hrfs-reply", request, {"n": "last"})
    assert c.answer()["n"] == "last"
    assert "clock" in c.answer()  # answers keep the order of the requests


def test_each_client_gets_its_own(m, supervisor):
    clients = [m.client() for _ in range(5)]
    for i, c in enumerate(clients):
        c.send("hrfs-mine", str(m.path), i)
    requests = [supervisor.push_with("hrfs-request") for _ in clients]
    for r in reversed(requests):
        supervisor.send("hrfs-reply", r["hrfs-request"], {"n": r["command"][2]})
    assert [c.answer()["n"] for c in clients] == [0, 1, 2, 3, 4]


def test_cancelled_when_the_client_leaves(m, supervisor):
    with m.client() as c:
        c.send("hrfs-mine", str(m.path))
        request = supervisor.push_with("hrfs-request")["hrfs-request"]
    assert supervisor.push_with("hrfs-cancelled")["hrfs-cancelled"] == request
    supervisor.send("hrfs-reply", request, {"too": "late"})
    assert "clock" in supervisor.call("clock", str(m.path))


def test_only_one_supervisor(m, supervisor):
    c = m.client()
    refused = c.ask("hrfs-register", str(m.path), {"commands": ["hrfs-wait"]})
    assert str(os.getpid()) in refused["error"]
    assert m.status()["supervisor"] is True
    supervisor.close()
    # its end is seen in its own time; a second one may register then
    while "error" in c.ask("hrfs-register", str(m.path), {"commands": ["hrfs-wait"]}):
        pass


def test_the_supervisor_dies_with_requests_open(m, supervisor):
    c = m.client()
    c.send("hrfs-mine", str(m.path))
    supervisor.push_with("hrfs-request")
    supervisor.close()
    assert "supervisor ended" in c.answer()["error"]
    assert "unknown command" in c.ask("hrfs-mine", str(m.path))["error"]
    assert "no supervisor" in c.ask("hrfs-reload", str(m.path))["error"]
    assert c.ask("hrfs-wait", str(m.path), {})["settled"] is True


def test_only_the_registered_may_reply(m, supervisor):
    c, other = m.client(), m.client()
    c.send("hrfs-mine", str(m.path))
    request = supervisor.push_with("hrfs-request")["hrfs-request"]
    assert "registered" in other.ask("hrfs-reply", request, {"forged": True})["error"]
    supervisor.send("hrfs-reply", request, {"forged": False})
    assert c.answer()["forged"] is False


def test_a_root_elsewhere_is_not_forwarded(m, supervisor):
    assert "RootResolveError" in m.client().ask("hrfs-mine", "/nosuch")["error"]
    assert "clock" in supervisor.call("clock", str(m.path))
    assert not supervisor.pushes


@pytest.mark.parametrize(
    "commands",
    [None, "hrfs-x", [1], ["x"], ["hrfs-status"], ["version"], ["hrfs-" + "x" * 100], ["hrfs-x"] * 65],
)
def test_what_cannot_be_claimed(m, commands):
    assert "commands" in m.client().ask("hrfs-register", str(m.path), {"commands": commands})["error"]
    assert m.status()["supervisor"] is False


@pytest.mark.parametrize("reply", [[], [1], ["x", {}], [1, 2], [None, None], [10**30, {}], [-1, {"ok": True}]])
def test_replies_that_are_none(m, supervisor, reply):
    c = m.client()
    c.send("hrfs-mine", str(m.path))
    request = supervisor.push_with("hrfs-request")["hrfs-request"]
    supervisor.send("hrfs-reply", *reply)
    supervisor.send("hrfs-reply", request, {"ok": True})
    # an integer that is too large is no JSON for the server: that line alone has an answer
    assert c.answer()["ok"] is True


def test_whose_writes_are_a_jobs(m, supervisor):
    clock = m.clock()
    supervisor.call("hrfs-job-add", str(m.path), {"job": "api/build", "pid": os.getpid()})
    (m.path / "out").write_text("x")
    m.settle()
    assert [c["writer"]["job"] for c in m.changes(clock)] == ["api/build"]
    supervisor.call("hrfs-job-remove", str(m.path), {"job": "api/build", "pid": os.getpid()})
    clock = m.clock()
    (m.path / "out").write_text("y")
    m.settle()
    assert [c["writer"]["job"] for c in m.changes(clock)] == [""]
    for wrong in {}, {"job": "x"}, {"job": "", "pid": 1}, {"job": "x" * 48, "pid": 1}, {"job": "x", "pid": 0}:
        assert "error" in supervisor.ask("hrfs-job-add", str(m.path), wrong)
