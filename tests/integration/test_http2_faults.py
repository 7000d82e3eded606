#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Peers that break HTTP/2 at each kind of moment, on either side: nobody takes a part for the whole, whoever
has done nothing is served, and the access log has what the client got."""
import struct

from harness import *
from harness.asks import ask_by_http1, ask_by_http2
from harness.frames import *

BODY = bytes(range(33, 127)) * 32
PIECES = (1, 899)
MOMENTS = len(answer_frames(1, BODY, pieces=PIECES)) + 1  # the last: behind all of it


# What a peer may do without harm, with bytes of a stream or its connection.
HARMLESS = {
    "an unknown frame": lambda s: frame(0xbb, 0, 0, b"x"),
    "an unknown frame of the stream": lambda s: frame(0xbb, 0xff, s, b"x" * 100),
    "a ping": lambda s: frame(PING, 0, 0, b"12345678"),
    "settings": lambda s: settings((3, 50)),
    "a priority": lambda s: frame(PRIORITY, 0, s, b"\0\0\0\0\x10"),
    "a wider window": lambda s: window_update(0, 1),
    "a last stream": lambda s: goaway(s),
}
# What ends the stream.
ENDS_STREAM = {
    "an error of its own": lambda s: rst(s, INTERNAL_ERROR),
    "a reset without an error": lambda s: rst(s, NO_ERROR),
    "a cancel": lambda s: rst(s, CANCEL),
    "a window too wide": lambda s: window_update(s, 0x7fffffff),
}
# What ends the connection.
ENDS_CONNECTION = {
    "content of no stream": lambda s: frame(DATA, 0, 0, b"x"),
    "a field block that is none": lambda s: frame(HEADERS, END_HEADERS, s, b"\xff" * 20),
    "a window of settings too wide": lambda s: settings((4, 0x80000000)),
    "a window opened by nothing": lambda s: window_update(s, 0),
    "a window of the connection opened by nothing": lambda s: window_update(0, 0),
    "a continuation of nothing": lambda s: frame(CONTINUATION, END_HEADERS, s, b""),
    "a frame too long": lambda s: b"\xff\xff\xff\0\0\0\0\0\x01",
    "HTTP/1.1": lambda s: b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "a ping too short": lambda s: frame(PING, 0, 0, b"1234"),
}
OF_UPSTREAMS = {
    "no stream is served": lambda s: goaway(0),
    "a promise": lambda s: frame(PUSH, END_HEADERS, s, struct.pack(">I", 2) + b"\x88"),
    "a second head": lambda s: answer_frames(s, BODY)[0],
}


# --- upstreams -------------------------------------------------------------------------------------

def close(peer):
    peer.connection.close()


def half_close(peer):
    peer.connection.half_close()


def reset(peer):
    peer.connection.reset()


ENDS = {"a close": close, "a half-close": half_close, "a reset": reset}
MISDEEDS = {**HARMLESS, **ENDS_STREAM, **ENDS_CONNECTION, **OF_UPSTREAMS, **ENDS}


def misbehaves(peer):
    """Answers each request; what it does besides, and before which frame, stands in the content."""
    while request := peer.request():
        stream, (name, moment) = request[0], (request[1].decode() or "@0").split("@")
        frames = answer_frames(stream, BODY, pieces=PIECES)
        before, behind = b"".join(frames[:int(moment)]), b"".join(frames[int(moment):])
        try:
            if name in ENDS:
                peer.send(before)
                ENDS[name](peer)
                peer.send(behind)
            else:  # at once: a client that has its answer asks again
                peer.send(before + (MISDEEDS[name](stream) if name else b"") + behind)
        except OSError:
            return


def reconcile(gateway, outcomes, unseen=()):
    """`outcomes`: {target: whether the client got the whole right answer}. Each has one record, that says so;
    those in `unseen` may have none, as the client was gone before it was read."""
    gateway.wait_until_empty()
    gateway.stop()  # all records are written
    records = {target: [] for target in outcomes}
    for record in gateway.records_now():
        records[record["target"]].append((record["status"], record["reason"]))
    for target, is_whole in outcomes.items():
        with rows(target):
            found = records[target]
            one_of(len(found), (0, 1) if target in unseen else (1,), "records")
            equal(found == [(200, "ok")], is_whole, f"whole, by {found}")


def upstreams_misbehave(ask):
    outcomes = {}
    with Backend(serves_frames(misbehaves)) as backend, \
            Gateway([api("a", f"h2://{backend.authority}")]) as gateway:
        for i, name in enumerate(MISDEEDS):
            for moment in range(MOMENTS):
                target = f"/{i}/{moment}"
                with rows(f"{name}, before frame {moment}"):
                    answer = ask(gateway.port, f"{name}@{moment}", target)
                    outcomes[target] = answer == (200, BODY)
                    is_whole = name in HARMLESS or moment == MOMENTS - 1
                    check(outcomes[target] if is_whole else answer is None or answer[0] == 502,
                          f"{answer and (answer[0], len(answer[1]))}")
                with rows(f"the next, after {name} before frame {moment}"):
                    target = f"/{i}/{moment}/next"
                    equal(ask(gateway.port, target=target), (200, BODY))
                    outcomes[target] = True
        reconcile(gateway, outcomes)


@case(seconds=120)
def upstreams_that_misbehave_before_a_client_by_http1():
    upstreams_misbehave(ask_by_http1)


@case(seconds=120)
def upstreams_that_misbehave_before_a_client_by_http2():
    upstreams_misbehave(ask_by_http2)


@case
def an_upstream_that_leaves_behind_its_settings_is_not_waited_for():
    def greet_and_leave(connection):
        connection.send(settings())
        connection.half_close()
        connection.reader.to_end()
    with Backend(greet_and_leave) as backend, Gateway([api("a", f"h2://{backend.authority}")]) as gateway:
        answer = gateway.get("/")
        record = gateway.records(1)[0]
        equal((answer.status, record["reason"], record["upstream"]), (502, "upstream_reset", backend.authority))


# --- clients ---------------------------------------------------------------------------------------

UPLOAD = bytes(range(97, 123)) * 40
# More than waits in the gateway for a window to open, so that its record is that of a cut answer.
ANSWER = BODY * 100
OF_CLIENTS = {"a close": lambda c: c.close(), "a half-close": lambda c: c.half_close(),
              "a reset": lambda c: c.reset()}
CLIENT_MISDEEDS = {**HARMLESS, **ENDS_STREAM, **ENDS_CONNECTION, **OF_CLIENTS,
                   "a promise": OF_UPSTREAMS["a promise"], "a last stream": lambda s: goaway(0)}
BESIDE, SPOILED = 1, 3
CONTENT = (frame(DATA, 0, SPOILED, UPLOAD[:500]), frame(DATA, END_STREAM, SPOILED, UPLOAD[500:]))
# Behind the head, and each frame of the content; behind the head of the answer; behind a part of its content.
WHOLE = len(CONTENT)
CLIENT_MOMENTS = WHOLE + 3


class Attempt:
    """A request that is spoiled at some moment, and another one on the same connection. The window of both
    is too small for their answers, so that none of them is whole before it is opened."""

    def __init__(self, port, target):
        self.client = FrameClient(port, (4, 1000))
        self.client.send(headers(BESIDE, path=target + "/beside"))
        self.frames = (headers(SPOILED, end=False, method="POST", path=target), *CONTENT)

    def reach(self, moment):
        self.client.send(b"".join(self.frames[:moment + 1]))
        if moment > WHOLE:
            self.client.until(HEADERS, SPOILED)
        if moment > WHOLE + 1:
            self.client.until(DATA, SPOILED)

    def go_on(self, moment, has_reset):
        self.over = {SPOILED} if has_reset else set()
        if not has_reset:
            self.client.send(b"".join(self.frames[moment + 1:]) + window_update(SPOILED, 1 << 20))
        self.client.send(window_update(BESIDE, 1 << 20) + window_update(0, 1 << 21))

    def answers(self):
        """Whether that of the request, and that of the other, are whole and right."""
        bodies, ended = {BESIDE: b"", SPOILED: b""}, set()
        for f in self.all_frames():
            if f.kind == DATA:
                bodies[f.stream] += f.payload
            if f.kind in (HEADERS, DATA) and f.flags & END_STREAM:
                ended.add(f.stream)
                check(bodies[f.stream] == ANSWER, f"a body of {len(bodies[f.stream])} bytes looks whole")
        return SPOILED in ended, BESIDE in ended

    def all_frames(self):
        """Those that came, and those to come until both streams or the connection have ended."""
        over = self.over | {f.stream for f in self.client.seen if is_last(f)}
        while not over >= {BESIDE, SPOILED} and (f := self.client.read_frame()):
            over |= {f.stream} if is_last(f) else set()
        return self.client.seen


def is_last(f):
    return f.kind == RST_STREAM or f.kind in (HEADERS, DATA) and bool(f.flags & END_STREAM)


@case(seconds=120)
def clients_that_misbehave():
    got = []

    def script(connection):
        while request := connection.read_request():
            got.append((request.target, request.body))
            connection.send(reply(200, ANSWER))
    outcomes, unseen = {}, set()
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway:
        for i, (name, misdeed) in enumerate(CLIENT_MISDEEDS.items()):
            for moment in range(CLIENT_MOMENTS):
                target = f"/{i}/{moment}"
                with rows(f"{name}, behind frame {moment}"):
                    attempt = Attempt(gateway.port, target)
                    attempt.reach(moment)
                    if name in OF_CLIENTS:
                        misdeed(attempt.client)
                        unseen |= {target, target + "/beside"}
                        outcomes[target] = outcomes[target + "/beside"] = False
                        continue
                    attempt.client.send(misdeed(SPOILED))
                    attempt.go_on(moment, misdeed(SPOILED)[3] == RST_STREAM)
                    outcomes[target], outcomes[target + "/beside"] = attempt.answers()
                    check(outcomes[target] == (name in HARMLESS), f"whole: {outcomes[target]}")
                    check(outcomes[target + "/beside"] or name not in {**HARMLESS, **ENDS_STREAM},
                          "the request beside it is cut")
                    attempt.client.close()
        equal(gateway.get("/").status, 200)
        outcomes["/"] = True
        reconcile(gateway, outcomes, unseen)
        for target, body in got:
            equal(body, b"" if target.endswith(("/beside", "/")) else UPLOAD, target)


main()
