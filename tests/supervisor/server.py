"""A server for tests, no test itself: python3 server.py OPTION…

  gate=PATH    a fifo: waits until somebody has it open to write before it accepts (or binds)
  port=N       binds 127.0.0.1:N itself, else it takes descriptor 3 (LISTEN_FDS)
  how=WORD     how it waits: accept, poll, select, epoll, or never (polls, and never accepts)
  status=N     of its answers
"""

import os
import select
import socket
import sys

options = dict(word.split("=", 1) for word in sys.argv[1:])


def say(text):
    os.write(1, text.encode() + b"\n")


def take_socket():
    if "port" in options:
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", int(options["port"])))
        return s
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        say(f"LISTEN_PID is {os.environ.get('LISTEN_PID')}, and this is {os.getpid()}")
        sys.exit(1)
    say(f"got {os.environ['LISTEN_FDS']} {os.environ['LISTEN_FDNAMES']}")
    return socket.socket(fileno=3)


def waiter(s):
    """A function that returns when there is a connection."""
    how = options.get("how", "accept")
    if how in ("epoll", "never"):
        poll = select.epoll()
        poll.register(s, select.EPOLLIN | (select.EPOLLET if how == "never" else 0))  # once for each
        return poll.poll
    if how == "poll":
        poll = select.poll()
        poll.register(s, select.POLLIN)
        return poll.poll
    return (lambda: select.select([s], [], [])) if how == "select" else (lambda: None)


def answer(c):
    request, data = b"", b"x"
    while data and b"\r\n\r\n" not in request:
        data = c.recv(65536)
        request += data
    if data:
        body = str(os.getpid())
        c.sendall(f"HTTP/1.0 {options.get('status', 200)} x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    c.close()


def main():
    if "gate" in options:
        os.close(os.open(options["gate"], os.O_RDONLY))
    s = take_socket()
    if "port" in options:
        s.listen()
    wait = waiter(s)
    say("up")
    while options.get("how") == "never":
        wait()
    s.setblocking(options.get("how", "accept") == "accept")
    while True:
        wait()
        try:
            c, _ = s.accept()
        except BlockingIOError:
            continue
        c.setblocking(True)
        answer(c)


main()
