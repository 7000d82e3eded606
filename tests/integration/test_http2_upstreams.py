#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 to upstreams: by prior knowledge (h2://), over TLS by ALPN, many requests on one connection."""
import json
import threading

from harness import *
from harness.frames import ACK, PING, SETTINGS, answer_frames, frame, serves_frames, settings


def ask_all(gateway, paths):
    """The answers of as many clients at once, in order."""
    answers = [None] * len(paths)

    def ask(i):
        answers[i] = gateway.get(paths[i])
    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(paths))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@case
def forwards_heads_bodies_and_trailers():
    with H2Origin() as origin, Gateway([api("a", origin)]) as gateway:
        seen = json.loads(gateway.request("POST", "/echo?q=1", {
            "x-ask": "it", "connection": "x-hop", "x-hop": "1", "cookie": "a=b"}, b"\x00hi\xff").body)
        equal(seen["body"], "\x00hi\xff")
        equal({k: seen["headers"].get(k) for k in (
            ":method", ":path", ":scheme", ":authority", "x-ask", "x-hop", "cookie", "content-length",
            "host")}, {
                ":method": "POST", ":path": "/echo?q=1", ":scheme": "http",
                ":authority": origin.authority, "x-ask": "it", "x-hop": None, "cookie": "a=b",
                "content-length": "4", "host": None})
        answer = gateway.get("/trailers")
        equal((answer.body, answer.trailers), (b"hello", [("x-sum", "5")]))
        equal(gateway.get("/empty").status, 204)
        equal(gateway.request("HEAD", "/hello").get("content-length"), "5")
        for n in (0, 1, 65535, 65536, 1 << 20):
            with rows(f"{n} bytes"):
                equal(len(gateway.get(f"/big/{n}").body), n)
                equal(gateway.request("POST", "/length", body=b"x" * n).text(), str(n))
                equal(gateway.request("POST", "/length", body=b"x" * n, chunked=True).text(), str(n))
        equal(origin.connections(), 1)


@case
def many_requests_share_a_connection():
    with H2Origin() as origin, Gateway([api("a", origin)]) as gateway:
        for _ in range(3):
            for answer in ask_all(gateway, [f"/big/{n * 1000}" for n in range(40)]):
                equal(answer.status, 200)
        equal(origin.connections(), 1)
        metrics = gateway.metrics()
        equal([v for k, v in metrics.items() if k.startswith("sluice_service_connects_total")], [1.0])


@case
def the_upstream_says_how_many_at_a_time():
    with H2Origin(streams=4) as origin, Gateway([api("a", origin)]) as gateway:
        waiting = [gateway.client() for _ in range(10)]
        for client in waiting:
            client.send("GET /hold HTTP/1.1\r\nhost: h\r\n\r\n")
        # Three connections of four streams; one of them has room for the others.
        wait_for(lambda: gateway.get("/held").text() == "10", "all are held")
        wait_for(lambda: origin.connections() == 3, "three connections")
        equal(gateway.get("/release").text(), "released")
        for client in waiting:
            equal(client.read().text(), "held")
            client.close()


@case
def resets_are_told_apart():
    with H2Origin() as origin, Gateway([api("a", origin)]) as gateway:
        equal(gateway.get("/reset/2").status, 502)
        equal(gateway.records(1)[0]["reason"], "upstream_reset")
        equal(gateway.get("/refuse-once/a").text(), "again", "what was refused is sent once more")
        answer = gateway.request("POST", "/refuse-once/b")
        equal(answer.text(), "again", "whatever its method")
        with rows("a body that was taken is not sent again"):
            equal(gateway.request("POST", "/refuse-once/c", body=b"x" * 10).status, 502)
        with rows("what was cut does not look whole"):
            try:
                equal(gateway.get("/cut").status, 502, "cut before its head had gone on")
            except Closed:
                pass
        equal(gateway.get("/hello").text(), "hello")


@case
def a_goaway_moves_requests_to_another_connection():
    with H2Origin() as origin, Gateway([api("a", origin)]) as gateway:
        for i in range(1, 4):
            equal(gateway.get("/goaway").text(), "bye")
            equal(gateway.get("/hello").text(), "hello")
            wait_for(lambda: origin.connections() == i + 1, "a connection more")
        equal(gateway.get("/destroy").status, 502)
        equal(gateway.get("/hello").text(), "hello")


@case
def an_answer_may_come_before_the_request_is_whole():
    with H2Origin() as origin, Gateway([api("a", origin)]) as gateway:
        answer = gateway.request("POST", "/early", body=b"x" * (4 << 20))
        equal((answer.status, answer.text()), (413, "enough"))
        equal(gateway.get("/hello").text(), "hello")
        equal(origin.connections(), 1, "the connection serves on")


STREAMS = 3  # MAX_CONCURRENT_STREAMS


class Shutter:
    """An origin that holds /hold, and allows no stream from then on until it is told to open."""

    def __init__(self):
        self.is_shut, self.opens = threading.Event(), threading.Event()

    def script(self, connection):
        if self.is_shut.is_set() and not self.opens.is_set():
            connection.send(settings((STREAMS, 0)) + frame(SETTINGS, ACK, 0))
            connection.reader.to_end()
        else:
            serves_frames(self.talk)(connection)

    def talk(self, peer):
        while request := peer.request():
            if not self.is_shut.is_set():
                peer.send(settings((STREAMS, 0)) + frame(PING, 0, 0, b"12345678"))
                peer.until(PING)  # it is known
                self.is_shut.set()
                self.opens.wait(30 * SCALE)
                peer.send(settings((STREAMS, 2)))
            peer.send(b"".join(answer_frames(request[0], b"served")))


@case
def who_finds_no_stream_allowed_is_told_at_once():
    shutter = Shutter()
    with Backend(shutter.script) as origin, Gateway([api("a", f"h2://{origin.authority}")]) as gateway:
        client = gateway.client()
        client.send("GET /hold HTTP/1.1\r\nhost: h\r\n\r\n")
        check(shutter.is_shut.wait(30 * SCALE), "the origin is shut")
        for answer in ask_all(gateway, ["/x"] * 5):
            equal(answer.status, 503)
        for record in gateway.records(5):
            equal((record["reason"], record["detail"]),
                  ("upstream_refused", "the service allows no request on its connections"))
        shutter.opens.set()
        equal(client.read().text(), "served")
        equal([a.text() for a in ask_all(gateway, ["/x"] * 5)], ["served"] * 5)
        client.close()


@case
def who_finds_no_stream_allowed_goes_elsewhere():
    shutter, other = Shutter(), Shutter()
    other.is_shut.set()
    other.opens.set()
    shutter.is_shut.set()
    with Backend(shutter.script) as shut, Backend(other.script) as serves:
        service = balanced([f"h2://{b.authority}" for b in (shut, serves)], retries={})
        with Gateway([api("a", services={"up": service})]) as gateway:
            for _ in range(4):
                equal(gateway.get("/").text(), "served")
            check("retries" in gateway.records(1)[0] or "retries" in gateway.records(2)[1], "one was tried again")
        shutter.opens.set()


@case
def a_client_that_goes_away_ends_its_stream_alone():
    with H2Origin() as origin, Gateway([api("a", origin)]) as gateway:
        client = gateway.client()
        client.send("GET /silent HTTP/1.1\r\nhost: h\r\n\r\n")
        wait_for(lambda: gateway.get("/hello").status == 200 and origin.connections(), "the request")
        client.reset()
        equal(origin.ended("/silent"), [8], "CANCEL")
        equal(gateway.get("/hello").text(), "hello")
        equal(origin.connections(), 1)


@case
def a_thousand_requests_over_one_connection_reconcile():
    """Among them such as are reset by either side: each has one record, and the others their answer."""
    paths = ["/hello", "/big/70000", "/trailers", "/reset/8", "/refuse-once/{}", "/cut", "/silent"]
    with H2Origin() as origin, Gateway([api("a", origin)]) as gateway, \
            H2Client(gateway.port) as client:
        asked = {}
        for i in range(1000):
            path = paths[i % len(paths)].format(i)
            more = {"cancelMs": i % 50} if path == "/silent" else {}
            asked[client.start(path, **more)] = path
            if i % 100 == 99:
                for number in list(asked)[-100:]:
                    asked[number] = (asked[number], client.end(number))
        records = gateway.records(1000)
        equal(len(records), 1000)
        for path, answer in asked.values():
            name = path.split("/")[1]
            status, code = answer["headers"].get(":status"), answer["code"]
            # The head of what is cut may have gone to the client, have been overtaken by the reset, or not have come.
            expected = {"reset": [(502, 0)], "cut": [(200, 2), (None, 2), (502, 0)], "silent": [(None, 8)]}
            one_of((status, code), expected.get(name, [(200, 0)]), path)
        reasons = {}
        for record in records:
            key = (record["target"].split("/")[1], record["reason"])
            reasons[key] = reasons.get(key, 0) + 1
        equal(reasons, {
            ("hello", "ok"): 143, ("big", "ok"): 143, ("trailers", "ok"): 143,
            ("reset", "upstream_reset"): 143, ("refuse-once", "ok"): 143,
            ("cut", "upstream_reset"): 143, ("silent", "client_aborted"): 142})
        # What was refused goes to another connection.
        check(origin.connections() <= 4, f"{origin.connections()} connections")


@case
def a_large_head_is_refused():
    with H2Origin() as origin, Gateway([api("a", origin)]) as gateway:
        equal(gateway.get("/fields/100").status, 200)
        equal(gateway.get("/fields/300").status, 502)
        equal(gateway.get("/hello").text(), "hello")


def garbage(text):
    def script(connection):
        connection.send(text)
        connection.reader.to_end()
    return script


@case
def who_speaks_something_else_is_no_upstream():
    for text in ("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", "SSH-2.0-x\r\n",
                 b"\x00\x00\x00\x04\x00\x00\x00\x00\x01", ""):
        with rows(repr(text)), Backend(garbage(text)) as backend:
            address = backend.address.replace("http:", "h2:")
            with Gateway([api("a", address)]) as gateway:
                one_of(gateway.get("/").status, (502, 503))


def over_tls(origin, ca, address, **config):
    return [api("a"), service("up", address),
            binding("route", "route", {"destinationRef": {"name": "up"}}, target="a"),
            binding("tls", "tls-outbound", {"trustedCA": ca.crt, **config}, target="up",
                    kind="Service")]


@case
def over_tls_the_upstream_agrees_by_alpn():
    ca = Authority()
    with H2Origin(certificate=ca.issue("localhost")) as origin:
        https = origin.address.replace("h2:", "https:")
        for name, documents in {
                "h2": over_tls(origin, ca, origin.address),
                "listed": over_tls(origin, ca, https, alpn=["h2", "http/1.1"])}.items():
            with rows(name), Gateway(documents) as gateway:
                seen = json.loads(gateway.get("/echo").body)
                equal(seen["headers"][":scheme"], "https")


@case
def https_is_http1_unless_it_is_asked_for():
    ca = Authority()
    server = ca.server_tls(ca.issue("localhost"))
    server.set_alpn_protocols(["h2", "http/1.1"])
    with Backend(reply(200, "one"), tls=server) as backend:
        address = f"https://localhost:{backend.port}"
        with Gateway(over_tls(backend, ca, address)) as gateway:
            equal(gateway.get("/").text(), "one")


@case
def who_agrees_on_nothing_gets_http1_where_it_is_not_demanded():
    ca = Authority()
    with Backend(reply(200, "one"), tls=ca.server_tls(ca.issue("localhost"))) as backend:
        address = f"https://localhost:{backend.port}"
        with rows("https"), Gateway(over_tls(backend, ca, address, alpn=["h2"])) as gateway:
            equal(gateway.get("/").text(), "one")
        with rows("h2"), Gateway(over_tls(
                backend, ca, address.replace("https", "h2"))) as gateway:
            equal(gateway.get("/").status, 502)
            equal(gateway.records(1)[0]["reason"], "upstream_protocol")


main()
