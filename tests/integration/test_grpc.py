#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gRPC: calls pass, what the gateway refuses is said in gRPC's words, deadlines are kept."""
import subprocess

from harness import *
from harness.cases import TOP
from harness.frames import DATA, END_STREAM, HEADERS, RST_STREAM, FrameClient, frame, headers
from harness.peers import NODE, npm_has


def told(answer):
    """The status line of a call that failed before its first message."""
    headers = answer["headers"]
    return (headers.get(":status"), headers.get("content-type"), headers.get("grpc-status"),
            headers.get("grpc-message"), answer["body"], answer["code"])


def refused(status, message, kind="application/grpc"):
    return (200, kind, str(status), message, "", 0)


@case
def errors_are_said_in_the_words_of_the_protocol():
    down = f"h2://127.0.0.1:{free_port()}"
    with Gateway([api("down", down, base="/down")]) as gateway, H2Client(gateway.port) as client:
        equal(told(client.call("/down/x")),
              refused(14, "the upstream refused the connection"))
        equal(told(client.call("/elsewhere")), refused(12, "no API is served at this path"))
        for kind in ("application/grpc-web+proto", "application/grpc-web-text"):
            answer = client.ask("/down/x", {"content-type": kind}, "", "POST")
            equal(told(answer), refused(14, "the upstream refused the connection", kind))
        plain = client.ask("/down/x", {"content-type": "application/json"}, "{}", "POST")
        equal((plain["headers"][":status"], plain["headers"].get("grpc-status")), (503, None))
        records = gateway.records(5)
        equal([(r["status"], r.get("grpcStatus"), r["reason"]) for r in records], [
            (200, "14", "upstream_refused"), (200, "12", "no_api"), (200, "14", "upstream_refused"),
            (200, "14", "upstream_refused"), (503, None, "upstream_refused")])


@case
def a_policys_refusal_is_a_call_that_failed():
    blocked = [{"policyRef": {"name": "access-block"}}]
    with H2Origin() as origin, Gateway([api("a", origin, policies=blocked)]) as gateway, \
            H2Client(gateway.port) as client:
        equal(told(client.call("/hello")), refused(7, "access to this API is blocked"))


@case
def an_http1_client_is_told_alike():
    with Gateway([api("a", f"h2://127.0.0.1:{free_port()}")]) as gateway:
        answer = gateway.request("POST", "/x", {"content-type": "application/grpc"}, b"\0" * 5)
        equal((answer.status, answer.get("grpc-status"), answer.body), (200, "14", b""))


@case
def a_deadline_bounds_the_call():
    with H2Origin() as origin, Gateway([api("a", origin)]) as gateway, \
            H2Client(gateway.port) as client:
        equal(told(client.call("/silent", headers={"grpc-timeout": "300m"})),
              refused(4, "the deadline of the call has passed"))
        equal(origin.ended("/silent"), [8], "the upstream is told to stop")
        equal(told(client.call("/hold", headers={"grpc-timeout": "nonsense"}, cancelMs=600))[5], 8,
              "one that is none bounds nothing")
        record = gateway.records(1)[0]
        equal((record["reason"], record["grpcStatus"]), ("deadline_exceeded", "4"))


MESSAGE = "\0\0\0\0\2ok"


def ended(answer):
    """What a call came to whose answer had begun."""
    trailers = answer["trailers"] or {}
    return answer["body"], trailers.get("grpc-status"), trailers.get("grpc-message"), answer["code"]


@case
def an_answer_that_stands_still_ends_by_a_status():
    idle = configuration("c", {"timeouts": {"streamIdleSeconds": 1}})
    with H2Origin() as origin, Gateway([api("a", origin), idle]) as gateway, \
            H2Client(gateway.port) as client:
        for path, headers, status, message in (
                ("/endless-call/1", {}, "14", "the upstream stopped sending"),
                ("/endless-call/2", {"grpc-timeout": "400m"}, "4", "the deadline of the call has passed")):
            with rows(path):
                equal(ended(client.call(path, headers=headers)), (MESSAGE, status, message, 0))
        equal(origin.ended("/endless-call/2"), [8], "the upstream is told to stop")
        equal([(r["status"], r["grpcStatus"], r["reason"]) for r in gateway.records(2)],
              [(200, "14", "upstream_idle"), (200, "4", "deadline_exceeded")])


def break_off(gateway, path):
    """Ends its request when the answer has begun; the frames behind that."""
    with FrameClient(gateway.port) as client:
        client.send(headers(1, end=False, method="POST", path=path,
                            fields=[("content-type", "application/grpc"), ("te", "trailers")]))
        check(client.until(DATA, 1), "no message")
        client.send(frame(DATA, END_STREAM, 1))
        while f := client.read_frame():
            if f.stream == 1 and (f.kind == RST_STREAM or f.flags & END_STREAM):
                return f
        raise AssertionError("the connection has ended")


@case
def what_breaks_off_between_messages_ends_by_a_status():
    with H2Origin() as origin, Gateway([api("a", origin)]) as gateway:
        last = break_off(gateway, "/broken-call")
        equal((last.kind, bool(last.flags & END_STREAM)), (HEADERS, True))
        record = gateway.records(1)[0]
        equal((record["status"], record["grpcStatus"], record["reason"]), (200, "14", "upstream_reset"))


@case
def inside_a_message_it_is_reset():
    """A client that got a status might take what it has of the message for all of it."""
    with H2Origin() as origin, Gateway([api("a", origin)]) as gateway:
        last = break_off(gateway, "/half-call")
        equal((last.kind, last.payload), (RST_STREAM, b"\0\0\0\2"))
        equal(gateway.records(1)[0].get("grpcStatus"), None)


@case
def a_stop_ends_streams_by_a_status_when_the_drain_is_over():
    with H2Origin() as origin, Gateway([api("a", origin)], options=["--drain-seconds", "1"]) as gateway, \
            H2Client(gateway.port) as client:
        call = client.start("/endless-call/3", {"content-type": "application/grpc", "te": "trailers"},
                            "\0\0\0\0\0", "POST")
        wait_for(lambda: gateway.status()["exchanges"] == 1, "the call")
        gateway.signal(15)
        equal(ended(client.end(call)), (MESSAGE, "14", "the gateway is stopping", 0))


@case
def the_status_of_the_upstream_stands_in_the_record():
    with H2Origin() as origin, Gateway([api("a", origin)]) as gateway, \
            H2Client(gateway.port) as client:
        answer = client.call("/call/5")
        equal((answer["headers"][":status"], answer["body"], answer["trailers"]["grpc-status"]),
              (200, "\0\0\0\0\2ok", "5"))
        answer = client.call("/refuse-call/9")
        equal((answer["headers"]["grpc-status"], answer["body"]), ("9", ""))
        equal([r["grpcStatus"] for r in gateway.records(2)], ["5", "9"])


@case(modes="full", seconds=120)
def all_four_kinds_of_calls_by_grpc_js():
    if not npm_has("@grpc"):
        return
    port = free_port()
    with Gateway([api("a", f"h2://127.0.0.1:{port}")]) as gateway:
        done = subprocess.run(
            ["node", f"{TOP}/tests/peers/grpc_calls.mjs", str(gateway.port), str(port)],
            env=NODE, capture_output=True, text=True, timeout=100)
        equal((done.returncode, done.stderr), (0, ""), done.stdout)


main()
