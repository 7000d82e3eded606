#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Server-sent events and long polls: each piece is with the client before the next one is made, whichever version
of HTTP either side speaks and whatever looks at it on the way. curl reads."""
import os
import select
import subprocess
import threading

from harness import *
from harness.cases import SCALE
from harness.peers import Program

PIECES = [b"data: %d\n\n" % i for i in range(3)]


class Drip:
    """An upstream that sends a piece each time it is told to."""

    def __init__(self, kind, chunked=True):
        self.kind, self.chunked, self.turns = kind, chunked, threading.Semaphore(0)

    def __call__(self, connection):
        if not connection.read_request():
            return
        framing = "transfer-encoding: chunked" if self.chunked else "connection: close"
        connection.send(f"HTTP/1.1 200 OK\r\ncontent-type: {self.kind}\r\n{framing}\r\n\r\n")
        for piece in PIECES:
            if not self.turns.acquire(timeout=20 * SCALE):
                return
            connection.send(b"%x\r\n%s\r\n" % (len(piece), piece) if self.chunked else piece)
        if self.turns.acquire(timeout=20 * SCALE) and self.chunked:
            connection.send("0\r\n\r\n")


class Curl(Program):
    """Decodes what is compressed, and writes what it has at once."""

    def __init__(self, url, *options):
        self.process = subprocess.Popen(["curl", "-sSN", "--noproxy", "*", *options, url], stdout=subprocess.PIPE)

    def read(self, count):
        got = b""
        while len(got) < count:
            ready, _, _ = select.select([self.process.stdout], [], [], 20 * SCALE)
            check(ready, f"nothing more came behind {got!r}")
            part = os.read(self.process.stdout.fileno(), count - len(got))
            check(part, f"the end behind {got!r}")
            got += part
        return got


VERSIONS = [("HTTP/1.1", ["--http1.1"]), ("HTTP/2", ["--http2-prior-knowledge"])]


def read_piece_by_piece(policies, *options, version, kind="text/event-stream", chunked=True):
    drip = Drip(kind, chunked)
    with Backend(drip) as backend, Gateway([api("a", backend, policies=policies)]) as gateway, \
            Curl(f"http://127.0.0.1:{gateway.port}/events", *version, *options) as curl:
        for piece in PIECES:
            drip.turns.release()
            equal(curl.read(len(piece)), piece)
        drip.turns.release()
        equal((curl.process.wait(20 * SCALE), curl.process.stdout.read()), (0, b""))
        return gateway.records(1)[0]


@case
def pieces_come_at_once():
    for name, version in VERSIONS:
        for kind, chunked in (("text/event-stream", True), ("text/plain", True), ("text/event-stream", False)):
            with rows(f"{name}, {kind}, {'chunked' if chunked else 'to the end'}"):
                read_piece_by_piece([], version=version, kind=kind, chunked=chunked)


COMPRESSION = {"policyRef": {"name": "compression"}, "config": {}}


@case
def compressed_they_come_at_once_as_well():
    for name, version in VERSIONS:
        for kind in ("text/event-stream", "text/plain"):
            with rows(f"{name}, {kind}"):
                record = read_piece_by_piece([COMPRESSION], "--compressed", version=version, kind=kind)
                check(record["bytesOut"] != sum(map(len, PIECES)), f"{record['bytesOut']} bytes: not compressed")


def script(mode):
    return {"policyRef": {"name": "lua-script"}, "config": {"responseBody": {"mode": mode}, "script": """
        function response_body(request, response, piece) end"""}}


@case
def who_looks_at_them_holds_nothing():
    """Policies that observe the body, or may change each piece of it, and compression behind them."""
    for name, version in VERSIONS:
        for mode in ("observe", "stream"):
            with rows(f"{name}, {mode}"):
                read_piece_by_piece([COMPRESSION, script(mode)], "--compressed", version=version)


main()
