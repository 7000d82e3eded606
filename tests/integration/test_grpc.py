#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gRPC: calls pass, what the gateway refuses is said in gRPC's words, deadlines are kept."""
import os
import subprocess

from harness import *
from harness.cases import TOP

PEERS = f"{TOP}/build/peers"


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
    if not os.path.isdir(f"{PEERS}/node_modules/@grpc"):
        print("    skipped: no npm when the tests were prepared (peers_provide in tools/dev/packages.sh)")
        return
    port = free_port()
    with Gateway([api("a", f"h2://127.0.0.1:{port}")]) as gateway:
        done = subprocess.run(
            ["node", f"{TOP}/tests/peers/grpc_calls.mjs", str(gateway.port), str(port)],
            env={**os.environ, "PEERS": PEERS}, capture_output=True, text=True, timeout=100)
        equal((done.returncode, done.stderr), (0, ""), done.stdout)


main()
