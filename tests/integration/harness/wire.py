# SPDX-License-Identifier: Apache-2.0
"""HTTP/1 as bytes: a reader with a deadline, strict parsers for what the gateway emits, a client."""
import re
import socket
import struct
import time

from .cases import SCALE

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]+) HTTP/1\.1")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5]\d\d)(?: ([^\x00-\x08\x0a-\x1f\x7f]*))?")
FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")


class Closed(Exception):
    """The peer ended the connection before the bytes that were asked for."""


class TimedOut(Exception):
    """They did not come in time."""


class Malformed(Exception):
    """What came is not what a careful sender sends."""


class Reader:
    """Reads from a socket; `raw` keeps everything that ever came."""

    def __init__(self, sock, timeout):
        self.sock, self.timeout = sock, timeout
        self.raw, self.at = bytearray(), 0
        self.is_recording = True

    def fill(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimedOut(f"after {bytes(self.raw[self.at:])[:200]!r}")
        self.sock.settimeout(left)
        try:
            piece = self.sock.recv(262144)
        except (TimeoutError, socket.timeout):
            raise TimedOut(f"after {bytes(self.raw[self.at:])[:200]!r}") from None
        except OSError as e:
            raise Closed(f"{e.strerror or e}") from None
        if not piece:
            raise Closed("end of stream")
        self.raw += piece
        if not self.is_recording and self.at > 1 << 20:
            del self.raw[:self.at]
            self.at = 0

    def deadline(self, timeout=None):
        return time.monotonic() + (self.timeout if timeout is None else timeout)

    def take(self, n):
        piece = bytes(self.raw[self.at:self.at + n])
        self.at += n
        return piece

    def exactly(self, n, timeout=None):
        end = self.deadline(timeout)
        while len(self.raw) - self.at < n:
            self.fill(end)
        return self.take(n)

    def until(self, mark, timeout=None):
        """Up to and with `mark`."""
        end = self.deadline(timeout)
        while (found := self.raw.find(mark, self.at)) < 0:
            self.fill(end)
        return self.take(found + len(mark) - self.at)

    def discard(self, n, timeout=None):
        """Reads n bytes and forgets them."""
        while n > 0:
            if self.at == len(self.raw):
                self.fill(self.deadline(timeout))
            step = min(n, len(self.raw) - self.at)
            self.at += step
            n -= step

    def to_end(self, timeout=None):
        """Everything up to the end of the stream."""
        end = self.deadline(timeout)
        try:
            while True:
                self.fill(end)
        except Closed:
            return self.take(len(self.raw) - self.at)

    def is_ended(self, timeout=None):
        """Whether the stream ends here, with nothing more on it."""
        if self.at < len(self.raw):
            return False
        try:
            self.fill(self.deadline(timeout))
        except Closed:
            return True
        return False


class Message:
    """What requests and responses share. Names are lower case; a field may come more than once."""

    def __init__(self):
        self.fields, self.trailers = [], []
        self.body, self.head_raw = b"", b""

    def all(self, name):
        return [v for n, v in self.fields if n == name.lower()]

    def get(self, name, otherwise=None):
        return ", ".join(self.all(name)) if self.all(name) else otherwise

    def has(self, name):
        return bool(self.all(name))

    def json(self):
        import json
        return json.loads(self.body)

    def text(self):
        return self.body.decode("utf-8", "replace")


class Request(Message):
    def __repr__(self):
        return f"<{self.method} {self.target} {self.fields} {self.body[:80]!r}>"


class Response(Message):
    def __init__(self):
        super().__init__()
        self.interim = []

    def __repr__(self):
        return f"<{self.status} {self.fields} {self.body[:200]!r}>"


def parse_fields(lines):
    fields = []
    for line in lines:
        m = FIELD.fullmatch(line)
        if not m:
            raise Malformed(f"field line {line!r}")
        fields.append((m[1].decode().lower(), m[2].decode("latin-1")))
    return fields


def read_head(reader, timeout=None):
    raw = reader.until(b"\r\n\r\n", timeout)
    return raw, raw[:-4].split(b"\r\n")


def read_chunked(reader, message):
    parts = []
    while True:
        line = reader.until(b"\r\n")[:-2]
        if not re.fullmatch(rb"[0-9a-fA-F]{1,16}", line):
            raise Malformed(f"chunk size line {line!r}")
        size = int(line, 16)
        if size == 0:
            break
        parts.append(reader.exactly(size))
        if reader.exactly(2) != b"\r\n":
            raise Malformed("chunk without CRLF")
    message.body = b"".join(parts)
    lines = []
    while line := reader.until(b"\r\n")[:-2]:
        lines.append(line)
    message.trailers = parse_fields(lines)


def content_length(message):
    values = message.all("content-length")
    if len(values) > 1 or (values and not re.fullmatch(r"\d{1,19}", values[0])):
        raise Malformed(f"content-length {values}")
    return int(values[0]) if values else None


def is_chunked(message):
    codings = message.all("transfer-encoding")
    if codings and codings != ["chunked"]:
        raise Malformed(f"transfer-encoding {codings}")
    if codings and message.has("content-length"):
        raise Malformed("both content-length and transfer-encoding")
    return bool(codings)


def parse_request_head(raw, lines):
    request = Request()
    m = REQUEST_LINE.fullmatch(lines[0])
    if not m:
        raise Malformed(f"request line {lines[0]!r}")
    request.method, request.target = m[1].decode(), m[2].decode()
    request.head_raw = raw
    request.fields = parse_fields(lines[1:])
    if len(request.all("host")) != 1:
        raise Malformed(f"host {request.all('host')}")
    return request


def read_request_head(reader, timeout=None):
    raw, lines = read_head(reader, timeout)
    return parse_request_head(raw, lines)


def read_request_body(reader, request):
    if is_chunked(request):
        read_chunked(reader, request)
    elif n := content_length(request):
        request.body = reader.exactly(n)
    return request


def read_response_head(reader, timeout=None):
    """The final head; interim ones before it are kept in `interim`."""
    interim = []
    while True:
        raw, lines = read_head(reader, timeout)
        m = STATUS_LINE.fullmatch(lines[0])
        if not m:
            raise Malformed(f"status line {lines[0]!r}")
        response = Response()
        response.version = "1." + m[1].decode()
        response.status, response.reason = int(m[2]), (m[3] or b"").decode("latin-1")
        response.head_raw = raw
        response.fields = parse_fields(lines[1:])
        if response.status >= 200 or response.status == 101:
            response.interim = interim
            return response
        interim.append(response)


def has_no_body(response, method):
    return method == "HEAD" or response.status in (204, 304) or response.status < 200


def read_response(reader, method="GET", timeout=None):
    response = read_response_head(reader, timeout)
    if has_no_body(response, method):
        return response
    if is_chunked(response):
        read_chunked(reader, response)
    elif (n := content_length(response)) is not None:
        response.body = reader.exactly(n)
    else:
        response.body = reader.to_end()
    return response


class Bytes:
    """A socket that has already received everything."""

    def __init__(self, raw):
        self.left = raw

    def settimeout(self, seconds):
        pass

    def recv(self, n):
        piece, self.left = self.left, b""
        return piece


def parse_requests(raw):
    """The requests in a recorded stream, each checked to be canonical."""
    reader = Reader(Bytes(raw), 1)
    requests = []
    while True:
        try:
            head = read_request_head(reader)
        except Closed:
            break
        requests.append(read_request_body(reader, head))
    if reader.at != len(reader.raw):
        raise Malformed(f"left over: {bytes(reader.raw[reader.at:])!r}")
    return requests


def to_bytes(text):
    return text.encode("latin-1") if isinstance(text, str) else text


def request_bytes(method, target, host, headers=(), body=None, chunked=False):
    pairs = headers.items() if isinstance(headers, dict) else headers
    lines = [f"{method} {target} HTTP/1.1", f"host: {host}"]
    lines += [f"{n}: {v}" for n, v in pairs]
    body = None if body is None else to_bytes(body)
    if chunked:
        lines.append("transfer-encoding: chunked")
        body = chunk(body) + b"0\r\n\r\n" if body else b"0\r\n\r\n"
    elif body is not None:
        lines.append(f"content-length: {len(body)}")
    return to_bytes("\r\n".join(lines) + "\r\n\r\n") + (body or b"")


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


class Client:
    """One connection. `address` is a port of 127.0.0.1, (host, port), or a UNIX socket's path."""

    def __init__(self, address, tls=None, server_name=None, timeout=20, receive_buffer=None):
        if isinstance(address, str):
            self.sock, self.host = socket.socket(socket.AF_UNIX), "localhost"
        else:
            host, port = address if isinstance(address, tuple) else ("127.0.0.1", address)
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self.sock, address = socket.socket(family), (host, port)
            self.host = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout * SCALE)
        try:
            self.sock.connect(address)
            if self.sock.family != socket.AF_UNIX:
                self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                self.sock = tls.wrap_socket(self.sock, server_hostname=server_name)
        except BaseException:
            self.sock.close()
            raise
        self.reader = Reader(self.sock, timeout * SCALE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        """A peer that has closed already is seen when reading."""
        try:
            self.sock.sendall(to_bytes(data))
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def send_slowly(self, data, pause=0.0):
        for byte in to_bytes(data):
            self.send(bytes([byte]))
            if pause:
                time.sleep(pause)
        return self

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    def read(self, method="GET", timeout=None):
        return read_response(self.reader, method, timeout)

    def read_head(self, timeout=None):
        return read_response_head(self.reader, timeout)

    def is_closed(self, timeout=None):
        """Whether the peer ends the connection now, sending nothing more."""
        return self.reader.is_ended(timeout)

    def request(self, method, target, headers=(), body=None, chunked=False, host=None):
        self.send(request_bytes(method, target, host or self.host, headers, body, chunked))
        return self.read(method)

    def get(self, target, headers=()):
        return self.request("GET", target, headers)
