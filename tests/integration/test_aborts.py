#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that go away in the middle of everything, by the thousand: nothing of them is left."""
from harness import *
from harness.cases import SANITIZER
from harness.frames import *
from harness.ledger import LedgerOrigin

UPLOAD = "/n/{:016x}?size=10&pause=0"
DOWNLOAD = "/n/{:016x}?size=1000000&pause=20"
# By HTTP/2 so many on a connection that resets alone do not end it.
STREAMS = 60
RESET = STREAMS - 10  # the streams that are reset; the others go with their connection


def abort_by_http1(port, i):
    with Client(port, timeout=30) as client:
        if i % 4 == 0:
            client.send(f"POST {UPLOAD.format(i)} HTTP/1.1\r\nhost: h\r\ncontent-length: 9000\r\n\r\n" + "x" * 4000)
        elif i % 4 == 1:
            client.send("GET / HTTP/1.1\r\nho")
        else:
            client.send(f"GET {DOWNLOAD.format(i)} HTTP/1.1\r\nhost: h\r\n\r\n")
            client.read_head()
        client.reset() if i % 2 else client.close()


def abort_by_http2(port, i):
    """The streams of one connection: uploads in turn with downloads."""
    with FrameClient(port, timeout=30) as client:
        streams = range(1, 2 * STREAMS, 2)
        for s in streams:
            if s % 4 == 1:
                client.send(headers(s, end=False, method="POST", path=UPLOAD.format(i + s))
                            + frame(DATA, 0, s, b"x" * 400))
            else:
                client.send(headers(s, path=DOWNLOAD.format(i + s)))
        for _ in range(STREAMS // 2):
            check(client.until(HEADERS), "the head of a download")
        client.send(b"".join(rst(s) for s in streams[:RESET]))
        client.reset() if i // STREAMS % 2 else client.close()


def descriptors_in_use(gateway):
    """Without those of connections that wait to be used again."""
    return gateway.descriptors() - int(gateway.metrics()["sluice_upstream_connections_idle"])


def settled_kib(gateway):
    """Memory once nobody is under way, without what waits in the workers' pools."""
    gateway.wait_until_empty()
    return gateway.memory_kib() - int(gateway.metrics()["sluice_pool_idle_bytes"]) // 1024


def aborts_leave_nothing(count):
    """Half of them by each version."""
    limits = configuration("limits", {
        "limits": {"connectionsPerAddress": 0},
        "circuitBreaker": {"thresholds": {"maxConnections": 5000, "maxPendingRequests": 5000}}})
    with LedgerOrigin() as origin, Gateway([api("a", origin), limits], workers=2) as gateway:
        def abort(first, number):
            for i in range(number // 2):
                abort_by_http1(gateway.port, first + i)
            for i in range(0, number // 2, STREAMS):
                abort_by_http2(gateway.port, first + number // 2 + i)
        descriptors = descriptors_in_use(gateway)
        abort(0, count // 4)
        memory = settled_kib(gateway)
        abort(count // 4, count - count // 4)
        grown = settled_kib(gateway) - memory
        wait_for(lambda: descriptors_in_use(gateway) <= descriptors, "the end of their descriptors", 20)
        equal(gateway.get("/n/0000000000000000?size=1&pause=0").status, 200)
        equal(gateway.status()["supervisor"]["crashes"], 0)
        gateway.stop()
        reasons = {}
        for record in gateway.records_now():
            reasons[record["reason"]] = reasons.get(record["reason"], 0) + 1
    print(f"    {count} aborts: {reasons}; memory {memory} KiB, {grown:+}")
    # What the worst moment left in the allocator's holes is no matter of how many there were.
    check(SANITIZER or grown <= 4096, f"{grown} KiB that are left")
    # A quarter of those by HTTP/1.1 did not get as far as to have a record.
    equal(reasons, {"ok": 1, "client_aborted": count - count // 8}, "how they ended")


@case
def a_thousand_aborts_leave_nothing():
    aborts_leave_nothing(960)


@case(modes="full", serial=True, seconds=240)
def ten_thousand_aborts_leave_nothing():
    aborts_leave_nothing(9600)


@case(modes="soak", serial=True, seconds=1800)
def soak_a_hundred_thousand_aborts_leave_nothing():
    aborts_leave_nothing(100800)


main()
