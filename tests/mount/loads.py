"""Work as programs do it, the same each time it is done. Run as `loads.py NAME DIR`; DIR is made.

Prints what it saw as one line of JSON. That, and the tree it leaves, can be compared with another file system's.
"""

import errno
import hashlib
import json
import mmap
import os
import random
import sqlite3
import subprocess
import sys
import threading

LOADS = {}


def load(function):
    LOADS[function.__name__] = function
    return function


def run(*argv):
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


def put(path, data):
    with open(path, "w") as f:
        f.write(data)


def in_children(count, work):
    """work(n) in processes of their own, at once."""
    pids = []
    for n in range(count):
        pid = os.fork()
        if pid == 0:
            try:
                work(n)
                os._exit(0)
            except BaseException as e:  # noqa: B036: whatever it is, the parent is told
                os.write(2, f"{work.__name__} {n}: {e!r}\n".encode())
                os._exit(1)
        pids.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * count


# ---- builds ----


MAKEFILE = """
objects := $(patsubst src/%.c,obj/%.o,$(sort $(wildcard src/*.c)))
program: $(objects)
\tcc -o $@ $^
obj/%.o: src/%.c include/all.h | obj
\tcc -MMD -Iinclude -c -o $@ $<
obj:
\tmkdir $@
-include $(wildcard obj/*.d)
"""


def write_project(files):
    os.mkdir("src")
    os.mkdir("include")
    put("Makefile", MAKEFILE)
    put("include/all.h", "".join(f'#include "f{n}.h"\n' for n in range(files)) + "int printf(const char *, ...);\n")
    for n in range(files):
        put(f"include/f{n}.h", f"int f{n}(int);\n")
        call = f"f{n - 1}(x + {n})" if n else "x"
        put(f"src/f{n}.c", f'#include "all.h"\nint f{n}(int x)\n{{\n\treturn 3 * {call} % 1000003;\n}}\n')
    put("src/main.c", f'#include "all.h"\nint main(void)\n{{\n\tprintf("%d\\n", f{files - 1}(1));\n\treturn 0;\n}}\n')


@load
def make():
    """A build, one after an edit, and one that has nothing to do."""
    write_project(40)
    run("make", "-j2")
    first = run("./program")
    put("src/f0.c", '#include "all.h"\nint f0(int x)\n{\n\treturn x + 5;\n}\n')
    compiled = sorted(line for line in run("make", "-j2").splitlines() if "-c" in line)
    return [first, compiled, run("./program"), "up to date" in run("make", "-j2")]


# ---- databases ----


def transactions(n):
    db = sqlite3.connect("db", timeout=30, isolation_level=None)
    db.execute("pragma busy_timeout = 30000")
    for i in range(100):
        db.execute("begin immediate")
        db.execute("insert into t values (?, ?, ?)", (n, i, "x" * 500))
        db.execute("update sums set sum = sum + ?", (i,))
        db.execute("rollback" if i % 5 == 4 else "commit")
    db.close()


def database(mode):
    """Two writers, some of whose transactions are rolled back."""
    db = sqlite3.connect("db", isolation_level=None)
    answer = db.execute(f"pragma journal_mode = {mode}").fetchone()
    db.execute("create table t (writer, number, text, primary key (writer, number))")
    db.execute("create table sums (sum)")
    db.execute("insert into sums values (0)")
    db.close()
    in_children(2, transactions)
    db = sqlite3.connect("db", isolation_level=None)
    told = [answer, db.execute("pragma integrity_check").fetchall(), db.execute("select sum from sums").fetchall()]
    told += db.execute("select writer, number, length(text) from t order by writer, number").fetchall()
    db.close()
    os.unlink("db")  # its pages' order is a matter of luck
    return told


@load
def sqlite_rollback():
    return database("delete")


@load
def sqlite_wal():
    return database("wal")


# ---- mappings ----


MAP_SIZE = 1 << 20


def store(n):
    """Stores into every second page, so that two of these share no page but the file."""
    rng = random.Random(n)
    fd = os.open("map", os.O_RDWR)
    m = mmap.mmap(fd, MAP_SIZE)
    os.close(fd)
    for i in range(4000):
        page = rng.randrange(MAP_SIZE // 8192) * 8192 + n * 4096
        m[page + rng.randrange(4096)] = rng.randrange(256)
        if i % 20 == 19:
            m.flush()
    m.close()


@load
def mapped():
    with open("map", "wb") as f:
        f.truncate(MAP_SIZE)
    in_children(2, store)
    with open("map", "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


# ---- trees ----


def write_tree(base):
    rng = random.Random(1)
    for d in range(40):
        directory = f"{base}/d{d % 8}/e{d}"
        os.makedirs(directory)
        for n in range(50):
            put(f"{directory}/f{n}", f"{d} {n}\n" * rng.randrange(60))
            os.chmod(f"{directory}/f{n}", rng.choice([0o644, 0o755, 0o600, 0o444]))
        os.symlink("f1", f"{directory}/link")
        os.link(f"{directory}/f2", f"{directory}/hard")


def found(top):
    """Every path with type, mode, links, target, and size where it is not a directory's."""
    return sorted(run("find", top, "-type", "d", "-printf", "%p %m %n\n", "-o", "-printf", "%p %y %m %n %s %l\n").splitlines())


@load
def untar():
    """Some thousand files unpacked and compared, then most of them removed."""
    archive = sys.argv[3]
    run("tar", "xf", archive)
    run("tar", "df", archive)  # sizes, times, modes, contents
    run("sh", "-c", "rm -rf tree/d[0-5]")
    return found("tree")


@load
def list_and_look():
    """Listings that take references, and removals that the kernel forgets, at once."""
    write_tree("tree")
    os.mkdir("flat")
    for i in range(1500):
        put(f"flat/{i}", "")

    def look(n):
        for i in range(150):
            assert len(os.listdir("flat")) == 1500
        for _ in range(2):
            assert len(found("tree")) == 1 + 8 + 40 + 40 * 52
            assert len(run("ls", "-lR", "tree")) > 1000

    in_children(2, look)
    run("rm", "-rf", "tree/d0")
    return found("tree")


# ---- attributes ----


def attributes(n):
    for i in range(60):
        path = f"{n}-{i}"
        put(path, "x")
        os.setxattr(path, "user.once", b"%d" % i, os.XATTR_CREATE)
        os.setxattr(path, "user.once", b"again", os.XATTR_REPLACE)
        try:
            os.setxattr(path, "user.once", b"no", os.XATTR_CREATE)
            raise AssertionError("made twice")
        except FileExistsError:
            pass
        os.setxattr(path, "user.long", bytes(range(256)) * 4)
        os.setxattr(path, "user.gone", b"")
        os.removexattr(path, "user.gone")
        try:
            os.removexattr(path, "user.gone")
            raise AssertionError("removed twice")
        except OSError as e:
            assert e.errno == errno.ENODATA
        assert sorted(os.listxattr(path)) == ["user.long", "user.once"]
        assert os.getxattr(path, "user.long") == bytes(range(256)) * 4


@load
def xattrs():
    in_children(2, attributes)
    return {name: {a: os.getxattr(name, a).hex() for a in sorted(os.listxattr(name))} for name in sorted(os.listdir("."))}


# ---- several users ----


def one_user(n):
    """Makes, hands on and is refused, all as somebody else."""
    uid = [1201, 1202, 1203][n]
    os.setgroups([1300])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    os.umask(0o027)
    for i in range(60):
        d = f"{uid}-{i}"
        os.mkdir(d)
        put(f"{d}/f", "mine")
        os.link(f"{d}/f", f"{d}/hard")
        os.symlink("f", f"{d}/link")
        os.mkfifo(f"{d}/pipe")
        os.rename(f"{d}/f", f"{d}/g")
        put(f"group/{d}", "ours")  # its directory hands its group on
        os.chmod(f"{d}/g", 0o600)
        for refused in (lambda: os.unlink("roots"), lambda: put("secret", "x"), lambda: os.listdir("closed")):
            try:
                refused()
                raise AssertionError("not refused")
            except PermissionError:
                pass


@load
def users():
    os.umask(0)
    os.chmod(".", 0o1777)
    put("roots", "x")
    put("secret", "x")
    os.chmod("secret", 0o600)
    os.mkdir("closed", 0o700)
    os.mkdir("group")
    os.chown("group", 0, 1300)
    os.chmod("group", 0o2775)
    in_children(3, one_user)
    return sorted(run("find", ".", "-printf", "%p %y %m %U %G %n\n").splitlines())


@load
def read_only_objects():
    """As git makes them: 0444 from the start, then written; without privilege nobody may open them again so."""
    for d in range(20):
        os.mkdir(f"{d}")
        fds = [os.open(f"{d}/{n}", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o444) for n in range(20)]
        for n, fd in enumerate(fds):
            os.write(fd, b"object %d" % n)
            if n % 2:
                os.unlink(f"{d}/{n}")
        os.chmod(f"{d}/0", 0)
        for n, fd in enumerate(fds):
            os.fsync(fd)
            assert os.pread(fd, 20, 0) == b"object %d" % n
            os.close(fd)
    return found(".")


# ---- threads in one process ----


@load
def threads():
    """One process whose threads rename over and remove what others hold open."""
    wrong = []

    def work(n):
        try:
            for i in range(150):
                put(f"{n}-new", f"{n} {i}\n")
                fd = os.open(f"{n}-new", os.O_RDWR)
                os.rename(f"{n}-new", f"{n}")
                put(f"{n}-next", "next")
                os.rename(f"{n}-next", f"{n}")
                text = os.pread(fd, 100, 0).decode()
                if text != f"{n} {i}\n" or os.fstat(fd).st_nlink != 0:
                    wrong.append(text)
                os.close(fd)
        except OSError as e:
            wrong.append(repr(e))

    all_threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for t in all_threads:
        t.start()
    for t in all_threads:
        t.join()
    return wrong


if __name__ == "__main__":
    os.mkdir(sys.argv[2])
    os.chdir(sys.argv[2])
    print(json.dumps(LOADS[sys.argv[1]]()))
