"""Watchman's own client for Python, in its JSON encoding, against the socket of a mount."""

import pytest

pytestmark = pytest.mark.any_user

pywatchman = pytest.importorskip("pywatchman", reason="pywatchman is not installed for this Python")


@pytest.fixture
def m(mount, tree):
    (tree.src / "app").mkdir()
    (tree.src / "app" / "main.py").write_text("print(1)\n")
    (tree.src / "README").write_text("hi\n")
    return mount()


@pytest.fixture
def client(m):
    with pywatchman.client(sockpath=m.socket, timeout=20, sendEncoding="json", recvEncoding="json") as c:
        yield c


def test_capability_check(client):
    found = client.capabilityCheck(optional=["term-match", "nosuch"], required=["relative_root", "cmd-watch-project"])
    assert found["capabilities"]["term-match"] is True and found["capabilities"]["nosuch"] is False
    assert tuple(int(n) for n in found["version"].split(".")[:2]) >= (4, 9)  # what Django wants
    with pytest.raises(pywatchman.CommandError):
        client.capabilityCheck(required=["nosuch"])


def test_errors_are_exceptions(client):
    with pytest.raises(pywatchman.CommandError, match=r"unable to resolve root .* directory (.*) is not watched"):
        client.query("clock", "/nosuch")
    with pytest.raises(pywatchman.CommandError, match="unknown expression term"):
        client.query("query", client.query("watch-list")["roots"][0], {"expression": ["nosuch"]})


def test_as_a_build_tool_does(m, client):
    """watch-project, a query for all, then a query since its clock."""
    project = client.query("watch-project", str(m.path / "app"))
    assert (project["watch"], project["relative_path"]) == (str(m.path), "app")
    query = {
        "expression": ["allof", ["type", "f"], ["suffix", "py"]],
        "fields": ["name", "exists", "mtime_ms", "size"],
        "relative_root": project["relative_path"],
    }
    first = client.query("query", project["watch"], query)
    assert first["is_fresh_instance"] is True and [f["name"] for f in first["files"]] == ["main.py"]
    (m.path / "app" / "main.py").write_text("print(22)\n")
    (m.path / "README").write_text("ho\n")
    then = client.query("query", project["watch"], {**query, "since": first["clock"]})
    assert then["is_fresh_instance"] is False
    assert [(f["name"], f["exists"], f["size"]) for f in then["files"]] == [("main.py", True, 10)]


def test_as_a_reloader_does(m, client):
    """Subscribe since a clock, and wait for what is told."""
    root = client.query("watch-project", str(m.path))["watch"]
    clock = client.query("clock", root)["clock"]
    client.query(
        "subscribe",
        root,
        "reloader",
        {
            "expression": ["allof", ["match", "**/*.py", "wholename"], ["anyof", "exists", ["not", "exists"]]],
            "fields": ["name"],
            "since": clock,
            "dedup_results": True,
        },
    )
    for i in range(5):
        (m.path / "app" / "main.py").write_text(f"print({i + 10})\n")
        while not client.getSubscription("reloader", remove=False):
            client.receive()
        told = client.getSubscription("reloader")
        assert {n for push in told for n in push["files"]} == {"app/main.py"}
        assert {push["root"] for push in told} == {root}
    client.query("unsubscribe", root, "reloader")


def test_as_mercurial_does(m, client):
    root = str(m.path)
    clock = client.query("clock", root)["clock"]
    client.query("subscribe", root, "s", {"fields": ["name"], "since": clock, "defer": ["hg.update"]})
    client.query("state-enter", root, {"name": "hg.update", "metadata": {"rev": "x", "status": "ok"}})
    (m.path / "README").write_text("new\n")
    client.query("state-leave", root, {"name": "hg.update", "metadata": {"rev": "y", "status": "ok"}})
    answer = client.query("flush-subscriptions", root, {"sync_timeout": 10000})
    assert answer["synced"] + answer["no_sync_needed"] == ["s"]
    told = client.getSubscription("s")
    assert [p.get("state-enter") or p.get("state-leave") or p["files"] for p in told] == [
        "hg.update",
        "hg.update",
        ["README"],
    ]
    changed = client.query(
        "query",
        root,
        {
            "fields": ["mode", "mtime", "size", "exists", "name"],
            "since": clock,
            "expression": ["not", ["anyof", ["dirname", ".hg"], ["name", ".hg", "wholename"]]],
            "sync_timeout": 2000,
            "empty_on_fresh_instance": True,
        },
    )
    assert [f["name"] for f in changed["files"]] == ["README"]
