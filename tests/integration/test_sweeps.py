#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Faults at every byte: whoever breaks off, and wherever, nobody takes a part for the whole, and
nothing is left behind. The full mode takes each byte, the quick one every so many and the edges."""
from concurrent.futures import ThreadPoolExecutor

from harness import *
from harness.asks import ask_by_http1, ask_by_http2
from harness.cases import MODE
from harness.frames import (ACK, DATA, END_STREAM, PREFACE, SETTINGS, FrameClient, answer_frames, frame, headers,
                            serves_frames, settings)

BODY = bytes(range(33, 127)) * 32  # 3,008 bytes, no two runs of which look alike at an offset
HEAD = b"HTTP/1.1 200 OK\r\nx-a: b\r\n"
FRAMINGS = {
    "length": HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY,
    "chunks": HEAD + b"transfer-encoding: chunked\r\n\r\n"
    + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (BODY[:1], BODY[1:900], BODY[900:]))
    + b"0\r\n\r\n",
}
REQUESTS = {
    "length": b"POST /up HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY,
    "chunks": b"POST /up HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
    + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (BODY[:1], BODY[1:900], BODY[900:]))
    + b"0\r\n\r\n",
}
PIECES = (1, 899)
HELLO = frame(SETTINGS, ACK, 0)
FRAMES = {f"frames {name}": b"".join(answer_frames(1, BODY, pieces=PIECES, has_length=has))
          for name, has in (("with a length", True), ("without a length", False))}
HELLO_OF_CLIENT = PREFACE + settings() + HELLO
UPLOAD = headers(1, end=False, method="POST", path="/up") + frame(DATA, 0, 1, BODY[:900]) \
    + frame(DATA, END_STREAM, 1, BODY[900:])


def offsets(raw, first=0):
    if MODE == "full":
        return range(first, len(raw))
    near = {0, 1, len(raw) - 1, len(raw) - 2, len(raw) - 4, len(raw) - 6}
    # The end of a head, or of what is said before one.
    end = b"\r\n\r\n" if raw.startswith((b"HTTP", b"POST")) else HELLO
    head = raw.index(end) if end in raw else 10
    near |= set(range(head - 1, head + 20))
    return sorted(n for n in near | set(range(0, len(raw), 41)) if n >= first)


def whole_or_nothing(answer, is_whole, what):
    """The answer is the whole body, or 502, or it does not end."""
    if answer and answer[0] == 200:
        check(is_whole, f"{what}: an answer of {len(answer[1])} bytes looks whole")
        equal(answer[1], BODY, what)
    elif answer:
        equal(answer[0], 502, what)


def each(values, do, at_once=8):
    """A reset that comes in one event with data is seen up to 0.2 s later: several wait together."""
    with ThreadPoolExecutor(at_once) as pool:
        for done in [pool.submit(do, value) for value in values]:
            done.result()


def upstream_breaks_off(framing, how, ask=ask_by_http1):
    """Each request tells, in its content, how much of the answer it shall get. Several upstreams, that no two
    requests share a connection by HTTP/2."""
    raw = FRAMINGS.get(framing) or FRAMES[framing]

    def cut(connection, at):
        connection.send(raw[:int(at)])
        connection.reset() if how == "reset" else connection.close()

    def by_http1(connection):
        if request := connection.read_request():
            cut(connection, request.body)

    def by_http2(peer):
        if request := peer.request():
            cut(peer.connection, request[1])
    is_http2 = framing in FRAMES
    backends = [Backend(serves_frames(by_http2) if is_http2 else by_http1) for _ in range(8)]
    addresses = [b.address.replace("http:", "h2:") if is_http2 else b.address for b in backends]
    with Gateway([api(f"a{i}", address) for i, address in enumerate(addresses)]) as gateway:
        def break_off_some(turn):
            for at in list(offsets(raw))[turn::len(backends)]:
                with rows(f"{framing}, {how} behind byte {at}"):
                    whole_or_nothing(ask(gateway.ports[turn], str(at)), False, "cut")
        each(range(len(backends)), break_off_some)
        whole = ask(gateway.port, str(len(raw)))
        if how == "close":
            equal(whole, (200, BODY), "what ended well")
        else:
            whole_or_nothing(whole, True, "reset behind the last byte")
        gateway.wait_until_empty()


@case(modes="quick full", seconds=300)
def an_upstream_that_resets_at_any_byte_of_a_counted_body():  # UP1
    upstream_breaks_off("length", "reset")


@case(modes="quick full", seconds=300)
def an_upstream_that_resets_at_any_byte_of_chunks():
    upstream_breaks_off("chunks", "reset")


@case(modes="quick full", seconds=300)
def an_upstream_that_closes_at_any_byte_of_a_counted_body():
    upstream_breaks_off("length", "close")


@case(modes="quick full", seconds=300)
def an_upstream_that_closes_at_any_byte_of_chunks():
    upstream_breaks_off("chunks", "close")


@case(modes="quick full", seconds=300)
def a_client_by_http2_whose_upstream_breaks_off_a_counted_body():
    upstream_breaks_off("length", "reset", ask_by_http2)
    upstream_breaks_off("length", "close", ask_by_http2)


@case(modes="quick full", seconds=300)
def a_client_by_http2_whose_upstream_breaks_off_chunks():
    upstream_breaks_off("chunks", "reset", ask_by_http2)
    upstream_breaks_off("chunks", "close", ask_by_http2)


@case(modes="quick full", seconds=300)
def an_upstream_by_http2_that_resets_at_any_byte():
    for framing in FRAMES:
        upstream_breaks_off(framing, "reset")


@case(modes="quick full", seconds=300)
def an_upstream_by_http2_that_closes_at_any_byte():
    for framing in FRAMES:
        upstream_breaks_off(framing, "close")


@case(modes="quick full", seconds=300)
def frames_on_both_sides_and_an_upstream_that_resets():
    for framing in FRAMES:
        upstream_breaks_off(framing, "reset", ask_by_http2)


@case(modes="quick full", seconds=300)
def frames_on_both_sides_and_an_upstream_that_closes():
    for framing in FRAMES:
        upstream_breaks_off(framing, "close", ask_by_http2)


@case(modes="quick full", seconds=300)
def an_upstream_that_resets_while_it_is_sent_to():
    """Behind each byte of the request that it reads."""
    wanted = []

    def script(connection):
        connection.reader.exactly(wanted[-1])
        connection.reset()
    for framing, raw in REQUESTS.items():
        with Backend(script) as backend, Gateway([api("a", backend)]) as gateway:
            for at in offsets(raw):
                wanted.append(at)
                with rows(f"{framing}, reset when {at} bytes were read"), \
                        gateway.client() as client:
                    client.send(raw)
                    try:
                        # Before a byte was taken, it may end the making of the connection.
                        one_of(client.read().status, (502, 503) if at == 0 else (502,))
                    except Closed:
                        pass
            gateway.wait_until_empty()


def client_breaks_off(framing, how):
    raw, whole = REQUESTS[framing], []

    def script(connection):
        while request := connection.read_request():
            whole.append(request)
            connection.send(reply(200, "ok"))
    # Resets that came with data are seen 0.2 s later: until then more connections count than are there.
    limits = configuration("limits", {"limits": {"connectionsPerAddress": 0}})
    with Backend(script) as backend, Gateway([api("a", backend), limits]) as gateway:
        for at in offsets(raw):
            with gateway.client() as client:
                client.send(raw[:at])
                if how == "reset":
                    client.reset()
                    continue
                client.half_close()
                with rows(f"{framing}, half-closed behind byte {at}"):
                    try:
                        equal(client.read().status, 400)
                    except Closed:
                        pass
        gateway.wait_until_empty()
        equal(whole, [], "requests that came whole")
        with gateway.client() as client:
            client.send(raw)
            client.half_close()
            equal(client.read().body, b"ok", "a whole request and then the client's end")  # UP3
        equal([r.body for r in whole], [BODY])
        gateway.wait_until_empty()


@case(modes="quick full", seconds=300)
def a_client_that_resets_at_any_byte_of_a_counted_body():  # UP2
    client_breaks_off("length", "reset")


@case(modes="quick full", seconds=300)
def a_client_that_resets_at_any_byte_of_chunks():
    client_breaks_off("chunks", "reset")


@case(modes="quick full", seconds=300)
def a_client_that_half_closes_at_any_byte_of_a_counted_body():
    client_breaks_off("length", "half-close")


@case(modes="quick full", seconds=300)
def a_client_that_half_closes_at_any_byte_of_chunks():
    client_breaks_off("chunks", "half-close")


def client_breaks_off_frames(how):
    raw, whole = HELLO_OF_CLIENT + UPLOAD, []

    def script(connection):
        while request := connection.read_request():
            whole.append(request)
            connection.send(reply(200, "ok"))
    limits = configuration("limits", {"limits": {"connectionsPerAddress": 0}})
    with Backend(script) as backend, Gateway([api("a", backend), limits]) as gateway:
        # From the first byte on that is not a preface's: what is shorter is of HTTP/1.1, and swept above.
        for at in offsets(raw, len(PREFACE)):
            with gateway.client() as client:
                client.send(raw[:at])
                if how == "reset":
                    client.reset()
                    continue
                client.half_close()
                with rows(f"half-closed behind byte {at}"):
                    client.reader.to_end()
        gateway.wait_until_empty()
        equal(whole, [], "requests that came whole")
        with FrameClient(gateway.port) as client:
            client.send(UPLOAD)
            client.half_close()
            equal(client.answer(1), (200, b"ok"), "a whole request and then the client's end")
        equal([r.body for r in whole], [BODY])
        gateway.wait_until_empty()


@case(modes="quick full", seconds=300)
def a_client_that_resets_at_any_byte_of_frames():
    client_breaks_off_frames("reset")


@case(modes="quick full", seconds=300)
def a_client_that_half_closes_at_any_byte_of_frames():
    client_breaks_off_frames("half-close")


main()
