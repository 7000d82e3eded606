# SPDX-License-Identifier: Apache-2.0
"""WebSockets as bytes (RFC 6455): both ends of a handshake, frames out, frames in by strict rules."""
import base64
import hashlib
import os
import threading

from .cases import SCALE, equal
from .wire import Client, Closed, Malformed, TimedOut, to_bytes

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept_of(key):
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()


class Frame:
    def __init__(self, opcode, payload=b"", final=True, masked=False):
        self.opcode, self.payload, self.final, self.masked = opcode, payload, final, masked

    @property
    def code(self):
        """Of a CLOSE; None: it has none."""
        return int.from_bytes(self.payload[:2], "big") if self.payload else None

    def __eq__(self, other):
        return (self.opcode, self.payload, self.final) == (other.opcode, other.payload, other.final)

    def __repr__(self):
        return f"{'' if self.final else 'part of '}{self.opcode}:{self.payload[:60]!r}"


def frame_bytes(opcode, payload=b"", final=True, mask=False, reserved=0):
    payload = to_bytes(payload)
    n, bit = len(payload), 0x80 if mask else 0
    head = bytes([(0x80 if final else 0) | reserved << 4 | opcode])
    if n < 126:
        head += bytes([bit | n])
    elif n < 65536:
        head += bytes([bit | 126]) + n.to_bytes(2, "big")
    else:
        head += bytes([bit | 127]) + n.to_bytes(8, "big")
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(b ^ key[i & 3] for i, b in enumerate(payload))


def close_payload(code, reason=""):
    return code.to_bytes(2, "big") + to_bytes(reason)


def read_frame(reader, timeout=None):
    first, second = reader.exactly(2, timeout)
    n, masked = second & 127, bool(second & 128)
    if n >= 126:
        length = reader.exactly(2 if n == 126 else 8, timeout)
        n = int.from_bytes(length, "big")
    if first & 0x70:
        raise Malformed(f"reserved bits in a frame: {first:#x}")
    key = reader.exactly(4, timeout) if masked else b""
    payload = reader.exactly(n, timeout)
    if masked:
        payload = bytes(b ^ key[i & 3] for i, b in enumerate(payload))
    return Frame(first & 15, payload, bool(first & 128), masked)


class Peer:
    """One end of an open WebSocket; a client masks what it sends."""

    def __init__(self, end, is_client):
        self.end, self.is_client = end, is_client

    def send(self, opcode, payload=b"", final=True):
        self.end.send(frame_bytes(opcode, payload, final, mask=self.is_client))

    def text(self, text):
        self.send(TEXT, text)

    def close(self, code=1000, reason=""):
        self.send(CLOSE, close_payload(code, reason))

    def read(self, timeout=None):
        frame = read_frame(self.end.reader, timeout)
        if frame.masked == self.is_client:
            raise Malformed(f"the mask of {frame} is not as its receiver's role demands")
        return frame

    def expect_close(self, timeout=None):
        """The CLOSE that comes behind whatever else does."""
        while (frame := self.read(timeout)).opcode != CLOSE:
            pass
        return frame


def says_too_much(peer):
    """A CLOSE, and more behind it that nobody may act on."""
    peer.end.send(b"".join([frame_bytes(CLOSE, close_payload(3001), mask=True),
                            frame_bytes(CLOSE, close_payload(3002), mask=True),
                            frame_bytes(TEXT, "late", mask=True), b"\x0f\x0fno frame"]))
    equal(peer.read().code, 3001)


def asks(target="/ws", key=None, host="h", **fields):
    """The bytes of a handshake; a field that is None is left out, others come in addition."""
    key = key or base64.b64encode(os.urandom(16)).decode()
    names = {"host": host, "upgrade": "websocket", "connection": "upgrade", "sec-websocket-key": key,
             "sec-websocket-version": "13"}
    names.update({name.replace("_", "-"): value for name, value in fields.items()})
    lines = [f"{name}: {value}" for name, value in names.items() if value is not None]
    return f"GET {target} HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n", key


def open_by(client, target="/ws", **fields):
    """A client's end behind its handshake, which has to succeed."""
    request, key = asks(target, **fields)
    client.send(request)
    head = client.read_head()
    if head.status != 101 or head.get("sec-websocket-accept") != accept_of(key):
        raise AssertionError(f"no WebSocket: {head}")
    peer = Peer(client, True)
    peer.head = head
    return peer


def switch_bytes(request, **fields):
    """The upstream's 101."""
    names = {"upgrade": "websocket", "connection": "upgrade",
             "sec-websocket-accept": accept_of(request.get("sec-websocket-key") or "")}
    names.update({name.replace("_", "-"): value for name, value in fields.items()})
    lines = [f"{name}: {value}" for name, value in names.items() if value is not None]
    return "HTTP/1.1 101 Switching Protocols\r\n" + "\r\n".join(lines) + "\r\n\r\n"


def serves(talk, **fields):
    """A Backend's script: accepts each WebSocket and calls talk(peer); other requests get 404."""
    def script(connection):
        while request := connection.read_request():
            if (request.get("upgrade") or "").lower() != "websocket":
                connection.send("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
                continue
            connection.send(switch_bytes(request, **fields))
            peer = Peer(connection, False)
            peer.request = request
            talk(peer)
            return
    return script


def echo_frames(peer):
    """Messages come back; a CLOSE is answered, and ends it."""
    while True:
        frame = peer.read()
        if frame.opcode == PING:
            peer.send(PONG, frame.payload)
        elif frame.opcode != PONG:
            peer.send(frame.opcode, frame.payload, frame.final)
        if frame.opcode == CLOSE:
            return


class Talkers:
    """Sockets that send a message, wait for its echo, and so on until stop(). One that is closed with 1012
    (`restarts`) is opened again; whatever else ends one is in `failures`."""

    def __init__(self, port, count, pause=0.05):
        self.port, self.pause = port, pause
        self.messages, self.restarts, self.failures = 0, 0, []
        self.is_over, self.lock = threading.Event(), threading.Lock()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]
        for t in self.threads:
            t.start()

    def _run(self):
        while not self.is_over.is_set():
            try:
                with Client(self.port, timeout=15) as client:
                    self._talk(open_by(client))
            except (OSError, Closed, Malformed, TimedOut, AssertionError) as e:
                with self.lock:
                    self.failures.append(f"{type(e).__name__}: {e}")
                self.is_over.wait(0.05)

    def _talk(self, peer):
        i = 0
        while not self.is_over.wait(self.pause):
            text, i = f"message {i}".encode() + b"." * (i % 300), i + 1
            peer.send(TEXT, text)
            frame = peer.read()
            if frame.opcode == CLOSE and frame.code == 1012:
                peer.send(CLOSE, frame.payload)
                with self.lock:
                    self.restarts += 1
                return
            if (frame.opcode, frame.payload) != (TEXT, text):
                raise Malformed(f"{frame} instead of an echo of {text[:20]!r}")
            with self.lock:
                self.messages += 1
        peer.close()
        peer.expect_close()

    def stop(self):
        self.is_over.set()
        for t in self.threads:
            t.join(30 * SCALE)
