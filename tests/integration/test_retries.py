#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Requests that are sent again: after what, with which methods, how often, and to whom."""
import threading
from contextlib import ExitStack

from harness import *


class Fleet(ExitStack):
    """Backends a, b, ... that answer with their names and what they got; of `act[name]` the next is done
    in place of it: a status, "reset", "silence", or bytes."""

    def __init__(self, count):
        super().__init__()
        self.act = {}
        self.backends = [self.enter_context(Backend(self.script_of("abcd"[i]))) for i in range(count)]

    def script_of(self, name):
        def script(connection):
            while request := connection.read_request():
                todo = self.act.get(name)
                act = todo.pop(0) if todo else 200
                if act == "reset":
                    return connection.reset()
                if act == "silence":
                    connection.read_request()
                    return
                if isinstance(act, bytes):
                    connection.send(act)
                    return connection.reset()
                connection.send(reply(act, name + ":" + request.body.decode()))
        return script

    def asked(self):
        return [len(b.requests) for b in self.backends]


def gateway_of(upstreams, retries, **options):
    return Gateway([api("a", services={"up": balanced(upstreams, retries=retries)})], **options)


@case
def a_refused_connection_goes_to_the_next_endpoint_whatever_the_method():
    with Fleet(1) as fleet, gateway_of([f"http://127.0.0.1:{free_port()}", *fleet.backends], {}) as gateway:
        for _ in range(4):
            equal(gateway.request("POST", "/", body="x").text(), "a:x")
        equal([r.get("retries") for r in gateway.records(4)], [1, None, 1, None])
        equal(gateway.metrics()['sluice_service_retries_total{service="default/a-up"}'], 2)


@case
def a_reset_is_tried_elsewhere_with_a_safe_method_alone():
    with Fleet(2) as fleet, gateway_of(fleet.backends, {}) as gateway:
        fleet.act["a"] = ["reset"]
        equal(gateway.get("/").text(), "b:")
        fleet.act["a"], fleet.act["b"] = ["reset"], ["reset"]
        equal(gateway.request("POST", "/", body="x").status, 502)
        equal(sum(fleet.asked()), 3)


@case
def a_body_is_sent_again_whole():
    for chunked in (False, True):
        with Fleet(2) as fleet, gateway_of(fleet.backends, {}) as gateway, rows(f"chunked {chunked}"):
            fleet.act["a"] = ["reset"]
            body = "0123456789" * 6000
            equal(gateway.request("PUT", "/", body=body, chunked=chunked).text(), "b:" + body)
            fleet.act["a"], fleet.act["b"] = ["reset"], ["reset"]
            equal(gateway.request("PUT", "/", body=body * 2, chunked=chunked).status, 502)


@case
def half_a_body_goes_on_where_the_client_is():
    """The first endpoint resets in the middle of an upload."""
    def script(connection):
        connection.read_head()
        connection.reader.exactly(1000)
        connection.reset()
    with Backend(script) as bad, Fleet(1) as fleet, gateway_of([bad, *fleet.backends], {}) as gateway, \
            gateway.client() as client:
        client.send("PUT / HTTP/1.1\r\nhost: h\r\ncontent-length: 3000\r\n\r\n" + "x" * 1000)
        wait_for(lambda: sum(fleet.asked()), "the second try")
        client.send("y" * 2000)
        equal(client.read().text(), "a:" + "x" * 1000 + "y" * 2000)


@case
def statuses_are_tried_again_when_they_are_named():
    table = [({"on": ["5xx"]}, 500, True), ({"on": ["gatewayError"]}, 503, True),
             ({"on": ["gatewayError"]}, 500, False), ({"on": ["reset"], "statuses": [429]}, 429, True),
             ({}, 503, False)]
    for retries, status, is_retried in table:
        with Fleet(2) as fleet, gateway_of(fleet.backends, retries) as gateway, rows(f"{retries} {status}"):
            fleet.act["a"] = [status]
            answer = gateway.get("/")
            equal((answer.status, answer.text()), (200, "b:") if is_retried else (status, "a:"))


@case
def attempts_are_bounded_and_the_last_answer_counts():
    with Fleet(1) as fleet, gateway_of(fleet.backends, {
            "attempts": 3, "on": ["5xx"], "backOffSeconds": 0.01}) as gateway:
        fleet.act["a"] = [503, 500, 502, 200]
        equal(gateway.get("/").status, 502)
        equal(fleet.asked(), [3])
        equal(gateway.records(1)[0]["retries"], 2)


@case
def silence_is_bounded_by_try_and_as_a_whole():
    with Fleet(2) as fleet, gateway_of(fleet.backends, {
            "on": ["timeout"], "perTryTimeoutSeconds": 0.3}) as gateway:
        fleet.act["a"] = ["silence"]
        equal(gateway.get("/").text(), "b:")
        fleet.act["a"], fleet.act["b"] = ["silence"], ["silence"]
        equal(gateway.get("/").status, 504)
        equal(fleet.asked(), [2, 2])


@case
def part_of_a_head_is_no_reset():
    with Fleet(2) as fleet, gateway_of(fleet.backends, {"attempts": 5}) as gateway:
        fleet.act["a"] = [b"HTTP/1.1 2"]
        equal(gateway.get("/").status, 502)
        equal(fleet.asked(), [1, 0])


@case
def a_cut_body_is_not_tried_again():
    with Fleet(2) as fleet, gateway_of(fleet.backends, {"attempts": 5}) as gateway:
        fleet.act["a"] = [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"]
        try:
            answer = gateway.get("/")
            equal(answer.status, 502)
        except Closed:
            pass
        equal(fleet.asked(), [1, 0])


@case
def a_method_that_is_not_named_is_not_tried_again():
    with Fleet(2) as fleet, gateway_of(fleet.backends, {"methods": ["GET"]}) as gateway:
        fleet.act["a"] = ["reset"]
        equal(gateway.request("DELETE", "/").status, 502)
        fleet.act["a"], fleet.act["b"] = ["reset"], ["reset"]
        equal(gateway.get("/").status, 502)
        equal(sum(fleet.asked()), 3)


@case
def the_budget_bounds_a_storm():
    """Everything fails: of 24 requests at once three are being sent again at a time."""
    gate = threading.Event()

    def script(connection):
        while connection.read_request():
            gate.wait(20)
            connection.send(reply(503, "x"))
    with Backend(script) as backend, gateway_of([backend], {
            "on": ["5xx"], "backOffSeconds": 1000000, "maxBackOffSeconds": 1000000}) as gateway:
        clients = [gateway.client() for _ in range(24)]
        for client in clients:
            client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        wait_for(lambda: len(backend.requests) == 24, "all of them")
        gate.set()
        # 20 % of 24: four wait for their second try, all others got their answer.
        wait_for(lambda: gateway.metrics().get(
            'sluice_service_requests_active{service="default/a-up"}') == 4, "the answers")
        equal(len(gateway.records(20)), 20)
        for client in clients:
            client.reset()


@case
def the_breaker_bounds_them_too():
    with Fleet(2) as fleet:
        documents = [api("a", services={"up": balanced(fleet.backends, retries={"on": ["5xx"], "attempts": 2})}),
                     binding("b", "circuit-breaker", {"thresholds": {"maxRetries": 1}}, target="a-up",
                             kind="Service")]
        with Gateway(documents) as gateway:
            fleet.act["a"] = [500, 500]
            equal(gateway.get("/").text(), "b:")
            equal(gateway.get("/").text(), "b:")


main()
