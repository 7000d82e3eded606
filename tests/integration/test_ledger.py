#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The books of client, origin and gateway agree, and notice when something is lost."""
import os
import re
import signal

from harness import *
from harness.frames import answer_frames, goaway, rst, serves_frames
from harness.ledger import Books, CallLoad, CallOrigin, H2Load, LedgerOrigin, Load, Loads
from harness.peers import npm_has


@case
def three_books_agree_under_load():
    with LedgerOrigin() as origin, Gateway([api("a", origin)], workers=2) as gateway:
        load = Load(gateway.port, keepalive=32, rate=100, streams=4, think=2, requests=5000)
        load.wait()
        origin.stop()
        gateway.stop()  # all records are written
        books = Books(load, origin, gateway.log_path)
        books.require_no_loss(5000)
        equal(set(books.counts()), {load.counts["requests"]})


@case
def three_books_agree_under_load_of_http2():
    with LedgerOrigin() as origin, Gateway([api("a", origin)], workers=2) as gateway:
        load = H2Load(gateway.port, keepalive=8, multiplex=8, streams=2, think=2, stream_bytes=65536,
                      pause=10, requests=3000)
        load.wait()
        origin.stop()
        gateway.stop()
        Books(load, origin, gateway.log_path).require_no_loss(3000)
        equal({r["protocol"] for r in gateway.records_now()}, {"HTTP/2.0"})


@case(modes="full")
def three_books_agree_about_calls_and_notice_those_that_are_lost():
    """By grpc-js: the next gateway, once the first is killed, has calls of its own."""
    if not npm_has("@grpc"):
        return
    with CallOrigin() as origin, Gateway([api("a", origin)]) as gateway:
        load = CallLoad(origin, gateway.port)
        wait_for(lambda: load.so_far() >= 50, "calls")
        whole = load.stop()
        equal((whole["ok"], load.failures()), (whole["requests"], []))
        check(whole["messages"] > 2 * whole["requests"], f"streams: {whole}")
        killed = CallLoad(origin, gateway.port)
        wait_for(lambda: killed.so_far() >= 50, "more calls")
        before = gateway.pid()
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: gateway.pid() != before and gateway.is_answering(), "the next gateway")
        counts = killed.stop()
        equal({row[1] for row in killed.failures()}, {"status"}, f"what is lost: {counts}")
        origin.stop()
        gateway.stop()
        given = {nonce: outcome for nonce, outcome, _ in origin.rows()}
        equal([row[0] for row in killed.rows() if row[1] == "ok" and given[row[0]] != "whole"], [])
        # Without the killed one's calls, as its last records died with it.
        books = Books(load, origin, gateway.log_path)
        equal({books.gateway[nonce][0].get("grpcStatus") for nonce in books.client}, {"0"})
        disagreed = lambda: [line[:16] for line in books.disagreements() if line[:16] in books.client]
        equal(disagreed(), [])
        lost = next(iter(books.client))
        del books.gateway[lost]
        equal(disagreed(), [lost])


OUTCOMES = {"ok", "refused", "unreachable", "reset", "eof", "partial", "timeout", "wrong-owner", "wrong-body",
            "status", "malformed", "unfinished"}
# What a gateway that loses something would give: (outcome, answer, how the connection ends).
NONCE = b"HTTP/1.1 200 OK\r\nX-Ledger-Nonce: %s\r\nX-Ledger-Body: right\r\n"
LOSSES = [
    ("eof", b"", "close"),
    ("reset", b"", "reset"),
    ("partial", NONCE, "close"),
    ("partial", NONCE + b"Content-Length: 100\r\n\r\n", "reset"),
    ("wrong-owner", NONCE.replace(b"%s", b"00000000000000ff") + b"Content-Length: 0\r\n\r\n", None),
    ("wrong-body", NONCE + b"Content-Length: 5\r\n\r\nother", None),
    ("wrong-body", NONCE.replace(b"right", b"wrong") + b"Content-Length: 0\r\n\r\n", None),
    ("status", b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", None),
    ("malformed", NONCE + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n", None),
    ("malformed", NONCE + b"\r\nendless", "close"),
    ("malformed", NONCE + b"Content-Length: 0\r\n\r\nsurplus", None),
]


@case
def the_client_notices_every_kind_of_loss():
    for outcome, answer, end in LOSSES:
        def script(connection):
            while request := connection.read_request():
                nonce = re.search(r"/n/(\w+)", request.target)[1].encode()
                connection.send(answer.replace(b"%s", nonce))
                if end == "reset":
                    connection.reset()
                if end:
                    return
        with rows(f"{outcome}, {end}: {answer[:40]}"), Backend(script) as backend:
            load = Load(backend.port, keepalive=1, uploads=0, body=0 if b"surplus" in answer else 64,
                        requests=1)
            counts = load.wait()
            equal(counts[outcome], 1, str(counts))
            equal([r[1] for r in load.failures()], [outcome])
    with rows("refused"):
        equal(Load(free_port(), keepalive=1, requests=1).wait()["refused"], 1)


def answered(stream, nonce, body=b"", verdict="right", end=True, **more):
    head, content = answer_frames(
        stream, body, fields=[("x-ledger-nonce", nonce), ("x-ledger-body", verdict)], **more)
    return head + (content if end else b"")


# The nonce of the first request of seed 1, and the same over HTTP/2: (outcome, frames, whether it closes).
FIRST = "0000000100000000"
LOSSES_BY_FRAMES = [
    ("ok", lambda s: answered(s, FIRST), False),
    ("ok", lambda s: goaway(s) + answered(s, FIRST), False),
    ("eof", lambda s: b"", True),
    ("reset", lambda s: rst(s), False),
    ("reset", lambda s: goaway(0), False),
    ("partial", lambda s: answered(s, FIRST, end=False), True),
    ("partial", lambda s: answered(s, FIRST, end=False) + rst(s), False),
    ("partial", lambda s: answered(s, FIRST, end=False) + goaway(0), False),
    ("wrong-owner", lambda s: answered(s, FIRST.replace("1", "f")), False),
    ("wrong-body", lambda s: answered(s, FIRST, b"other"), False),
    ("wrong-body", lambda s: answered(s, FIRST, verdict="wrong"), False),
    ("status", lambda s: answered(s, FIRST, status=503), False),
    ("malformed", lambda s: b"HTTP/1.1 400 Bad Request\r\n\r\n", False),
]


@case
def the_client_by_http2_notices_every_kind_of_loss():
    for outcome, frames, closes in LOSSES_BY_FRAMES:
        def talk(peer):
            while request := peer.request():
                peer.send(frames(request[0]))
                if closes:
                    return
        with rows(f"{outcome}: {frames(1)[:60]}, closed: {closes}"), Backend(serves_frames(talk)) as backend:
            load = H2Load(backend.port, keepalive=1, multiplex=1, uploads=0, body=0, requests=1, seed=1)
            counts = load.wait()
            equal({name: n for name, n in counts.items() if n and name in OUTCOMES}, {outcome: 1})


@case
def the_books_notice_what_one_of_them_misses():
    with LedgerOrigin() as origin, Gateway([api("a", origin)]) as gateway:
        load = Load(gateway.port, keepalive=4, requests=50)
        load.wait()
        origin.stop()
        gateway.stop()
        Books(load, origin, gateway.log_path).require_no_loss(50)
        for name in ("a line of the log", "a line of the origin's book", "a request answered twice",
                     "bytes at the origin that are no request", "a record of nobody's request"):
            books = Books(load, origin, gateway.log_path)
            nonce = next(iter(books.client))
            if name == "a line of the log":
                del books.gateway[nonce]
            elif name == "a line of the origin's book":
                del books.origin[nonce]
            elif name == "bytes at the origin that are no request":
                books.origin["0" * 16].append("malformed")
            elif name == "a record of nobody's request":
                books.gateway["0" * 16].append({"status": 200})
            else:
                books.origin[nonce].append("whole")
            with rows(name):
                equal(len(list(books.disagreements())), 1)


main()
