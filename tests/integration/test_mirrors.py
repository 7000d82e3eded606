#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Copies of requests: what a mirror gets, and that whoever asked notices nothing of it."""
import threading

from harness import *

BOUND = 65536  # of a body that is copied
AT_A_TIME = 128  # copies that a worker has under way


def mirror(name="copies", **more):
    return {"mirror": {"destinationRef": {"name": name}, **more}}


def mirrored(upstream, copies, config=None, **more):
    """Everything goes to `upstream`, and to `copies`, too."""
    return [service("copies", copies), api("a", upstream, routes=[{"config": {**(config or {}), **mirror(**more)}}])]


def ended(gateway):
    """How many copies were answered, failed, and left out, once nobody is under way any more."""
    seen = gateway.metrics()
    return tuple(int(seen[f"sluice_{name}_total"])
                 for name in ("mirrored_requests", "mirror_failures", "mirror_omitted"))


def wait_until_ended(gateway, count):
    wait_for(lambda: sum(ended(gateway)) >= count, f"{count} copies to end")
    return ended(gateway)


@case
def a_mirror_gets_the_same_request():
    with Backend(reply(200, "mine")) as backend, Backend(reply(500, "nobody's")) as copies, \
            Gateway(mirrored(backend, copies)) as gateway:
        with gateway.client() as client:
            equal(client.get("/x/y?q=1", {"x-a": "1"}).text(), "mine")
            equal(client.request("POST", "/post", {"x-b": "2"}, body="hello").text(), "mine")
            equal(client.request("PUT", "/put", body="in pieces", chunked=True).text(), "mine")
            equal(client.request("DELETE", "/none", {"content-length": "0"}).text(), "mine")
        equal(wait_until_ended(gateway, 4), (4, 0, 0))
        by_target = {r.target: r for r in copies.requests}
        for seen in backend.requests:
            with rows(seen.target):
                copy = by_target[seen.target]
                equal((copy.method, copy.body), (seen.method, seen.body))
                equal(copy.get("host"), copies.authority)
                framing = ("host", "content-length", "transfer-encoding", "x-sluice-mirrored")
                equal([f for f in copy.fields if f[0] not in framing],
                      [f for f in seen.fields if f[0] not in framing])
                equal((copy.get("x-sluice-mirrored"), seen.get("x-sluice-mirrored")), ("1", None))
        equal([by_target[t].get("content-length") for t in ("/x/y?q=1", "/put", "/none")], [None, "9", "0"])


@case
def paths_go_behind_the_mirrors_own():
    """What the route makes of the path holds for both; what stands in an address is its service's."""
    rows_of = [("/x", "/y", "", "/a", "/x/a", "/y/a"), ("", "/y", "/v1", "/a", "/v1/a", "/y/v1/a"),
               ("/x", "", "/v1", "/a", "/x/v1/a", "/v1/a"), ("/x", "", "", "/xa", "/x/xa", "/xa")]
    with Backend() as backend, Backend() as copies:
        for own, other, destination, asked, seen, copied in rows_of:
            config = {"destinationPath": destination} if destination else {}
            documents = mirrored(backend.address + own, copies.address + other, config)
            with rows((own, other, destination)), Gateway(documents) as gateway:
                equal(gateway.get(asked).status, 200)
                wait_until_ended(gateway, 1)
                equal((backend.requests[-1].target, copies.requests[-1].target), (seen, copied))


@case
def routes_that_are_policies_have_mirrors():
    ref = {"destinationRef": {"name": "up"}}
    policies = [{"policyRef": {"name": "route"}, "config": {**ref, **mirror()}, "rules": [{"path": "/one"}]},
                {"policyRef": {"name": "route-weighted"},
                 "config": {"routes": [{"weight": 1, **ref}], **mirror(percent=100)}}]
    with Backend() as backend, Backend() as copies, Gateway(
            [service("up", backend), service("copies", copies), api("a", policies=policies)]) as gateway:
        equal([gateway.get(path).status for path in ("/one", "/two")], [200, 200])
        equal(wait_until_ended(gateway, 2), (2, 0, 0))
        equal(sorted(r.target for r in copies.requests), ["/one", "/two"])


@case
def as_many_as_are_wanted_are_copied():
    with Backend() as backend, Backend() as copies:
        for percent, low, high in ((0, 0, 0), (50, 40, 160), (100, 200, 200)):
            with rows(percent), Gateway(mirrored(backend, copies, percent=percent)) as gateway, \
                    gateway.client() as client:
                for _ in range(200):
                    equal(client.get("/").status, 200)
                count, failed, omitted = wait_until_ended(gateway, low)
                equal((failed, omitted), (0, 0))
                check(low <= count <= high, f"{count} copies of 200")


@case
def a_body_beyond_the_bound_has_no_copy():
    with Backend() as backend, Backend() as copies, Gateway(mirrored(backend, copies)) as gateway:
        for chunked in (False, True):
            equal(len(gateway.request("POST", "/", body="x" * BOUND, chunked=chunked).body), BOUND)
            equal(len(gateway.request("POST", "/", body="x" * (BOUND + 1), chunked=chunked).body), BOUND + 1)
        equal(wait_until_ended(gateway, 4), (2, 0, 2))
        equal([len(r.body) for r in copies.requests], [BOUND, BOUND])


@case
def what_never_was_whole_has_no_copy():
    with Backend() as backend, Backend() as copies, Gateway(mirrored(backend, copies)) as gateway:
        with gateway.client() as client:
            client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n\r\nabc")
            wait_for(lambda: backend.requests, "the head upstream")
        equal(wait_until_ended(gateway, 1), (0, 0, 1))
        equal(copies.requests, [])


@case
def a_request_that_leaves_http_has_no_copy():
    def switches(connection):
        connection.read_head()
        connection.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo/1\r\n\r\n")
        connection.pause(0.1)
    with Backend(switches) as backend, Backend() as copies:
        documents = mirrored(backend, copies)
        documents[1]["spec"]["upgrades"] = ["echo/1"]
        with Gateway(documents) as gateway:
            with gateway.client() as client:
                client.send("GET / HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: echo/1\r\n\r\n")
                equal(client.read_head().status, 101)
            gateway.records(1)
            equal((ended(gateway), copies.requests), ((0, 0, 0), []))


@case
def an_answer_of_any_length_is_dropped():
    """Beyond what is read for the sake of the connection it is cut."""
    with Backend() as backend, Backend(reply(200, "x" * (4 << 20))) as copies, \
            Gateway(mirrored(backend, copies)) as gateway:
        for _ in range(3):
            equal(gateway.get("/").status, 200)
        equal(wait_until_ended(gateway, 3), (3, 0, 0))


def silent(connection):
    while connection.read_request():
        connection.pause(0)


def resets(connection):
    connection.read_head()
    connection.reset()


def ask_at_once(gateway, count, threads=4):
    """How many of the requests were answered as they should be."""
    answered = []

    def run():
        with gateway.client() as client:
            for i in range(count // threads):
                answer = client.request("POST", f"/{i}", body=f"body {i}")
                answered.append((answer.status, answer.body) == (200, b"body %d" % i))
    all_of_them = [threading.Thread(target=run) for _ in range(threads)]
    for t in all_of_them:
        t.start()
    for t in all_of_them:
        t.join()
    return answered.count(True)


@case
def a_mirror_that_fails_harms_nobody():
    """More requests than may have copies at a time; every one is answered, and has its record."""
    dead = f"http://127.0.0.1:{free_port()}"
    for kind, script in (("silent", silent), ("resets", resets), ("dead", None)):
        with rows(kind), Backend() as backend, Backend(script or silent) as copies:
            documents = mirrored(backend, copies if script else dead)
            with Gateway(documents, workers=2) as gateway:
                equal(ask_at_once(gateway, 800), 800)
                equal([r["status"] for r in gateway.records(800)].count(200), 800)
                equal(len(backend.requests), 800)
                under_way = 2 * AT_A_TIME if kind == "silent" else 0
                answered, failed, omitted = wait_until_ended(gateway, 800 - under_way)
                equal(answered, 0)
                check(omitted >= 800 - under_way if under_way else failed > 0, (failed, omitted))


@case
def a_breaker_bounds_the_copies():
    breaker = binding("b", "circuit-breaker", {"thresholds": {"maxRequests": 1}}, target="copies",
                      kind="Service")
    with Backend() as backend, Backend(silent) as copies, \
            Gateway([*mirrored(backend, copies), breaker]) as gateway:
        for _ in range(10):
            equal(gateway.get("/").status, 200)
        wait_for(lambda: ended(gateway)[1] == 9, "nine that had no place")
        wait_for(lambda: len(copies.requests) == 1, "the one that had")


@case
def copies_of_http2_are_requests_like_others():
    with Backend() as backend, Backend() as copies, Gateway(mirrored(backend, copies)) as gateway, \
            H2Client(gateway.port) as client:
        equal(client.ask("/x?y", method="POST", body="hello")["headers"][":status"], 200)
        equal(wait_until_ended(gateway, 1), (1, 0, 0))
        equal((copies.requests[0].target, copies.requests[0].body), ("/x?y", b"hello"))


@case
def a_stop_does_not_wait_for_copies():
    with Backend() as backend, Backend(silent) as copies, \
            Gateway(mirrored(backend, copies), stop_seconds=8) as gateway:
        equal(gateway.get("/").status, 200)
        wait_for(lambda: copies.requests, "the copy")


main()
