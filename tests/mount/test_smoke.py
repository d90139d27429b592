"""One mount, seen from outside: it answers, it is gone afterwards."""

import os


def test_shows_the_tree(mount, tree):
    (tree.src / "a").write_text("one")
    m = mount()
    assert (m.path / "a").read_text() == "one"
    (m.path / "b").write_text("two")
    assert (tree.src / "b").read_text() == "two"
    assert sorted(os.listdir(m.path)) == ["a", "b"]


def test_ends_by_an_unmount(mount):
    m = mount()
    assert m.mounted()
    assert m.umount() == 0
    assert not m.mounted()
    assert not os.path.exists(m.socket)
