#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What goes in comes out: messages of every shape through one API to one upstream."""
import time

from harness import *

BODY = bytes(range(256)) * 300  # 75 KiB, every byte value


@case
def forwards_a_get_and_its_answer():
    with Backend(reply(200, "hello", {"x-answer": "yes"})) as backend, \
            Gateway([api("a", backend)]) as gateway:
        answer = gateway.get("/x/y?q=1&q=2", {"x-ask": "it"})
        equal((answer.status, answer.body, answer.get("x-answer")), (200, b"hello", "yes"))
        seen = backend.requests[0]
        equal((seen.method, seen.target, seen.get("x-ask")), ("GET", "/x/y?q=1&q=2", "it"))
        equal(seen.get("host"), backend.authority, "the upstream's own host")
        record = gateway.records(1)[0]
        equal((record["status"], record["reason"], record["method"]), (200, "ok", "GET"))


@case
def forwards_every_method():
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        for method in ("GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "PURGE", "REPORT"):
            with rows(method):
                equal(gateway.request(method, "/m").get("x-method"), method)


@case
def forwards_bodies_with_a_length():
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        for n in (0, 1, 4096, 65536, len(BODY)):
            with rows(f"{n} bytes"):
                answer = gateway.request("POST", "/b", body=BODY[:n])
                equal(answer.body, BODY[:n])
                equal(backend.requests[-1].get("content-length"), str(n))


@case
def forwards_chunked_bodies_both_ways():
    def script(connection):
        while request := connection.read_request():
            body = request.body
            connection.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            for at in range(0, len(body), 7001):
                piece = body[at:at + 7001]
                connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            connection.send("0\r\n\r\n")
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway:
        for n in (0, 1, len(BODY)):
            with rows(f"{n} bytes"):
                answer = gateway.request("POST", "/c", body=BODY[:n], chunked=True)
                equal(answer.body, BODY[:n])
                equal(backend.requests[-1].body, BODY[:n])


@case
def takes_chunks_split_at_every_byte():
    raw = (b"POST /s HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
           b"3;ext=1\r\nabc\r\n00a\r\n0123456789\r\n0\r\n\r\n")
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        with gateway.client() as client:
            client.send_slowly(raw)
            equal(client.read().body, b"abc0123456789")
        equal(backend.requests[0].body, b"abc0123456789")
        check(b"ext" not in backend.connections[0].raw, "chunk extensions end at the gateway")


@case
def takes_a_response_split_at_every_byte():
    def script(connection):
        while connection.read_request():
            connection.send_slowly("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                                   "5\r\nhello\r\n0\r\n\r\n", 0.001)
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway:
        equal(gateway.get("/").body, b"hello")


@case
def drops_trailers_that_could_become_headers():
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        with gateway.client() as client:
            client.send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n"
                        "trailer: content-length, authorization\r\n\r\n2\r\nhi\r\n0\r\n"
                        "content-length: 99\r\nauthorization: Basic eA==\r\nhost: evil\r\n"
                        "transfer-encoding: chunked\r\n\r\n")
            answer = client.read()
        one_of(answer.status, (200, 400))
        for request in backend.requests:
            equal([n for n, _ in request.trailers
                   if n in ("content-length", "authorization", "host", "transfer-encoding")], [])
            check(not request.has("authorization"), "a trailer became a header")


@case
def answers_head_without_a_body_and_goes_on():
    def script(connection):
        while request := connection.read_head():
            connection.send("HTTP/1.1 200 OK\r\ncontent-length: 1234\r\nx-m: %s\r\n\r\n"
                            % request.method if request.method == "HEAD" else reply(200, "after"))
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        answer = client.request("HEAD", "/h")
        equal((answer.status, answer.get("content-length"), answer.get("x-m")),
              (200, "1234", "HEAD"))
        equal(client.get("/g").body, b"after")


@case
def forwards_answers_that_have_no_body():
    with Backend(lambda c: [c.send(f"HTTP/1.1 {r.target[1:]} X\r\netag: \"e\"\r\n\r\n")
                            for r in iter(c.read_request, None)]) as backend, \
            Gateway([api("a", backend)]) as gateway, gateway.client() as client:
        for status in (204, 304, 204):
            with rows(str(status)):
                answer = client.get(f"/{status}")
                equal((answer.status, answer.body, answer.get("etag")), (status, b"", '"e"'))


@case
def forwards_interim_responses():
    def script(connection):
        while connection.read_request():
            connection.send("HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\nx-sluice-reason: no\r\n\r\n")
            connection.send(reply(200, "done"))
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway:
        answer = gateway.get("/")
        equal((answer.status, answer.body), (200, b"done"))
        equal([(i.status, i.get("link"), i.has("x-sluice-reason")) for i in answer.interim],
              [(103, "</a.css>", False)])


@case
def answers_expect_with_100_and_then_the_result():
    with Backend() as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        client.send("POST /e HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\n"
                    "content-length: 4\r\n\r\n")
        contains(client.reader.until(b"\r\n\r\n"), b"HTTP/1.1 100 ")
        client.send("body")
        answer = client.read()
        equal((answer.status, answer.body), (200, b"body"))
        check(not backend.requests[0].has("expect"), "the gateway has answered it already")


@case
def refuses_other_expectations_with_417():
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        for value in ("200-ok", "x100-continue", "100-continue, 100-continue"):
            with rows(value):
                equal(gateway.request("POST", "/", {"expect": value}, body="x").status, 417)
        equal(backend.requests, [])


@case
def answers_pipelined_requests_in_order():
    def script(connection):
        while request := connection.read_request():
            if request.target.endswith("0"):
                connection.pause(0.02)
            connection.send(reply(200, request.target))
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        targets = [f"/{i}" for i in range(50)]
        client.send("".join(f"GET {t} HTTP/1.1\r\nhost: h\r\n\r\n" for t in targets))
        equal([client.read().text() for _ in targets], targets)


@case
def serves_http_1_0_and_closes():
    def script(connection):
        while connection.read_request():
            connection.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                            "3\r\nabc\r\n0\r\n\r\n")
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        client.send("GET /old HTTP/1.0\r\n\r\n")
        answer = client.read()
        equal((answer.status, answer.body), (200, b"abc"))
        check(not answer.has("transfer-encoding"), "1.0 knows no chunks")
        check(client.is_closed(), "1.0 closes unless asked")


@case
def keeps_connections_alive_on_both_sides():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        for _ in range(200):
            equal(client.get("/").status, 200)
        equal(len(backend.connections), 1, "upstream connections")


@case
def closes_when_the_client_asks():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        answer = client.get("/", {"connection": "close"})
        equal((answer.status, answer.get("connection")), (200, "close"))
        check(client.is_closed(), "the connection must end")


@case
def passes_a_body_that_ends_with_the_connection():
    def script(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n" + BODY)
        connection.close()
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway:
        equal(gateway.get("/").body, BODY)


@case
def answers_a_client_that_half_closed():
    def script(connection):
        while connection.read_request():
            connection.pause(0.1)
            connection.send(reply(200, "late"))
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        client.half_close()
        equal(client.read().body, b"late")
        check(client.is_closed(), "nothing more can be asked")


@case
def passes_an_early_answer_and_never_reuses_that_upstream_connection():
    def script(connection):
        request = connection.read_head()
        connection.send(reply(403, "no"))
        if request.target == "/big":
            connection.reader.to_end()  # it reads no body
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway:
        with gateway.client() as client:
            client.send("POST /big HTTP/1.1\r\nhost: h\r\ncontent-length: 1000000\r\n\r\n" + "x" * 100)
            answer = client.read()
            equal((answer.status, answer.body), (403, b"no"))
        equal(gateway.get("/next").status, 403)
        equal(len(backend.connections), 2, "upstream connections")


@case
def streams_before_the_message_is_whole():
    def script(connection):
        request = connection.read_head()
        got = connection.reader.exactly(5)
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n" + got)
        connection.send(connection.reader.exactly(5))
        equal(request.get("content-length"), "10")
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nhello")
        answer = client.read_head()
        equal((answer.status, client.reader.exactly(5)), (200, b"hello"))
        client.send("world")
        equal(client.reader.exactly(5), b"world")


@case
def a_tunnel_ends_when_its_upstream_has_closed():
    """It closed while the client goes on sending: a reset, and nothing is left behind."""
    def script(connection):
        connection.read_request()
        connection.send("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n"
                        "connection: upgrade\r\n\r\nbye")
        connection.close()
    with Backend(script) as backend:
        document = api("a", backend)
        document["spec"]["upgrades"] = ["x"]
        with Gateway([document]) as gateway, gateway.client() as client:
            end_by_reset(gateway, client)


def end_by_reset(gateway, client):
    client.send("GET / HTTP/1.1\r\nhost: h\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n")
    equal(client.read_head().status, 101)
    equal(client.reader.exactly(3), b"bye")
    # Only now is it sure that the end came before the reset that the next bytes cause.
    check(client.is_closed(), "the upstream's end goes through")
    for _ in range(20):
        try:
            client.send("still there?")
        except OSError:
            break
        time.sleep(0.02)
    record = gateway.records(1)[0]
    equal((record["status"], record["reason"]), (101, "ok"))


main()
