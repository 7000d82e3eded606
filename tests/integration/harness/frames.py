# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 by frames: what no well-behaved client sends.

Fields are written without compression (RFC 7541 6.2.2); of answers only the frames are looked at, and of
their heads the first byte, which is an indexed :status for the common ones."""
import collections
import struct

from .wire import Client, Closed, Malformed

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = range(4)
STREAM_CLOSED, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 5, 7, 8, 11
STATUS = {0x88: 200, 0x89: 204, 0x8b: 304, 0x8c: 400, 0x8d: 404, 0x8e: 500}

Frame = collections.namedtuple("Frame", "kind flags stream payload")


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def field(name, value):
    """A literal, never to be indexed."""
    out = b"\x10"
    for text in (name.encode(), value.encode() if isinstance(value, str) else value):
        n = len(text)
        out += bytes([n]) if n < 127 else b"\x7f" + _rest(n - 127)
        out += text
    return out


def _rest(n):
    out = b""
    while n >= 128:
        out += bytes([n % 128 + 128])
        n //= 128
    return out + bytes([n])


def block(method="GET", path="/", authority="h", fields=()):
    pseudo = [(":method", method), (":scheme", "http"), (":authority", authority), (":path", path)]
    return b"".join(field(n, v) for n, v in [*pseudo, *fields])


def headers(stream, end=True, **request):
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block(**request))


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *p) for p in pairs))


def rst(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def goaway(last, code=NO_ERROR):
    return frame(GOAWAY, 0, 0, struct.pack(">II", last, code))


def window_update(stream, n):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", n))


def answer_frames(stream, body=b"", status=200, fields=(), pieces=(), has_length=True):
    """An upstream's answer, frame by frame; `pieces` are the sizes of all its DATA but the last."""
    length = [("content-length", str(len(body)))] if has_length else []
    fields = [(":status", str(status)), *length, *fields]
    out = [frame(HEADERS, END_HEADERS, stream, b"".join(field(n, v) for n, v in fields))]
    for n in pieces:
        out.append(frame(DATA, 0, stream, body[:n]))
        body = body[n:]
    return [*out, frame(DATA, END_STREAM, stream, body)]


class FrameReader:
    """What a connection (`reader`) gets as frames; `seen` keeps all."""

    def read_frame(self, timeout=None):
        """None at the end of the connection, however it comes."""
        try:
            head = self.reader.exactly(9, timeout)
            kind, flags, stream = struct.unpack(">BBI", head[3:])
            payload = self.reader.exactly(int.from_bytes(head[:3], "big"), timeout)
        except (Closed, ConnectionResetError):
            return None
        self.seen.append(Frame(kind, flags, stream & 0x7fffffff, payload))
        return self.seen[-1]

    def until(self, kind, stream=None, timeout=None):
        """The next frame of that kind (and stream); None when the connection ends before it."""
        while f := self.read_frame(timeout):
            if f.kind == kind and stream in (None, f.stream):
                return f
        return None


class FramePeer(FrameReader):
    """The upstream's end; both have said hello."""

    def __init__(self, connection):
        self.connection, self.reader, self.seen = connection, connection.reader, []
        self.send = connection.send
        self.send(settings() + frame(SETTINGS, ACK, 0))
        if self.reader.exactly(len(PREFACE)) != PREFACE:
            raise Malformed("no preface")

    def request(self):
        """(stream, body) of the next request that is whole; None at the connection's end."""
        bodies = collections.defaultdict(bytes)
        while f := self.read_frame():
            if f.kind == DATA:
                bodies[f.stream] += f.payload
            if f.kind in (HEADERS, DATA) and f.flags & END_STREAM:
                return f.stream, bodies[f.stream]
        return None


def serves_frames(talk):
    """A Backend's script: talk(peer) with each connection, which then ends."""
    def script(connection):
        try:
            peer = FramePeer(connection)
        except Closed:
            return
        talk(peer)
        connection.end()
    return script


class FrameClient(FrameReader, Client):
    """A connection that has said hello."""

    def __init__(self, address, *pairs, **kwargs):
        super().__init__(address, **kwargs)
        self.seen = []
        self.send(PREFACE + settings(*pairs))

    def answer(self, stream=1, timeout=None):
        """(status, content) of a stream; (None, code) of one that was reset."""
        status, content = None, b""
        while f := self.read_frame(timeout):
            if f.stream != stream:
                continue
            if f.kind == RST_STREAM:
                return None, struct.unpack(">I", f.payload)[0]
            if f.kind == HEADERS and status is None:
                status = STATUS.get(f.payload[0], f.payload[:1].hex())
            if f.kind == DATA:
                content += f.payload
            if f.kind in (HEADERS, DATA) and f.flags & END_STREAM:
                return status, content
        raise Closed(f"before an answer on stream {stream}")

    def goaway(self):
        """The code of the last GOAWAY before the connection ends; None when there is none."""
        while self.read_frame():
            pass
        codes = [struct.unpack(">I", f.payload[4:8])[0] for f in self.seen if f.kind == GOAWAY]
        return codes[-1] if codes else None
