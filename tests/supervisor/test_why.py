"""hrfs-why: every decision can be asked about."""

import re

import pytest

pytestmark = pytest.mark.any_user

CONFIG = "services:\n  web:\n    build: sh build.sh\n    run: sleep 1000\n    ready: delay:1ms\n"


def why(s, **arguments):
    return s.ask("hrfs-why", arguments)


def test_the_last_reload_is_explained(supervise):
    config = CONFIG.replace("sleep 1000", "sh -c 'cat text made; exec sleep 1000'")
    s = supervise(config.replace("1ms", "500ms"), files={"build.sh": "cat text\n"}).ready()
    (s.m.path / "text").write_text("two")
    (s.m.path / "made").write_text("x")
    s.ready()
    answer = why(s)
    text = answer["text"]
    assert re.match(r"reload \d+ of web at \d\d:\d\d:\d\d: ended, then started anew\n", text)
    assert re.search(r"  text: changed by \S+ \(pid \d+\)\n", text)
    assert re.search(r"  made: made by \S+ \(pid \d+\)\n", text)
    assert re.search(r"  settle \d+ ms, build \d+ ms, stop \d+ ms, start \d+ ms\n", text)
    assert "  good: alive for 0.5 s" in text
    newest, first = answer["reloads"][0], answer["reloads"][-1]
    assert newest["decision"] == "restart" and newest["ok"] and newest["generation"] >= 2
    assert [x["name"] for x in newest["stages"]] == ["settle", "build", "stop", "start"]
    assert first["reason"] == "first start" and first["decision"] == "start" and first["cause"] == []
    assert why(s, number=newest["number"])["reloads"] == [newest]


def test_a_path_that_caused_none_is_explained(supervise):
    s = supervise(CONFIG, files={"build.sh": "date > out; cat text\n"}).ready()
    (s.m.path / "text").write_text("one")
    (s.m.path / ".x.swp").write_text("x")
    s.ready()
    assert "no reload of web: saved with the content it had" in why(s, path="text")["text"]
    assert "no reload of web: written last by one of its own jobs" in why(s, path="out")["text"]
    assert "no reload of web: an editor's temporary file" in why(s, path=".x.swp")["text"]
    assert "no change of it has settled" in why(s, path="server.py")["text"]
    (s.m.path / "text").write_text("two")
    s.ready()
    text = why(s, path=str(s.m.path / "text"))["text"]
    assert "counts for web\n" in text and re.search(r"reload \d+ of web", text)


def test_a_failure_is_explained(supervise):
    s = supervise(CONFIG, files={"build.sh": "exit 0\n"}).ready()
    (s.m.path / "build.sh").write_text("echo x.c:1: error: no; exit 1\n")
    s.wait()
    newest = why(s, service="web")["reloads"][0]
    assert not newest["ok"]
    assert newest["result"].startswith("build failed: x.c:1: error: no; serving the code of ")


LISTS = CONFIG.replace("sleep 1000", "sh -c 'ls; exec sleep 1000'").replace("1ms", "500ms")


def test_odd_names_move_no_cursor(supervise):
    s = supervise(LISTS, files={"build.sh": "ls\n"}).ready()
    (s.m.path / "a\033[2J\nb").write_text("x")
    s.ready()
    assert "\033" not in why(s)["text"]
    assert "a?[2J?b: made" in why(s)["text"]
    assert why(s)["reloads"][0]["cause"][0]["name"] == "a\033[2J\nb"
    s.run.wait_for(r"^hrfs: web: ready: a\?\[2J\?b \(")


def test_names_that_are_no_text(supervise):
    s = supervise(LISTS, files={"build.sh": "ls\n"}).ready()
    with open(bytes(s.m.path) + b"/\xff", "w") as f:
        f.write("x")
    s.ready()
    assert why(s)["reloads"][0]["cause"][0]["name_b64"] == "/w=="
