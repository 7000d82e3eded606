#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Limits as an operator sets them: each row of `limits` in docs/reference/Configuration.md, its excess, and what the
record says about it."""
import socket
import time

from harness import *
from harness.documents import port_of

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
def a_body_of_just_the_limit_passes():
    with Backend() as backend, Gateway(with_limits(backend, own={"requestBodyBytes": 100})) as gateway, \
            gateway.client() as client:
        client.send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n")
        client.send(b"32\r\n" + b"a" * 50 + b"\r\n")
        client.send(b"32\r\n" + b"b" * 50 + b"\r\n0\r\n\r\n")
        equal(client.read("POST").status, 200)
        equal(client.request("POST", "/", body="x" * 100).status, 200)
        equal([len(r.body) for r in backend.requests], [100, 100])


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
    with Backend() as backend, Gateway(with_limits(backend, {"keepAliveMaxAgeSeconds": 1.5})) as gateway, \
            gateway.client() as client:
        equal(client.get("/").get("connection"), None)
        answer = wait_for(lambda: (a := client.get("/")).get("connection") and a, "the last answer")
        equal((answer.status, answer.get("connection")), (200, "close"))
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
        equal((record["status"], record["reason"]), (0, "tls_handshake_failed"))
        contains(record["detail"], "handshake")
        check(record["durationMs"] > 298, f"it took {record['durationMs']} ms")
        wait_for(lambda: gateway.metrics()["sluice_tls_handshakes_failed_total"] == 1, "the count")


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


def ends_with_reset(client):
    """Whether the connection is reset, and not ended in order, once all that came has been read."""
    try:
        while client.sock.recv(65536):
            pass
    except ConnectionResetError:
        return True
    return False


# --- times and rates -----------------------------------------------------------------------------

def drip(client, piece, seconds, pause=0.05):
    """Sends a piece over and over, until the other side says something or the time is up."""
    end = time.monotonic() + seconds * SCALE
    client.sock.settimeout(pause)
    while time.monotonic() < end:
        client.send(piece)
        try:
            client.reader.fill(time.monotonic() + pause)
            break
        except TimedOut:
            pass
        except Closed:
            break
    client.sock.settimeout(10 * SCALE)


@case
def a_body_that_drips_is_408():
    own = {"requestBodyBytesPerSecond": 10000, "requestBodyGraceSeconds": 0.5}
    with Backend() as backend, Gateway(with_limits(backend, own=own)) as gateway, \
            gateway.client() as client:
        client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 100000\r\n\r\n")
        drip(client, "x", 20)
        equal(client.read("POST").status, 408)
        check(client.is_closed(), "closed")
        record = gateway.records(1)[0]
        equal((record["reason"], record["detail"]),
              ("client_timeout", "the body came slower than requestBodyBytesPerSecond"))
        equal(gateway.request("POST", "/", body="x" * 100000).status, 200)


@case
def a_client_that_does_not_read_is_reset():
    """Nothing is taken of a response that no buffer holds: after the grace the connection is cut."""
    own = {"responseBytesPerSecond": 100000, "responseGraceSeconds": 0.5, "responseStallSeconds": 1}
    with Backend(reply(200, "x" * (32 << 20))) as backend, \
            Gateway(with_limits(backend, own=own)) as gateway, \
            gateway.client(receive_buffer=4096) as client:
        client.send(head())
        record = gateway.records(1)[0]
        equal((record["status"], record["reason"], record["detail"]),
              (200, "client_timeout", "the response was taken slower than responseBytesPerSecond"))
        check(ends_with_reset(client), "reset")


@case
def a_client_that_reads_at_the_rate_gets_all_of_it():
    own = {"responseBytesPerSecond": 100000, "responseGraceSeconds": 0.5, "responseStallSeconds": 5,
           "requestSeconds": 0.5}
    size = 6 << 20
    with Backend(reply(200, "x" * size)) as backend, \
            Gateway(with_limits(backend, own=own)) as gateway, \
            gateway.client(receive_buffer=65536) as client:
        client.send(head())
        answer = client.read_head()
        equal(answer.get("content-length"), str(size))
        for _ in range(32):
            client.reader.discard(size // 32)
            time.sleep(0.05)
        equal(gateway.records(1)[0]["reason"], "ok")


@case
def a_short_idle_timeout_does_not_cut_a_client_that_reads():
    """The kernel tells of room only when much of its queue is free, which is later than the timeout."""
    size = 6 << 20
    policies = [{"policyRef": {"name": "stream-idle-timeout"}, "config": {"timeout": 0.4}}]
    with Backend(reply(200, "x" * size)) as backend, \
            Gateway(with_limits(backend, policies=policies)) as gateway, \
            gateway.client(receive_buffer=65536) as client:
        client.send(head())
        client.read_head()
        for _ in range(60):
            client.reader.discard(size // 60)
            time.sleep(0.05)
        equal(gateway.records(1)[0]["reason"], "ok")


@case
def a_request_as_a_whole_is_bounded():
    def silent(connection):
        connection.read_request()
        connection.pause(30)
    with Backend(silent) as backend, Gateway(with_limits(backend, own={"requestSeconds": 0.5})) as gateway:
        equal(gateway.get("/").status, 504)
        record = gateway.records(1)[0]
        equal((record["reason"], record["detail"]), ("upstream_timeout", "longer than requestSeconds"))
        with gateway.client() as client:
            client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n\r\nx")
            equal(client.read("POST").status, 408)
            check(client.is_closed(), "closed")
        equal(gateway.records(2)[1]["reason"], "client_timeout")


@case
def a_response_that_drips_is_cut_and_a_stream_is_not():
    def script(connection):
        request = connection.read_head()
        kind = request.target[1:]
        connection.send(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(30):
            connection.send("1\r\nx\r\n")
            connection.pause(0.05)
        connection.send("0\r\n\r\n")
    with Backend(script) as backend, \
            Gateway(with_limits(backend, own={"requestSeconds": 0.5})) as gateway:
        equal(gateway.get("/text/event-stream").body, b"x" * 30)
        with gateway.client() as client:
            client.send(head(first="GET /text/plain HTTP/1.1"))
            client.read_head()
            try:
                client.reader.until(b"0\r\n\r\n")
                raise AssertionError("it ended as if it were whole")
            except (Closed, ConnectionResetError):
                pass
        record = gateway.records(2)[1]
        equal((record["reason"], record["detail"]), ("upstream_idle", "longer than requestSeconds"))


@case
def an_upstream_that_falls_silent_inside_its_response_is_cut():
    def script(connection):
        connection.read_head()
        connection.send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx")
        connection.pause(30)
    with Backend(script) as backend, \
            Gateway(with_limits(backend, own={"upstreamIdleSeconds": 0.5})) as gateway, \
            gateway.client() as client:
        client.send(head())
        client.read_head()
        check(ends_with_reset(client), "reset")
        equal(gateway.records(1)[0]["reason"], "upstream_idle")


@case
def an_upstream_that_does_not_take_the_connection_is_503():
    """A full listening queue drops what comes, as a host that is not there would."""
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    holders = []
    try:
        for _ in range(8):
            holder = socket.socket()
            holder.setblocking(False)
            holder.connect_ex(full.getsockname())
            holders.append(holder)
        address = f"http://127.0.0.1:{full.getsockname()[1]}"
        with Gateway(with_limits(address, {"upstreamConnectSeconds": 0.3})) as gateway:
            equal(gateway.get("/").status, 503)
            equal(gateway.records(1)[0]["reason"], "upstream_connect_timeout")
    finally:
        for holder in [*holders, full]:
            holder.close()


# --- built-in policies ---------------------------------------------------------------------------

def held(connection):
    """Answers when it is asked for /go or the test lets it."""
    while request := connection.read_request():
        if request.target != "/go":
            wait_for(lambda: connection.backend.goes_on, "the test's word", 30)
        connection.send(reply(200, "x"))


def with_breaker(backend, thresholds):
    return [api("a", backend), binding("b", "circuit-breaker", {"thresholds": thresholds}, target="a-up",
                                       kind="Service")]


@case
def the_breaker_refuses_requests_beyond_its_threshold():
    with Backend(held) as backend, \
            Gateway(with_breaker(backend, {"maxRequests": 3}), workers=2) as gateway:
        backend.goes_on = False
        clients = [gateway.client() for _ in range(12)]
        for client in clients:
            client.send(head())
        refused = wait_for(lambda: len(r := gateway.records_now()) == 9 and r, "nine refusals")
        for record in refused:
            equal((record["status"], record["reason"], record["detail"]),
                  (503, "circuit_breaker", "maxRequests"))
        backend.goes_on = True
        answers = sorted(client.read().status for client in clients)
        equal(answers, [200] * 3 + [503] * 9)
        equal(gateway.get("/go").status, 200)
        for client in clients:
            client.close()


@case
def the_breaker_bounds_connections_and_who_waits_for_one():
    with Backend(held) as backend, \
            Gateway(with_breaker(backend, {"maxConnections": 2, "maxPendingRequests": 3})) as gateway:
        backend.goes_on = False
        clients = [gateway.client() for _ in range(9)]
        for client in clients:
            client.send(head())
        refused = wait_for(lambda: len(r := gateway.records_now()) == 4 and r, "four refusals")
        equal({(r["reason"], r["detail"]) for r in refused}, {("circuit_breaker", "maxPendingRequests")})
        wait_for(lambda: len(backend.requests) == 2, "two requests upstream")
        backend.goes_on = True
        equal(sorted(client.read().status for client in clients), [200] * 5 + [503] * 4)
        equal(len(backend.connections), 2)
        for client in clients:
            client.close()


@case
def the_gateways_breaker_holds_for_services_without_one():
    documents = [configuration("cb", {"circuitBreaker": {"thresholds": {"maxRequests": 1}}})]
    with Backend(held) as backend, Gateway([api("a", backend)] + documents) as gateway, \
            gateway.client() as client:
        backend.goes_on = False
        client.send(head())
        wait_for(lambda: backend.requests, "the request")
        equal(gateway.get("/").status, 503)
        backend.goes_on = True
        equal(client.read().status, 200)


@case
def access_block_refuses_everything_of_its_api():
    policies = [{"policyRef": {"name": "access-block"}}]
    with Backend() as backend:
        documents = [api("closed", backend, base="/closed", policies=policies)]
        documents.append(api("open", backend, base="/open", port=port_of(documents[0])))
        with Gateway(documents) as gateway:
            for method in ("GET", "POST", "OPTIONS"):
                equal(gateway.request(method, "/closed/x").status, 403)
            equal(gateway.request("POST", "/closed", body="x" * 1000).json()["error"],
                  "access to this API is blocked")
            equal({r["reason"] for r in gateway.records(4)}, {"access_blocked"})
            equal(gateway.get("/open/x").status, 200)
            equal(len(backend.requests), 1)


main()
