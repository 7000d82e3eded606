#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""When the upstream fails: the status, the reason, and never a whole-looking wrong body."""
import time

from harness import *

ERROR_KEYS = ["error", "requestId"]


def error_of(gateway, status, reason):
    answer = gateway.get("/")
    equal(answer.status, status)
    contains(answer.get("content-type"), "application/json")
    equal(sorted(answer.json()), ERROR_KEYS)
    equal(answer.json()["requestId"], answer.get("x-request-id"))
    record = gateway.records(1)[-1]
    equal((record["status"], record["reason"]), (status, reason))
    return answer


@case
def a_refused_connection_is_503():
    with Gateway([api("a", f"http://127.0.0.1:{free_port()}")]) as gateway:
        answer = error_of(gateway, 503, "upstream_refused")
        check("127.0.0.1" not in answer.text(), "the error tells the client an address")


@case
def a_name_that_does_not_resolve_is_503():
    with Gateway([api("a", "http://no-such-host.invalid:80")]) as gateway:
        error_of(gateway, 503, "upstream_unresolved")


@case
def a_reset_before_the_head_is_502():
    def script(connection):
        connection.read_request()
        connection.reset()
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway:
        error_of(gateway, 502, "upstream_reset")


@case
def a_post_is_never_sent_twice():
    def script(connection):
        connection.read_request()
        connection.reset()
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway:
        equal(gateway.request("POST", "/pay", body="1").status, 502)
        equal(len(backend.requests), 1)


@case
def a_stale_idle_connection_costs_no_request():
    """The upstream closes idle connections at the moment when the next request may go out."""
    def script(connection):
        connection.read_request()
        connection.send(reply(200, "x"))
        connection.pause(0.02)
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        for i in range(50):
            with rows(f"request {i}"):
                equal(client.get("/").status, 200)
            time.sleep(0.01 + i % 5 * 0.004)


@case
def silence_is_504_after_the_response_timeout():
    documents = [api("a"), configuration("times", {"timeouts": {"upstreamResponseSeconds": 1}})]

    def script(connection):
        connection.read_request()
        connection.pause(10)
    with Backend(script) as backend:
        documents[0] = api("a", backend)
        with Gateway(documents) as gateway:
            began = time.monotonic()
            error_of(gateway, 504, "upstream_timeout")
            check(0.8 < time.monotonic() - began < 4 * SCALE, "after about one second")


@case
def a_cut_at_any_byte_never_looks_whole():
    """Resets and closes after every byte of small responses of every framing."""
    length = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789"
    chunks = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"
    plan = {}

    def script(connection):
        request = connection.read_request()
        raw, at, how = plan[request.target]
        connection.send(raw[:at])
        connection.pause(0.003)
        connection.reset() if how == "reset" else connection.close()
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway:
        for name, raw in (("length", length), ("chunks", chunks)):
            for how in ("reset", "close"):
                for at in range(len(raw)):
                    target = f"/{name}/{how}/{at}"
                    plan[target] = (raw, at, how)
                    with rows(target):
                        try:
                            answer = gateway.get(target)
                        except Closed:
                            continue
                        equal(answer.status, 502, f"answer {answer!r}")


@case
def a_cut_while_the_client_uploads_is_told():
    def script(connection):
        connection.read_head()
        connection.reader.exactly(1000)
        connection.reset()
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 100000\r\n\r\n" + "x" * 2000)
        equal(client.read().status, 502)


@case
def a_client_that_goes_away_ends_the_upstream_request():
    def script(connection):
        connection.read_request()
        connection.ended = connection.reader.is_ended(5)
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway:
        client = gateway.client()
        client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        wait_for(lambda: backend.requests, "the request")
        client.reset()
        wait_for(lambda: getattr(backend.connections[0], "ended", False),
                 "the end of the upstream connection")
        equal(gateway.records(1)[0]["reason"], "client_aborted")


@case
def a_reset_that_comes_with_the_last_bytes_is_seen():
    """Both in one event of the kernel: no second edge tells of the reset. Unseen, it would be 504."""
    def script(connection):
        connection.read_request()
        connection.send(b"H")
        connection.reset()
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway:
        equal({gateway.get(f"/{i}").status for i in range(40)}, {502})


@case
def recovers_when_the_upstream_comes_back():
    port = free_port()
    with Gateway([api("a", f"http://127.0.0.1:{port}")]) as gateway:
        equal(gateway.get("/").status, 503)
        with Backend(reply(200, "back"), port=port) as backend:
            equal(gateway.get("/").text(), "back")
            equal(len(backend.requests), 1)


@case
def one_bad_upstream_leaves_the_others_alone():
    with Backend(reply(200, "good")) as good:
        documents = [api("bad", f"http://127.0.0.1:{free_port()}", base="/bad", port=free_port()),
                     api("good", good)]
        with Gateway(documents) as gateway:
            for _ in range(20):
                equal(gateway.get("/bad/x", port=gateway.ports[0]).status, 503)
                equal(gateway.get("/", port=gateway.ports[1]).text(), "good")


main()
