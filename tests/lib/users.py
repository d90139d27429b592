"""Doing things as somebody else, for tests that run as root."""

import collections
import os
import pickle
import pwd
import traceback

User = collections.namedtuple("User", "name uid gid")


def ordinary():
    """The user that ./dev test makes, else nobody."""
    for name in ("hrfs-test", "nobody"):
        try:
            pw = pwd.getpwnam(name)
            return User(pw.pw_name, pw.pw_uid, pw.pw_gid)
        except KeyError:
            pass
    return None


def run_as(user, function, groups=()):
    """Calls function() in a child with the user's rights; returns its result or raises what it raised."""
    result, result_child = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(result)
            os.setgroups(list(groups))
            os.setresgid(user.gid, user.gid, user.gid)
            os.setresuid(user.uid, user.uid, user.uid)
            answer = (True, function())
        except BaseException as e:  # noqa: B036: everything goes to the parent
            e.__traceback__ = None
            answer = (False, e)
        try:
            data = pickle.dumps(answer)
        except Exception:
            data = pickle.dumps((False, RuntimeError(traceback.format_exc())))
        with os.fdopen(result_child, "wb") as f:
            f.write(data)
        os._exit(0)
    os.close(result_child)
    with os.fdopen(result, "rb") as f:
        data = f.read()
    os.waitpid(pid, 0)
    if not data:
        raise RuntimeError("the child died")
    good, value = pickle.loads(data)
    if not good:
        raise value
    return value


def as_owner(m, function):
    """As whoever the mount is of: it may be closed to root."""
    return run_as(m.user, function) if m.user else function()
