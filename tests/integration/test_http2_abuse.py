#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a hostile client does to HTTP/2: each ends in a GOAWAY within its budget, with a reason of its own,
and nobody else notices."""
import multiprocessing
import signal
import struct
import threading
import time

from harness import *
from harness.frames import *
from harness.ledger import LedgerOrigin


def told_off(what, abuse, reason, code=ENHANCE_YOUR_CALM, backend=None, config=()):
    """Runs `abuse` of a connection while another client is served; both find what they should."""
    with Backend(backend or reply(200, "ok")) as origin, \
            Gateway([api("a", origin), *config]) as gateway:
        with FrameClient(gateway.port) as client, FrameClient(gateway.port) as other:
            abuse(client)
            equal(client.goaway(), code, what)
            other.send(headers(1))
            equal(other.answer(1)[0], 200, "another client's answer")
        metric = f'sluice_http2_goaways_total{{reason="{reason}"}}'
        wait_for(lambda: gateway.metrics().get(metric) == 1, metric)
        gateway.says(reason)
        return gateway, origin


@case
def rapid_resets():
    def abuse(client):
        for stream in range(1, 1000, 2):
            client.send(headers(stream) + rst(stream))
    told_off("resets", abuse, "premature_resets")


@case
def resets_of_streams_that_were_answered():
    """Not premature, since there was an answer; their number alone is too much."""
    def stall(connection):
        while connection.read_head():
            connection.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello")
            connection.read_head()

    def abuse(client):
        # Many at a time: the budget refills while a slow machine is about it.
        for first in range(1, 1441, 180):
            streams = range(first, first + 180, 2)
            client.send(b"".join(headers(stream) for stream in streams))
            heads = 0
            while heads < len(streams) and (f := client.read_frame()):
                heads += f.kind == HEADERS
            client.send(b"".join(rst(stream) for stream in streams))
            client.send(frame(PING, 0, 0, b"12345678"))
            client.until(PING, 0)
            if any(f.kind == GOAWAY for f in client.seen):
                break
    with Backend(stall) as backend, Gateway([api("a", backend)]) as gateway:
        with FrameClient(gateway.port) as client:
            abuse(client)
            equal(client.goaway(), ENHANCE_YOUR_CALM)
        metric = 'sluice_http2_goaways_total{reason="resets"}'
        wait_for(lambda: gateway.metrics().get(metric) == 1, metric)


# --- resets that the server is made to send (CVE-2025-8671) ---------------------------------------

PRIMITIVES = {
    "a window opened by nothing": lambda s: window_update(s, 0),
    "a window too wide": lambda s: window_update(s, 0x7fffffff) * 2,
    "a malformed field": lambda s: b"",
    "content on a half-closed stream": lambda s: frame(DATA, 0, s, b"x"),
    "a head on a half-closed stream": lambda s: headers(s),
    "a priority of wrong length": lambda s: frame(PRIORITY, 0, s, b"xxxx"),
    "a dependency on itself": lambda s: frame(PRIORITY, 0, s, struct.pack(">IB", s, 16)),
}


@case(seconds=90)
def resets_that_the_server_is_made_to_send():
    """Whatever makes it do so: the stream dies, and they are counted as the client's own are. At three quarters
    of the budget no further stream is taken (NO_ERROR); a connection whose streams are over ends with that."""
    with Backend(reply(200, "ok")) as backend, Gateway([api("a", backend)]) as gateway:
        for name, primitive in PRIMITIVES.items():
            with rows(name), FrameClient(gateway.port) as client:
                for stream in range(1, 400, 2):
                    bad = [("Upper", "x")] if name == "a malformed field" else []
                    client.send(headers(stream, fields=bad) + primitive(stream))
                check(client.goaway() in (NO_ERROR, PROTOCOL_ERROR, FLOW_CONTROL_ERROR, 5, 6,
                                          ENHANCE_YOUR_CALM), "no GOAWAY")
        equal(gateway.get("/").status, 200)
        wait_for(lambda: gateway.status() and gateway.memory_kib() < 200000, "memory")


@case(seconds=90)
def work_that_resets_leave_behind_is_bounded():
    """The upstream never answers: whatever resets its streams, a client has no more there than it may have
    open, and nothing once it is gone."""
    with Backend(lambda connection: connection.read_head() and connection.read_head()) as backend, \
            Gateway([api("a", backend)]) as gateway:
        for name, primitive in PRIMITIVES.items():
            with rows(name), FrameClient(gateway.port) as client:
                for stream in range(1, 600, 2):
                    client.send(headers(stream) + primitive(stream))
                    check(len(backend.live) <= 110, f"{len(backend.live)} at a time")
                client.send(frame(GOAWAY, 0, 0, b"\0" * 8))
        gateway.wait_until_empty()


# --- heads -----------------------------------------------------------------------------------------

@case
def continuations_without_end():
    def abuse(client):
        client.send(frame(HEADERS, END_STREAM, 1, block()))
        for _ in range(100):
            client.send(frame(CONTINUATION, 0, 1, field("x-a", "b" * 2000)))
    told_off("continuations", abuse, "continuations")


@case
def empty_continuations():
    def abuse(client):
        client.send(frame(HEADERS, END_STREAM, 1, block()))
        client.send(frame(CONTINUATION, 0, 1) * 1000)
    told_off("continuations", abuse, "continuations")


def bomb(value_bytes, references):
    """One entry of the dynamic table, and many references of a byte to it."""
    entry = b"\x40\x01x" + b"\x7f" + _length(value_bytes - 127) + b"v" * value_bytes
    return block() + entry + b"\xbe" * references


def _length(n):
    out = b""
    while n >= 128:
        out += bytes([n % 128 + 128])
        n //= 128
    return out + bytes([n])


@case
def a_bomb_of_references():
    def abuse(client):
        client.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, bomb(3900, 12000)))
    told_off("HPACK bomb", abuse, "header_list")


@case
def a_bomb_of_tiny_references():
    def abuse(client):
        client.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, bomb(128, 12000)))
    told_off("HPACK bomb", abuse, "header_list")


def huffman_bomb():
    """The longest codes there are: 30 bits for a byte."""
    coded = b"\xff" * 3000
    return block() + b"\x10\x01x" + b"\xff" + _length(len(coded) - 127) + coded


BOMBS = {"large entries": bomb(3900, 12000), "small entries": bomb(128, 12000), "codes": huffman_bomb(),
         "sizes of the table": (b"\x20\x3f\xe1\x1f" * 4000)[:16000], "a size too large": b"\x3f\xe1\xff\x03" + block()}


@case(seconds=90)
def bombs_cost_little_memory():
    """Whatever a block of fields unfolds to, and as often as it is tried anew."""
    with Backend(reply(200, "ok")) as backend, Gateway([api("a", backend)]) as gateway:
        with FrameClient(gateway.port) as client:
            client.send(headers(1))
            equal(client.answer(1)[0], 200)
        for name, one in BOMBS.items():
            before = gateway.memory_kib()
            for _ in range(20):
                with FrameClient(gateway.port) as client:
                    client.send(b"".join(frame(HEADERS, END_STREAM | END_HEADERS, s, one)
                                         for s in range(1, 21, 2)) + frame(PING, 0, 0, b"12345678"))
                    while (f := client.read_frame()) and f.kind not in (PING, GOAWAY):
                        pass
            grown = gateway.memory_kib() - before
            with rows(name):
                check(grown <= 4096 * SCALE, f"grew by {grown} KiB")
        equal(gateway.get("/").status, 200)


@case
def a_head_that_is_too_large_is_answered_once():
    large = [(f"x-{i}", "v" * 4000) for i in range(18)]

    def head(stream):
        whole = block(fields=large)
        parts = [whole[i:i + 16000] for i in range(0, len(whole), 16000)]
        out = frame(HEADERS, END_STREAM, stream, parts[0])
        for i, part in enumerate(parts[1:], 2):
            out += frame(CONTINUATION, END_HEADERS if i == len(parts) else 0, stream, part)
        return out
    with Backend(reply(200, "ok")) as backend, Gateway([api("a", backend)]) as gateway:
        with FrameClient(gateway.port) as client:
            client.send(head(1))
            client.answer(1)
            equal(gateway.records(1)[0]["status"], 431)
            client.send(headers(3))
            equal(client.answer(3), (200, b"ok"))
            client.send(head(5))
            equal(client.goaway(), ENHANCE_YOUR_CALM)
        equal(len(backend.requests), 1)


@case
def cookie_crumbs():
    with Backend(reply(200, "ok")) as backend, Gateway([api("a", backend)]) as gateway:
        with FrameClient(gateway.port) as client:
            client.send(headers(1, fields=[("cookie", f"a{i}=b") for i in range(200)]))
            equal(client.answer(1), (200, b"ok"), "as many as a browser may have")
            client.send(headers(3, fields=[("cookie", "a=b")] * 300))
            client.answer(3)
            equal([r["status"] for r in gateway.records(2)], [200, 431])


@case
def a_head_that_never_ends():
    limits = configuration("c", {"limits": {"headSeconds": 0.5}})

    def abuse(client):
        client.send(frame(HEADERS, END_STREAM, 1, block()))
    told_off("head", abuse, "stalled", config=[limits])


# --- frames that move nothing ----------------------------------------------------------------------

FLOODS = {
    "settings": settings((4, 65535)),
    "pings": frame(PING, 0, 0, b"12345678"),
    "priorities": frame(PRIORITY, 0, 1, b"\0\0\0\3\x10"),
    "windows": window_update(0, 1),
    "unknown frames": frame(0xbb, 0, 0, b"x"),
    "resets of nothing": rst(1),
}


@case
def floods_of_frames_that_move_nothing():
    with Backend(reply(200, "ok")) as backend, Gateway([api("a", backend)]) as gateway:
        for name, one in FLOODS.items():
            with rows(name), FrameClient(gateway.port) as client:
                client.send(headers(1))
                equal(client.answer(1), (200, b"ok"))
                client.send(one * 4000)
                equal(client.goaway(), ENHANCE_YOUR_CALM)

        def told_off():
            metrics = gateway.metrics()
            return sum(metrics[f'sluice_http2_goaways_total{{reason="{r}"}}']
                       for r in ("glitches", "unsent_acks"))
        try:
            wait_for(lambda: told_off() == len(FLOODS), "a reason for each")
        except AssertionError:
            print({k: v for k, v in gateway.metrics().items() if "goaways" in k})
            raise


@case
def empty_content():
    def abuse(client):
        client.send(headers(1, end=False, method="POST"))
        client.send(frame(DATA, 0, 1) * 3000)
    told_off("empty DATA", abuse, "glitches")


@case
def settings_with_too_many_entries():
    def abuse(client):
        client.send(settings(*[(4, 65535)] * 40))
    told_off("settings", abuse, "protocol")


@case
def a_loop_of_dependencies():
    """There is no tree of priorities to loop in: they are taken for noise."""
    with Backend(reply(200, "ok")) as backend, Gateway([api("a", backend)]) as gateway:
        with FrameClient(gateway.port) as client:
            for a, b in ((1, 3), (3, 5), (5, 1)):
                client.send(frame(PRIORITY, 0, a, struct.pack(">IB", 0x80000000 | b, 16)))
            client.send(headers(7))
            equal(client.answer(7), (200, b"ok"))


# --- windows ---------------------------------------------------------------------------------------

@case(seconds=90)
def shut_windows_hold_little_memory():
    """99 streams of a megabyte each, and a client that never opens a window."""
    big = reply(200, "x" * 1000000)
    with Backend(big) as backend, Gateway([api("a", backend)]) as gateway:
        before = gateway.memory_kib()
        with FrameClient(gateway.port, (4, 0)) as client:
            for stream in range(1, 199, 2):
                client.send(headers(stream))
            for _ in range(99):
                client.until(HEADERS)
            wait_for(lambda: len(backend.requests) == 99, "all requests")
            grown = gateway.memory_kib() - before
            check(grown < 20000 * SCALE, f"grew by {grown} KiB")
            with FrameClient(gateway.port) as other:
                other.send(window_update(0, 1000000) + headers(1))
                check(other.until(HEADERS, 1), "another client")


@case
def a_window_that_stays_shut_costs_its_stream():
    limits = configuration("c", {"http2": {"windowStallSeconds": 0.5}})
    with Backend(reply(200, "x" * 1000)) as backend, Gateway([api("a", backend), limits]) as gateway:
        with FrameClient(gateway.port, (4, 0)) as client:
            client.send(headers(1))
            equal(client.answer(1), (None, CANCEL))
            client.send(settings((4, 65535)) + headers(3))
            equal(client.answer(3)[0], 200)


@case
def windows_of_one_byte():
    with Backend(reply(200, "hello")) as backend, Gateway([api("a", backend)]) as gateway:
        with FrameClient(gateway.port, (4, 1)) as client:
            client.send(headers(1))
            content = b""
            while True:
                f = client.until(DATA, 1)
                content += f.payload
                if f.flags & END_STREAM:
                    break
                client.send(window_update(1, 1))
            equal(content, b"hello")


# --- budgets of the operator ------------------------------------------------------------------------

def resets_behind_heads(client):
    """Not premature: there was an answer."""
    for stream in range(1, 61, 2):
        client.send(headers(stream))
        client.until(HEADERS, stream)
        client.send(rst(stream))


def unread_pings(client):
    client.send(frame(PING, 0, 0, b"12345678") * 60)


SMALL = {
    "resets": ({"resets": 10, "resetsPerSecond": 0}, resets_behind_heads, ENHANCE_YOUR_CALM),
    "premature_resets": (
        {"prematureResetsPercent": 10, "prematureResetsMinimum": 10, "resets": 100000},
        lambda c: [c.send(headers(s) + rst(s)) for s in range(1, 81, 2)], ENHANCE_YOUR_CALM),
    "glitches": ({"glitches": 50, "glitchesPerSecond": 0},
                 lambda c: c.send(frame(PRIORITY, 0, 1, b"\0\0\0\3\x10") * 60), ENHANCE_YOUR_CALM),
    "continuations": ({"continuations": 2}, lambda c: c.send(
        frame(HEADERS, END_STREAM, 1, block())
        + frame(CONTINUATION, 0, 1, field("x-a", "b" * 2000)) * 4), ENHANCE_YOUR_CALM),
    "protocol": ({"settingsEntries": 10},
                 lambda c: c.send(settings(*[(4, 65535)] * 11)), ENHANCE_YOUR_CALM),
    "unsent_acks": ({"unsentAcks": 10, "glitches": 1000000}, unread_pings, ENHANCE_YOUR_CALM),
}


@case
def budgets_are_the_operators():
    """Each abuse is far below what the default allows: with it, none ends the connection."""
    def stall(connection):
        while connection.read_head():
            connection.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello")
            connection.read_head()

    with Backend(stall) as backend:
        for reason, (budgets, abuse, code) in SMALL.items():
            with rows(reason), Gateway([
                    api("a", backend), configuration("c", {"http2": {"budgets": budgets}})]) as gateway:
                with FrameClient(gateway.port) as client:
                    abuse(client)
                    equal(client.goaway(), code)
                metric = f'sluice_http2_goaways_total{{reason="{reason}"}}'
                wait_for(lambda: gateway.metrics().get(metric) == 1, metric)
        with Gateway([api("a", backend)]) as gateway:
            for reason, (_, abuse, _) in SMALL.items():
                if reason == "continuations":
                    continue  # its block never ends
                with rows(f"{reason} with the defaults"), FrameClient(gateway.port) as client:
                    abuse(client)
                    client.send(headers(1001))
                    check(client.until(HEADERS, 1001), "an answer")


@case
def a_head_as_large_as_allowed_may_come_in_many_frames():
    """limits.headBytes decides how many CONTINUATIONs it takes, unless they are counted by themselves."""
    limits = configuration("c", {"limits": {
        "headBytes": 262144, "headFields": 1000, "fieldValueBytes": 4096}})
    whole = block(fields=[(f"x-{i}", "v" * 4000) for i in range(60)])
    parts = [whole[i:i + 16384] for i in range(0, len(whole), 16384)]
    with Backend(reply(200, "ok")) as backend, Gateway([api("a", backend), limits]) as gateway:
        with FrameClient(gateway.port) as client:
            check(len(parts) > 10, len(parts))
            client.send(frame(HEADERS, END_STREAM, 1, parts[0])
                        + b"".join(frame(CONTINUATION, 0, 1, part) for part in parts[1:-1])
                        + frame(CONTINUATION, END_HEADERS, 1, parts[-1]))
            client.answer(1)
            equal(gateway.records(1)[0]["status"], 200)


# 576 KiB of content, two pages and what else belongs to it of each.
HUNDRED_STILL_KIB = 2048


@case(modes="full", serial=True, seconds=240)
def a_hundred_large_answers_wait_for_their_windows():
    """What their upstreams have sent stands there, but for a page or two of each; then all of it comes."""
    size, streams = 10_000_000, range(1, 200, 2)
    patient = configuration("c", {"http2": {"windowStallSeconds": 600}})
    with Backend(reply(200, "x" * size)) as backend, Gateway([api("a", backend), patient]) as gateway:
        before = gateway.memory_kib()
        with FrameClient(gateway.port, (4, 0), timeout=60) as client:
            client.reader.is_recording = False
            client.send(b"".join(headers(stream) for stream in streams))
            for _ in streams:
                client.until(HEADERS)
            wait_for(lambda: len(backend.requests) == len(streams), "all requests")
            grown = gateway.memory_kib() - before
            check(grown < HUNDRED_STILL_KIB * SCALE, f"grew by {grown} KiB")
            client.send(settings((4, 0x7fffffff)) + window_update(0, 0x7fff0000))
            left, ended, most = {s: size for s in streams}, 0, 0
            while ended < len(streams):
                f = client.until(DATA)
                client.seen.clear()
                left[f.stream] -= len(f.payload)
                if f.flags & END_STREAM:
                    equal(left[f.stream], 0, f"stream {f.stream}")
                    ended += 1
                    most = max(most, gateway.memory_kib() - before)
            print(f"    grew by {grown} KiB while nothing was taken, by {most} KiB while it was")
            check(most < 2 * HUNDRED_STILL_KIB * SCALE, f"grew by {most} KiB")


WIDE = 0x7fff0000
STANDING_STILL = {
    "windows of streams": ((4, 0), WIDE, True),
    "the connection's window": ((4, 0x7fffffff), 0, True),
    "windows as they are at first": ((4, 65535), 0, True),
    "a transport that is not read": ((4, 0x7fffffff), WIDE, False),
}


@case(modes="full", serial=True, seconds=240)
def however_a_hundred_stand_still():
    patient = configuration("c", {"http2": {"windowStallSeconds": 600}})
    for name, (first, window, reads) in STANDING_STILL.items():
        with rows(name), Backend(reply(200, "x" * 10_000_000)) as backend, \
                Gateway([api("a", backend), patient]) as gateway:
            before = gateway.memory_kib()
            with FrameClient(gateway.port, first, timeout=60) as client:
                client.send((window_update(0, window) if window else b"")
                            + b"".join(headers(stream) for stream in range(1, 200, 2)))
                for _ in range(100 if reads else 0):
                    client.until(HEADERS)
                wait_for(lambda: len(backend.requests) == 100, "all requests")
                grown = gateway.memory_settled_kib() - before
                print(f"    {name}: grew by {grown} KiB")
                check(grown < HUNDRED_STILL_KIB * SCALE, f"grew by {grown} KiB")


@case
def a_stream_goes_on_beside_those_that_stand_still():
    """They have what the connection may hold: it gets on in pieces, and whole."""
    size = 1_000_000
    with Backend(reply(200, "x" * size)) as backend, Gateway([api("a", backend)]) as gateway:
        with FrameClient(gateway.port, (4, 0)) as client:
            client.send(b"".join(headers(stream) for stream in range(1, 60, 2)))
            for _ in range(30):
                client.until(HEADERS)
            client.send(headers(61) + window_update(61, WIDE) + window_update(0, WIDE))
            got = 0
            while got < size:
                got += len(client.until(DATA, 61).payload)
                client.seen.clear()
            equal(got, size)


# --- too many streams ------------------------------------------------------------------------------

@case
def streams_beyond_those_allowed_are_refused():
    """Its SETTINGS are not acknowledged, so that the client may not know yet."""
    limits = configuration("c", {"http2": {"maxConcurrentStreams": 10}})

    def stall(connection):
        connection.read_head()
        wait_for(lambda: done, "the end")
    done = []
    with Backend(stall) as backend, Gateway([api("a", backend), limits]) as gateway:
        with FrameClient(gateway.port) as client:
            for stream in range(1, 25, 2):
                client.send(headers(stream))
            refused = [client.until(RST_STREAM) for _ in range(2)]
            equal([struct.unpack(">I", f.payload)[0] for f in refused], [REFUSED_STREAM] * 2)
            wait_for(lambda: len(backend.requests) == 10, "ten requests")
            done.append(1)


@case
def a_stream_is_not_used_twice():
    """Nor one below the last: its connection ends (RFC 9113 5.1.1)."""
    with Backend(reply(200, "ok")) as backend, Gateway([api("a", backend)]) as gateway:
        for again in (1, 3, 2):
            with rows(f"stream {again}"), FrameClient(gateway.port) as client:
                for stream in (1, 5):
                    client.send(headers(stream))
                    equal(client.answer(stream), (200, b"ok"))
                client.send(headers(again))
                one_of(client.goaway(), (PROTOCOL_ERROR, STREAM_CLOSED), "the code")
        equal(len(backend.requests), 6)


@case
def a_broken_preface():
    with Backend(reply(200, "ok")) as backend, Gateway([api("a", backend)]) as gateway:
        with gateway.client() as client:
            client.send("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + "\0" * 40)
            answered = client.reader.to_end()
            check(b"HTTP/1" not in answered, answered)
            equal(answered[answered.find(b"\0\0\x08\x07"):][13:17], b"\0\0\0\1")


# --- what others feel -------------------------------------------------------------------------------

# Each less than what a connection that is being closed still reads, so that it does not wait for its time.
ABUSES = {
    "resets": b"".join(headers(s) + rst(s) for s in range(1, 1000, 2)),
    "provoked resets": b"".join(headers(s) + window_update(s, 0) for s in range(1, 1000, 2)),
    "continuations": frame(HEADERS, END_STREAM, 1, block())
    + b"".join(frame(CONTINUATION, 0, 1, field("x-a", "b" * 2000)) for _ in range(20)),
    "references": frame(HEADERS, END_STREAM | END_HEADERS, 1, bomb(3900, 12000)),
    "pings": headers(1) + FLOODS["pings"] * 3000,
    "empty content": headers(1, end=False, method="POST") + frame(DATA, 0, 1) * 3000,
}


class Abuser:
    """A process that has one connection at a time, each abused as fast as it goes."""

    def __init__(self, port, abuse):
        self.told, told = multiprocessing.Pipe(False)
        self.process = multiprocessing.get_context("fork").Process(target=self._run, args=(port, abuse, told))
        self.process.start()
        told.close()

    @staticmethod
    def _run(port, abuse, told):
        is_over = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: is_over.set())
        times, without = [], 0
        while not is_over.is_set():
            began = time.monotonic()
            with FrameClient(port, timeout=60) as client:
                try:
                    client.send(abuse)
                except OSError:
                    pass  # it was closed meanwhile
                without += client.goaway() is None
            times.append(time.monotonic() - began)
        told.send((times, without))

    def stop(self):
        """How long each connection was suffered, in seconds; and how many ended without a GOAWAY."""
        self.process.terminate()
        told = self.told.recv()
        self.process.join()
        return told


def p99_of(gateway, seconds):
    """In milliseconds, of requests one behind the other."""
    times, end = [], time.monotonic() + seconds
    with FrameClient(gateway.port, timeout=60) as client:
        for stream in range(1, 10 ** 6, 2):
            began = time.monotonic()
            client.send(headers(stream, path="/n/00000000deadbeef?size=0"))
            equal(client.answer(stream)[0], 200)
            times.append(time.monotonic() - began)
            if began > end:
                return sorted(times)[len(times) * 99 // 100] * 1000


@case(modes="full", serial=True, seconds=180)
def others_hardly_notice_a_connection_that_is_abused():
    """All on one worker. The abused connection may cost as much time again as others take on this machine at
    this time, and what a turn of its work takes."""
    with LedgerOrigin() as origin, Gateway([api("a", origin)], workers=1) as gateway:
        p99_of(gateway, 0.5)
        alone = [p99_of(gateway, 2)]
        for name, abuse in ABUSES.items():
            abuser = Abuser(gateway.port, abuse)
            beside = p99_of(gateway, 2)
            times, without = abuser.stop()
            alone.append(p99_of(gateway, 1))
            print(f"    {name}: p99 {beside:.1f} ms, alone {alone[-2]:.1f} and {alone[-1]:.1f} ms; {len(times)} "
                  f"connections, ended in {sorted(times)[len(times) // 2] * 1000:.0f} ms, {max(times) * 1000:.0f} at "
                  f"most; {without} without a GOAWAY")
            with rows(name):
                check(beside <= 4 * max(alone) + 50 * SCALE, f"{beside:.1f} ms, alone {max(alone):.1f}")
                check(max(times) < 5 * SCALE, f"suffered for {max(times):.1f} s")


main()
