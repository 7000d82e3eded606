#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Faults at every byte: whoever breaks off, and wherever, nobody takes a part for the whole, and
nothing is left behind. The full mode takes each byte, the quick one every so many and the edges."""
from concurrent.futures import ThreadPoolExecutor

from harness import *
from harness.cases import MODE

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


def offsets(raw):
    if MODE == "full":
        return range(len(raw))
    near = {0, 1, len(raw) - 1, len(raw) - 2, len(raw) - 4, len(raw) - 6}
    head = raw.index(b"\r\n\r\n")
    near |= set(range(head - 1, head + 9))
    return sorted(near | set(range(0, len(raw), 41)))


def whole_or_nothing(gateway, target, is_whole, what):
    """The answer is the whole body, or 502, or it does not end."""
    try:
        answer = gateway.get(target)
    except Closed:
        return
    if answer.status == 200:
        check(is_whole, f"{what}: an answer of {len(answer.body)} bytes looks whole")
        equal(answer.body, BODY, what)
    else:
        equal(answer.status, 502, what)


def each(values, do, at_once=8):
    """A reset that comes in one event with data is seen up to 0.2 s later: several wait together."""
    with ThreadPoolExecutor(at_once) as pool:
        for done in [pool.submit(do, value) for value in values]:
            done.result()


def upstream_breaks_off(framing, how):
    raw = FRAMINGS[framing]

    def script(connection):
        request = connection.read_request()
        connection.send(raw[:int(request.target[1:])])
        connection.reset() if how == "reset" else connection.close()
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway:
        def break_off(at):
            with rows(f"{framing}, {how} behind byte {at}"):
                whole_or_nothing(gateway, f"/{at}", False, "cut")
        each(offsets(raw), break_off)
        if how == "close":
            equal(gateway.get(f"/{len(raw)}").body, BODY)
        else:
            whole_or_nothing(gateway, f"/{len(raw)}", True, "reset behind the last byte")
        leaves_nothing(gateway)


def leaves_nothing(gateway):
    """No exchange, no connection but idle ones to the upstream. Gauges are read once a second."""
    def is_empty():
        m = gateway.metrics()
        return m["sluice_exchanges"] == m["sluice_connections"] == m["sluice_upstream_waiting"] == 0 \
            and m["sluice_upstream_connections"] == m["sluice_upstream_connections_idle"]
    wait_for(is_empty, "an empty gateway", 15)


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
            leaves_nothing(gateway)


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
        leaves_nothing(gateway)
        equal(whole, [], "requests that came whole")
        with gateway.client() as client:
            client.send(raw)
            client.half_close()
            equal(client.read().body, b"ok", "a whole request and then the client's end")  # UP3
        equal([r.body for r in whole], [BODY])
        leaves_nothing(gateway)


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


main()
