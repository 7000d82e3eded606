# SPDX-License-Identifier: Apache-2.0
"""Scripted upstreams that record every byte they got."""
import os
import socket
import struct
import threading
import time

from .cases import SCALE
from .wire import (Closed, Malformed, Reader, TimedOut, read_request_body, read_request_head,
                   to_bytes)

HOUR = {"Cache-Control": "max-age=3600"}


def reply(status=200, body="", headers=(), reason="OK"):
    """A script: the same answer to every request."""
    body = to_bytes(body)
    pairs = headers.items() if isinstance(headers, dict) else headers
    lines = [f"HTTP/1.1 {status} {reason}"] + [f"{n}: {v}" for n, v in pairs]
    lines.append(f"content-length: {len(body)}")
    return to_bytes("\r\n".join(lines) + "\r\n\r\n") + body


def echo(connection):
    """A script: the body comes back, with what was asked in x-method, x-target and x-host."""
    while request := connection.read_request():
        connection.send(reply(200, request.body, {
            "x-method": request.method, "x-target": request.target,
            "x-host": request.get("host")}))


class Connection:
    """One accepted connection, as a script sees it."""

    def __init__(self, backend, sock):
        self.backend, self.sock = backend, sock
        self.reader = Reader(sock, 30 * SCALE)

    @property
    def raw(self):
        return bytes(self.reader.raw)

    def read_head(self):
        """The next request's head, recorded; None when the connection ends before one."""
        try:
            request = read_request_head(self.reader)
        except Closed:
            # A head leaves in one write, unless writes are cut by force.
            if self.reader.at != len(self.reader.raw) and not os.environ.get("SLUICE_PRELOAD"):
                self.backend.note_problem(f"cut head: {self.raw[self.reader.at:]!r}")
            return None
        request.connection = self
        self.backend.requests.append(request)
        return request

    def read_body(self, request):
        return read_request_body(self.reader, request)

    def read_request(self):
        request = self.read_head()
        return request and self.read_body(request)

    def send(self, data):
        self.sock.sendall(to_bytes(data))

    def send_slowly(self, data, pause=0.01):
        for byte in to_bytes(data):
            self.send(bytes([byte]))
            time.sleep(pause)

    def pause(self, seconds):
        time.sleep(seconds)

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.sock.close()

    def end(self):
        """FIN, and what still comes is read: closing a socket with unread bytes sends RST."""
        try:
            self.half_close()
            while self.sock.recv(1 << 16):
                pass
        except OSError:
            pass

    def reset(self):
        """RST instead of FIN."""
        sock = self.sock
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()


def counting(fields=HOUR, body="answer"):
    """A script: each answer tells how many there were before it."""
    lock, count = threading.Lock(), [0]

    def script(connection):
        while connection.read_request():
            with lock:
                count[0] += 1
                number = count[0]
            connection.send(reply(200, f"{body} {number}", fields))
    return script


class Backend:
    """Listens on 127.0.0.1, ::1 or a UNIX socket, and runs the script on each connection.

    The script is a function of a Connection, or bytes: the answer to every request. `requests` are
    the heads that were read, in order; `connections` what was accepted; `problems` what a careful
    gateway would never have sent.
    """

    def __init__(self, script=echo, host="127.0.0.1", unix=None, tls=None, port=0, backlog=512,
                 receive_buffer=None):
        self.script = script if callable(script) else self._answer_always(script)
        self.tls, self.unix = tls, unix
        self.requests, self.connections, self.problems = [], [], []
        self.live = set()
        family = socket.AF_UNIX if unix else socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.socket(family)
        if receive_buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(unix or (host, port))
        self.listener.listen(backlog)
        self.port = None if unix else self.listener.getsockname()[1]
        self.authority = None if unix else f"[{host}]:{self.port}" if ":" in host \
            else f"{host}:{self.port}"
        scheme = "https" if tls else "http"
        self.address = f"{scheme}+unix://{unix}" if unix else f"{scheme}://{self.authority}"
        self.is_stopping = False
        threading.Thread(target=self._accept, daemon=True).start()

    @staticmethod
    def _answer_always(answer):
        def script(connection):
            while connection.read_request():
                connection.send(answer)
        return script

    def note_problem(self, what):
        self.problems.append(what)

    def _accept(self):
        while not self.is_stopping:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                sock.settimeout(10 * SCALE)
                sock = self.tls.wrap_socket(sock, server_side=True)
        except OSError as e:
            self.note_problem(f"TLS: {e}")
            sock.close()
            return
        connection = Connection(self, sock)
        self.connections.append(connection)
        self.live.add(connection)
        try:
            self.script(connection)
        except Malformed as e:
            self.note_problem(f"malformed: {e}; connection so far {connection.raw!r}")
        except (Closed, OSError):
            pass
        except TimedOut:
            pass
        finally:
            self.live.discard(connection)
            sock.close()

    def stop(self):
        self.is_stopping = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for connection in list(self.live):
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if self.unix and os.path.exists(self.unix):
            os.unlink(self.unix)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.stop()
        if kind is None and self.problems:
            raise AssertionError(f"the backend saw what no gateway may send: {self.problems}")
