#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Frames of WebSockets through policies, over sockets."""
from harness import *
from harness.cases import FRAMING
from harness.websocket import (BINARY, CLOSE, PING, PONG, TEXT, close_payload, echo_frames, frame_bytes,
                               Peer, open_by, says_too_much, serves)

OPTIONS = ["--plugins", FRAMING]


def framing(**config):
    return {"policyRef": {"name": "framing"}, "config": config}


def gateway_of(backend, *policies, **limits):
    document = api("a", backend, policies=list(policies))
    if limits:
        document["spec"]["limits"] = limits
    return Gateway([document], options=OPTIONS)


@case
def policies_see_frames_of_both_directions():
    with Backend(serves(echo_frames)) as backend, gateway_of(backend, framing(mark="a"), framing(mark="b")) as gateway, \
            gateway.client() as client:
        peer = open_by(client, sec_websocket_extensions="permessage-deflate")
        equal(backend.requests[0].get("sec-websocket-extensions"), None)
        peer.text("x")
        equal(peer.read().payload, b"abbax")
        peer.send(PING, "p")
        equal((peer.read().opcode), PONG)
        peer.send(TEXT, "d-ropped")
        peer.send(TEXT, "y", final=False)
        peer.send(0, "z")
        equal([(f.opcode, f.payload, f.final) for f in (peer.read(), peer.read())],
              [(TEXT, b"abbay", False), (0, b"z", True)])
        peer.close(1000, "bye")
        equal(peer.read().payload, close_payload(1000, "bye"))
        client.close()
        record = gateway.records(1)[0]
        equal([record[name] for name in ("reason", "messagesIn", "closedBy")], ["ok", 3, "client"])


@case
def nothing_behind_a_close_is_shown():
    with Backend(serves(echo_frames)) as backend, gateway_of(backend, framing(mark="a")) as gateway, \
            gateway.client() as client:
        says_too_much(open_by(client))
        client.close()
        equal([gateway.records(1)[0][name] for name in ("reason", "closeStatus", "messagesIn")], ["ok", 3001, 0])


@case
def they_see_those_of_http2_alike():
    """What a browser opens by an extended CONNECT (RFC 8441)."""
    with Backend(serves(echo_frames)) as backend, gateway_of(backend, framing(mark="a")) as gateway:
        with H2Tunnel(gateway.port, sec_websocket_extensions="permessage-deflate") as tunnel:
            equal((tunnel.status, tunnel.headers.get("sec-websocket-extensions")), (200, None))
            equal(backend.requests[0].get("sec-websocket-extensions"), None)
            peer = Peer(tunnel, True)
            peer.text("x")
            equal(peer.read().payload, b"aax")
            data = b"0123456789" * 50000
            peer.send(BINARY, data)
            check(peer.read().payload == b"aa" + data, "half a megabyte, with a mark each way")
            peer.text("close")
            close = peer.read()
            equal((close.opcode, close.payload), (CLOSE, close_payload(1008, "not here")))
            peer.send(CLOSE, close.payload)
            tunnel.close()
            check(tunnel.is_closed(), "the gateway ends it")
        record = gateway.records(1)[0]
        equal([record[name] for name in ("protocol", "reason", "binding", "closeStatus", "messagesIn")],
              ["HTTP/2.0", "websocket_closed_by_policy", "default/a:framing", 1008, 3])


@case
def what_breaks_the_protocol_passes_no_policy_of_http2():
    for name, raw, status in WRONG[::4]:
        with rows(name), Backend(serves(echo_frames)) as backend, gateway_of(backend, framing()) as gateway, \
                H2Tunnel(gateway.port) as tunnel:
            tunnel.send(raw)
            equal(Peer(tunnel, True).expect_close().code, status)


@case
def large_frames_pass_in_pieces_and_byte_by_byte():
    with Backend(serves(echo_frames)) as backend, gateway_of(backend, framing()) as gateway, \
            gateway.client() as client:
        peer = open_by(client)
        for n in (0, 125, 126, 65536, 3 << 20):
            data = bytes(i * 7 & 255 for i in range(997)) * (n // 997 + 1)
            peer.send(BINARY, data[:n])
            check(peer.read().payload == data[:n], f"{n} bytes")
        client.send_slowly(frame_bytes(TEXT, "slow κόσμε".encode(), mask=True))
        equal(peer.read().payload, "slow κόσμε".encode())


@case
def a_policy_closes_both_sides():
    closed = []

    def talk(peer):
        closed.append(peer.expect_close())
        peer.send(CLOSE, closed[0].payload)
    with Backend(serves(talk)) as backend, gateway_of(backend, framing()) as gateway, gateway.client() as client:
        peer = open_by(client)
        peer.text("close")
        close = peer.read()
        equal((close.opcode, close.payload), (CLOSE, close_payload(1008, "not here")))
        peer.send(CLOSE, close.payload)
        check(client.is_closed(), "the gateway ends it")
        wait_for(lambda: closed, "the upstream's close")
        equal(closed[0].payload, close_payload(1008, "not here"))
        record = gateway.records(1)[0]
        equal([record[name] for name in ("reason", "binding", "closeStatus", "closedBy")],
              ["websocket_closed_by_policy", "default/a:framing", 1008, "gateway"])


@case
def a_policy_that_fails_closes_with_1011():
    with Backend(serves(echo_frames)) as backend, gateway_of(backend, framing()) as gateway, \
            gateway.client() as client:
        peer = open_by(client)
        peer.text("fail")
        equal(peer.expect_close().code, 1011)
        equal(gateway.records(1)[0]["reason"], "policy_failed")


@case
def what_is_injected_reaches_both():
    with Backend(serves(echo_frames)) as backend, gateway_of(backend, framing(mark="own")) as gateway, \
            gateway.client() as client:
        peer = open_by(client)
        peer.text("inject")
        got = [peer.read().payload for _ in range(3)]
        equal(sorted(got), [b"own", b"owninject", b"ownown"])


@case
def messages_are_collected_up_to_their_bound():
    with Backend(serves(echo_frames)) as backend, gateway_of(backend, framing(collect=20)) as gateway, \
            gateway.client() as client:
        peer = open_by(client)
        peer.send(TEXT, "hello ", final=False)
        peer.send(0, "world")
        frame = peer.read()
        equal((frame.final, frame.payload), (True, b"hello world"))
        peer.text("x" * 21)
        equal(peer.expect_close().code, 1009)
        equal(gateway.records(1)[0]["reason"], "websocket_too_large")


WRONG = [
    ("no mask", frame_bytes(TEXT, "x"), 1002),
    ("reserved bits", frame_bytes(TEXT, "x", mask=True, reserved=4), 1002),
    ("an unknown opcode", frame_bytes(3, "x", mask=True), 1002),
    ("a fragmented ping", frame_bytes(PING, "x", final=False, mask=True), 1002),
    ("a long ping", frame_bytes(PING, "x" * 126, mask=True), 1002),
    ("a continuation of nothing", frame_bytes(0, "x", mask=True), 1002),
    ("no text", frame_bytes(TEXT, b"\xff", mask=True), 1007),
    ("cut text", frame_bytes(TEXT, b"a\xce", mask=True), 1007),
    ("a status that is none", frame_bytes(CLOSE, close_payload(1005), mask=True), 1002),
    ("half a status", frame_bytes(CLOSE, b"\x03", mask=True), 1002),
]


@case
def what_breaks_the_protocol_passes_no_policy():
    for name, raw, status in WRONG:
        with rows(name), Backend(serves(echo_frames)) as backend, gateway_of(backend, framing()) as gateway, \
                gateway.client() as client:
            peer = open_by(client)
            client.send(raw)
            close = peer.read()
            equal((close.opcode, close.code), (CLOSE, status))


@case
def a_drain_waits_for_the_frame_that_is_shown():
    with Backend(serves(echo_frames)) as backend, gateway_of(backend, framing(mark="a")) as gateway, \
            gateway.client() as client:
        peer = open_by(client)
        raw = frame_bytes(BINARY, b"x" * 1000, mask=True)
        client.send(raw[:600])
        document = api("a", backend, port=gateway.port, policies=[framing(mark="b")])
        gateway.save("gateway.yaml", [document])
        close = peer.read()
        equal((close.opcode, close.code), (CLOSE, 1012))
        client.send(raw[600:] + frame_bytes(CLOSE, close.payload, mask=True))
        check(client.is_closed(), "the gateway ends it")
        record = gateway.records(1)[0]
        equal((record["reason"], record["messagesIn"]), ("websocket_drained", 1))


main()
