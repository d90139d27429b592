"""Random operations on two directories at once; every answer is compared, and at the end the trees.

    random_ops.py SEED SECONDS MOUNT PLAIN      sequences of one process, in a directory of its own
    random_ops.py SEED SECONDS MOUNT PLAIN users    the same, by root acting as several users with groups
    random_ops.py SEED SECONDS MOUNT            many processes in one directory, without a model: invariants only

Prints one line of JSON: {"steps": N, "difference": null | text}. A difference is shortened to the fewest steps that show it.
"""

import errno
import json
import os
import random
import shutil
import sys
import time

NAMES = ["a", "b", "c", "dd", "e.txt", "f" * 200]
SIZES = [0, 1, 100, 4095, 4096, 4097, 70000]
FDS = 4
USERS = [(0, 0, [0]), (1234, 1234, [4321]), (1235, 1235, [4321, 77]), (1236, 1234, [])]  # uid, gid, groups
MODES = [0o644, 0o600, 0o755, 0o444, 0o700]
SHARED_MODES = [0o666, 0o777, 0o640, 0o755, 0o1777, 0o2775, 0o4755, 0o2664, 0o060, 0o070]
CLOSED = 1_000_000  # a number that is no descriptor: EBADF


def random_path(rng):
    return "/".join(rng.choice(NAMES) for _ in range(rng.choice([1, 1, 2, 2, 3])))


def make_step(rng, users=False):
    """One operation as plain values, so that a sequence can be shortened and run again."""
    if users and rng.randrange(12) == 0:
        step = make_step(rng)
        # not -1 for both, see chown_that_changes_nothing
        owner, group = rng.choice([(-1, 1234), (-1, 4321), (-1, 77), (0, -1), (1234, -1), (1235, -1), (1235, 77)])
        return {**step, "kind": "chown", "user": rng.randrange(len(USERS)), "owner": owner, "group": group}
    if users:
        return {**make_step(rng), "user": rng.randrange(len(USERS)), "mode": rng.choice(SHARED_MODES)}
    kind = rng.choices(
        ["open", "write", "read", "close", "append", "truncate", "ftruncate", "unlink", "mkdir", "rmdir", "rename", "link", "symlink", "stat", "fstat", "chmod", "utime", "list", "replace", "readlink", "exchange", "fsync", "xattr", "map"],
        [9, 12, 8, 5, 5, 4, 3, 6, 6, 3, 8, 4, 3, 10, 5, 3, 3, 6, 4, 2, 2, 1, 2, 2],
    )[0]
    return {
        "kind": kind,
        "path": random_path(rng),
        "other": random_path(rng),
        "fd": rng.randrange(FDS),
        "size": rng.choice(SIZES),
        "offset": rng.choice(SIZES),
        "byte": rng.randrange(256),
        "flags": rng.choice([os.O_RDWR | os.O_CREAT, os.O_RDWR | os.O_CREAT | os.O_TRUNC, os.O_RDONLY, os.O_RDWR, os.O_WRONLY | os.O_CREAT | os.O_EXCL, os.O_RDWR | os.O_CREAT | os.O_APPEND]),
        "mode": rng.choice(MODES),
    }


def facts(st):
    size = 0 if st.st_mode & 0o170000 == 0o040000 else st.st_size
    return [oct(st.st_mode), st.st_nlink, size, st.st_uid, st.st_gid]


def become(user):
    """The rights of USERS[user] for this process, until the next call; USERS[0] is whoever runs it."""
    if os.getuid():
        return
    uid, gid, groups = USERS[user]
    os.seteuid(0)
    os.setgroups(groups)
    os.setegid(gid)
    os.seteuid(uid)


class Player:
    """Runs steps below one directory; keeps a few open files."""

    def __init__(self, base):
        self.base = base
        self.fds = [CLOSED] * FDS

    def close(self):
        for i, fd in enumerate(self.fds):
            if fd != CLOSED:
                os.close(fd)
            self.fds[i] = CLOSED

    def run(self, step):
        become(step.get("user", 0))
        try:
            return self._run(step)
        except OSError as e:
            return errno.errorcode.get(e.errno, e.errno)
        finally:
            become(0)

    def _run(self, s):
        path, other = self.base + "/" + s["path"], self.base + "/" + s["other"]
        fd, data = self.fds[s["fd"]], bytes([s["byte"]]) * s["size"]
        match s["kind"]:
            case "open":
                new = os.open(path, s["flags"], s["mode"])
                if fd != CLOSED:
                    os.close(fd)
                self.fds[s["fd"]] = new
                return facts(os.fstat(new))
            case "write":
                return os.pwrite(fd, data, s["offset"])
            case "append":
                return [os.lseek(fd, 0, os.SEEK_END), os.write(fd, data)]
            case "read":
                got = os.pread(fd, s["size"], s["offset"])
                return [len(got), hash_of(got)]
            case "close":
                os.close(fd)
                self.fds[s["fd"]] = CLOSED
            case "truncate":
                return os.truncate(path, s["size"])
            case "ftruncate":
                return os.ftruncate(fd, s["size"])
            case "unlink":
                return os.unlink(path)
            case "mkdir":
                return os.mkdir(path, s["mode"] if "user" in s else s["mode"] | 0o700)
            case "rmdir":
                return os.rmdir(path)
            case "rename":
                return os.rename(path, other)
            case "exchange":
                return renameat2(path, other, 2)
            case "link":
                return os.link(path, other, follow_symlinks=False)
            case "symlink":
                return os.symlink(s["other"], path)
            case "readlink":
                return os.readlink(path)
            case "stat":
                return facts(os.lstat(path))
            case "fstat":
                return facts(os.fstat(fd))
            case "chown":
                return os.chown(path, s["owner"], s["group"], follow_symlinks=False)
            case "chmod" if "user" in s:
                return os.chmod(path, s["mode"])
            case "chmod":
                return os.chmod(path, s["mode"] | (0o700 if os.path.isdir(path) else 0o200))
            case "utime":
                os.utime(path, ns=(s["size"] * 1000001, s["offset"] * 1000003))
                st = os.stat(path)
                return [st.st_atime_ns, st.st_mtime_ns]
            case "list":
                return sorted(os.listdir(path))
            case "fsync":
                return os.fsync(fd)
            case "xattr":
                os.setxattr(path, "user.x", data[:100])
                return len(os.getxattr(path, "user.x"))
            case "map":
                return self._map(path, s)
            case "replace":
                with open(other, "wb") as f:
                    f.write(data)
                return os.rename(other, path)

    def _map(self, path, s):
        import mmap

        fd = os.open(path, os.O_RDWR)
        try:
            size = os.fstat(fd).st_size
            if not size:
                return 0
            with mmap.mmap(fd, size) as area:
                at = s["offset"] % size
                area[at] = s["byte"]
                return hash_of(area[max(0, at - 50) : at + 50])
        finally:
            os.close(fd)


def renameat2(old, new, flags):
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), flags):
        raise OSError(ctypes.get_errno(), "renameat2")


def hash_of(data):
    import zlib

    return zlib.crc32(data)


def picture(base):
    """The whole tree, contents too."""
    out = {}
    for directory, subdirs, files in os.walk(base):
        for name in subdirs + files:
            path = os.path.join(directory, name)
            st = os.lstat(path)
            entry = facts(st)
            if st.st_mode & 0o170000 == 0o100000:
                if os.getuid():
                    os.chmod(path, 0o644)
                with open(path, "rb") as f:
                    entry.append(hash_of(f.read()))
            out[os.path.relpath(path, base)] = entry
    return out


def play(steps, mount, plain):
    """The first difference as (index, text), or None."""
    players = [Player(mount), Player(plain)]
    try:
        for i, step in enumerate(steps):
            a, b = (p.run(step) for p in players)
            if a != b:
                return i, f"step {i} {step}: mount {a!r}, plain {b!r}"
        a, b = picture(mount), picture(plain)
        if a != b:
            different = {k: (a.get(k), b.get(k)) for k in a.keys() | b.keys() if a.get(k) != b.get(k)}
            return len(steps) - 1, f"trees differ (mount, plain): {different}"
        return None
    finally:
        for p in players:
            p.close()


def fresh(*directories):
    for d in directories:
        if os.path.exists(d):
            shutil.rmtree(d)
        os.mkdir(d)
        os.chmod(d, 0o777)


def shorten(steps, mount, plain):
    """Leaves out whatever the difference does not need."""
    size = max(1, len(steps) // 2)
    while True:
        i = 0
        while i < len(steps):
            fewer = steps[:i] + steps[i + size :]
            fresh(mount, plain)
            found = play(fewer, mount, plain)
            if found:
                steps = fewer[: found[0] + 1]
            else:
                i += size
        if size == 1:
            return steps
        size //= 2


def compare(seed, seconds, mount, plain, users=False):
    end = time.monotonic() + seconds
    total, rounds = 0, 0
    while time.monotonic() < end:
        rng = random.Random(f"{seed}/{rounds}")
        steps = [make_step(rng, users) for _ in range(400)]
        fresh(mount, plain)
        found = play(steps, mount, plain)
        total += len(steps)
        if found:
            short = shorten(steps[: found[0] + 1], mount, plain)
            fresh(mount, plain)
            again = play(short, mount, plain)
            lines = "\n".join(map(str, short))
            return total, f"seed {seed} round {rounds}: {(again or found)[1]}\nshortened to:\n{lines}"
        rounds += 1
    return total, None


ALLOWED = {"ENOENT", "EEXIST", "ENOTDIR", "EISDIR", "ENOTEMPTY", "EBADF", "EINVAL", "ENODATA", "EACCES", "EPERM", "ELOOP", "EXDEV", "ENAMETOOLONG", "EMLINK", "EBUSY"}


def crowd(seed, seconds, mount):
    end = time.monotonic() + seconds
    rng = random.Random(f"{seed}/{os.getpid()}")
    player = Player(mount)
    n = 0
    while time.monotonic() < end:
        step = make_step(rng)
        if step["kind"] == "map":
            continue  # a map beyond the end that somebody else has cut off is SIGBUS everywhere
        answer = player.run(step)
        n += 1
        if isinstance(answer, (str, int)) and str(answer).startswith("E") and answer not in ALLOWED:
            return n, f"seed {seed}: {answer} is no errno of a healthy file system, for {step}"
    player.close()
    return n, None


if __name__ == "__main__":
    os.umask(0o022)
    seed, seconds = sys.argv[1], float(sys.argv[2])
    steps, difference = compare(seed, seconds, *sys.argv[3:5], users=sys.argv[5:] == ["users"]) if len(sys.argv) > 4 else crowd(seed, seconds, sys.argv[3])
    print(json.dumps({"steps": steps, "difference": difference}))
