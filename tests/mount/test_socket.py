"""What the socket of a mount answers: Watchman's commands, and hrfs's own about the mount itself."""

import base64
import os
import stat
from pathlib import Path

import pytest

from tests.lib.client import Client, ServerError
from tests.lib.users import run_as


def ask(m, *request):
    """One answer of a connection of its own."""
    with Client(m.socket) as c:
        return c.call(*request)


def names(answer):
    return sorted(f["name"] if isinstance(f, dict) else f for f in answer["files"])


@pytest.fixture
def m(mount, tree):
    (tree.src / "a" / "b").mkdir(parents=True)
    (tree.src / "a" / "b" / "x.c").write_text("hi\n")
    (tree.src / "top.txt").write_text("top\n")
    (tree.src / "link").symlink_to("top.txt")
    return mount()


ALL = ["a", "a/b", "a/b/x.c", "link", "top.txt"]


# ---- what it is ----


def test_version_and_capabilities(m):
    version = ask(m, "version")
    assert int(version["version"].split(".")[0]) >= 2020  # clients compare it with Watchman's
    assert version["hrfs-version"]
    asked = ask(m, "version", {"required": ["relative_root", "cmd-query"], "optional": ["term-match", "nosuch"]})
    assert asked["capabilities"] == {"relative_root": True, "cmd-query": True, "term-match": True, "nosuch": False}
    assert "error" not in asked
    with m.client() as c:
        refused = c.ask("version", {"required": ["nosuch"]})
    assert "nosuch" in refused["error"] and refused["capabilities"] == {"nosuch": False}
    listed = ask(m, "list-capabilities")["capabilities"]
    for name in listed:
        assert ask(m, "version", {"required": [name]})["capabilities"] == {name: True}
    assert {"field-size", "term-allof", "cmd-subscribe", "wildmatch", "suffix-set"} <= set(listed)


def test_small_commands(m):
    assert ask(m, "get-sockname")["sockname"] == m.socket
    assert ask(m, "get-sockname")["unix_domain"] == m.socket
    assert ask(m, "get-pid")["pid"] == m.worker_pid()
    assert ask(m, "watch-list")["roots"] == [str(m.path)]
    assert ask(m, "watch", str(m.path))["watch"] == str(m.path)
    assert ask(m, "watch", str(m.path / "a"))["watch"] == str(m.path / "a")
    project = ask(m, "watch-project", str(m.path / "a" / "b"))
    assert (project["watch"], project["relative_path"]) == (str(m.path), "a/b")
    assert "relative_path" not in ask(m, "watch-project", str(m.path))
    assert ask(m, "watch-del", str(m.path))["watch-del"] is True
    assert ask(m, "get-config", str(m.path))["config"] == {}
    assert ask(m, "clock", str(m.path), {"sync_timeout": 100})["clock"] == m.clock()
    for level in "off", "error", "debug":
        assert ask(m, "log-level", level)["log_level"] == level


def test_every_command_is_offered_with_an_answer(m):
    """Each one that is listed says something to no arguments at all."""
    for name in ask(m, "list-capabilities")["capabilities"]:
        if name.startswith("cmd-"):
            with m.client() as c:
                answer = c.ask(name[4:])
                assert "version" in answer
                assert "unknown command" not in answer.get("error", "")


def test_unknown_command(m):
    with m.client() as c:
        assert "unknown command nosuch" in c.ask("nosuch")["error"]
        assert "error" not in c.ask("version")


# ---- roots ----


def test_root_by_other_spellings(m, tree):
    way = tree.dir / "way"
    way.symlink_to(m.path)
    for root in f"{m.path}/", f"{m.path}/./a/..", f"{m.path}//", str(way), f"{way}/../way":
        assert names(ask(m, "query", root, {"fields": ["name"]})) == ALL, root
    assert names(ask(m, "query", str(way / "a"), {"fields": ["name"]})) == ["b", "b/x.c"]


def test_root_outside(m, tree):
    for root in str(tree.src), "/", "relative", f"{m.path}x", f"{m.path}/../nosuch":
        with m.client() as c, pytest.raises(ServerError) as e:
            c.call("clock", root)
        assert str(e.value) == f"RootResolveError: unable to resolve root {root}: directory {root} is not watched"


# ---- lists of files ----


def test_fresh_query(m):
    answer = ask(m, "query", str(m.path), {})
    assert answer["is_fresh_instance"] is True and answer["hrfs-exact"] is (m.status()["sidedoor"]["believed"] == "day")
    assert names(answer) == ALL
    by_name = {f["name"]: f for f in answer["files"]}
    st = (m.src / "top.txt").stat()
    assert by_name["top.txt"] == {"name": "top.txt", "exists": True, "new": True, "size": 4, "mode": st.st_mode}
    assert stat.S_ISDIR(by_name["a"]["mode"]) and stat.S_ISLNK(by_name["link"]["mode"])


def test_fields_are_the_lowers(m):
    fields = ["name", "size", "mode", "uid", "gid", "ino", "dev", "nlink", "mtime_ms", "ctime_ns", "type", "symlink_target"]
    files = ask(m, "query", str(m.path), {"fields": fields})["files"]
    for f in files:
        st = (m.src / f["name"]).lstat()
        assert (f["size"], f["mode"], f["uid"], f["gid"]) == (st.st_size, st.st_mode, st.st_uid, st.st_gid)
        assert (f["ino"], f["dev"], f["nlink"]) == (st.st_ino, st.st_dev, st.st_nlink)
        assert (f["mtime_ms"], f["ctime_ns"]) == (st.st_mtime_ns // 1000000, st.st_ctime_ns)
    assert {f["name"]: f["type"] for f in files} == {"a": "d", "a/b": "d", "a/b/x.c": "f", "link": "l", "top.txt": "f"}
    assert [f["symlink_target"] for f in files if f["name"] == "link"] == ["top.txt"]


def test_one_field_is_flat(m):
    assert sorted(ask(m, "query", str(m.path), {"fields": ["name"]})["files"]) == ALL
    assert set(ask(m, "query", str(m.path), {"fields": ["exists"]})["files"]) == {True}


def test_expressions_and_generators(m):
    def find(**query):
        return names(ask(m, "query", str(m.path), {"fields": ["name"], **query}))

    assert find(suffix="c") == ["a/b/x.c"]
    assert find(glob=["*.txt"]) == ["top.txt"]
    assert find(path=["a"]) == ["a/b", "a/b/x.c"]
    assert find(path=[{"path": "a", "depth": 0}]) == ["a/b"]
    assert find(expression=["allof", ["type", "f"], ["not", ["dirname", "a"]]]) == ["top.txt"]
    assert find(expression=["anyof", ["type", "l"], ["suffix", "c"]]) == ["a/b/x.c", "link"]
    assert find(expression=["size", "gt", 3], path=["top.txt"]) == ["top.txt"]
    assert find(relative_root="a") == ["b", "b/x.c"]
    assert find(relative_root="a", suffix="c") == ["b/x.c"]
    assert find(relative_root="nosuch") == []
    assert find(empty_on_fresh_instance=True) == []


def test_find_and_since(m):
    assert names(ask(m, "find", str(m.path), "**/*.c")) == ["a/b/x.c"]
    clock = m.clock()
    (m.path / "new.txt").write_text("x")
    answer = ask(m, "since", str(m.path), clock)
    assert answer["is_fresh_instance"] is False
    assert names(answer) == ["new.txt"] and answer["files"][0]["new"] is True
    assert names(ask(m, "since", str(m.path), clock, "*.c")) == []
    assert ask(m, "since", str(m.path), answer["clock"])["files"] == []


def test_answers_hold_every_write_before_the_question(m):
    """No wait anywhere: a write that has returned is in the next answer, hundreds of times."""
    clock = m.clock()
    with m.client() as c:
        for i in range(300):
            (m.path / f"f{i % 7}").write_text(str(i))
            answer = c.call("query", str(m.path), {"since": clock, "fields": ["name"]})
            assert answer["files"] == [f"f{i % 7}"], i
            clock = answer["clock"]


def test_changed_back_is_told_again(m):
    top = m.path / "top.txt"
    clock = m.clock()
    top.write_text("other\n")
    answer = ask(m, "query", str(m.path), {"since": clock, "fields": ["name"]})
    assert answer["files"] == ["top.txt"]
    top.write_text("top\n")
    assert ask(m, "query", str(m.path), {"since": answer["clock"], "fields": ["name"]})["files"] == ["top.txt"]
    # as it was at the first clock, but whoever has read it in between has other bytes
    assert ask(m, "query", str(m.path), {"since": clock, "fields": ["name"]})["files"] == ["top.txt"]


def test_removed_and_moved(m):
    clock = m.clock()
    (m.path / "top.txt").unlink()
    (m.path / "a" / "b" / "x.c").rename(m.path / "y.c")
    files = {f["name"]: f for f in ask(m, "query", str(m.path), {"since": clock})["files"]}
    assert {n: f["exists"] for n, f in files.items()} == {"top.txt": False, "a/b/x.c": False, "y.c": True}
    assert files["top.txt"]["size"] is None and files["y.c"]["new"] is True
    gone = ask(m, "query", str(m.path), {"since": clock, "fields": ["name"], "expression": ["not", "exists"]})
    assert names(gone) == ["a/b/x.c", "top.txt"]
    typed = ask(m, "query", str(m.path), {"since": clock, "fields": ["name"], "expression": ["type", "f"]})
    assert names(typed) == ["a/b/x.c", "top.txt", "y.c"]


def test_since_with_generators_is_their_union(m):
    clock = m.clock()
    (m.path / "new.txt").write_text("x")
    (m.path / "z.c").write_text("x")
    answer = ask(m, "query", str(m.path), {"since": clock, "suffix": "c", "fields": ["name", "new"]})
    assert answer["is_fresh_instance"] is False
    assert {f["name"]: f["new"] for f in answer["files"]} == {"new.txt": True, "z.c": True, "a/b/x.c": False}


@pytest.mark.parametrize("clock", ["c:1:2:1:3", "c:1:2", "n:cursor"])
def test_foreign_clock_is_fresh(m, clock):
    answer = ask(m, "query", str(m.path), {"since": clock, "fields": ["name"]})
    assert answer["is_fresh_instance"] is True and names(answer) == ALL


def test_clock_of_the_future_is_fresh(m):
    ahead = m.clock().rpartition(":")[0] + ":99999999"
    assert ask(m, "query", str(m.path), {"since": ahead, "fields": ["name"]})["is_fresh_instance"] is True


def test_since_a_time(m):
    before = m.clock()
    (m.path / "new.txt").write_text("x")
    m.settle()
    with m.client() as c:
        fresh = c.call("query", str(m.path), {"since": 1, "fields": ["name"]})
        assert fresh["is_fresh_instance"] is True
        batch = m.history(since=before)[0]
        answer = c.call("query", str(m.path), {"since": batch["time_ms"] // 1000 + 1000, "fields": ["name"]})
    assert answer["files"] == [] and answer["is_fresh_instance"] is False


def test_names_that_are_no_text(m):
    clock = m.clock()
    odd = [b"caf\xe9", b"new\nline", b"tab\tquote\"back\\", "gr\u00fc\u00df".encode(), b"\xff\xfe", b"nul-\x01"]
    for name in odd:
        with open(os.fsencode(m.path) + b"/" + name, "wb") as f:
            f.write(b"x")
    for query in {"since": clock}, {"expression": ["dirname", "", ["depth", "eq", 0]]}:
        files = ask(m, "query", str(m.path), {**query, "fields": ["name", "exists"]})["files"]
        got = [base64.b64decode(f["name_b64"]) if "name_b64" in f else f["name"].encode() for f in files]
        assert set(odd) <= set(got)
        for f in files:
            assert ("name_b64" in f) == ("\ufffd" in f["name"])
    flat = ask(m, "query", str(m.path), {"since": clock, "fields": ["name"]})["files"]
    assert len(flat) == len(odd) and "caf\ufffd" in flat and "new\nline" in flat


def test_deep_tree(m):
    """Deeper than PATH_MAX, which no single call could name."""
    at = os.open(m.path, os.O_RDONLY)
    for i in range(60):
        os.mkdir("d" * 100, dir_fd=at)
        below = os.open("d" * 100, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(os.open("leaf.deep", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)
    answer = ask(m, "query", str(m.path), {"suffix": "deep", "fields": ["name", "size"]})
    assert [len(f["name"]) for f in answer["files"]] == [60 * 101 + len("leaf.deep")]
    assert answer["files"][0]["size"] == 0


def test_large_answer_to_a_slow_client(m):
    """A tree whose list is larger than what the server keeps for one client: it waits, and all of it comes."""
    count = 5000
    for i in range(count):
        (m.src / f"{i:06}-{'n' * 200}").touch()
    with m.client() as slow:
        slow.send("query", str(m.path), {"fields": ["name", "exists", "new", "size", "mode", "mtime_ms", "ino"]})
        for _ in range(50):  # nobody else waits for it
            ask(m, "clock", str(m.path))
        answer = slow.answer()
        assert len(answer["files"]) == count + len(ALL)
        assert "error" not in slow.ask("version")
    changed = m.clock()
    for i in range(300):
        (m.path / f"{i:06}-{'n' * 200}").write_text("x")
    files = ask(m, "query", str(m.path), {"since": changed, "fields": ["name", "exists", "size"]})["files"]
    assert len(files) == 300 and {f["size"] for f in files} == {1}


# ---- hrfs's own ----


def test_status(m):
    (m.path / "new").write_text("x")
    m.settle()
    status = m.status()
    assert (status["source"], status["mountpoint"], status["device"]) == (str(m.src), str(m.path), m.device)
    assert status["clock"] == status["settled"] == m.clock()
    assert status["exact"] is (status["sidedoor"]["believed"] == "day") and status["supervisor"] is False
    assert status["journal"]["paths"] >= 1 and status["nodes"] >= 1 and status["connections"] >= 1


def test_settle_and_history(m):
    clock = m.clock()
    (m.path / "top.txt").write_text("top\n")  # as it was
    m.settle()
    (m.path / "top.txt").write_text("changed\n")
    answer = ask(m, "hrfs-settle", str(m.path), {"timeout_ms": 20000})
    assert answer["settled"] is True and answer["clock"] == m.clock()
    batches = m.history(since=clock)
    assert batches[0]["suppressed"] is True and batches[-1]["suppressed"] is False
    assert batches[0]["changes"][0]["reason"] == "same-content"
    change = batches[-1]["changes"][0]
    assert (change["name"], change["reason"], change["writer"]["pid"]) == ("top.txt", "changed", os.getpid())
    assert change["before"]["kind"] == change["after"]["kind"] == "file"
    assert change["before"]["hash"] != change["after"]["hash"]
    assert [b["to"] for b in m.history(since=clock, limit=1)] == [batches[-1]["to"]]


def test_state(m):
    def state(path, clock=None):
        more = {"clock": clock} if clock else {}
        return ask(m, "hrfs-state", str(m.path), {"path": path, **more})

    before = m.clock()
    untouched = state("top.txt")
    assert untouched["touched"] is False and untouched["state"]["kind"] == "file"
    (m.path / "top.txt").write_text("changed\n")
    (m.path / "new").write_text("x")
    m.settle()
    now = state("top.txt")
    assert now["state"]["hash"] != untouched["state"]["hash"]
    then = state("top.txt", before)
    assert then["touched"] is True and then["state"] == untouched["state"]
    assert state("new", before)["state"]["kind"] == "absent"
    assert state("a")["state"]["kind"] == "dir"
    assert state("link")["state"]["kind"] == "symlink"
    assert state(str(m.path / "top.txt"))["state"] == now["state"]
    assert state("nosuch")["state"]["kind"] == "absent"
    with m.client() as c:
        assert "path" in c.ask("hrfs-state", str(m.path), {"path": "../../etc/passwd"})["error"]


def test_wait_without_a_supervisor_is_settle(m):
    (m.path / "new").write_text("x")
    answer = ask(m, "hrfs-wait", str(m.path), {"timeout_ms": 20000})
    assert answer["ok"] is True and answer["settled"] is True and answer["services"] == []
    with m.client() as c:
        assert "no supervisor is running" in c.ask("hrfs-reload", str(m.path), {})["error"]


def test_detach(m):
    with m.client() as c:
        assert c.call("hrfs-detach", str(m.path))["detaching"] is True
    m.wait_end()
    assert not os.path.ismount(m.path)


# ---- who may ask ----

OPEN = ["version", "list-capabilities", "get-sockname", "watch-project", "clock", "hrfs-status", "hrfs-settle"]
NAMING = ["query", "since", "find", "subscribe", "hrfs-history", "hrfs-state", "hrfs-services", "hrfs-wait", "hrfs-why", "hrfs-output"]
DOING = ["hrfs-detach", "hrfs-register", "hrfs-reload", "state-enter", "watch-del", "hrfs-job-add"]

def _ask_as(other, m, requests):
    def there():
        with Client(m.socket) as c:
            return [c.ask(*request) for request in requests]

    for directory in Path(m.socket).parents[0:3]:
        directory.chmod(0o755)
    return run_as(other, there)


def test_others_are_told_what_the_mount_is_and_no_names(mount, other):
    """They might ask for what lies in directories that they could not enter."""
    m = mount(options="allow_other")
    root = str(m.path)
    requests = [[name, root, {}] for name in OPEN + NAMING + DOING]
    answers = _ask_as(other, m, requests)
    by_name = {r[0]: a for r, a in zip(requests, answers)}
    for name in OPEN:
        assert "error" not in by_name[name], name
    for name in NAMING + DOING:
        assert by_name[name]["error"] == f"{name}: only the mount's owner (user 0) and root may ask this"
    assert m.mounted()


def test_a_private_mount_is_private(mount, other):
    m = mount(options="noallow_other")
    with pytest.raises(PermissionError):
        _ask_as(other, m, [["version"]])


def test_root_may_ask_a_users_mount(mount, other):
    m = mount(user=other)
    assert ask(m, "hrfs-history", str(m.path), {})["batches"] == []
