#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Responses that break the protocol become 502, and their connection is never used again."""
import threading

from harness import *


def answers(raw, close=True):
    def script(connection):
        connection.read_head()
        connection.send(raw)
        if close:
            connection.pause(0.05)
        else:
            connection.pause(5)
    return script


BAD = [
    ("CL and TE", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("two CL", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nhi"),
    ("bad CL", "HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nhi"),
    ("huge CL", "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\nhi"),
    ("TE gzip, chunked", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ("TE gzip", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nxx"),
    ("101 unasked", "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
    ("folded field", "HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n"),
    ("NUL in a value", "HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n"),
    ("bare CR", "HTTP/1.1 200 OK\r\nx: a\rset-cookie: b\r\ncontent-length: 0\r\n\r\n"),
    ("bare LF", "HTTP/1.1 200 OK\nx: a\ncontent-length: 0\n\n"),
    ("HTTP/0.9", "<html>hello</html>"),
    ("status of two digits", "HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n"),
    ("status 099", "HTTP/1.1 099 X\r\ncontent-length: 0\r\n\r\n"),
    ("status 600", "HTTP/1.1 600 X\r\ncontent-length: 0\r\n\r\n"),
    ("version 2", "HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n"),
    ("no colon", "HTTP/1.1 200 OK\r\nfoo\r\ncontent-length: 0\r\n\r\n"),
    ("space before colon", "HTTP/1.1 200 OK\r\nfoo : a\r\ncontent-length: 0\r\n\r\n"),
    ("too many interim", "HTTP/1.1 100 Continue\r\n\r\n" * 12 + "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    ("too many fields", "HTTP/1.1 200 OK\r\n" + "a: b\r\n" * 200 + "content-length: 0\r\n\r\n"),
    ("too large a head", "HTTP/1.1 200 OK\r\n" + ("a: " + "b" * 9000 + "\r\n") * 9
     + "content-length: 0\r\n\r\n"),
    ("closed without a byte", ""),
    ("half a head", "HTTP/1.1 200 OK\r\ncontent-le"),
]


@case
def turns_every_malformed_response_into_502():
    for name, raw in BAD:
        with rows(name), Backend(answers(raw)) as backend, Gateway([api("a", backend)]) as gateway:
            answer = gateway.get("/")
            equal(answer.status, 502)
            check("set-cookie" not in dict(answer.fields), "split response")
            contains(answer.get("content-type"), "application/json")


@case
def resets_the_client_when_a_body_turns_out_malformed():
    for name, raw in [
        ("junk for a chunk size", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n"),
        ("data longer than the chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhiXX"),
        ("end inside a chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhi"),
        ("end before the last chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n"),
        ("shorter than its length", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhi"),
    ]:
        with rows(name), Backend(answers(raw)) as backend, Gateway([api("a", backend)]) as gateway:
            try:
                answer = gateway.get("/")
            except Closed:
                continue
            equal(answer.status, 502, "a whole answer other than an error")


@case
def never_hands_surplus_bytes_to_the_next_client():
    poison = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison"

    def script(connection):
        while connection.read_request():
            connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok" + poison.encode())
            connection.pause(0.2)
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway:
        for _ in range(3):
            equal(gateway.get("/").body, b"ok")
        check(len(backend.connections) == 3, "a connection with surplus bytes was used again")


@case
def never_takes_bytes_sent_before_the_request_for_its_answer():
    is_over = threading.Event()

    def script(connection):
        if len(connection.backend.connections) > 1:
            connection.pause(0.2)
        while connection.read_request():
            connection.send(reply(200, "right"))
            is_over.wait(20 * SCALE)
            connection.send(reply(200, "unasked"))
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        equal(client.get("/").body, b"right")
        is_over.set()
        wait_for(lambda: not backend.live, "the end of who speaks unasked")
        equal(client.get("/").body, b"right")


@case
def ignores_a_body_that_cannot_be():
    for name, method, raw in [
        ("HEAD with a body", "HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"),
        ("204 with a body", "GET", "HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\nhi"),
        ("304 with a body", "GET", "HTTP/1.1 304 Not Modified\r\n\r\nhi"),
    ]:
        with rows(name), Backend(answers(raw)) as backend, Gateway([api("a", backend)]) as gateway, \
                gateway.client() as client:
            first = client.request(method, "/1")
            one_of(first.status, (200, 204, 304, 502))
            if first.status == 204:
                check(not first.has("content-length"), "204 has no length")
            # Whatever comes next must not be the surplus.
            try:
                one_of(client.request(method, "/2").status, (200, 204, 304, 502))
            except Closed:
                pass


main()
