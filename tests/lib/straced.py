"""What a command has done with the names of a tree, by strace -f -y -e trace=file,getdents64."""

import os
import re

CALL = re.compile(r"(\w+)\((.*)\)\s+= (-?\d+|\?)(?:<((?:[^>\\]|\\.)*)>)?(?: (E\w+))?", re.DOTALL)
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
AT = re.compile(r"^(AT_FDCWD|\d+)(?:<((?:[^>\\]|\\.)*)>)?, ")
MAKERS = {"mkdir", "mkdirat", "symlink", "symlinkat", "link", "linkat", "rename", "renameat", "renameat2", "mknod"}


def _text(quoted):
    return os.fsdecode(quoted.encode("latin-1", "replace").decode("unicode_escape").encode("latin-1"))


def _whole(path):
    """(pid, call) of each line, those cut by another thread's put together again."""
    begun = {}
    with open(path, errors="replace") as lines:
        for line in lines:
            pid, _, call = line.strip().partition(" ")
            call = call.strip()
            if call.endswith("<unfinished ...>"):
                begun[pid] = call[: -len("<unfinished ...>")].rstrip()
            elif call.startswith("<... "):
                yield pid, begun.pop(pid, "") + call.partition("resumed>")[2]
            else:
                yield pid, call


class Straced:
    """Paths relative to the tree: opened (files), directories (opened), listed, executed, seen, absent, made."""

    def __init__(self, log, tree, cwd):
        self.tree = os.fspath(tree)
        self.start = os.fspath(cwd)
        self.cwds = {}
        self.opened, self.directories, self.listed, self.executed = set(), set(), set(), set()
        self.seen, self.absent, self.made = set(), set(), set()
        self.renamed = []
        for pid, call in _whole(log):
            found = CALL.match(call)
            if found:
                self._take(pid, *found.groups())

    def _cwd(self, pid):
        """Of a child that has done nothing yet: where somebody has gone last."""
        return self.cwds.get(pid, self.start)

    def _go(self, pid, directory):
        self.cwds[pid] = self.start = directory

    def _inside(self, path):
        path = os.path.normpath(path)
        if path == self.tree:
            return ""
        return path[len(self.tree) + 1 :] if path.startswith(self.tree + "/") else None

    def _add(self, to, path):
        inside = self._inside(path)
        if inside is not None:
            to.add(inside)

    def _paths(self, pid, args):
        """The names of a call, absolute; a directory's descriptor stands before the name that is relative to it."""
        base, at = self._cwd(pid), AT.match(args)
        if at and at[2]:
            base = _text(at[2])
            if at[1] == "AT_FDCWD":
                self._go(pid, base)  # of a child it is not known before
        return [os.path.join(base, _text(n)) for n in QUOTED.findall(args)]

    def _take(self, pid, name, args, result, target, error):
        if name == "getdents64":
            self._add(self.listed, _text(re.match(r"\d+<(.*?)>", args)[1]))
            return
        if name in ("execve", "execveat"):
            args = re.sub(r"\[.*", "", args, flags=re.DOTALL)
        paths = self._paths(pid, args)
        if not paths:
            return
        if error:
            if error == "ENOENT":
                self._add(self.absent, paths[0])
        elif name.startswith("open") or name == "creat":
            if "O_PATH" in args:
                self._add(self.seen, paths[0])
            else:
                real = _text(target)
                self._add(self.directories if "O_DIRECTORY" in args or os.path.isdir(real) else self.opened, real)
                self._add(self.seen, paths[0])
            if "O_CREAT" in args:
                self._add(self.made, paths[0])
        elif name in ("execve", "execveat"):
            self._add(self.executed, paths[0])
        elif name == "chdir":
            self._go(pid, os.path.normpath(paths[0]))
            self._add(self.seen, paths[0])
        elif name in MAKERS:
            self._add(self.made, paths[-1])
            if name.startswith("rename"):
                self._add(self.made, paths[0])
                self.renamed.append((self._inside(paths[0]), self._inside(paths[-1])))
        else:
            for path in paths[:1]:
                self._add(self.seen, path)

    def is_file(self, path):
        return not os.path.isdir(os.path.join(self.tree, path))

    def known(self):
        """Every name that it can have asked for, and those on the way there."""
        names = set()
        for some in (self.opened, self.directories, self.listed, self.executed, self.seen, self.absent, self.made):
            for path in some:
                while path:
                    names.add(path)
                    path = os.path.dirname(path)
        for old, new in self.renamed:  # with what is in it
            if old and new:
                names |= {new + path[len(old) :] for path in names if path.startswith(old + "/")}
        return names | {""}


def _ways(report):
    got = {way: set() for way in ("executed", "read", "listed", "seen", "absent", "wrote")}
    for entry in report["paths"]:
        for way in entry["how"]:
            got[way].add(entry["path"])
    return got


def _none(what, paths):
    assert not paths, f"{what}: {sorted(paths)}"


def compare(report, straced, exact):
    """Nothing is missing, nothing is anybody else's. exact: it is known what was opened, not only what was asked for."""
    got = _ways(report)
    got_any = got["executed"] | got["read"] | got["listed"] | got["seen"] | got["absent"]
    made = straced.made
    root = {""}  # nobody asks for it by a name
    if exact:
        _none("opened, not read", straced.opened - made - got["read"])
        _none("executed", straced.executed - got["executed"])
        _none("listed", straced.listed - got["listed"])
        _none("not listed", got["listed"] - straced.listed - straced.directories)
    else:
        _none("opened or executed", (straced.opened | straced.executed) - got_any - made)
        _none("listed or not", got["listed"] ^ straced.listed)
    _none("seen", straced.seen - got_any - made - root)
    # of a name in a directory that is not there only the directory is asked for
    missing = straced.absent - got["absent"] - made - straced.seen - straced.opened - straced.executed
    _none("absent", {p for p in missing if not any(p.startswith(a + "/") for a in got["absent"])})
    # a directory may have been asked for by others: it counts when it goes
    _none("somebody else's", {p for p in got_any - straced.known() if straced.is_file(p)})
