"""A client of a mount's socket that knows nothing but the framing: one array a line out, one object a line in."""

import collections
import json
import socket

from tests.lib.wait import DEADLINE, Deadline, wait_readable


class Closed(Exception):
    """The server has closed the connection."""


class ServerError(Exception):
    """An answer with an "error"; .answer is the whole object."""

    def __init__(self, answer):
        super().__init__(answer["error"])
        self.answer = answer


class Client:
    def __init__(self, path, timeout=DEADLINE):
        self.timeout = timeout
        self.pushes = collections.deque()  # unilateral objects that came while an answer was awaited
        self.rest = b""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def fileno(self):
        return self.socket.fileno()

    def send_bytes(self, data):
        self.socket.sendall(data)

    def send(self, *request):
        self.send_bytes(json.dumps(request).encode() + b"\n")

    def receive(self, timeout=None):
        """The next object, whichever it is."""
        deadline = Deadline(timeout or self.timeout, "an answer of the mount's server")
        while b"\n" not in self.rest:
            wait_readable(self.socket, deadline)
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            if not data:
                raise Closed()
            self.rest += data
        line, _, self.rest = self.rest.partition(b"\n")
        return json.loads(line)

    @staticmethod
    def unilateral(answer):
        return any(key in answer for key in ("subscription", "log", "hrfs-request", "hrfs-cancelled", "hrfs-opened"))

    def answer(self, timeout=None):
        while self.unilateral(answer := self.receive(timeout)):
            self.pushes.append(answer)
        return answer

    def ask(self, *request, timeout=None):
        """The answer to one request, an error too."""
        self.send(*request)
        return self.answer(timeout)

    def call(self, *request, timeout=None):
        """The answer to one request; an error is raised."""
        answer = self.ask(*request, timeout=timeout)
        if "error" in answer:
            raise ServerError(answer)
        return answer

    def push(self, timeout=None):
        """The next unilateral object."""
        if self.pushes:
            return self.pushes.popleft()
        while not self.unilateral(answer := self.receive(timeout)):
            pass
        return answer

    def push_with(self, key, timeout=None):
        """The next unilateral object that has this key."""
        while key not in (answer := self.push(timeout)):
            pass
        return answer
