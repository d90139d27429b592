"""A program that runs beside the test: its output as it comes, its terminal, its end."""

import os
import pty
import re
import signal
import subprocess
import termios

from tests.lib.wait import DEADLINE, Deadline, wait_gone, wait_readable


def identity(user):
    """Popen's arguments for running as another user: an object with uid and gid (see the fixture other)."""
    if user is None:
        return {}
    return {"user": user.uid, "group": user.gid, "extra_groups": [], "umask": 0o022}


class Running:
    """Output of both streams in one, read only when asked for it; the kernel's pipe holds the rest.

    With terminal=True the program is the foreground job of a pseudo-terminal of its own.
    """

    def __init__(self, argv, terminal=False, user=None, stdin=subprocess.DEVNULL, **more):
        self.argv = [str(a) for a in argv]
        self.text = ""
        self.looked = 0  # how much of text earlier waits have consumed
        self.master = None
        if terminal:
            self._start_on_terminal(user, more)
        else:
            self.process = subprocess.Popen(
                self.argv,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **identity(user),
                **more,
            )
            self.fd = self.process.stdout.fileno()
        os.set_blocking(self.fd, False)

    def _start_on_terminal(self, user, more):
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(self.master, (40, 200))
        if user is not None:
            os.chown(os.ttyname(slave), user.uid, user.gid)

        def take_terminal():
            import fcntl

            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            self.argv,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=take_terminal,
            **identity(user),
            **more,
        )
        os.close(slave)
        self.fd = self.master

    @property
    def pid(self):
        return self.process.pid

    def _take(self):
        """What is there; False at the end of the output."""
        try:
            data = os.read(self.fd, 1 << 16)
        except BlockingIOError:
            return True
        except OSError:  # EIO: the terminal's other side is closed
            return False
        self.text += data.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(data)

    def output(self):
        """Everything that it has printed so far."""
        before = None
        while before != len(self.text):
            before = len(self.text)
            if not self._take():
                break
        return self.text

    def wait_for(self, pattern, timeout=DEADLINE):
        """Until its output, beyond what an earlier wait_for matched, has the pattern; returns the match."""
        deadline = Deadline(timeout, f"{pattern!r} in the output of {self.argv}, which was:\n{self.text}")
        regex = re.compile(pattern, re.MULTILINE)
        while True:
            match = regex.search(self.text, self.looked)
            if match:
                self.looked = match.end()
                return match
            deadline.what = f"{pattern!r} in the output of {self.argv}, which was:\n{self.text}"
            wait_readable(self.fd, deadline)
            if not self._take() and not regex.search(self.text, self.looked):
                raise AssertionError(f"{self.argv} ended without {pattern!r}:\n{self.text}")

    def write(self, text):
        """Types on the terminal, or writes to standard input (stdin=PIPE)."""
        data = text.encode()
        if self.master is not None:
            os.write(self.master, data)
        else:
            self.process.stdin.write(data)
            self.process.stdin.flush()

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self, timeout=DEADLINE):
        """Its exit status, negative for a signal; its output is read all the while."""
        deadline = Deadline(timeout, f"the end of {self.argv}, whose output was:\n{self.text}")
        pidfd = os.pidfd_open(self.pid) if self.process.poll() is None else None
        try:
            while self.process.poll() is None:
                self._wait_output_or_end(pidfd, deadline)
        finally:
            if pidfd is not None:
                os.close(pidfd)
        self.output()
        return self.process.returncode

    def _wait_output_or_end(self, pidfd, deadline):
        import select

        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        if self.fd is not None:
            poll.register(self.fd, select.POLLIN)
        poll.poll(deadline.left() * 1000)
        if not self._take():
            wait_gone(self.pid, deadline.left())

    def end(self):
        """For the cleaning up: gone after it."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.output()
        if self.master is not None:
            os.close(self.master)
            self.master = None
        elif self.process.stdout:
            self.process.stdout.close()
