#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients and upstreams that do what they like, by chance, at each other: whoever behaves beside them does not
notice, the gateway lives, and nothing of them stays. The seed is printed; $SLUICE_STRANGERS_SEED runs one again."""
import contextlib
import os
import random
import threading
import time

from harness import *
from harness.frames import *
from harness.websocket import accept_of

SWITCH = {"upgrade": "websocket", "connection": "upgrade", "sec-websocket-version": "13",
          "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}
# Of a WebSocket: whole ones, a CLOSE, half of a long one, what none may be.
FRAMES = (b"\x81\x83\0\0\0\0abc", b"\x81\x03abc", b"\x88\x02\x03\xe8", b"\x88\x82\0\0\0\0\x03\xe8",
          b"\x82\x7e\xff\xff" + b"y" * 1000, b"\x00\x00", b"\xff\xff\xff")
TOO_LARGE = "x: " + "y" * 9000 + "\r\n"


def linger(chance):
    if chance.random() < 0.3:
        time.sleep(chance.random() * 0.01)


def leave(end, chance):
    """By RST, FIN, a half-close, or late."""
    how = chance.randrange(4)
    with contextlib.suppress(OSError):
        if how == 0:
            return end.reset()
        if how == 1:
            end.half_close()
        if how > 1:
            time.sleep(chance.random() * 0.02)
        end.close()


class Strangers(Backend):
    """Upstreams; what they get is no matter of theirs."""

    def __init__(self, serve, chance, **options):
        super().__init__(lambda connection: serve(connection, random.Random(chance.random())), **options)

    def note_problem(self, what):
        pass


# --- upstreams -------------------------------------------------------------------------------------

def switch(connection, request, chance):
    connection.send("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
                    f"sec-websocket-accept: {accept_of(request.get('sec-websocket-key'))}\r\n\r\n")
    for _ in range(chance.randrange(5)):
        connection.send(chance.choice(FRAMES))
        linger(chance)


def answers(chance):
    """(what is sent to a request, whether the connection goes on), of each kind."""
    body = b"x" * chance.choice((10, 5000, 70000, 400000))
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
    return ((b"", False), (head + body[:len(body) // 2], False), (head + body, True), (head + body, True),
            (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" * chance.randrange(20) + reply(), True),
            (f"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n{TOO_LARGE}\r\n", True),
            (b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nabc", False),
            (reply(200, "abc") + b"SURPLUS", True), (b"HTTP/1.1 200 OK\r\n\r\n" + body, False),
            (b"\0\1\2\3", False))


def serve_http1(connection, chance):
    while request := connection.read_request():
        if request.has("upgrade") and chance.random() < 0.7:
            switch(connection, request, chance)
            return leave(connection, chance)
        answer, goes_on = chance.choice(answers(chance))
        linger(chance)
        connection.send(answer)
        if not goes_on:
            return leave(connection, chance)


def before_answer(stream, chance):
    """What is said before a stream's answer, or in its place."""
    return chance.choice((
        b"", b"", b"", goaway(0), goaway(stream), goaway(stream + 2), frame(RST_STREAM, 0, stream, b"123"),
        rst(stream, chance.choice((0, 2, 7, 8))), frame(PING, 0, 0, b"12345678") * 30,
        window_update(stream, 100000) + window_update(0, 100000), settings((3, chance.choice((0, 1, 100)))),
        frame(HEADERS, END_HEADERS, stream, b"\x08\x03103") * chance.randrange(12)))


def serve_http2(connection, chance):
    if chance.random() < 0.2:
        connection.send(chance.choice((settings(), b"\0", b"HTTP/1.1 400 Bad Request\r\n\r\n")))
        return leave(connection, chance)
    peer = FramePeer(connection)
    peer.send(settings((3, chance.choice((1, 2, 100))), (8, 1)))
    while f := peer.read_frame(5):
        if f.kind != HEADERS:
            continue
        answer = answer_frames(f.stream, b"b" * chance.choice((0, 10, 16000)))
        linger(chance)
        peer.send(before_answer(f.stream, chance) + b"".join(answer[:chance.randrange(3)] or answer))
        if chance.random() < 0.1:
            return leave(connection, chance)


# --- clients ---------------------------------------------------------------------------------------

def asks(chance):
    fields = "".join(f"{name}: {value}\r\n" for name, value in SWITCH.items())
    content = b"u" * chance.choice((0, 1000, 299999, 300000))
    return ((f"GET /ws HTTP/1.1\r\nhost: h\r\n{fields}\r\n", chance.choice(FRAMES)),
            ("POST /u HTTP/1.1\r\nhost: h\r\ncontent-length: 300000\r\n\r\n", content),
            ("POST /u HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
             chance.choice(("0\r\n\r\n", "zz\r\n", f"0\r\n{TOO_LARGE}\r\n"))),
            ("GET /g HTTP/1.1\r\nhost: h\r\n\r\n" * chance.randrange(1, 4), ""))


def ask_http1(client, chance):
    for _ in range(chance.randrange(1, 4)):
        for part in chance.choice(asks(chance)):
            client.send(part)
            linger(chance)
        if chance.random() < 0.5:
            client.read(timeout=0.3)


def beside(stream, chance):
    return chance.choice((
        b"", b"", b"", rst(stream), rst(stream, NO_ERROR), window_update(0, 1000000), window_update(stream, 1000),
        goaway(0), frame(PING, 0, 0, b"12345678"), frame(DATA, END_STREAM, stream, b"x"),
        settings((4, chance.choice((0, 1, 70000))))))


def ask_http2(client, chance):
    for stream in range(1, 2 * chance.randrange(1, 6), 2):
        client.send(chance.choice((
            headers(stream), headers(stream), headers(stream, end=False, method="CONNECT"),
            headers(stream, end=False, method="POST") + frame(DATA, 0, stream, b"d" * chance.choice((0, 100, 16000))))))
        client.send(beside(stream, chance))
        linger(chance)
    end = time.monotonic() + chance.random() * 0.2
    while time.monotonic() < end and client.read_frame(0.05):
        pass


class Crowd:
    """Threads of clients at some ports, until it stops; `tls` are contexts by HTTP/1.1 and by HTTP/2."""

    def __init__(self, ports, chance, tls):
        self.ports, self.tls, self.is_over, self.count = ports, tls, threading.Event(), 0
        self.threads = [threading.Thread(target=self.run, args=(random.Random(chance.random()),)) for _ in range(8)]
        for thread in self.threads:
            thread.start()

    def run(self, chance):
        while not self.is_over.is_set():
            with contextlib.suppress(OSError, Closed, TimedOut, Malformed):
                self.come_by(chance)
            self.count += 1

    def come_by(self, chance):
        port, speaks_2 = chance.choice(self.ports), chance.random() < 0.5
        tls = {"tls": self.tls[speaks_2], "server_name": "shop.test"} if self.tls else {}
        client = FrameClient(port, (4, chance.choice((0, 100, 65535))), **tls) if speaks_2 else Client(port, **tls)
        try:
            (ask_http2 if speaks_2 else ask_http1)(client, chance)
        finally:
            leave(client, chance)

    def stop(self):
        self.is_over.set()
        for thread in self.threads:
            thread.join()


def documents_of(upstreams, well, certificate=None, authority=None):
    """Two APIs for strangers and a third one; the upstreams by HTTP/2 are asked whether they are there."""
    inbound = [{"policyRef": {"name": "tls"}, "config": {"certificate": {"crt": certificate.crt, "key": certificate.key}}}] \
        if certificate else None
    addresses = upstreams[0].address, f"h2://{upstreams[1].authority}"
    documents = [api(f"strange{i}", scheme="https" if certificate else "http", policies=inbound,
                     services={"up": {"address": address, **({"http2": {"pingSeconds": 0.2}} if i else {})}})
                 for i, address in enumerate(addresses)]
    if authority:
        documents += [binding(f"t{i}", "tls-outbound", {"trustedCA": authority.crt}, kind="Service",
                              target=f"strange{i}-up") for i in range(2)]
    return [*documents, api("well", well)]


def strangers_come(seconds, is_secure):
    seed = int(os.environ.get("SLUICE_STRANGERS_SEED", time.time_ns() % 1000000))
    chance = random.Random(seed)
    print(f"    seed {seed}")
    authority = Authority() if is_secure else None
    tls, more, contexts = None, {}, (None, None)
    if is_secure:
        own = authority.issue("up", san="DNS:localhost,IP:127.0.0.1")
        contexts = authority.server_tls(own), authority.server_tls(own)
        contexts[1].set_alpn_protocols(["h2"])
        tls = authority.client_tls(), authority.client_tls(alpn=["h2"])
        more = {"certificate": authority.issue("shop", san="DNS:shop.test"), "authority": authority}
    with Strangers(serve_http1, chance, tls=contexts[0]) as one, Strangers(serve_http2, chance, tls=contexts[1]) as two, \
            Backend(reply(200, "well")) as well, Gateway(documents_of((one, two), well, **more), workers=2) as gateway:
        crowd = Crowd(gateway.ports[:2], chance, tls)
        try:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                answer = gateway.get("/", port=gateway.ports[2])
                equal((answer.status, answer.text()), (200, "well"))
        finally:
            crowd.stop()
        check(crowd.count > 8, f"{crowd.count} clients")
        gateway.wait_until_empty()


@case
def strangers_disturb_nobody():
    strangers_come(1, False)


@case
def strangers_by_tls_disturb_nobody():
    strangers_come(1, True)


@case(modes="full", seconds=200)
def many_strangers_disturb_nobody():
    for is_secure in (False, True):
        strangers_come(30, is_secure)


main()
