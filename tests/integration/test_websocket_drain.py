#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What serves a WebSocket goes: both of its peers get 1012, and no message is lost on the way."""
import collections
import contextlib
import os
import signal
import threading

from harness import *
from harness.cases import SCALE
from harness.wire import Malformed
from harness.websocket import CLOSE, TEXT, Peer, open_by, serves

MARK = {"policyRef": {"name": "header-injection"},
        "config": {"inboundHeaders": [{"key": "x-mark", "value": "1"}]}}


@contextlib.contextmanager
def opened(port, by_http2):
    """A client's end over either version, and what carries it."""
    if by_http2:
        with H2Tunnel(port) as tunnel:
            equal(tunnel.status, 200, "an extended CONNECT")
            yield Peer(tunnel, True), tunnel
    else:
        with Client(port, timeout=20 * SCALE) as client:
            yield open_by(client), client


def remove(gateway, backend):
    gateway.remove("a.yaml")


def bind(gateway, backend):
    gateway.save("a.yaml", [api("a", backend, port=gateway.ports[0], policies=[MARK])])


def move(gateway, backend):
    gateway.save("a.yaml", [api("a", backend, port=free_port())])


def upgrade(gateway, backend):
    gateway.signal(signal.SIGUSR2)


def stop(gateway, backend):
    gateway.signal(signal.SIGTERM)


@case(seconds=120)
def what_replaces_it_says_so_to_both_sides():
    for end in (remove, bind, move, upgrade, stop):
        told = []

        def talk(peer):
            told.append(peer.expect_close())
            peer.send(CLOSE, told[-1].payload)
        with rows(end.__name__), Backend(serves(talk)) as backend, \
                Gateway({"a.yaml": [api("a", backend)], "b.yaml": [api("b", backend)]}) as gateway, \
                opened(gateway.ports[0], False) as (one, client), opened(gateway.ports[0], True) as (two, tunnel):
            end(gateway, backend)
            for peer, carrier in ((one, client), (two, tunnel)):
                close = peer.read()
                equal((close.opcode, close.code), (CLOSE, 1012))
                peer.send(CLOSE, close.payload)
                carrier.close()
            wait_for(lambda: len(told) == 2, "the closes of the upstream")
            equal([close.code for close in told], [1012] * 2)
            records = gateway.records(2)
            equal([(r["reason"], r["closedBy"], r["closeStatus"]) for r in records],
                  [("websocket_drained", "gateway", 1012)] * 2)
            equal({r["protocol"] for r in records}, {"HTTP/1.1", "HTTP/2.0"})
            if end in (remove, bind, move):
                wait_for(lambda: gateway.metrics()["sluice_websockets_drained_total"] == 2, "the count")
                equal([gateway.metrics()[f"sluice_websockets{name}"] for name in ("_ended_total", "_closed_total", "")],
                      [2, 0, 0])


# --- the ledger ----------------------------------------------------------------------------------

class Books:
    """What was sent, came to the upstream and came back, by session; and how each session ended."""

    def __init__(self):
        self.lock = threading.Lock()
        self.arrived = collections.defaultdict(list)
        self.upstream_ends = collections.Counter()
        self.sent, self.echoed, self.in_doubt, self.restarts, self.sessions = 0, 0, 0, 0, 0
        self.failures = []

    def fail(self, what):
        with self.lock:
            self.failures.append(what)

    def echo(self, peer):
        """The upstream's part."""
        while True:
            try:
                frame = peer.read()
            except (OSError, Closed, Malformed, TimedOut) as e:
                self.fail(f"the upstream: {type(e).__name__}: {e}")
                return
            if frame.opcode == CLOSE:
                with self.lock:
                    self.upstream_ends[frame.code] += 1
                peer.send(CLOSE, frame.payload)
                return
            with self.lock:
                session, number = frame.payload.split(b" ", 2)[:2]
                self.arrived[int(session)].append(int(number))
            peer.send(frame.opcode, frame.payload)


class Talker(threading.Thread):
    """Keeps several messages on their way until it is told to stop; opens another session behind each 1012."""

    def __init__(self, port, books, by_http2, is_over):
        super().__init__(daemon=True)
        self.port, self.books, self.by_http2, self.is_over = port, books, by_http2, is_over

    def run(self):
        while not self.is_over.is_set():
            with self.books.lock:
                self.books.sessions += 1
                session = self.books.sessions
            try:
                with opened(self.port, self.by_http2) as (peer, carrier):
                    self.talk(peer, session)
                    carrier.close()
            except (OSError, Closed, Malformed, TimedOut, AssertionError) as e:
                self.books.fail(f"session {session}, HTTP/{1 + self.by_http2}: {type(e).__name__}: {e}")

    def talk(self, peer, session):
        waiting, number = collections.deque(), 0
        while not self.is_over.is_set() or waiting:
            while len(waiting) < 8 and not self.is_over.is_set():
                text = f"{session} {number} ".encode() + b"." * (number * 797 % 20000)
                peer.send(TEXT, text)
                waiting.append(text)
                number += 1
            frame = peer.read()
            if (frame.opcode, frame.code if frame.opcode == CLOSE else 0) == (CLOSE, 1012):
                self.enter(number, waiting, 1)
                peer.send(CLOSE, frame.payload)
                return
            if (frame.opcode, frame.payload) != (TEXT, waiting.popleft()):
                raise Malformed(f"{frame} is not the next echo")
        self.enter(number, waiting, 0)
        peer.close()
        peer.expect_close()

    def enter(self, sent, waiting, restarts):
        with self.books.lock:
            self.books.sent += sent
            self.books.echoed += sent - len(waiting)
            self.books.in_doubt += len(waiting)
            self.books.restarts += restarts


def upgrade_storm(count, sockets):
    """Messages without an answer are those behind which 1012 came; what the upstream got is a whole beginning
    of what was sent, in order."""
    books, is_over = Books(), threading.Event()
    with Backend(serves(books.echo)) as backend, Gateway([api("a", backend)], workers=2) as gateway:
        talkers = [Talker(gateway.port, books, i % 2 == 1, is_over) for i in range(sockets)]
        for talker in talkers:
            talker.start()
        for number in range(1, count + 1):
            wait_for(lambda: gateway.metrics()["sluice_websockets"] == sockets, "all of them", 60)
            before = gateway.status()["pid"]
            gateway.signal(signal.SIGUSR2)
            wait_for(lambda: gateway.is_answering() and gateway.status()["supervisor"]["upgrades"] == number,
                     f"upgrade {number}", 60)
            wait_for(lambda: not os.path.exists(f"/proc/{before}"), "the end of the one before", 60)
        is_over.set()
        for talker in talkers:
            talker.join(60 * SCALE)
        gateway.stop()
        drained = sum(r["reason"] == "websocket_drained" for r in gateway.records_now())
    print(f"    {count} upgrades: {books.sessions} sessions, {books.sent} messages, {books.echoed} echoed, "
          f"{books.in_doubt} without an answer at {books.restarts} ends by 1012")
    equal(books.failures, [])
    equal((books.restarts, drained, books.upstream_ends[1012]), (count * sockets,) * 3)
    equal(books.sent, books.echoed + books.in_doubt)
    check(books.echoed > books.in_doubt, "little was echoed")
    for session, numbers in books.arrived.items():
        equal(numbers, list(range(len(numbers))), f"what came of session {session}")


@case(seconds=120)
def an_upgrade_loses_no_message():
    upgrade_storm(1, 2)


@case(modes="full", serial=True, seconds=300)
def ten_upgrades_lose_no_message():
    upgrade_storm(10, 8)


@case(modes="soak", serial=True, seconds=1800)
def soak_a_hundred_upgrades_lose_no_message():
    upgrade_storm(100, 16)


main()
