"""hrfs doctor: what is in use, and what would better it."""

import os


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


def test_in_no_mount(cli, tree):
    assert "is in no hrfs mount" in cli("doctor", tree.src, status=3).stderr
