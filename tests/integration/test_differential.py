#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Changed streams through the gateway into another program's HTTP parser: both count the same
requests. The seed is printed; SLUICE_SEED gives one, SLUICE_STREAMS another number of streams."""
import os
import random
import socket
from concurrent.futures import ThreadPoolExecutor

from harness import *
from harness.cases import MODE
from harness.differential import ORIGINS, disagreements, streams

COUNT = int(os.environ.get("SLUICE_STREAMS", {"quick": 500, "full": 25000}.get(MODE, 500)))
SEED = int(os.environ.get("SLUICE_SEED", random.SystemRandom().randrange(1 << 32)))


def send(port, raw):
    """The stream and the client's end; returns what came back."""
    with socket.create_connection(("127.0.0.1", port), timeout=30 * SCALE) as s:
        try:
            s.sendall(raw)
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        answer = b""
        try:
            while piece := s.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
        return answer


def run(name):
    print(f"    SLUICE_SEED={SEED} SLUICE_STREAMS={COUNT}")
    with ORIGINS[name]() as origin, Gateway([api("a", origin)]) as gateway:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda raw: send(gateway.port, raw), streams(SEED, COUNT)))
        answered = sum(b"HTTP/1.1 200" in a for a in answers)
        check(COUNT / 20 < answered < COUNT, f"{answered} of {COUNT} streams were answered with 200")
        gateway.stop()  # all records are written
        records = gateway.records_now()
        wait_for(lambda: not list(disagreements(records, origin.seen())),
                 f"agreement with {name} (seed {SEED}): "
                 f"{list(disagreements(records, origin.seen()))[:5]}", 5)
        check(len(origin.seen()) > COUNT / 20, f"{name} has seen {len(origin.seen())} requests")


@case(modes="quick full", seconds=600)
def python_reads_the_same_requests():
    run("python")


@case(modes="quick full", seconds=600)
def node_reads_the_same_requests():
    run("node")


@case(modes="quick full", seconds=600)
def nginx_reads_the_same_requests():
    run("nginx")


@case(modes="quick full", seconds=600)
def haproxy_reads_the_same_requests():
    run("haproxy")


@case
def a_request_too_many_is_noticed():
    records = [{"requestId": "a" * 36, "upstream": "x", "status": 200},
               {"requestId": "b" * 36, "upstream": "x", "status": 502}]
    equal(list(disagreements(records, {"a" * 36: [200]})), [])
    equal(list(disagreements(records, {"a" * 36: [200], "-": [400]})), [])
    for seen in ({"a" * 36: [200, 200]}, {"a" * 36: [200], "c" * 36: [200]}, {},
                 {"a" * 36: [200], "-": [400, 200]}):
        equal(len(list(disagreements(records, seen))), 1, str(seen))


main()
