#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""WebSockets and other switches: who may leave HTTP, and when."""
import signal
import threading

from harness import *
from harness.websocket import (BINARY, CLOSE, PING, PONG, TEXT, asks, close_payload, echo_frames, frame_bytes,
                               open_by, says_too_much, serves, switch_bytes)


def switching(backend, *tokens):
    document = api("a", backend)
    document["spec"]["upgrades"] = list(tokens)
    return document


@case
def frames_pass_both_ways_after_the_handshake():
    with Backend(serves(echo_frames)) as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        peer = open_by(client, "/chat?room=1", sec_websocket_protocol="a, b",
                       sec_websocket_extensions="permessage-deflate")
        request = backend.requests[0]
        equal((request.target, request.get("connection"), request.get("sec-websocket-extensions")),
              ("/chat?room=1", "upgrade", "permessage-deflate"))
        for n in (0, 1, 125, 126, 65535, 65536, 1 << 20):
            peer.send(BINARY, b"x" * n)
            equal(len(peer.read().payload), n)
        peer.send(TEXT, "a", final=False)
        peer.send(PING, "p")
        peer.send(0, "b")
        equal([(f.opcode, f.payload) for f in (peer.read(), peer.read(), peer.read())],
              [(TEXT, b"a"), (PONG, b"p"), (0, b"b")])
        peer.close(1000, "bye")
        equal(peer.read().payload, close_payload(1000, "bye"))
        check(client.is_closed(), "the upstream's end goes through")


@case
def bytes_behind_the_handshake_wait_for_the_101():
    def talk(peer):
        peer.text("first")
        echo_frames(peer)
    with Backend(serves(talk)) as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        request, _ = asks()
        client.send(request.encode() + frame_bytes(TEXT, "early", mask=True))
        equal(client.read_head().status, 101)
        equal(client.reader.exactly(14), frame_bytes(TEXT, "first") + frame_bytes(TEXT, "early"))


REFUSED = [
    ("version 8", {"sec_websocket_version": "8"}, 426),
    ("no version", {"sec_websocket_version": None}, 426),
    ("no key", {"sec_websocket_key": None}, 400),
    ("a short key", {"sec_websocket_key": "AAAA"}, 400),
    ("a key that is no base64", {"sec_websocket_key": "*" * 24}, 400),
]


@case
def refuses_handshakes_that_no_server_may_take():
    with Backend(serves(echo_frames)) as backend, Gateway([api("a", backend)]) as gateway:
        for name, fields, status in REFUSED:
            with rows(name), gateway.client() as client:
                client.send(asks(**fields)[0])
                answer = client.read()
                equal(answer.status, status)
                if status == 426:
                    equal((answer.get("sec-websocket-version"), answer.get("upgrade")), ("13", "websocket"))
                equal(client.get("/").status, 404)
        check(not any(r.get("upgrade") for r in backend.requests), "it was asked all the same")
        equal({r["reason"] for r in gateway.records(10) if r["status"] != 404},
              {"websocket_version", "websocket_handshake"})


@case
def asks_for_no_switch_that_is_not_allowed():
    with Backend(reply(200, "plain")) as backend, Gateway([api("a", backend)]) as gateway:
        for name, request in [
            ("an unknown token", asks(upgrade="echo/1")[0]),
            ("h2c", asks(upgrade="h2c", connection="upgrade, http2-settings", http2_settings="AAMA")[0]),
            ("not in Connection", asks(connection="keep-alive")[0]),
            ("a body", asks(content_length="2")[0] + "hi"),
            ("POST", asks()[0].replace("GET", "POST")),
            ("HTTP/1.0", asks()[0].replace("HTTP/1.1", "HTTP/1.0")),
        ]:
            with rows(name), gateway.client() as client:
                client.send(request)
                equal(client.read().status, 200)
        check(not any(r.get("upgrade") for r in backend.requests), "a switch was asked for")


@case
def takes_the_token_of_several_that_is_allowed():
    with Backend(serves(echo_frames)) as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        open_by(client, upgrade="h2c, WebSocket")
        equal(backend.requests[0].get("upgrade"), "WebSocket")


@case
def tokens_of_the_api_replace_the_default():
    def script(connection):
        while request := connection.read_request():
            if request.get("upgrade") != "Echo/1":
                connection.send(reply(404))
                continue
            connection.send(switch_bytes(request, upgrade="echo/1"))
            connection.send(connection.reader.exactly(4).upper())
            return
    with Backend(script) as backend, Gateway([switching(backend, "echo/1")]) as gateway:
        with gateway.client() as client:
            client.send(asks(upgrade="Echo/1")[0])
            equal(client.read_head().status, 101)
            client.send("ping")
            equal(client.reader.exactly(4), b"PING")
        with gateway.client() as client:
            client.send(asks()[0])
            equal(client.read().status, 404)


ORIGINS = [
    ("the site's", "https://chat.example", 101),
    ("with a port", "http://localhost:3000", 101),
    ("none", None, 101),
    ("another", "https://evil.example", 403),
    ("a longer one", "https://chat.example.evil.example", 403),
    ("another scheme", "http://chat.example", 403),
    ("null", "null", 403),
    ("an empty one", "", 403),
]


@case
def scripts_of_other_sites_open_nothing():
    """With upgradeOrigins; requests that ask for no switch are not the matter."""
    with Backend(serves(echo_frames)) as backend:
        document = api("a", backend)
        document["spec"]["upgradeOrigins"] = ["HTTPS://Chat.Example:443", "http://localhost:3000"]
        with Gateway([document]) as gateway:
            for name, origin, status in ORIGINS:
                with rows(name), gateway.client() as client:
                    client.send(asks(origin=origin)[0])
                    equal(client.read_head().status, status)
            equal(gateway.get("/", {"origin": "https://evil.example"}).status, 404)
            equal({r["reason"] for r in gateway.records(len(ORIGINS)) if r["status"] == 403}, {"origin_refused"})
            document["spec"].update(upgradeOrigins=[], address=f"http://127.0.0.1:{gateway.port}")
            gateway.save("gateway.yaml", [document])
            for origin, status in ((None, 101), ("", 403), ("https://chat.example", 403)):
                with rows(f"of none: {origin}"), gateway.client() as client:
                    client.send(asks(origin=origin)[0])
                    equal(client.read_head().status, status)


UNASKED = [
    ("another protocol", {"upgrade": "echo/1"}),
    ("a wrong Accept", {"sec_websocket_accept": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}),
    ("no Accept", {"sec_websocket_accept": None}),
    ("a protocol that was not offered", {"sec_websocket_protocol": "c"}),
    ("extensions that were not offered", {"sec_websocket_extensions": "permessage-deflate"}),
]


@case
def a_101_that_answers_something_else_is_502():
    for name, fields in UNASKED:
        with rows(name), Backend(serves(echo_frames, **fields)) as backend, \
                Gateway([api("a", backend)]) as gateway, gateway.client() as client:
            client.send(asks(sec_websocket_protocol="a, b")[0])
            equal(client.read().status, 502)
            record = gateway.records(1)[0]
            equal(record["reason"], "upstream_protocol")
            check(record.get("detail"), "why")


@case
def what_follows_a_refused_handshake_is_http():
    with Backend(reply(200, "plain")) as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        client.send(asks("/1")[0] + "GET /2 HTTP/1.1\r\nhost: h\r\n\r\n")
        equal([client.read().status, client.read().status], [200, 200])
        equal([r.target for r in backend.requests], ["/1", "/2"])


def limited(backend, **limits):
    document = api("a", backend)
    document["spec"]["limits"] = limits
    return document


@case
def a_changed_api_closes_its_websockets_and_no_other():
    """The frame that is on its way passes whole, and both peers get 1012 behind it."""
    closed = []

    def talk(peer):
        closed.append(peer.expect_close())
        peer.send(CLOSE, closed[-1].payload)
    with Backend(serves(talk)) as changed, Backend(serves(echo_frames)) as other, \
            Gateway({"a.yaml": [api("a", changed)], "b.yaml": [api("b", other)]}) as gateway, \
            gateway.client() as one, gateway.client(gateway.ports[1]) as two:
        peer, untouched = open_by(one), open_by(two)
        frame = frame_bytes(BINARY, b"x" * 1000, mask=True)
        one.send(frame[:500])
        document = api("a", changed, port=gateway.port)
        document["spec"]["limits"] = {"websocketPingSeconds": 1000}
        gateway.save("a.yaml", [document])
        one.send(frame[500:])
        close = peer.read()
        equal((close.opcode, close.code), (CLOSE, 1012))
        peer.send(CLOSE, close.payload)
        check(one.is_closed(), "the gateway ends it")
        wait_for(lambda: closed, "the upstream's close")
        equal(closed[0].code, 1012)
        record = gateway.records(1)[0]
        equal((record["reason"], record["closedBy"], record["closeStatus"], record["messagesIn"]),
              ("websocket_drained", "gateway", 1012, 1))
        untouched.text("still here")
        equal(untouched.read().payload, b"still here")
        wait_for(lambda: gateway.metrics()["sluice_websockets_drained_total"] == 1, "the count")
        wait_for(lambda: gateway.metrics()["sluice_websockets"] == 1, "the gauge")


@case
def settings_leave_websockets_but_what_is_theirs():
    """Of a Configuration, of another API: what serves a WebSocket is the same as before."""
    with Backend(serves(echo_frames)) as backend, Backend(reply(200)) as other, \
            Gateway({"a.yaml": [api("a", backend)], "b.yaml": [api("b", other)]}) as gateway, \
            gateway.client() as client:
        peer = open_by(client)
        for name, documents in [
            ("another API", [api("b", other, base="/moved", port=gateway.ports[1])]),
            ("the log", [configuration("c", {"logging": {"runtimeLogs": {"logLevel": "debug"}}})]),
            ("the probe", [configuration("c", {"probe": {"enabled": True, "port": free_port()}})]),
            ("metrics", [configuration("c", {"metrics": {"enabled": True, "port": free_port()}})]),
            ("connections", [configuration("c", {"limits": {"headSeconds": 3}, "reasonHeader": True})]),
        ]:
            with rows(name):
                gateway.save("b.yaml" if name == "another API" else "c.yaml", documents)
                peer.text(name)
                equal(peer.read().payload, name.encode())
                equal(gateway.status()["retiringApis"], 0)
        with gateway.client(gateway.ports[1]) as answered:
            equal(answered.get("/").get("x-sluice-reason"), "no_api")
        gateway.save("c.yaml", [configuration("c", {"limits": {"websocketPingSeconds": 1000}})])
        close = peer.read()
        equal((close.opcode, close.code), (CLOSE, 1012))


@case
def a_stop_closes_websockets():
    with Backend(serves(echo_frames)) as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        peer = open_by(client)
        peer.text("a")
        equal(peer.read().payload, b"a")
        gateway.signal(signal.SIGTERM)
        close = peer.read()
        equal((close.opcode, close.code), (CLOSE, 1012))
        peer.send(CLOSE, close.payload)
        check(client.is_closed(), "the gateway ends it")


@case
def limits_close_with_their_status():
    for name, limits, frames, status, reason in [
        ("a frame", {"websocketFrameBytes": 200}, [(TEXT, "x" * 200, True), (TEXT, "x" * 201, True)], 1009,
         "websocket_too_large"),
        ("fragments", {"websocketMessageBytes": 200},
         [(TEXT, "x" * 200, True), (TEXT, "x" * 150, False), (PING, "", True), (0, "x" * 51, True)], 1009,
         "websocket_too_large"),
        ("too many", {"websocketMessagesPerSecond": 4}, [(TEXT, "x", True)] * 40, 1008, "websocket_too_many"),
        ("no frame", {"websocketFrameBytes": 200}, [(TEXT, "x", False), (TEXT, "y", True)], 1002,
         "websocket_protocol"),
        ("bits of no extension", {"websocketFrameBytes": 200}, [(TEXT, "x", True), (4 << 4 | TEXT, "y", True)], 1002,
         "websocket_protocol"),
    ]:
        with rows(name), Backend(serves(echo_frames)) as backend, \
                Gateway([limited(backend, **limits)]) as gateway, gateway.client() as client:
            peer = open_by(client)
            for frame in frames:
                try:
                    peer.send(*frame)
                except OSError:
                    break
            close = peer.expect_close()
            equal(close.code, status)
            peer.send(CLOSE, close.payload)
            client.close()
            record = gateway.records(1)[0]
            equal((record["reason"], record["closeStatus"]), (reason, status))


@case
def frames_may_come_byte_by_byte():
    with Backend(serves(echo_frames)) as backend, \
            Gateway([limited(backend, websocketMessageBytes=300)]) as gateway, gateway.client() as client:
        peer = open_by(client)
        for n in (0, 1, 126, 200):
            client.send_slowly(frame_bytes(TEXT, "x" * n, mask=True))
            equal(peer.read().payload, b"x" * n)
        client.send_slowly(frame_bytes(CLOSE, close_payload(1000), mask=True))
        equal(peer.read().code, 1000)
        client.close()
        equal(gateway.records(1)[0]["messagesIn"], 4)


@case
def what_comes_behind_a_close_is_dropped():
    for name, limits in [("followed", {}), ("judged", {"websocketFrameBytes": 200})]:
        with rows(name), Backend(serves(echo_frames)) as backend, \
                Gateway([limited(backend, **limits)]) as gateway, gateway.client() as client:
            says_too_much(open_by(client))
            client.close()
            record = gateway.records(1)[0]
            equal([record[name] for name in ("reason", "closeStatus", "messagesIn")], ["ok", 3001, 0])


@case
def a_silent_peer_is_asked_and_closed():
    with Backend(serves(echo_frames)) as backend, \
            Gateway([limited(backend, websocketPingSeconds=0.4)]) as gateway, gateway.client() as client:
        peer = open_by(client)
        for _ in range(3):
            while peer.read().opcode != PING:  # the upstream's answers to its own pass
                pass
            peer.send(PONG)
        equal(peer.expect_close().code, 1001)
        record = gateway.records(1)[0]
        equal((record["reason"], record["detail"]), ("websocket_idle", "the client answers no ping"))


@case
def a_record_tells_who_closed():
    with Backend(serves(echo_frames)) as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        peer = open_by(client)
        for text in ("a", "b"):
            peer.text(text)
            peer.read()
        peer.close(3001)
        equal(peer.read().code, 3001)
        client.close()
        record = gateway.records(1)[0]
        equal([record[name] for name in ("reason", "messagesIn", "messagesOut", "closedBy", "closeStatus")],
              ["ok", 2, 2, "client", 3001])


@case
def events_and_long_polls_come_at_once():
    """A response without a declared end: each piece is there before the next is sent."""
    def script(connection):
        request = connection.read_request()
        kind = "text/event-stream" if request.target == "/events" else "text/plain"
        connection.send(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n")
        for i in range(3):
            if goes_on.acquire(timeout=20):
                connection.send(f"8\r\ndata: {i}\n\r\n")
        connection.send("0\r\n\r\n")
    for target in ("/events", "/poll"):
        goes_on = threading.Semaphore(0)
        with rows(target), Backend(script) as backend, Gateway([api("a", backend)]) as gateway, \
                gateway.client() as client:
            client.send(f"GET {target} HTTP/1.1\r\nhost: h\r\n\r\n")
            equal(client.read_head().status, 200)
            for i in range(3):
                goes_on.release()
                equal(client.reader.until(b"\n\r\n"), f"8\r\ndata: {i}\n\r\n".encode())
            equal(client.reader.exactly(5), b"0\r\n\r\n")


def talk_on(gateway, stops, ends):
    """Message by message; what ends it goes into `ends`: None when it was told to stop."""
    with gateway.client(gateway.ports[0]) as client:
        peer, i = open_by(client), 0
        while not stops.is_set():
            text, i = f"message {i}".encode() + b"." * (i % 300), i + 1
            peer.send(TEXT, text)
            frame = peer.read()
            if frame.opcode == CLOSE:
                peer.send(CLOSE, frame.payload)
                ends.append(frame.code)
                return
            if frame.payload != text:
                ends.append(frame)
                return
        ends.append(None)


def crowd(gateway, count):
    stops, ends = threading.Event(), []
    threads = [threading.Thread(target=talk_on, args=(gateway, stops, ends)) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, stops, ends


def reloads_lose_no_message(reloads, sockets):
    with Backend(serves(echo_frames)) as backend, Backend(reply(200)) as other, \
            Gateway({"a.yaml": [api("a", backend)], "b.yaml": [api("b", other)]}, workers=2) as gateway:
        threads, stops, ends = crowd(gateway, sockets)
        wait_for(lambda: gateway.metrics()["sluice_websockets"] == sockets, "all of them")
        for i in range(reloads):
            document = api("b", other, port=gateway.ports[1])
            document["spec"]["limits"] = {"requestSeconds": 100 + i}
            gateway.save("b.yaml", [document])
        equal(ends, [], "ends while another API is edited")
        document = api("a", backend, port=gateway.ports[0])
        document["spec"]["limits"] = {"requestSeconds": 100}
        gateway.save("a.yaml", [document])
        for thread in threads:
            thread.join(20 * SCALE)
        equal(ends, [1012] * sockets)
        wait_for(lambda: gateway.metrics()["sluice_websockets_drained_total"] == sockets, "the count")
        threads, stops, ends = crowd(gateway, 2)
        wait_for(lambda: gateway.metrics()["sluice_websockets"] == 2, "new ones")
        stops.set()
        for thread in threads:
            thread.join(20 * SCALE)
        equal(ends, [None] * 2)


@case
def a_few_reloads_lose_no_message():
    reloads_lose_no_message(2, 4)


@case(modes="full", seconds=300)
def a_storm_of_reloads_loses_no_message():
    reloads_lose_no_message(150, 32)


main()
