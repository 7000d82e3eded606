#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Limits as an operator sets them: each row of the table in docs/configuration.md, its excess, and what the
record says about it."""
import time

from harness import *

SMALL = {"targetBytes": 300, "headBytes": 2048, "headFields": 20, "fieldNameBytes": 40,
         "fieldValueBytes": 500, "trailerBytes": 200, "trailerFields": 2, "chunkExtensionBytes": 10}


def with_limits(upstream, limits=None, own=None, policies=None, name="a"):
    made = api(name, upstream, policies=policies)
    if own is not None:
        made["spec"]["limits"] = own
    return [made] + ([configuration("limits", {"limits": limits})] if limits else [])


def head(*lines, first="GET / HTTP/1.1"):
    return "\r\n".join([first, "host: h", *lines, "", ""])


@case
def heads_beyond_what_is_configured_are_refused():
    chunked = head("transfer-encoding: chunked", first="POST / HTTP/1.1")
    table = [("target", head(first=f"GET /{'a' * 300} HTTP/1.1"), 414),
             ("fields", head(*["a: b"] * 21), 431),
             ("name", head("n" * 41 + ": v"), 431),
             ("value", head("n: " + "v" * 500), 431),
             ("head", head(*["te: " + "v" * 200] * 10), 431),
             ("trailers", chunked + "0\r\na: b\r\na: b\r\na: b\r\n\r\n", 400),
             ("trailer bytes", chunked + f"0\r\na: {'v' * 200}\r\n\r\n", 400),
             ("chunk extensions", chunked + "1;a=b;c=d;e=f\r\nx\r\n0\r\n\r\n", 400)]
    with Backend() as backend, Gateway(with_limits(backend, SMALL)) as gateway:
        for name, raw, status in table:
            with rows(name), gateway.client() as client:
                client.send(raw)
                equal(client.read().status, status)
                check(client.is_closed(), "closed")
        records = gateway.records(len(table))
        for record in records:
            equal(record["reason"], "bad_request")
        equal(gateway.get("/" + "a" * 290, {"n" * 39: "v" * 480}).status, 200)


@case
def larger_heads_than_the_default_can_be_allowed():
    limits = {"targetBytes": 30000, "headBytes": 200000, "headFields": 400, "fieldValueBytes": 100000,
              "fieldNameBytes": 1000, "responseHeadFields": 300, "responseHeadBytes": 150000}
    answer = reply(200, "x", [(f"x-{i}", "v" * 100) for i in range(250)] + [("long", "v" * 90000)])
    with Backend(answer) as backend, Gateway(with_limits(backend, limits)) as gateway:
        got = gateway.get("/" + "a" * 29000, [(f"x-{i}", "v") for i in range(300)]
                          + [("n" * 900, "v" * 90000)])
        equal(got.status, 200)
        equal(len(got.get("long")), 90000)
        equal(len(backend.requests[0].get("n" * 900)), 90000)


@case
def responses_beyond_what_an_api_accepts_are_502():
    answers = {"fields": reply(200, "x", [(f"x-{i}", "v") for i in range(20)]),
               "bytes": reply(200, "x", {"a": "v" * 1200}),
               "interim": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 2 + reply(200, "x")}
    own = {"responseHeadBytes": 1024, "responseHeadFields": 16, "interimResponses": 1}
    for name, answer in answers.items():
        with rows(name), Backend(answer) as backend, \
                Gateway(with_limits(backend, own=own)) as gateway:
            with gateway.client() as client:
                client.send(head())
                while (got := client.read()).status < 200:
                    pass
            equal(got.status, 502)
            equal(gateway.records(1)[0]["reason"], "upstream_protocol")


@case
def a_declared_body_beyond_the_limit_is_413_at_once():
    with Backend() as backend, \
            Gateway(with_limits(backend, {"requestBodyBytes": 50}, {"requestBodyBytes": 1000})) as gateway, \
            gateway.client() as client:
        client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1001\r\n\r\n")
        equal(client.read("POST").status, 413)
        check(client.is_closed(), "closed")
        equal(gateway.records(1)[0]["reason"], "body_too_large")
        equal(backend.requests, [])
        equal(gateway.request("POST", "/", body="x" * 1000).status, 200)


@case
def a_client_that_asks_first_is_told_413_without_sending():
    with Backend() as backend, Gateway(with_limits(backend, {"requestBodyBytes": 10})) as gateway, \
            gateway.client() as client:
        client.send("POST / HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 11\r\n\r\n")
        equal(client.read("POST").status, 413)
        check(client.is_closed(), "closed")


@case
def a_chunked_body_that_grows_beyond_the_limit_is_413():
    """Nothing beyond the limit goes upstream, whose request is cut, too."""
    def script(connection):
        request = connection.read_head()
        connection.read_body(request)
    with Backend(script) as backend, Gateway(with_limits(backend, own={"requestBodyBytes": 100})) as gateway, \
            gateway.client() as client:
        client.send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n")
        client.send(b"32\r\n" + b"a" * 50 + b"\r\n")
        wait_for(lambda: backend.connections and b"a" * 50 in backend.connections[0].raw,
                 "the first chunk upstream")
        client.send(b"33\r\n" + b"b" * 51 + b"\r\n")
        equal(client.read("POST").status, 413)
        check(client.is_closed(), "closed")
        equal(gateway.records(1)[0]["reason"], "body_too_large")
        check(b"b" not in backend.connections[0].raw.split(b"a" * 50)[1], "no byte beyond the limit")


@case
def an_excess_behind_an_early_answer_cuts_the_connection():
    def script(connection):
        connection.read_head()
        connection.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n")
        connection.pause(5)
    with Backend(script) as backend, Gateway(with_limits(backend, own={"requestBodyBytes": 100})) as gateway, \
            gateway.client() as client:
        client.send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n")
        equal(client.read_head().status, 200)
        client.send(b"c8\r\n" + b"b" * 200 + b"\r\n")
        client.reader.until(b"hi\r\n")
        check(client.is_closed(), "cut")
        record = gateway.records(1)[0]
        equal((record["status"], record["reason"]), (200, "body_too_large"))


@case
def a_body_that_a_policy_holds_is_bounded_by_the_apis_limit():
    policies = [{"policyRef": {"name": "message-logging"}, "config": {"loggingConfiguration": [
        {"itemName": "x", "itemData": {"message": "#[payload]", "firstSection": True}}]}}]
    for key in ("limits", "vendor"):
        with rows(key), Backend() as backend:
            documents = with_limits(backend, {"bufferedBodyBytes": 2000} if key == "limits" else None,
                                    policies=policies)
            if key == "vendor":
                documents.append(configuration("v", {"connectionBufferLimits": {"global": 2000}}))
            with Gateway(documents) as gateway:
                equal(gateway.request("POST", "/", body="x" * 2000).status, 200)
                equal(gateway.request("POST", "/", body="x" * 2001).status, 413)


@case
def a_head_that_takes_too_long_is_408():
    with Backend() as backend, Gateway(with_limits(backend, {"headSeconds": 0.3})) as gateway, \
            gateway.client() as client:
        client.send("GET / HTTP/1.1\r\nhost: h\r\n")
        equal(client.read().status, 408)
        check(client.is_closed(), "closed")
        equal(gateway.records(1)[0]["reason"], "client_timeout")


@case
def an_unused_connection_is_closed():
    with Backend() as backend, Gateway(with_limits(backend, {"keepAliveIdleSeconds": 0.3})) as gateway, \
            gateway.client() as client:
        equal(client.get("/").status, 200)
        check(client.is_closed(), "closed")
        equal(len(gateway.records(1)), 1)


@case
def a_connection_ends_with_its_last_request():
    with Backend() as backend, Gateway(with_limits(backend, {"keepAliveRequests": 2})) as gateway, \
            gateway.client() as client:
        equal(client.get("/").get("connection"), None)
        equal(client.get("/").get("connection"), "close")
        check(client.is_closed(), "closed")


@case
def a_connection_that_is_too_old_ends_with_its_next_answer():
    with Backend() as backend, Gateway(with_limits(backend, {"keepAliveMaxAgeSeconds": 0.5})) as gateway, \
            gateway.client() as client:
        began = time.monotonic()
        answers = 0
        while (answer := client.get("/")).get("connection") is None:
            equal(answer.status, 200)
            answers += 1
            check(time.monotonic() - began < 10 * SCALE, "it went on")
        equal((answer.status, answer.get("connection")), (200, "close"))
        check(answers > 0 and time.monotonic() - began >= 0.5, "not before its time")
        check(client.is_closed(), "closed")


@case
def a_tls_handshake_that_takes_too_long_is_closed():
    certificate = Authority().issue("gateway.example")
    documents = [api("a", "http://127.0.0.1:1", scheme="https", policies=[
        {"policyRef": {"name": "tls"}, "config": {"certificate": {
            "crt": certificate.crt, "key": certificate.key}}}]),
        configuration("limits", {"limits": {"tlsHandshakeSeconds": 0.3}})]
    with Gateway(documents) as gateway, gateway.client() as client:
        client.send(b"\x16\x03\x01")
        check(client.is_closed(), "closed")
        record = gateway.records(1)[0]
        equal(record["status"], 0)
        contains(record["detail"], "handshake")


@case
def the_environment_goes_before_defaults_and_behind_documents():
    env = {"FLEX_CONNECTION_IDLE_TIMEOUT_SECONDS": "0.3", "FLEX_UPSTREAM_RESPONSE_TIMEOUT_SECONDS": "0.4"}

    def silent(connection):
        connection.read_request()
        connection.pause(30)
    with Backend(silent) as backend, Gateway([api("a", backend)], env=env) as gateway, \
            gateway.client() as client:
        answer = client.get("/")
        equal(answer.status, 504)
        check(client.is_closed(), "closed when idle")
        gateway.save("limits.yaml", [configuration("limits", {"limits": {"keepAliveIdleSeconds": 60}})])
        with gateway.client() as other:
            equal(other.get("/").status, 504)
            try:
                other.is_closed(1)
                raise AssertionError("the document's figure does not hold")
            except TimedOut:
                pass


@case
def a_change_of_limits_holds_for_connections_that_are_open():
    with Backend() as backend, Gateway({"a.yaml": [api("a", backend)]}) as gateway, \
            gateway.client() as client:
        target = "/" + "a" * 400
        equal(client.get(target).status, 200)
        gateway.save("limits.yaml", [configuration("limits", {"limits": SMALL})])
        equal(client.get(target).status, 414)
        check(client.is_closed(), "closed")


main()
