"""Real editors: a save of the same text is no change, one of changed text is one, of the file alone."""

import os
import shutil
import subprocess

import pytest

from tests.mount.observe_batches import names, real, told

pytestmark = pytest.mark.any_user

TEXT = "first line\nsecond line\n"


def vim(*settings, change):
    commands = [f"set {s}" for s in settings] + ["%s/second/SECOND/" if change else "", "w!", "q"]
    argv = ["vim", "-Nu", "NONE", "-es", "-i", "NONE"]
    for command in filter(None, commands):
        argv += ["-c", command]
    return lambda path: subprocess.run([*argv, path.name], cwd=path.parent, check=True)


def emacs(*settings, change):
    edit = '(progn (goto-char (point-min)) (search-forward "second") (replace-match "SECOND" t))'
    script = f"(progn {' '.join(settings)} {edit if change else '(set-buffer-modified-p t)'} (save-buffer))"
    argv = ["emacs", "-Q", "--batch"]
    return lambda path: subprocess.run(
        [*argv, path.name, "--eval", script], cwd=path.parent, check=True, stderr=subprocess.DEVNULL
    )


def ed(change):
    script = "1,$s/second/SECOND/\nw\nq\n" if change else "w\nq\n"
    return lambda path: subprocess.run(["ed", "-s", path.name], cwd=path.parent, input=script, text=True, check=True)


def in_a_process(save):
    """A save by a process of its own, which ends with it: one of ours may be kept from going on in the middle."""

    def run(path):
        pid = os.fork()
        if not pid:
            try:
                save(path)
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0

    return run


def nano_like(change):
    """Truncated in place and written by pieces."""

    def save(path):
        text = TEXT.replace("second", "SECOND") if change else TEXT
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        for line in text.splitlines(True):
            os.write(fd, line.encode())
        os.close(fd)

    return in_a_process(save)


def code(change):
    """Visual Studio Code: it opens for writing, truncates, writes, syncs the data, closes, and looks at the file."""

    def save(path):
        text = TEXT.replace("second", "SECOND") if change else TEXT
        os.stat(path)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
        os.ftruncate(fd, 0)
        os.write(fd, text.encode())
        os.fdatasync(fd)
        os.close(fd)
        os.stat(path)

    return in_a_process(save)


def code_atomic(change):
    """The same with files.saveConflictResolution and atomic writes: a sibling that is moved over it."""

    def save(path):
        text = TEXT.replace("second", "SECOND") if change else TEXT
        sibling = path.with_name(path.name + ".vsctmp")
        fd = os.open(sibling, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        os.write(fd, text.encode())
        os.fdatasync(fd)
        os.close(fd)
        os.rename(sibling, path)

    return in_a_process(save)


def jetbrains(change):
    """A backup is written beside it, the new text beside that, then both are moved."""

    def save(path):
        text = TEXT.replace("second", "SECOND") if change else TEXT
        new = path.with_name(path.name + "___jb_tmp___")
        old = path.with_name(path.name + "___jb_old___")
        new.write_text(text)
        os.rename(path, old)
        os.rename(new, path)
        os.unlink(old)

    return in_a_process(save)


EDITORS = {
    "vim": lambda change: vim(change=change),
    "vim backupcopy=yes": lambda change: vim("backupcopy=yes", "backup", "writebackup", change=change),
    "vim backupcopy=no": lambda change: vim("backupcopy=no", "writebackup", change=change),
    "vim backupcopy=no backup": lambda change: vim("backupcopy=no", "backup", change=change),
    "vim nowritebackup": lambda change: vim("nowritebackup", "nobackup", "noswapfile", change=change),
    "vim swap and fsync": lambda change: vim("swapfile", "fsync", change=change),
    "emacs": lambda change: emacs(change=change),
    "emacs no backup": lambda change: emacs("(setq make-backup-files nil)", change=change),
    "emacs backup by copying": lambda change: emacs("(setq backup-by-copying t)", change=change),
    "emacs precious": lambda change: emacs("(setq file-precious-flag t)", change=change),
    "ed": ed,
    "truncate and write": nano_like,
    "vs code": code,
    "vs code atomic": code_atomic,
    "jetbrains": jetbrains,
}

# what an editor leaves beside the file: a new file is a change, as it should be
LEFT = {"f~"}


@pytest.fixture
def m(mount, tree):
    (tree.src / "f").write_text(TEXT)
    return mount()


def program(name):
    word = name.split()[0]
    if word in ("vim", "emacs", "ed") and not shutil.which(word):
        pytest.skip(f"{word} is not installed")


@pytest.mark.parametrize("known", [False, True], ids=["first save", "later save"])
@pytest.mark.parametrize("name", EDITORS)
def test_unchanged_text(m, name, known):
    program(name)
    save = EDITORS[name](False)
    if known:
        save(m.path / "f")
        m.settle()
    clock = m.clock()
    save(m.path / "f")
    batches = told(m, clock)
    assert [set(real(b)) - LEFT for b in batches] == [set()]
    assert "f" in names(batches[0])
    assert (m.path / "f").read_text() == TEXT


@pytest.mark.parametrize("known", [False, True], ids=["first save", "later save"])
@pytest.mark.parametrize("name", EDITORS)
def test_changed_text(m, name, known):
    program(name)
    if known:
        EDITORS[name](False)(m.path / "f")
        m.settle()
    clock = m.clock()
    EDITORS[name](True)(m.path / "f")
    batches = told(m, clock)
    assert [set(real(b)) - LEFT for b in batches] == [{"f"}]
    assert "SECOND" in (m.path / "f").read_text()
    assert set(m.since(clock)) - LEFT == {"f"}
