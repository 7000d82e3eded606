#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""WebSockets over HTTP/2 (RFC 8441): node's client asks by an extended CONNECT."""
import json
import re
import signal

from harness import *
from harness.websocket import (BINARY, CLOSE, PING, PONG, TEXT, Peer, asks, close_payload, echo_frames, frame_bytes,
                               open_by, serves, switch_bytes)


def limited(backend, **spec):
    document = api("a", backend)
    document["spec"].update(spec)
    return document


def open_tunnel(gateway, **more):
    tunnel = H2Tunnel(gateway.port, **more)
    equal((tunnel.offered, tunnel.status), (True, 200))
    return tunnel


@case
def an_extended_connect_becomes_an_upgrade():
    with Backend(serves(echo_frames, sec_websocket_protocol="b")) as backend, \
            Gateway([api("a", backend)]) as gateway, \
            open_tunnel(gateway, target="/chat?room=1", sec_websocket_protocol="a, b", cookie="c=1",
                        sec_websocket_extensions="permessage-deflate", sec_websocket_key="mine") as tunnel:
        equal((tunnel.headers.get("sec-websocket-protocol"), tunnel.headers.get("sec-websocket-accept"),
               tunnel.headers.get("connection"), tunnel.headers.get("upgrade")), ("b", None, None, None))
        asked = backend.requests[0]
        equal((asked.method, asked.target, asked.get("upgrade"), asked.get("connection"),
               asked.get("sec-websocket-version"), asked.get("sec-websocket-extensions"), asked.get("cookie")),
              ("GET", "/chat?room=1", "websocket", "upgrade", "13", "permessage-deflate", "c=1"))
        check(re.fullmatch(r"[A-Za-z0-9+/]{22}==", asked.get("sec-websocket-key")), "a key of the gateway's own")
        peer = Peer(tunnel, True)
        for n in (0, 1, 125, 126, 65535, 65536, 1 << 20):
            peer.send(BINARY, b"x" * n)
            equal(len(peer.read().payload), n)
        peer.send(TEXT, "a", final=False)
        peer.send(PING, "p")
        peer.send(0, "b")
        equal([(f.opcode, f.payload) for f in (peer.read(), peer.read(), peer.read())],
              [(TEXT, b"a"), (PONG, b"p"), (0, b"b")])
        wait_for(lambda: gateway.metrics()["sluice_websockets"] == 1, "the gauge")
        peer.close(1000, "bye")
        equal(peer.read().payload, close_payload(1000, "bye"))
        tunnel.close()
        check(tunnel.is_closed(), "the upstream's end goes through")
        record = gateway.records(1)[0]
        equal([record[name] for name in ("method", "status", "protocol", "reason", "messagesIn", "messagesOut",
                                         "closedBy", "closeStatus")],
              ["GET", 101, "HTTP/2.0", "ok", 8, 8, "client", 1000])


@case
def bytes_before_the_switch_wait_for_it():
    def talk(peer):
        peer.text("first")
        echo_frames(peer)
    with Backend(serves(talk)) as backend, Gateway([api("a", backend)]) as gateway, \
            open_tunnel(gateway, early=frame_bytes(TEXT, "early", mask=True)) as tunnel:
        equal(tunnel.reader.exactly(14), frame_bytes(TEXT, "first") + frame_bytes(TEXT, "early"))


REFUSED = [
    ("another protocol", {"protocol": "connect-udp"}, 501, "protocol_not_served"),
    ("a list", {"protocol": "x, websocket"}, 501, "protocol_not_served"),
    ("version 8", {"sec_websocket_version": "8"}, 400, "websocket_handshake"),
    ("no version", {"sec_websocket_version": None}, 400, "websocket_handshake"),
]


@case
def what_may_not_switch_is_refused():
    """Never as plain HTTP, whose 200 would be a switch."""
    with Backend(reply(200, "plain")) as backend, Gateway([api("a", backend)]) as gateway:
        for i, (name, fields, status, reason) in enumerate(REFUSED):
            with rows(name), H2Tunnel(gateway.port, **fields) as tunnel:
                equal((tunnel.offered, tunnel.status), (True, status))
                equal((len(backend.requests), gateway.records(i + 1)[-1]["reason"]), (0, reason))
                equal(tunnel.headers.get("sec-websocket-version"), "13" if status == 400 else None)


@case
def scripts_of_other_sites_open_nothing():
    with Backend(serves(echo_frames)) as backend, \
            Gateway([limited(backend, upgradeOrigins=["https://chat.example"])]) as gateway:
        with H2Tunnel(gateway.port, origin="https://evil.example") as tunnel:
            equal((tunnel.status, gateway.records(1)[0]["reason"]), (403, "origin_refused"))
        with open_tunnel(gateway, origin="https://chat.example"):
            pass


@case
def tokens_of_the_api_replace_the_default():
    def script(connection):
        request = connection.read_request()
        connection.send(switch_bytes(request, upgrade="echo/1", sec_websocket_accept=None))
        connection.send(connection.reader.exactly(4).upper())
    with Backend(script) as backend, Gateway([limited(backend, upgrades=["echo/1"])]) as gateway:
        with H2Tunnel(gateway.port) as tunnel:
            equal(tunnel.status, 501)
        with open_tunnel(gateway, protocol="echo/1", sec_websocket_version=None) as tunnel:
            equal(backend.requests[0].get("sec-websocket-key"), None)
            tunnel.send(b"ping")
            tunnel.close()
            equal(tunnel.reader.to_end(), b"PING")


@case
def without_upgrades_it_is_not_offered():
    with Backend(reply(200, "plain")) as backend, Gateway([limited(backend, upgrades=[])]) as gateway, \
            H2Tunnel(gateway.port) as tunnel:
        equal((tunnel.offered, tunnel.status), (False, None))
        check(not backend.requests, "it was asked all the same")


@case
def an_answer_in_plain_http_is_no_switch():
    def script(connection):
        while request := connection.read_request():
            connection.send(reply(int(request.target[1:]), "no"))
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway:
        for i, (given, status) in enumerate([(200, 502), (206, 502), (401, 401), (302, 302)]):
            with rows(str(given)), H2Tunnel(gateway.port, target=f"/{given}") as tunnel:
                equal(tunnel.status, status)
                if given == status:
                    equal(tunnel.reader.to_end(), b"no")
                else:
                    equal(gateway.records(i + 1)[-1]["reason"], "upstream_protocol")


@case
def a_policys_answer_is_no_switch():
    """That of an answer which would be one is an error; others pass."""
    script = {"policyRef": {"name": "lua-script"}, "config": {"script": """
function request_head(request)
  respond(tonumber(request.path:sub(2)), nil, "hi")
end
function response_head(request, response)
  if request.path == "/403" then response.status = 201 end
end"""}}
    with Backend(reply(200)) as backend, Gateway([limited(backend, policies=[script])]) as gateway:
        for given, told in ((200, (503, None)), (401, (401, None)), (403, (503, None))):
            with rows(str(given)), H2Tunnel(gateway.port, target=f"/{given}") as tunnel:
                equal((tunnel.status, tunnel.code), told)


LIMITS = [
    ("a frame", {"websocketFrameBytes": 200}, [(TEXT, "x" * 200, True), (TEXT, "x" * 201, True)], 1009,
     "websocket_too_large"),
    ("fragments", {"websocketMessageBytes": 200}, [(TEXT, "x" * 200, False), (PING, "", True), (0, "x", True)], 1009,
     "websocket_too_large"),
    ("too many pings", {"websocketMessagesPerSecond": 4}, [(PING, "x", True)] * 40, 1008, "websocket_too_many"),
    ("no frame", {"websocketFrameBytes": 200}, [(TEXT, "x", False), (TEXT, "y", True)], 1002, "websocket_protocol"),
]


@case
def limits_close_with_their_status():
    for name, limits, frames, status, reason in LIMITS:
        with rows(name), Backend(serves(echo_frames)) as backend, \
                Gateway([limited(backend, limits=limits)]) as gateway, open_tunnel(gateway) as tunnel:
            peer = Peer(tunnel, True)
            for frame in frames:
                peer.send(*frame)
            close = peer.expect_close()
            equal(close.code, status)
            peer.send(CLOSE, close.payload)
            tunnel.close()
            check(tunnel.is_closed(), "the gateway ends it")
            record = gateway.records(1)[0]
            equal((record["reason"], record["closedBy"], record["closeStatus"]), (reason, "gateway", status))


@case
def a_silent_peer_is_asked_and_closed():
    with Backend(serves(echo_frames)) as backend, \
            Gateway([limited(backend, limits={"websocketPingSeconds": 0.4})]) as gateway, \
            open_tunnel(gateway) as tunnel:
        peer = Peer(tunnel, True)
        for _ in range(2):
            while peer.read().opcode != PING:  # the upstream's answers to its own pass
                pass
            peer.send(PONG)
        equal(peer.expect_close().code, 1001)
        equal(gateway.records(1)[0]["detail"], "the client answers no ping")


@case
def a_reload_and_a_stop_close_it():
    for name in ("reload", "stop"):
        with rows(name), Backend(serves(echo_frames)) as backend, \
                Gateway({"a.yaml": [api("a", backend)]}) as gateway, open_tunnel(gateway) as tunnel:
            peer = Peer(tunnel, True)
            peer.text("a")
            equal(peer.read().payload, b"a")
            if name == "reload":
                document = api("a", backend, port=gateway.port)
                document["spec"]["limits"] = {"websocketPingSeconds": 1000}
                gateway.save("a.yaml", [document])
            else:
                gateway.signal(signal.SIGTERM)
            close = peer.read()
            equal((close.opcode, close.code), (CLOSE, 1012))
            peer.send(CLOSE, close.payload)
            tunnel.close()
            check(tunnel.is_closed(), "the gateway ends it")
            equal(gateway.records(1)[0]["reason"], "websocket_drained")



def talk_through(end):
    """With an upstream that says what it was asked, and sends everything back; masked frames, too."""
    asked = json.loads(end.reader.until(b"\n"))
    for n in (0, 125, 70000):
        frame = frame_bytes(BINARY, b"x" * n, mask=True)
        end.send(frame)
        equal(end.reader.exactly(len(frame)), frame)
    frame = frame_bytes(CLOSE, close_payload(1000), mask=True)
    end.send(frame)
    equal(end.reader.exactly(len(frame)), frame)
    return {name: asked.get(name) for name in (
        ":method", ":protocol", ":path", "sec-websocket-version", "sec-websocket-protocol", "sec-websocket-key",
        "upgrade", "connection")}


ASKED = {":method": "CONNECT", ":protocol": "websocket", ":path": "/tunnel", "sec-websocket-version": "13",
         "sec-websocket-protocol": "a, b", "sec-websocket-key": None, "upgrade": None, "connection": None}


@case
def an_upstream_that_offers_it_is_asked_by_an_extended_connect():
    with H2Origin(streams="connect") as origin, Gateway([api("a", origin)]) as gateway:
        with gateway.client() as client:
            peer = open_by(client, "/tunnel", sec_websocket_protocol="a, b")
            equal(peer.head.get("sec-websocket-protocol"), "b")
            equal(talk_through(client), ASKED)
        with open_tunnel(gateway, target="/tunnel", sec_websocket_protocol="a, b") as tunnel:
            equal(tunnel.headers.get("sec-websocket-accept"), None)
            equal(talk_through(tunnel), ASKED)
        for target, status in (("/reset/8", 502), ("/early", 413)):
            with rows(target), gateway.client() as client:
                client.send(asks(target)[0])
                equal(client.read().status, status)
        equal(gateway.get("/hello").text(), "hello", "the connection lives on")
        equal(origin.connections(), 1)


@case
def one_that_does_not_is_asked_in_plain_http():
    with H2Origin() as origin, Gateway([api("a", origin)]) as gateway:
        with gateway.client() as client:
            client.send(asks("/hello")[0])
            equal(client.read().text(), "hello")
        with H2Tunnel(gateway.port, target="/hello") as tunnel:
            equal(tunnel.status, 502)


main()
