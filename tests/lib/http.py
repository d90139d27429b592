"""Asking a server one thing, each time on a connection of its own."""

import http.client


def get(port, path="/", timeout=20, host="127.0.0.1"):
    """(status, body as text)"""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode("utf-8", "replace")
    finally:
        connection.close()
