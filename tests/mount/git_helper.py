"""Repositories for tests, and hrfs-git asked directly over its socket."""

import os
import random
import socket
import struct
import subprocess

from tests.lib import build
from tests.lib.running import identity

CONTROL_GIT = 9  # fs/control.h

WHO = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_AUTHOR_DATE": "2024-01-01T00:00:00Z",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_COMMITTER_DATE": "2024-01-01T00:00:00Z",
}


def git(directory, *args, user=None, status=0, **more):
    """Standard output of git there; it must end well, or with the status given (None: any)."""
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main", *args],
        cwd=directory,
        capture_output=True,
        env={**os.environ, **WHO},
        **identity(user),
        **more,
    )
    if status is not None:
        assert done.returncode == status, f"git {args} -> {done.returncode}: {done.stderr!r}"
    return done.stdout


def write(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)


def repository(directory, files=()):
    """files: name -> text; committed."""
    directory.mkdir(parents=True, exist_ok=True)
    git(directory, "init", "-q")
    for name, text in dict(files).items():
        write(directory / name, text)
    if files:
        git(directory, "add", "-A", "-f")
        git(directory, "commit", "-q", "-m", "begin")
    return directory


class Helper:
    """hrfs-git for one tree."""

    def __init__(self, root, user=None, env=None):
        self.door, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [build.HRFS_GIT, "--door", str(theirs.fileno()), str(root)],
                pass_fds=[theirs.fileno()],
                env={**os.environ, **(env or {})},
                **identity(user),
            )
        self.connect()

    def connect(self):
        """As the next worker does."""
        self.socket, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self.door, [struct.pack("IIQ", CONTROL_GIT, 0, 0)], [theirs.fileno()])
        self.answers = self.socket.makefile("rb")
        self.socket.settimeout(30)

    def hang_up(self):
        self.answers.close()
        self.socket.close()

    def send(self, word, *args):
        message = b"\0".join([word.encode(), *map(os.fsencode, args)])
        self.socket.sendall(b"%d\n" % len(message) + message)

    def receive(self):
        """b"" also when it has hung up."""
        return self.answers.read(int(self.answers.readline() or 0))

    def ask(self, word, *args):
        self.send(word, *args)
        return self.receive()

    def ignored(self, *paths):
        """The verdicts as a string of 0 and 1."""
        return self.ask("ignored", *paths).decode()

    def dirs(self):
        return [os.fsdecode(d) for d in self.ask("dirs").split(b"\0") if d]

    def changed(self):
        return self.ask("changed") == b"1"

    def about(self):
        return self.ask("about").decode()

    def end(self):
        """Its exit status after we and the keeper hang up."""
        self.hang_up()
        self.door.close()
        return self.process.wait(30)


def git_verdicts(top, paths):
    """
    What `git check-ignore` says, as a string of 0 and 1. Without the slash behind a directory: with it
    git would take the directory's own .gitignore for rules about itself.
    """
    text = b"".join(b"./" + os.fsencode(p.rstrip("/")) + b"\0" for p in paths)
    fields = git(top, "check-ignore", "--stdin", "-z", "-v", "-n", input=text, status=None).split(b"\0")
    answers = list(zip(fields[0::4], fields[2::4], fields[3::4]))
    assert len(answers) == len(paths)
    return "".join("01"[bool(source) and not pattern.startswith(b"!")] for source, pattern, _ in answers)


# ---- nasty trees ----

NAMES = ["a", "b", "Foo", "foo", "build", "x.o", "keep.o", "\u00e9", "sp ace", "t ", "#h", "!n", "[b]", "a*", "bin", "z\\q", ":m"]


def _pattern(rnd):
    parts = []
    for _ in range(rnd.choice([1, 1, 1, 2, 2, 3])):
        name = rnd.choice(NAMES)
        parts.append(
            rnd.choice(
                [name, name, name, name, "**", "*", name[0] + "*", "?" + name[1:], "[a-c]", "[!a]*", "*.o", "\\" + name]
            )
        )
    text = rnd.choice(["", "", "", "/"]) + "/".join(parts) + rnd.choice(["", "", "/"])
    text += rnd.choice([""] * 8 + [" ", "\\ ", "\t"])
    return rnd.choice(["", "", "", "!", "!", "#"]) + text


def _write_rules(rnd, file):
    lines = [_pattern(rnd) + rnd.choice(["\n", "\n", "\n", "\r\n"]) for _ in range(rnd.randint(1, 6))]
    write(file, "".join(lines))


def nasty_tree(top, seed):
    """A repository with rules in many places and some files tracked in spite of them; the paths in it."""
    rnd = random.Random(seed)
    repository(top)
    git(top, "config", "core.ignorecase", rnd.choice(["true", "false"]))
    paths, dirs = [], [""]
    for _ in range(18):
        path = rnd.choice(dirs) + rnd.choice(NAMES)
        if os.path.lexists(top / path):
            continue
        if rnd.random() < 0.55:
            (top / path).mkdir()
            dirs.append(path + "/")
            paths.append(path + "/")
        else:
            write(top / path)
            paths.append(path)
    for where in ["", *rnd.sample(dirs, min(2, len(dirs)))]:
        _write_rules(rnd, top / where / ".gitignore")
    _write_rules(rnd, top / ".git/info/exclude")
    tracked = [p for p in paths if not p.endswith("/") and rnd.random() < 0.2]
    if tracked:
        git(top, "--literal-pathspecs", "add", "-f", "--", *tracked)
    return paths
