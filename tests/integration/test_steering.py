#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a policy may know of an exchange and do to it, over sockets."""
from harness import *
from harness.cases import STEERING

OPTIONS = ["--plugins", STEERING]


def steering(**config):
    return {"policyRef": {"name": "steering"}, "config": config}


def answer_by_method(connection):
    """HEAD gets a length and no content, whatever else is asked content."""
    while request := connection.read_request():
        connection.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-method: " + request.method + "\r\n\r\n" +
                        ("" if request.method == "HEAD" else "hello"))


@case
def another_method_keeps_each_sides_framing():
    """The next request of the same connection is the proof."""
    with Backend(answer_by_method) as backend, Gateway(
            [api("to-head", backend, policies=[steering(method="HEAD")]),
             api("to-get", backend, policies=[steering(method="GET")]),
             api("to-put", backend, policies=[steering(method="PUT", tells=True)])],
            options=OPTIONS) as gateway:
        with gateway.client(gateway.ports[0]) as client:
            for _ in range(2):
                got = client.get("/")
                equal((got.status, got.get("x-method"), got.get("content-length"), got.body),
                      (200, "HEAD", "0", b""))
        with gateway.client(gateway.ports[1]) as client:
            for _ in range(2):
                got = client.request("HEAD", "/")
                equal((got.status, got.get("x-method"), got.body), (200, "GET", b""))
        with gateway.client(gateway.ports[2]) as client:
            got = client.request("POST", "/", body="1234567")
            equal((got.get("x-method"), got.body), ("PUT", b"hello"))
        equal(backend.requests[-1].body, b"1234567")
        equal(backend.requests[-1].get("x-method-received"), "POST")
        equal([r["method"] for r in gateway.records(5)], ["GET", "GET", "HEAD", "HEAD", "POST"])


@case
def trailers_are_put_behind_both_messages():
    with Backend("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-sum: 9\r\n\r\n") as backend, \
            Gateway([api("a", backend, policies=[steering(requestTrailer="up", responseTrailer="down")])],
                    options=OPTIONS) as gateway:
        got = gateway.send_raw("POST / HTTP/1.1\r\nhost: h\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
                               "3\r\nabc\r\n0\r\n\r\n")
        check(got.endswith(b"hi\r\n0\r\nx-sum: 9\r\nx-steered: down\r\n\r\n"), got)
        check(b"abc\r\n0\r\nx-steered: up\r\n\r\n" in backend.connections[0].raw, backend.connections[0].raw)
        # A length that was declared leaves no place.
        gateway.request("POST", "/", body="abc")
        check(backend.connections[0].raw.endswith(b"\r\n\r\nabc"), backend.connections[0].raw)


@case
def a_request_goes_another_way():
    """To the service that the configuration names, for another path, with another Host; or the routes' service."""
    with Backend(echo) as routed, Backend(echo) as other:
        target = f"{other.address}/v1/"
        with Gateway([api("a", routed, base="/shop", policies=[steering(target=target)]),
                      api("b", routed, policies=[steering(target=target, path="/p", host="h.example", query="1")]),
                      api("c", routed, routes=[{"rules": [{"path": "/c"}]}], policies=[steering(path="/q", host="i.example")]),
                      api("d", routed, routes=[{"rules": [{"path": "/none"}]}], policies=[steering(target=target)])],
                     options=OPTIONS) as gateway:
            for port, path, expected in zip(gateway.ports, ("/shop/x?k=v", "/x", "/c", "/x"), (
                    ("/v1/x?k=v", other.authority), ("/v1/p?steered=1", "h.example"), ("/q", "i.example"),
                    ("/v1/x", other.authority))):
                with rows(path):
                    got = gateway.get(path, port=port)
                    equal((got.status, got.get("x-target"), got.get("x-host")), (200, *expected))
            equal((len(other.requests), len(routed.requests)), (3, 1))
            records = gateway.records(4)
            equal([r["reroutedBy"] for r in records], [f"default/{name}:steering" for name in "abcd"])
            check(other.authority in records[0]["service"], records[0])
            equal(records[2]["service"], "default/c-up")
            gateway.send_raw("OPTIONS * HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n", port=gateway.ports[3])
            equal(other.requests[-1].target, "*")


@case
def labels_facts_and_violations_are_told():
    with Backend(reply(200, "x")) as backend:
        bound = binding("watch", "steering", {"tells": True, "violation": "too_often"}, selector={"tier": "gold"})
        bound["metadata"]["labels"] = {"team": "risk"}
        with Gateway([api("a", backend, labels={"tier": "gold", "zone": "eu"}), bound], options=OPTIONS) as gateway:
            gateway.get("/")
            request = backend.requests[0]
            equal(request.all("x-api-label"), ["gold", "eu"])
            equal(request.all("x-binding-label"), ["risk"])
            equal([request.get(f"x-{name}") for name in ("api-name", "api-namespace", "binding-name", "stage", "policy")],
                  ["a", "default", "watch", "transform", "steering"])
            record = gateway.records(1)[0]
            equal((record["violation"], record["violatedBinding"], record["violatedPolicy"], record["reason"]),
                  ("too_often", "default/watch@default/a", "steering", "ok"))
            labels = 'api="default/a",policy="steering",binding="default/watch@default/a"'
            wait_for(lambda: gateway.metrics().get(f"sluice_binding_violations_total{{{labels}}}") == 1, "the count")


main()
