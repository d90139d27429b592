"""Clients that are broken, slow, dead or hostile: the server stays, and so does the speed of the mount."""

import json
import os
import random
import socket

import pytest

from tests.lib.client import Client, Closed
from tests.lib.wait import wait_until

pytestmark = pytest.mark.any_user


@pytest.fixture
def m(mount, tree):
    (tree.src / "top.txt").write_text("top\n")
    return mount()


@pytest.fixture(autouse=True)
def still_there(request):
    """After each of these the mount answers as before, and by the same worker."""
    m = request.getfixturevalue("m")
    worker = m.worker_pid()
    yield
    assert m.worker_pid() == worker
    clock = m.clock()
    (m.path / "after").write_text("x")
    assert m.since(clock) == ["after"]


# ---- lines ----


def test_half_lines(m):
    line = json.dumps(["clock", str(m.path)]).encode() + b"\n"
    c = m.client()
    for i in range(len(line)):
        c.send_bytes(line[i : i + 1])
    assert "clock" in c.answer()
    for cut in range(0, len(line), 7):
        with m.client() as half:
            half.send_bytes(line[:cut])
    c.send_bytes(line * 20)  # as many at once
    assert len([c.answer()["clock"] for _ in range(20)]) == 20


def test_too_long_a_line(m):
    c = m.client()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        for _ in range(64):
            c.send_bytes(b"x" * (1 << 20))
    c = m.client()
    c.send_bytes(b'["version","' + b"x" * (1 << 20) + b"\n")
    assert "1 MiB" in c.answer()["error"]
    with pytest.raises(Closed):
        c.answer()


def test_as_long_as_may_be(m):
    c = m.client()
    request = ["query", str(m.path), {"expression": ["name", ["x" * 1000] * 1000]}]
    assert c.call(*request)["files"] == []


@pytest.mark.parametrize("open_, close", [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("depth", [60, 100, 10000, 150000])
def test_nesting(m, open_, close, depth):
    c = m.client()
    middle = "[]" if open_ == "[" else "1"
    c.send_bytes(b'["version",' + (open_ * depth + middle + close * depth).encode() + b"]\n")
    answer = c.answer()
    assert ("nested" in answer.get("error", "")) == (depth >= 100), answer
    assert "clock" in c.call("clock", str(m.path))


@pytest.mark.parametrize(
    "line", [b"", b"{}", b"[]", b"[1]", b"null", b'"clock"', b"nonsense", b'["\xff"]', b'["clock"', b'["a\\u0000b"]', b"[" * 5000]
)
def test_what_is_no_request(m, line):
    c = m.client()
    c.send_bytes(line + b"\n")
    if line:
        assert "error" in c.answer()
    assert "clock" in c.call("clock", str(m.path))


def test_binary_is_refused(m):
    c = m.client()
    c.send_bytes(b"\x00\x01\x05\x0b\x00\x03\x01")
    assert "JSON" in c.answer()["error"]
    with pytest.raises(Closed):
        c.answer()


# ---- wrong types in every place ----

WRONG = [None, True, 0, -1, 1.5, 2**62, "", "x", "/", "\ud83d\ude00", [], [[]], ["x"], {}, {"": None}, {"clock": 1}]


@pytest.mark.time_limit(180)
def test_wrong_types_everywhere(m):
    root = str(m.path)
    c = m.client()
    commands = [n[4:] for n in c.call("list-capabilities")["capabilities"] if n.startswith("cmd-")]
    commands += ["hrfs-wait", "hrfs-reload", "hrfs-why", "hrfs-services", "hrfs-output", "hrfs-stop"]
    commands.remove("hrfs-detach")
    keys = ["clock", "timeout_ms", "path", "limit", "since", "sync_timeout", "subscriptions", "name", "commands", "job", "pid"]
    for command in commands:
        requests = [[command], [command, root], [command, root, {}, {}, {}]]
        requests += [[command, w] for w in WRONG] + [[command, root, w] for w in WRONG]
        requests += [[command, root, {k: w}] for k in keys for w in WRONG if not (k == "timeout_ms" and w == 2**62)]
        requests += [[command, root, "s", w] for w in WRONG]
        with m.client() as each:
            for request in requests:
                each.send(*request)
                answer = each.answer()
                assert isinstance(answer, dict) and "version" in answer, request
                each.pushes.clear()


@pytest.mark.time_limit(180)
def test_wrong_types_in_queries(m):
    keys = [
        "since", "suffix", "glob", "glob_includedotfiles", "path", "expression", "fields", "relative_root", "dedup_results",
        "empty_on_fresh_instance", "sync_timeout", "lock_timeout", "case_sensitive", "defer", "drop", "defer_vcs",
        "hrfs-batches", "hrfs-raw",
    ]  # fmt: skip
    terms = [n[5:] for n in m.client().call("list-capabilities")["capabilities"] if n.startswith("term-")]
    queries = [{k: w} for k in keys for w in WRONG]
    queries += [{"expression": [t, *args]} for t in terms for w in WRONG for args in ([w], ["x", w], [w, w], ["x", w, w, w])]
    for command in ["query"], ["subscribe"]:
        c = m.client()
        for query in queries:
            c.send(command[0], str(m.path), *(["s"] if command == ["subscribe"] else []), query)
            answer = c.answer()
            assert "version" in answer, query
            c.pushes.clear()


@pytest.mark.parametrize("value", [-(1 << 63), -1, (1 << 31), (1 << 63) - 1])
def test_times_out_of_range(m, value):
    c = m.client()
    root = str(m.path)
    for request in (["flush-subscriptions", root, {"sync_timeout": value}], ["hrfs-settle", root, {"timeout_ms": value}]):
        assert "error" in c.ask(*request), request
    for request in (["clock", root, {"sync_timeout": value}], ["since", root, value], ["query", root, {"fields": ["name"], "sync_timeout": value}]):
        assert "version" in c.ask(*request), request


# ---- many ----


@pytest.mark.time_limit(120)
def test_a_thousand_connections(m):
    first = m.client()
    clients, refused = [], 0
    for _ in range(1000):
        c = Client(m.socket)
        clients.append(c)
        try:
            c.send("version")
        except BrokenPipeError:
            pass  # it is told why before it has asked anything
        answer = c.receive()
        if "error" in answer:
            assert "too many connections" in answer["error"]
            refused += 1
            c.close()
    assert refused == 1000 - 63
    assert "clock" in first.call("clock", str(m.path))
    for c in clients:
        c.close()
    # the places are free again; that takes the server a moment
    wait_until(lambda: first.call("hrfs-status", str(m.path))["connections"] == 1)


def test_many_subscriptions(m):
    c = m.client()
    for i in range(300):
        answer = c.ask("subscribe", str(m.path), f"s{i}", {"fields": ["name"], "empty_on_fresh_instance": True})
        assert ("error" in answer) == (i >= 256), answer
    assert c.call("unsubscribe", str(m.path), "s0")["deleted"] is True
    assert "error" not in c.ask("subscribe", str(m.path), "again", {"fields": ["name"], "empty_on_fresh_instance": True})


def test_many_states(m):
    c = m.client()
    for i in range(70):
        assert ("error" in c.ask("state-enter", str(m.path), f"s{i}")) == (i >= 64)


def test_many_requests_whose_answers_are_not_read(m):
    """The server stops taking questions from one who does not read, and goes on when he does."""
    c = m.client()
    for i in range(200):
        (m.path / f"f{i}").touch()
    query = json.dumps(["query", str(m.path), {}]).encode() + b"\n"
    c.socket.setblocking(False)
    sent = 0
    try:
        for sent in range(20000):
            c.socket.send(query)
    except BlockingIOError:
        pass
    assert 0 < sent < 20000
    assert m.ask("hrfs-status")["connections"] >= 1
    c.socket.setblocking(True)
    for _ in range(sent):
        assert len(c.receive()["files"]) >= 200


# ---- clients that leave ----


@pytest.mark.time_limit(120)
def test_clients_that_die_in_the_middle(m):
    for i in range(2000):
        (m.src / f"{i:05}-{'n' * 100}").touch()
    requests = [
        ["query", str(m.path), {}],
        ["subscribe", str(m.path), "s", {}],
        ["subscribe", str(m.path), "s", {"hrfs-batches": True, "fields": ["name"], "hrfs-raw": True}],
        ["hrfs-settle", str(m.path), {}],
        ["hrfs-state", str(m.path), {"path": "top.txt"}],
        ["hrfs-history", str(m.path), {}],
        ["state-enter", str(m.path), "s"],
        ["flush-subscriptions", str(m.path), {"sync_timeout": 10000}],
        ["hrfs-register", str(m.path), {"commands": ["hrfs-x"]}],
        ["hrfs-x", str(m.path), {}],
    ]
    chance = random.Random(1)
    for i in range(300):
        with m.client() as c:
            for _ in range(chance.randrange(1, 5)):
                c.send(*chance.choice(requests))
            (m.path / "top.txt").write_text(str(i))
            if chance.random() < 0.5:
                c.socket.recv(chance.randrange(1, 5000))
            if chance.random() < 0.3:
                c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wait_until(lambda: m.status()["connections"] == 1 and m.status()["subscriptions"] == 0)
    assert m.status()["supervisor"] is False


def test_one_that_only_asks_no_more(m):
    """Half closed, as at the end of a pipe: its answers come all the same."""
    c = m.client()
    c.send("query", str(m.path), {"fields": ["name"]})
    c.send("hrfs-settle", str(m.path), {})
    c.socket.shutdown(socket.SHUT_WR)
    assert c.answer()["files"] == ["top.txt"]
    assert c.answer()["settled"] is True
    with pytest.raises(Closed):
        c.answer()


# ---- those that do not read ----


@pytest.mark.time_limit(300)
@pytest.mark.parametrize("count", [4000, pytest.param(20000, marks=pytest.mark.long)])
def test_subscribers_that_never_read(m, count):
    """While many files are written: who never reads is let go of with a line in the log, and a reader misses nothing."""
    long = "-" + "n" * 240  # few files make many bytes
    reader = m.client()
    reader.call("subscribe", str(m.path), "r", {"fields": ["name"], "since": m.clock(), "hrfs-batches": True})
    sleepers = [m.client() for _ in range(4)]
    for i, c in enumerate(sleepers):
        what = {"fields": ["name", "exists", "new", "size", "mode"], "since": m.clock(), "hrfs-raw": i % 2 == 1}
        if i < 2:
            what["hrfs-batches"] = True
        for n in range(8):
            c.call("subscribe", str(m.path), f"s{n}", what)
    told = set()
    for i in range(count):
        os.close(os.open(m.path / f"{i:06}{long}", os.O_CREAT | os.O_WRONLY))
        if i % 1000 == 0:
            assert m.clock()
            reader.call("hrfs-settle", str(m.path), {})
            while reader.pushes:
                told.update(reader.pushes.popleft()["files"])
    reader.call("hrfs-settle", str(m.path), {}, timeout=60)
    while reader.pushes:
        told.update(reader.pushes.popleft()["files"])
    assert told == {f"{i:06}{long}" for i in range(count)}
    wait_until(lambda: "subscriber_closed" in m.log_text())
    assert m.status()["connections"] < 6
