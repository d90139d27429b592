"""Subscriptions: what is told, when, and what is held back."""

import os

import pytest

from tests.lib.client import Closed
from tests.lib.wait import wait_until

pytestmark = pytest.mark.any_user


class Subscriber:
    """One connection with one subscription; pushes in the order in which they come."""

    def __init__(self, m, name="s", root=None, **query):
        self.m = m
        self.root = str(root or m.path)
        self.client = m.client()
        self.reply = self.client.call("subscribe", self.root, name, {"fields": ["name"], **query})

    def next(self):
        return self.client.push()

    def files(self):
        return sorted(self.next()["files"])

    def told(self):
        """The names of all that was told until everything done so far has settled."""
        return sorted({n for files in self.settled() for n in files})

    def until(self, key):
        """The push that has the key, and the names that were told before it."""
        names = set()
        while key not in (push := self.next()):
            names.update(push["files"])
        return push, sorted(names)

    def settled(self):
        """Everything that was done so far is told: the pushes for it, as lists of files."""
        self.client.call("hrfs-settle", self.root, {"timeout_ms": 20000})
        pushes = list(self.client.pushes)
        self.client.pushes.clear()
        return [sorted(p["files"]) for p in pushes if "files" in p]


@pytest.fixture
def m(mount, tree):
    (tree.src / "a").mkdir()
    (tree.src / "a" / "x.c").write_text("x\n")
    (tree.src / "top.txt").write_text("top\n")
    return mount()


# ---- the beginning ----


def test_first_all_files(m):
    s = Subscriber(m)
    assert s.reply["subscribe"] == "s" and s.reply["asserted-states"] == []
    first = s.next()
    assert first["is_fresh_instance"] is True and first["unilateral"] is True
    assert (first["subscription"], first["root"], first["clock"]) == ("s", str(m.path), s.reply["clock"])
    assert sorted(first["files"]) == ["a", "a/x.c", "top.txt"]


def test_first_what_has_changed_since(m):
    clock = m.clock()
    (m.path / "new").write_text("x")
    m.settle()
    s = Subscriber(m, since=clock)
    first = s.next()
    assert first["is_fresh_instance"] is False and first["since"] == clock and first["files"] == ["new"]


def test_nothing_at_first_when_nothing_has_changed(m):
    s = Subscriber(m, since=m.clock())
    assert s.settled() == []
    (m.path / "new").write_text("x")
    assert s.told() == ["new"]


def test_an_empty_first_on_request(m):
    first = Subscriber(m, empty_on_fresh_instance=True).next()
    assert first["is_fresh_instance"] is True and first["files"] == []


# ---- changes ----


def test_pushes_follow_each_other(m):
    s = Subscriber(m, since=m.clock())
    clock = s.reply["clock"]
    for i in range(20):
        (m.path / "top.txt").write_text(f"{i}\n")
        m.settle()
        push = s.next()
        assert push["files"] == ["top.txt"] and push["is_fresh_instance"] is False
        assert push["since"] == clock or int(push["since"].rsplit(":", 1)[1]) >= int(clock.rsplit(":", 1)[1])
        clock = push["clock"]


def test_suppressed_batches_are_not_told(m):
    s = Subscriber(m, since=m.clock())
    (m.path / "top.txt").write_text("top\n")
    os.utime(m.path / "top.txt")
    (m.path / "tmp").write_text("x")
    (m.path / "tmp").unlink()
    assert s.settled() == []
    (m.path / "top.txt").write_text("changed\n")
    assert s.settled() == [["top.txt"]]


def test_only_what_matches(m):
    s = Subscriber(m, since=m.clock(), expression=["allof", ["suffix", "c"], ["type", "f"]])
    (m.path / "y.txt").write_text("y")
    assert s.settled() == []
    (m.path / "y.c").write_text("y")
    (m.path / "y.h").write_text("y")
    assert s.told() == ["y.c"]
    (m.path / "a" / "x.c").unlink()  # what it was still matches
    assert s.settled() == [["a/x.c"]]


def test_below_a_root_of_its_own(m):
    s = Subscriber(m, root=m.path / "a", since=m.clock())
    r = Subscriber(m, relative_root="a", since=m.clock())
    (m.path / "top.txt").write_text("changed\n")
    (m.path / "a" / "y.c").write_text("y")
    for one in s, r:
        assert one.told() == ["y.c"]
    assert s.root == str(m.path / "a")


def test_default_fields(m):
    c = m.client()
    c.call("subscribe", str(m.path), "s", {"since": m.clock()})
    (m.path / "new").write_text("four")
    st = (m.path / "new").stat()
    c.call("hrfs-settle", str(m.path), {})
    told = [f for p in c.pushes for f in p["files"]]
    assert told[0]["new"] is True
    assert told[-1] == {"name": "new", "exists": True, "new": len(told) == 1, "size": 4, "mode": st.st_mode}
    c.pushes.clear()
    (m.path / "new").unlink()
    assert c.push()["files"] == [{"name": "new", "exists": False, "new": False, "size": None, "mode": None}]


def test_two_on_one_connection_and_unsubscribe(m):
    c = m.client()
    root = str(m.path)
    for name in "one", "two":
        c.call("subscribe", root, name, {"fields": ["name"], "since": m.clock()})
    (m.path / "new").write_text("x")
    c.call("hrfs-settle", root, {})
    assert {p["subscription"] for p in c.pushes} == {"one", "two"}
    c.pushes.clear()
    assert c.call("unsubscribe", root, "one")["deleted"] is True
    assert c.call("unsubscribe", root, "one")["deleted"] is False
    (m.path / "new").write_text("y")
    c.call("hrfs-settle", root, {})
    assert {p["subscription"] for p in c.pushes} == {"two"}


def test_the_same_name_again_replaces(m):
    c = m.client()
    for suffix in "c", "h":
        c.call("subscribe", str(m.path), "s", {"fields": ["name"], "since": m.clock(), "expression": ["suffix", suffix]})
    (m.path / "n.c").write_text("x")
    (m.path / "n.h").write_text("x")
    c.call("hrfs-settle", str(m.path), {})
    assert {n for p in c.pushes for n in p["files"]} == {"n.h"}
    assert m.status()["subscriptions"] == 1


def test_settle_comes_after_its_pushes(m):
    s = Subscriber(m, since=m.clock(), fields=["name", "size", "mtime_ns"])  # made off the loop
    for i in range(30):
        (m.path / f"f{i}").write_text("x")
        s.client.call("hrfs-settle", s.root, {})
        assert {f["name"] for p in s.client.pushes for f in p["files"]} == {f"f{i}"}
        s.client.pushes.clear()


def test_a_whole_tree_moved(m):
    for i in range(200):
        (m.src / "a" / f"f{i}").touch()
    s = Subscriber(m, since=m.clock())
    (m.path / "a").rename(m.path / "b")
    told = {n for files in s.settled() for n in files}
    assert {"a", "b", "a/f7", "b/f7", "a/x.c", "b/x.c"} <= told and len(told) == 404


# ---- batches ----


def test_batches(m):
    s = Subscriber(m, since=m.clock(), **{"hrfs-batches": True})
    (m.path / "top.txt").write_text("top\n")
    m.settle()
    push = s.next()
    batch = push["hrfs-batch"]
    assert push["files"] == [] and batch["suppressed"] is True
    assert [(c["name"], c["reason"]) for c in batch["changes"]] == [("top.txt", "same-content")]
    (m.path / "top.txt").write_text("changed\n")
    m.settle()
    push = s.next()
    assert push["files"] == ["top.txt"] and push["hrfs-batch"]["suppressed"] is False
    assert push["hrfs-batch"]["from"] == batch["to"] and push["clock"] == push["hrfs-batch"]["clock"]
    assert m.history()[-1] == push["hrfs-batch"]


def test_batches_come_each_by_itself(m):
    s = Subscriber(m, since=m.clock(), **{"hrfs-batches": True})
    for i in range(50):
        (m.path / "top.txt").write_text(f"{i}\n")
        m.settle()
    batches = [s.next()["hrfs-batch"] for _ in range(50)]
    assert all(a["to"] == b["from"] for a, b in zip(batches, batches[1:]))


def test_raw_notices(m):
    s = Subscriber(m, since=m.clock(), **{"hrfs-raw": True})
    with open(m.path / "held", "wb", buffering=0) as f:
        f.write(b"x")
        while True:  # while its writer still holds it open
            push = s.next()
            if push.get("hrfs-raw"):
                assert push["files"] == ["held"]
                break
    m.settle()
    while s.next().get("hrfs-raw"):
        pass
    s.client.close()
    wait_until(lambda: m.status()["subscriptions"] == 0)
    (m.path / "held").write_text("nobody listens\n")


def test_raw_notices_with_metadata(m):
    s = Subscriber(m, since=m.clock(), fields=["name", "exists", "size"], **{"hrfs-raw": True})
    (m.path / "new").write_text("four")
    seen = []
    while {"name": "new", "exists": True, "size": 4} not in seen:
        seen += s.next()["files"]


# ---- held back ----


def test_defer(m):
    s = Subscriber(m, since=m.clock(), defer=["busy"])
    c = m.client()
    c.call("state-enter", str(m.path), {"name": "busy", "metadata": {"why": 1}})
    entered = s.next()
    assert entered["state-enter"] == "busy" and entered["metadata"] == {"why": 1}
    for i in range(3):
        (m.path / f"f{i}").write_text("x")
        m.settle()
    (m.path / "f0").unlink()
    assert s.settled() == []
    c.call("state-leave", str(m.path), "busy")
    assert s.next()["state-leave"] == "busy"
    assert s.files() == ["f1", "f2"]  # the difference, told at once
    (m.path / "f3").write_text("x")
    assert s.told() == ["f3"]


def test_drop(m):
    s = Subscriber(m, since=m.clock(), drop=["busy"])
    c = m.client()
    (m.path / "before").write_text("x")
    c.call("state-enter", str(m.path), "busy")
    entered, names = s.until("state-enter")
    assert entered["state-enter"] == "busy" and names == ["before"]
    (m.path / "during").write_text("x")
    c.call("state-leave", str(m.path), "busy")
    assert s.next()["state-leave"] == "busy"
    (m.path / "after").write_text("x")
    assert s.told() == ["after"]


def test_a_state_ends_with_its_client(m):
    s = Subscriber(m, since=m.clock(), defer=["busy"])
    with m.client() as c:
        c.call("state-enter", str(m.path), "busy")
        assert s.next()["state-enter"] == "busy"
        assert Subscriber(m, "t", defer=["busy"]).reply["asserted-states"] == ["busy"]
        (m.path / "new").write_text("x")
        assert s.settled() == []
    left = s.next()
    assert left["state-leave"] == "busy" and left["abandoned"] is True
    assert s.files() == ["new"]


def test_states_are_one_client_s(m):
    one, two = m.client(), m.client()
    root = str(m.path)
    one.call("state-enter", root, "busy")
    assert "already asserted" in two.ask("state-enter", root, "busy")["error"]
    assert "not asserted by this session" in two.ask("state-leave", root, "busy")["error"]
    assert "not asserted" in two.ask("state-leave", root, "other")["error"]
    one.call("state-leave", root, "busy")


def test_defer_vcs(m):
    (m.path / ".git").mkdir()
    m.settle()
    lock = m.path / ".git" / "index.lock"
    s = Subscriber(m, since=m.clock(), expression=["not", ["dirname", ".git"]])
    free = Subscriber(m, since=m.clock(), expression=["not", ["dirname", ".git"]], defer_vcs=False)
    lock.touch()
    (m.path / "new").write_text("x")
    assert free.told() == ["new"]
    assert s.settled() == []
    lock.rename(m.path / ".git" / "index")
    assert s.files() == ["new"]


# ---- flush-subscriptions ----


def test_flush(m):
    s = Subscriber(m, since=m.clock(), defer=["busy"])
    c = s.client
    root = str(m.path)
    assert c.call("flush-subscriptions", root, {"sync_timeout": 20000})["no_sync_needed"] == ["s"]
    m.client().call("state-enter", root, "busy")
    assert s.next()["state-enter"] == "busy"
    (m.path / "new").write_text("x")
    answer = c.call("flush-subscriptions", root, {"sync_timeout": 20000, "subscriptions": ["s"]})
    assert (answer["synced"], answer["no_sync_needed"], answer["dropped"]) == (["s"], [], [])
    assert [p["files"] for p in c.pushes] == [["new"]]
    assert "does not have" in c.ask("flush-subscriptions", root, {"sync_timeout": 1, "subscriptions": ["t"]})["error"]


def test_flush_of_what_is_dropped(m):
    s = Subscriber(m, since=m.clock(), drop=["busy"])
    m.client().call("state-enter", str(m.path), "busy")
    assert s.next()["state-enter"] == "busy"
    (m.path / "new").write_text("x")
    answer = s.client.call("flush-subscriptions", str(m.path), {"sync_timeout": 20000})
    assert answer["dropped"] == ["s"] and not s.client.pushes


# ---- the end ----


def test_the_last_words(m):
    """What was written just before the end is told before the connection closes."""
    s = Subscriber(m, since=m.clock())
    (m.path / "last").write_text("x")
    m.detach()
    names = set()
    with pytest.raises(Closed):
        while True:
            names.update(s.next()["files"])
    assert names == {"last"}
    m.wait_end()


def test_what_comes_after_the_first_answer_is_told(mount):
    """However the end of the first one and the news of a change meet."""
    m = mount()
    for i in range(300):
        with m.client() as c:
            c.call("subscribe", str(m.path), "s", {"fields": ["name"]})
            c.push()
            (m.path / "f").write_text(str(i))
            assert "f" in c.push()["files"]
