"""A web server that says hello. hrfs holds its listening socket and passes it on as descriptor 3 (LISTEN_FDS);
alone it binds 127.0.0.1:$PORT itself."""

import http.server
import os
import signal
import socket
import threading

from greeting import GREETING


class Handler(http.server.BaseHTTPRequestHandler):
    timeout = 2

    def do_GET(self):
        body = f"{GREETING}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def make_server():
    if "LISTEN_FDS" not in os.environ:
        return http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", 8083))), Handler)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=3)
    # for a moment the next process has it too: what that one has accepted is not to be waited for
    server.socket.setblocking(False)
    return server


def main():
    server = make_server()
    server.daemon_threads = False  # what has been accepted is answered
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"{GREETING}, process {os.getpid()}", flush=True)
    server.serve_forever(poll_interval=0.02)
    server.server_close()


main()
