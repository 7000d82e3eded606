# SPDX-License-Identifier: Apache-2.0
"""A way to a Redis server on which trouble can be made of questions."""
import socket
import struct
import threading

from .ports import free_port


class Between:
    """Passes on all that comes, but for questions (EVAL, EVALSHA) while `trouble` is set: that is called with
    the question and the client's socket, and the server has no part in it; True: it gets the question behind it."""

    def __init__(self, server):
        self.port, self.server, self.trouble = free_port(), server, None
        self.address = f"localhost:{self.port}"
        self.listening = socket.create_server(("127.0.0.1", self.port))

    def accept(self):
        while True:
            try:
                client = self.listening.accept()[0]
            except OSError:
                return
            to = socket.create_connection(("127.0.0.1", self.server.port))
            for one, other, passes in ((client, to, self.passes), (to, client, lambda *_: True)):
                threading.Thread(target=self.pump, args=(one, other, passes), daemon=True).start()

    def pump(self, one, other, passes):
        try:
            while data := one.recv(65536):
                if passes(data, one):
                    other.sendall(data)
        except OSError:
            pass
        for s in (one, other):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def passes(self, data, client):
        trouble = self.trouble
        return b"EVAL" not in data or not trouble or trouble(data, client)

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()


def saying(*parts):
    """Instead of the server's reply."""
    return lambda _, client: client.sendall(b"".join(parts))


def resetting(*parts):
    """In the middle of a reply."""
    def trouble(_, client):
        client.sendall(b"".join(parts))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    return trouble
