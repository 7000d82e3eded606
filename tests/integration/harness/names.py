# SPDX-License-Identifier: Apache-2.0
"""A name server that says what a case has written down, over UDP and TCP on one port of 127.0.0.1."""
import collections
import socket
import struct
import threading

A, SRV, AAAA = 1, 33, 28
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3

Service = collections.namedtuple("Service", "target port priority weight", defaults=(0, 1))


def encode_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def decode_question(message):
    """(name, type, the question's bytes)."""
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode())
        at += 1 + message[at]
    return ".".join(labels).lower(), struct.unpack_from("!H", message, at + 1)[0], message[12:at + 5]


def record_of(value):
    """(type, data) of an address's text or a Service."""
    if isinstance(value, Service):
        return SRV, struct.pack("!HHH", value.priority, value.weight, value.port) + encode_name(value.target)
    if ":" in value:
        return AAAA, socket.inet_pton(socket.AF_INET6, value)
    return A, socket.inet_pton(socket.AF_INET, value)


class Answer:
    """What a name has: addresses and Services, or a mistake; silent and truncated (over UDP) on demand."""

    def __init__(self, *values, ttl=60, code=NOERROR, silent=False, truncated=False):
        self.records = [record_of(value) for value in values]
        self.ttl, self.code, self.silent, self.truncated = ttl, code, silent, truncated

    def to(self, message, over_tcp):
        _, wanted, question = decode_question(message)
        cut = self.truncated and not over_tcp
        found = [data for kind, data in self.records if kind == wanted and not cut and not self.code]
        head = message[:2] + struct.pack("!BBHHHH", 0x81 | (2 if cut else 0), 0x80 | self.code, 1, len(found), 0, 0)
        return head + question + b"".join(
            b"\xc0\x0c" + struct.pack("!HHIH", wanted, 1, self.ttl, len(data)) + data for data in found)


class NameServer:
    """`names` maps names to Answers, and may be changed at any time; others do not exist. `asked` are the
    (name, type) of all questions, in order."""

    def __init__(self, **names):
        self.names, self.asked, self.over_tcp = {}, [], 0
        self.set(**names)
        while True:
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.udp.bind(("127.0.0.1", 0))
            self.port = self.udp.getsockname()[1]
            try:
                self.tcp = socket.create_server(("127.0.0.1", self.port))
                break
            except OSError:  # the port is free for one of both alone
                self.udp.close()
        self.address = f"127.0.0.1:{self.port}"

    def set(self, **names):
        """a_test="127.0.0.1": each _ is a dot; what is no Answer becomes one."""
        for name, answer in names.items():
            self.put(name.replace("_", "."), answer)

    def put(self, name, answer):
        self.names[name] = answer if isinstance(answer, Answer) else Answer(answer)

    def count(self, name, kind=A):
        return self.asked.count((name, kind))

    def answer(self, message, over_tcp=False):
        """None: says nothing."""
        name, kind, _ = decode_question(message)
        self.asked.append((name, kind))
        answer = self.names.get(name) or Answer(code=NXDOMAIN)
        return None if answer.silent else answer.to(message, over_tcp)

    def serve_udp(self):
        while True:
            message, peer = self.udp.recvfrom(4096)
            if not message:
                return
            if answer := self.answer(message):
                self.udp.sendto(answer, peer)

    def serve_stream(self, sock):
        with sock:
            while len(head := sock.recv(2, socket.MSG_WAITALL)) == 2:
                message = sock.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL)
                self.over_tcp += 1
                if answer := self.answer(message, over_tcp=True):
                    sock.sendall(struct.pack("!H", len(answer)) + answer)

    def serve_tcp(self):
        while True:
            try:
                sock, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self.serve_stream, args=(sock,), daemon=True).start()

    def __enter__(self):
        for serve in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.udp.sendto(b"", ("127.0.0.1", self.port))
        self.tcp.shutdown(socket.SHUT_RDWR)
        self.tcp.close()
