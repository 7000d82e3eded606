#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Requests that are sent to a second endpoint, too, while the first is silent (retries.hedgeAfterSeconds)."""
import subprocess
import threading
from contextlib import ExitStack

from harness import *
from harness.wire import chunk

AFTER = 0.1


class Pair(ExitStack):
    """Backends a, of whom the first request is asked, and b. Each waits for its `go`, then does what it is told:
    a status, bytes and then a reset, "reset", or "nothing" until its connection ends."""

    def __init__(self, a="nothing", b=200, body="x"):
        super().__init__()
        self.acts, self.body = {"a": a, "b": b}, body
        self.go = {name: threading.Event() for name in "ab"}
        self.breaks = {name: threading.Event() for name in "ab"}
        self.cancelled = {name: threading.Event() for name in "ab"}
        self.a, self.b = (self.enter_context(Backend(self.script_of(name))) for name in "ab")

    def script_of(self, name):
        def script(connection):
            while connection.read_request():
                act = self.acts[name]
                if act == "nothing":
                    check(not connection.read_request(), "nothing follows")
                    return self.cancelled[name].set()
                self.go[name].wait(30 * SCALE)
                if isinstance(act, bytes):
                    connection.send(act)
                    self.breaks[name].wait(30 * SCALE)
                if act == "reset" or isinstance(act, bytes):
                    return connection.reset()
                connection.send(reply(act, name + self.body))
        return script

    def gateway(self, retries=None, address=None, **options):
        upstreams = [self.a, address or self.b]
        return Gateway([api("a", services={"up": balanced(upstreams, retries={
            "hedgeAfterSeconds": AFTER, **(retries or {})})})], **options)


def hedges(gateway):
    return gateway.metrics()['sluice_service_hedges_total{service="default/a-up"}']


def start(gateway, method="GET", headers=(), body=None):
    client = gateway.client()
    lines = [f"{method} / HTTP/1.1", "host: h", *headers]
    lines += [f"content-length: {len(body)}"] if body is not None else []
    return client.send("\r\n".join(lines) + "\r\n\r\n" + (body or ""))


def await_hedge(pair):
    wait_for(lambda: pair.b.requests, "the second to be asked")


@case
def a_silent_endpoint_is_given_up_for_one_that_answers():
    body = "y" * (1 << 20)
    with Pair(body=body) as pair, pair.gateway() as gateway:
        pair.go["b"].set()
        equal(gateway.get("/").body, b"b" + body.encode())
        check(pair.cancelled["a"].wait(10 * SCALE), "the first is cancelled")
        equal((len(pair.a.requests), len(pair.b.requests)), (1, 1))
        wait_for(lambda: hedges(gateway) == 1, "the hedge to be counted")
        record = gateway.records(1)[0]
        equal((record["status"], record["upstream"]), (200, pair.b.authority))
        equal(gateway.get("/").status, 200)
        equal(len(pair.b.connections), 1, "its connection serves again")


@case
def who_was_asked_first_may_still_answer_first():
    with Pair(a=200, b="nothing") as pair, pair.gateway() as gateway, start(gateway) as client:
        await_hedge(pair)
        pair.go["a"].set()
        equal(client.read().text(), "ax")
        check(pair.cancelled["b"].wait(10 * SCALE), "the second is cancelled")


@case
def an_answer_in_time_needs_no_second():
    with Pair(a=200) as pair, pair.gateway({"hedgeAfterSeconds": 30}) as gateway:
        pair.go["a"].set(), pair.go["b"].set()
        for _ in range(4):
            equal(gateway.get("/").status, 200)
        equal((len(pair.a.requests), len(pair.b.requests), hedges(gateway)), (2, 2, 0))


@case
def what_has_effects_is_sent_once():
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        with rows(method), Pair(a=200) as pair, pair.gateway() as gateway, \
                start(gateway, method, body="x") as client:
            wait_for(lambda: pair.a.requests, "the first to be asked")
            # Two others, of which the later one has a second: of the first that would have come before.
            pair.go["b"].set()
            equal([gateway.get("/").text() for _ in range(2)], ["bx", "bx"])
            pair.go["a"].set()
            equal(client.read(method).text(), "ax")
            equal([r.method for r in pair.b.requests], ["GET", "GET"])


@case
def the_first_may_die_meanwhile():
    with Pair(a="reset") as pair, pair.gateway() as gateway, start(gateway) as client:
        await_hedge(pair)
        pair.go["a"].set()
        wait_for(lambda: not pair.a.live, "the first to be gone")
        pair.go["b"].set()
        equal(client.read().text(), "bx")
        equal(len(pair.b.requests), 1)


@case
def the_second_may_die_meanwhile():
    for b in ("reset", None):
        with rows(b), Pair(a=200, b=b or 200) as pair, pair.gateway(
                address=None if b else f"http://127.0.0.1:{free_port()}") as gateway, start(gateway) as client:
            pair.go["b"].set()
            wait_for(lambda: hedges(gateway) == 1, "the hedge")
            if b:
                wait_for(lambda: pair.b.requests and not pair.b.live, "the second to be gone")
            pair.go["a"].set()
            equal(client.read().text(), "ax")


@case
def a_bad_answer_is_none_while_the_other_is_asked():
    on = {"on": ["gatewayError"]}
    with rows("of the second"), Pair(a=200, b=503) as pair, pair.gateway(on) as gateway, \
            start(gateway) as client:
        pair.go["b"].set()
        await_hedge(pair)
        pair.go["a"].set()
        equal(client.read().text(), "ax")
    with rows("of the first"), Pair(a=503, b=200) as pair, pair.gateway(on) as gateway, \
            start(gateway) as client:
        await_hedge(pair)
        pair.go["a"].set()
        pair.go["b"].set()
        equal(client.read().text(), "bx")
        equal(len(pair.b.requests), 1)
    with rows("of both"), Pair(a=503, b=503) as pair, pair.gateway(on) as gateway, \
            start(gateway) as client:
        await_hedge(pair)
        pair.go["a"].set()
        pair.go["b"].set()
        equal(client.read().status, 503)


@case
def a_body_is_sent_to_both():
    with Pair() as pair, pair.gateway() as gateway, start(gateway, body="hello") as client:
        pair.go["b"].set()
        equal(client.read().text(), "bx")
        equal([r.body for r in pair.a.requests + pair.b.requests], [b"hello", b"hello"])


@case
def nobody_is_asked_twice():
    """One endpoint alone, or one attempt alone."""
    with Backend() as lonely:
        def late(connection):
            connection.read_request()
            connection.pause(AFTER * 5)
            connection.send(reply(200, "late"))
        with Backend(late) as upstream, Gateway([api("a", services={"up": {
                "address": upstream.address, "retries": {"hedgeAfterSeconds": AFTER}}})]) as gateway:
            equal(gateway.get("/").text(), "late")
            equal((len(upstream.requests), hedges(gateway)), (1, 0))
        with Backend(late) as upstream, Gateway([api("a", services={"up": balanced([upstream, lonely], retries={
                "hedgeAfterSeconds": AFTER, "attempts": 1})})]) as gateway:
            equal(gateway.get("/").text(), "late")
            equal((len(lonely.requests), hedges(gateway)), (0, 0))


CALL = "content-type: application/grpc"


def end_of_call(client):
    """Its status as the trailers tell it; None: the answer broke off."""
    try:
        return dict(client.read().trailers).get("grpc-status")
    except Closed:
        return None


@case
def a_call_that_breaks_off_has_a_status_between_its_messages_alone():
    """Those of the answer that the client has: what the other endpoint said does not count."""
    head = f"HTTP/1.1 200 OK\r\n{CALL}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    refusal = f"HTTP/1.1 503 No\r\n{CALL}\r\ncontent-length: 0\r\n\r\n".encode()
    for first in ("nothing", refusal):
        for message, status in ((b"\0\0\0\0\2ok", "14"), (b"\0\0\0\0\2o", None)):
            with rows((first, message)), Pair(a=first, b=head + chunk(message)) as pair, \
                    pair.gateway({"on": ["gatewayError"]}) as gateway, \
                    start(gateway, headers=[CALL]) as client:
                await_hedge(pair)
                for name in "ab":
                    pair.go[name].set()
                client.reader.until(b"\r\n\r\n")
                client.reader.until(message)
                client.reader.at = 0
                pair.breaks["a"].set(), pair.breaks["b"].set()
                equal(end_of_call(client), status)


@case
def a_client_that_leaves_takes_both_with_it():
    with Pair(b="nothing") as pair, pair.gateway() as gateway:
        client = start(gateway)
        await_hedge(pair)
        client.reset()
        for name in "ab":
            check(pair.cancelled[name].wait(10 * SCALE), f"{name} is cancelled")
        equal(gateway.records(1)[0]["reason"], "client_aborted")


@case
def the_time_of_all_is_that_of_one():
    with Pair(b="nothing") as pair, pair.gateway(options=[]) as gateway:
        gateway.save("t.yaml", [configuration("t", {"timeouts": {"upstreamResponseSeconds": 0.6}})])
        equal(gateway.get("/").status, 504)
        equal(gateway.records(1)[0]["reason"], "upstream_timeout")
        for name in "ab":
            check(pair.cancelled[name].wait(10 * SCALE), f"{name} is cancelled")


@case
def clients_of_http2_are_hedged_for_like_others():
    body = "y" * 300000
    with Pair(body=body) as pair, pair.gateway() as gateway:
        pair.go["b"].set()
        out = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "--max-time", str(30 * SCALE),
                              f"http://127.0.0.1:{gateway.port}/"], capture_output=True, text=True)
        equal((out.returncode, out.stdout), (0, "b" + body))


@case
def streams_of_http2_upstreams_are_cancelled_alone():
    """The connection of the one that lost serves on."""
    retries = {"hedgeAfterSeconds": AFTER}
    with H2Origin() as a, H2Origin() as b, Gateway(
            [api("a", services={"up": balanced([a, b], retries=retries)})]) as gateway, \
            gateway.client() as client, H2Client(b.port) as other:
        client.send("GET /hold HTTP/1.1\r\nhost: h\r\n\r\n")
        wait_for(lambda: hedges(gateway) == 1, "the hedge")
        wait_for(lambda: other.ask("/held")["body"] == "1", "the second to be asked")
        equal(other.ask("/release")["body"], "released")
        equal(client.read().text(), "held")
        equal(a.ended("/hold"), [8])
        for _ in range(4):
            equal(client.get("/hello").text(), "hello")
        equal(a.connections(), 1)


@case
def both_are_told_who_the_client_is():
    told = {"a": [], "b": []}

    def headed(name):
        def script(connection):
            told[name].append(bytes(connection.reader.until(b"\r\n")).decode().split())
            while connection.read_request():
                if name == "b":
                    connection.send(reply(200, "b"))
        return script
    with Backend(headed("a")) as a, Backend(headed("b")) as b, Gateway([api("a", services={"up": balanced(
            [a, b], proxyProtocol="v1", retries={"hedgeAfterSeconds": AFTER})})]) as gateway, \
            gateway.client() as client:
        equal(client.get("/").text(), "b")
        equal(told["b"], told["a"])
        equal(told["b"][0][4], str(client.sock.getsockname()[1]))


@case
def no_more_than_the_budget_allows():
    """Three at least: of ten silent requests three have a second one."""
    with Pair(b="nothing") as pair, pair.gateway() as gateway, ExitStack() as clients:
        for _ in range(10):
            clients.callback(start(gateway).reset)
        wait_for(lambda: hedges(gateway) == 3, "three hedges")
        wait_for(lambda: len(pair.a.requests) + len(pair.b.requests) == 13, "thirteen requests")


main()
