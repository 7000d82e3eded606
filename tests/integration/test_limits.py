#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sizes and times that no client may exceed, and what each excess is answered with."""
import time

from harness import *


@case
def answers_414_and_431_at_the_limits():
    table = [("target of 9000 bytes", f"GET /{'a' * 9000} HTTP/1.1\r\nhost: h\r\n\r\n", 414),
             ("200 fields", "GET / HTTP/1.1\r\nhost: h\r\n" + "a: b\r\n" * 200 + "\r\n", 431),
             ("value of 20000 bytes", f"GET / HTTP/1.1\r\nhost: h\r\nx: {'a' * 20000}\r\n\r\n", 431),
             ("name of 300 bytes", f"GET / HTTP/1.1\r\nhost: h\r\n{'a' * 300}: x\r\n\r\n", 431),
             ("head of 80 KiB", "GET / HTTP/1.1\r\nhost: h\r\n" + f"x: {'a' * 8000}\r\n" * 10 + "\r\n",
              431)]
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        for name, raw, status in table:
            with rows(name), gateway.client() as client:
                client.send(raw)
                equal(client.read().status, status)
                check(client.is_closed(), "closed")
        equal(backend.requests, [])


@case
def takes_what_is_just_below_the_limits():
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        equal(gateway.get("/" + "a" * 8000).status, 200)
        equal(gateway.get("/", [(f"x-{i}", "v") for i in range(100)]).status, 200)
        equal(gateway.get("/", {"x-long": "v" * 16000}).status, 200)


@case
def fields_without_room_for_the_gateways_own_are_431():
    """128 fields are allowed; what goes upstream has five more."""
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        for count in range(118, 128):
            with rows(f"{count} fields"):
                answer = gateway.get("/", [(f"x-{i}", "v") for i in range(count)])
                check(answer.status in (200, 431), f"answer {answer!r}")
        equal(answer.status, 431)
        equal(gateway.records(10)[-1]["reason"], "too_many_fields")
        for request in backend.requests:
            check(request.get("via") and request.get("x-request-id"), "the gateway's own fields")


@case
def an_upload_that_breaks_off_malformed_is_recorded_as_answered():
    with Backend() as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        client.send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        wait_for(lambda: backend.requests, "the request")
        client.send("no size\r\n")
        equal(client.read().status, 400)
        record = gateway.records(1)[0]
        equal((record["status"], record["reason"]), (400, "bad_request"))


@case
def an_endless_head_costs_bounded_memory():
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        gateway.get("/")
        before = gateway.memory_kib()
        with gateway.client() as client:
            client.send("GET / HTTP/1.1\r\nhost: h\r\nx: ")
            for _ in range(160):
                client.send(b"a" * 65536)
            client.reader.to_end()
        grown = gateway.memory_kib() - before
        if SCALE == 1:
            check(grown < 1024, f"grew by {grown} KiB")
        equal(gateway.get("/").status, 200)


@case(modes="full")
def ends_a_head_that_drips():
    with Backend() as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client(timeout=30) as client:
        began = time.monotonic()
        client.send("GET / HTTP/1.1\r\nhost: h\r\n")
        closed = False
        for i in range(30):
            client.send(f"x-{i}: y\r\n")
            time.sleep(0.5)
            try:
                closed = client.is_closed(0.01)
                answered = bytes(client.reader.raw)
            except TimedOut:
                continue
            if closed or answered:
                break
        took = time.monotonic() - began
        check(8 < took < 14, f"ended after {took} s, expected about 10")
        contains(bytes(client.reader.raw), b" 408 ")
        equal(gateway.records(1)[0]["reason"], "client_timeout")
        equal(backend.requests, [])


main()
