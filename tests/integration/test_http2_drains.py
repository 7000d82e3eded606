#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 connections that are to end: two GOAWAYs with a round trip between them, and every stream whole."""
import signal
import struct
import threading

from harness import *
from harness.frames import *

ALL = 0x7fffffff  # the last stream of the first GOAWAY


class Halves:
    """Sends the first half of its answer to /slow, and the second when it may; anything else at once."""

    def __init__(self, text="ok"):
        self.text, self.go = text, threading.Event()
        self.begun = threading.Semaphore(0)

    def __call__(self, connection):
        while request := connection.read_request():
            if "slow" not in request.target:
                connection.send(reply(200, self.text))
                continue
            connection.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello")
            self.begun.release()
            self.go.wait(30 * SCALE)
            connection.send("world")

    def wait_for_half(self):
        check(self.begun.acquire(timeout=20 * SCALE), "the first half")


def goaways(client):
    """(last stream, code) of those that came so far."""
    return [struct.unpack(">II", f.payload[:8]) for f in client.seen if f.kind == GOAWAY]


def answer_ping(client):
    """Behind it the server knows that the first GOAWAY was read: so it has to come behind that."""
    pings = [i for i, f in enumerate(client.seen) if f.kind == PING]
    ping = client.seen[pings[0]] if pings else client.until(PING, 0)
    check(ping and not ping.flags & ACK, "no PING")
    check(GOAWAY in [f.kind for f in client.seen[:client.seen.index(ping)]], "a PING too early")
    client.send(frame(PING, ACK, 0, ping.payload))


def ends_politely(client, stream, go, is_served):
    """What the first GOAWAY does not forbid is served, what the second does is not, and what is under way ends
    whole."""
    check(client.until(GOAWAY, 0), "no GOAWAY")
    equal(goaways(client), [(ALL, NO_ERROR)])
    client.send(headers(stream + 2))
    if is_served:
        equal(client.answer(stream + 2), (200, b"ok"), "opened before the client could know")
    answer_ping(client)
    check(client.until(GOAWAY, 0), "no second GOAWAY")
    equal(goaways(client)[1:], [(stream + 2, NO_ERROR)])
    client.send(headers(stream + 4))
    go.set()
    content = b"".join(f.payload for f in client.seen if f.kind == DATA and f.stream == stream)
    equal(content + client.answer(stream)[1], b"helloworld")
    check(client.goaway() == NO_ERROR, "another end")
    check(not any(f.stream == stream + 4 for f in client.seen), "served behind the last stream")


def begin(gateway, halves, port=None):
    client = FrameClient(port or gateway.port)
    client.send(headers(1))
    equal(client.answer(1)[0], 200)
    client.send(headers(3, path="/slow"))
    halves.wait_for_half()
    return client


@case
def a_stop_says_goaway_twice():
    halves = Halves()
    with Backend(halves) as backend, Gateway([api("a", backend)]) as gateway, \
            begin(gateway, halves) as client, FrameClient(gateway.port) as idle:
        idle.send(headers(1))
        equal(idle.answer(1), (200, b"ok"))
        gateway.signal(signal.SIGTERM)
        ends_politely(client, 3, halves.go, True)
        answer_ping(idle)
        equal(idle.goaway(), NO_ERROR)
        equal(goaways(idle), [(ALL, NO_ERROR), (1, NO_ERROR)])


@case
def a_listener_that_goes_drains_its_connections():
    """Those of the one that stays hear nothing; their next stream sees the new configuration."""
    halves, other = Halves(), Halves()
    with Backend(halves) as backend, Backend(other) as old, Backend(reply(200, "new")) as new:
        staying = api("b", old)
        with Gateway({"a.yaml": [api("a", backend)], "b.yaml": [staying]}) as gateway, \
                begin(gateway, halves) as client, \
                begin(gateway, other, gateway.ports[1]) as untouched:
            gateway.remove("a.yaml")
            gateway.save("b.yaml", [api("b", new, port=gateway.ports[1])])
            ends_politely(client, 3, halves.go, False)
            untouched.send(headers(5))
            equal(untouched.answer(5), (200, b"new"))
            other.go.set()
            equal(untouched.answer(3)[1], b"world", "begun on the former configuration")
            untouched.send(frame(PING, 0, 0, b"12345678"))
            check(untouched.until(PING, 0).flags & ACK, "no answer to a PING")
            equal(goaways(untouched), [])


@case(serial=True)
def an_upgrade_drains_the_former_gateways_connections():
    halves = Halves()
    with Backend(halves) as backend, Gateway([api("a", backend)]) as gateway, \
            begin(gateway, halves) as client:
        before = gateway.status()["pid"]
        gateway.signal(signal.SIGUSR2)
        ends_politely(client, 3, halves.go, True)
        wait_for(lambda: gateway.status()["pid"] != before, "the next gateway")
        with FrameClient(gateway.port) as next_client:
            next_client.send(headers(1))
            equal(next_client.answer(1), (200, b"ok"))
            equal(goaways(next_client), [])
        wait_for(lambda: gateway.status()["supervisor"]["upgrades"] == 1, "the end of the upgrade")


@case
def who_does_not_answer_the_ping_is_not_waited_for():
    with Backend(reply(200, "ok")) as backend, Gateway([api("a", backend)]) as gateway, \
            FrameClient(gateway.port) as client:
        client.send(headers(1))
        equal(client.answer(1), (200, b"ok"))
        gateway.signal(signal.SIGTERM)
        equal(client.goaway(), NO_ERROR)
        equal(goaways(client), [(ALL, NO_ERROR), (1, NO_ERROR)])


main()
