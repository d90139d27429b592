"""A mount of one test, made by hrfs-fs directly: no command line, no supervisor."""

import contextlib
import json
import os
import resource
import signal
import subprocess
from pathlib import Path

from tests.lib import build, mountinfo
from tests.lib.client import Client
from tests.lib.running import identity
from tests.lib.wait import DEADLINE, Deadline, wait_gone, wait_readable


class MountFailed(Exception):
    """hrfs-fs said no; .answer is its line of JSON, {} when it died without one."""

    def __init__(self, answer, log):
        super().__init__(answer.get("error") or f"hrfs-fs died: {log}")
        self.answer = answer


def _read_line(fd, timeout=DEADLINE):
    deadline = Deadline(timeout, "hrfs-fs to be ready")
    data = b""
    while not data.endswith(b"\n"):
        wait_readable(fd, deadline)
        more = os.read(fd, 1 << 16)
        if not more:
            break
        data += more
    return json.loads(data) if data else {}


class Mount:
    """`path` is the mountpoint, `src` the tree behind it, `keeper` the pid of hrfs-fs. before: done by it before it is hrfs-fs."""

    def __init__(self, src, mnt, options="", user=None, log=None, lifeline=None, env=None, limits=None, before=None):
        self.src = Path(src)
        self.path = Path(mnt)
        self.user = user  # whose it is; None: ours
        self.log_file = Path(log)
        self.clients = []
        ready, ready_child = os.pipe()

        def prepare():
            for limit, value in (limits or {}).items():
                resource.setrlimit(limit, (value, value))
            if before:
                before()

        argv = [str(build.HRFS_FS), "--ready", str(ready_child), "--foreground"]
        if options:
            argv += ["-o", options]
        if lifeline is not None:
            argv += ["--lifeline", str(lifeline)]
        with open(self.log_file, "ab") as log_stream:
            self.process = subprocess.Popen(
                argv + ["--", str(src), str(mnt)],
                stdin=subprocess.DEVNULL,
                stdout=log_stream,
                stderr=log_stream,
                pass_fds=[fd for fd in (ready_child, lifeline) if fd is not None],
                start_new_session=True,
                env={**os.environ, **(env or {})},
                preexec_fn=prepare if limits or before else None,
                **identity(user),
            )
        os.close(ready_child)
        try:
            self.ready = _read_line(ready)
        finally:
            os.close(ready)
        if not self.ready.get("ok"):
            self.process.wait(DEADLINE)
            raise MountFailed(self.ready, self.log_text())
        self.socket = self.ready["socket"]
        self.device = self.ready["device"]
        self.keeper = self.process.pid

    # ---- asking its server ----

    def client(self, timeout=DEADLINE):
        """A new connection; closed with the test."""
        c = Client(self.socket, timeout)
        self.clients.append(c)
        return c

    def ask(self, *request, timeout=DEADLINE):
        """One answer of a connection of its own. The first word is the command, the root is put in."""
        with Client(self.socket, timeout) as c:
            return c.call(request[0], str(self.path), *request[1:], timeout=timeout)

    def clock(self):
        return self.ask("clock")["clock"]

    def settle(self, clock=None, timeout=DEADLINE):
        """Until everything up to the clock (now) is settled; returns the clock then."""
        what = {"timeout_ms": int(timeout * 1000)}
        if clock:
            what["clock"] = clock
        answer = self.ask("hrfs-settle", what, timeout=timeout + 5)
        assert answer["settled"], f"not settled in {timeout} s"
        return answer["clock"]

    def since(self, clock):
        """The names that differ since the clock, sorted."""
        answer = self.ask("query", {"since": clock, "fields": ["name"]})
        return sorted(answer["files"])

    def history(self, since=None, limit=1000):
        """The batches, oldest first, suppressed ones too."""
        what = {"limit": limit}
        if since:
            what["since"] = since
        return self.ask("hrfs-history", what)["batches"]

    def changes(self, since=None):
        """All changes of the batches that were not suppressed."""
        return [c for b in self.history(since) if not b["suppressed"] for c in b["changes"]]

    def status(self):
        return self.ask("hrfs-status")

    def log_text(self):
        try:
            return self.log_file.read_text("utf-8", "replace")
        except OSError:
            return ""

    # ---- its end ----

    def worker_pid(self):
        """By /proc: also of a mount whose server does not answer."""
        children = Path(f"/proc/{self.keeper}/task/{self.keeper}/children").read_text().split()
        for pid in children:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                if b"--worker" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                    return int(pid)
        raise ProcessLookupError("the keeper has no worker")

    def detach(self):
        mountinfo.detach(os.fsencode(self.path))

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait_end(self, timeout=DEADLINE):
        """The keeper's exit status."""
        wait_gone(self.keeper, timeout)
        return self.process.wait()

    def umount(self, timeout=DEADLINE):
        """Detaches, and waits for the end of the daemon: what is still open inside keeps it."""
        for c in self.clients:
            c.close()
        self.clients.clear()
        self.detach()
        return self.wait_end(timeout)

    def mounted(self):
        where = os.fsencode(os.path.abspath(self.path))  # another mount may have the number by now
        return any(path == where and dev == self.device for path, dev, _ in mountinfo.mounts())
