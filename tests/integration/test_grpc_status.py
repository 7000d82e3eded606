#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a stock gRPC client is told of each failure: the table of docs/adr/0015-http2-to-upstreams.md."""
import json
import subprocess

from harness import *
from harness.cases import TOP
from harness.documents import port_of
from harness.frames import DATA, FrameClient, headers
from harness.peers import NODE, Program, npm_has


class StockClient(Program):
    """grpc-js (tests/peers/grpc_status.mjs), for one call at a time."""

    def __init__(self, port):
        self.process = subprocess.Popen(
            ["node", f"{TOP}/tests/peers/grpc_status.mjs", str(port)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env=NODE)

    def start(self, path, **more):
        self.process.stdin.write(json.dumps({"path": path, **more}) + "\n")
        self.process.stdin.flush()

    def end(self):
        line = self.process.stdout.readline()
        check(line, "the gRPC client has ended")
        told = json.loads(line)
        return told["status"], told["details"], told["messages"]

    def call(self, path, **more):
        self.start(path, **more)
        return self.end()


def apis_of(origin):
    """APIs that share a port and the paths of the origin, each with a way to fail."""
    port, fails = free_port(), lambda name, **config: [{"policyRef": {"name": name}, "config": config}]
    closed = api("closed", origin, port=port, base="/closed")
    closed["spec"]["mistake"] = True
    return [
        api("a", origin, port=port, base="/a"),
        api("down", f"h2://127.0.0.1:{free_port()}", port=port, base="/down"),
        api("slow", origin, port=port, base="/slow", policies=fails("response-timeout", timeout=1)),
        api("idle", origin, port=port, base="/idle", policies=fails("stream-idle-timeout", timeout=1)),
        api("locked", origin, port=port, base="/locked",
            policies=fails("http-basic-authentication", username="ann", password="a secret of hers")),
        api("blocked", origin, port=port, base="/blocked", policies=fails("access-block")),
        api("rated", origin, port=port, base="/rated", policies=fails(
            "rate-limiting", rateLimits=[{"maximumRequests": 1, "timePeriodInMilliseconds": 3600000}])),
        api("full", origin, port=port, base="/full"),
        binding("one", "circuit-breaker", {"thresholds": {"maxRequests": 1}}, target="full-up", kind="Service"),
        closed,
    ]


ITS_OWN = None  # what the library says itself differs from version to version
BROKEN = "the upstream closed the connection"
LATE = "the deadline of the call has passed"
TOLD = {"grpc-timeout": "300m"}  # a deadline that the library does not watch

# What fails, how it is asked for, and what the client sees: status, message, messages of the answer.
FAILURES = [
    ("the upstream refuses", "/down/x", {}, "UNAVAILABLE", "the upstream refused the connection", []),
    ("the upstream resets the call", "/a/reset/2", {}, "UNAVAILABLE", BROKEN, []),
    ("it refuses the stream, twice", "/a/reset/7", {}, "UNAVAILABLE", BROKEN, []),
    ("the upstream's connection ends", "/a/destroy", {}, "UNAVAILABLE", BROKEN, []),
    ("reset inside a message", "/a/half-call", {"lingers": True}, "INTERNAL", ITS_OWN, ["ok"]),
    ("reset between messages", "/a/broken-call", {"lingers": True}, "UNAVAILABLE", BROKEN, ["ok"]),
    ("no head in time", "/slow/silent", {}, "UNAVAILABLE", "the upstream did not answer in time", []),
    ("no more messages", "/idle/endless-call", {}, "UNAVAILABLE", "the upstream stopped sending", ["ok"]),
    ("no more of a message", "/idle/stuck-call", {}, "INTERNAL", ITS_OWN, ["ok"]),
    ("a deadline of both", "/a/silent", {"deadline": 500}, "DEADLINE_EXCEEDED", ITS_OWN, []),
    ("a deadline, before the head", "/a/silent", {"metadata": TOLD}, "DEADLINE_EXCEEDED", LATE, []),
    ("a deadline, between messages", "/a/endless-call", {"metadata": TOLD}, "DEADLINE_EXCEEDED", LATE, ["ok"]),
    ("a deadline, inside a message", "/a/stuck-call", {"metadata": TOLD}, "INTERNAL", ITS_OWN, ["ok"]),
    ("a policy: 401", "/locked/call/0", {}, "UNAUTHENTICATED", "Authentication Attempt Failed", []),
    ("a policy: 403", "/blocked/call/0", {}, "PERMISSION_DENIED", "access to this API is blocked", []),
    ("a quota has room", "/rated/call/0", {}, "OK", "", ["ok"]),
    ("a policy: 429", "/rated/call/0", {}, "UNAVAILABLE", "Quota has been exceeded", []),
    ("an API with a mistake", "/closed/call/0", {}, "UNAVAILABLE",
     "this API is not available: its configuration has errors", []),
    ("no API", "/nowhere", {}, "UNIMPLEMENTED", "no API is served at this path", []),
    ("the upstream's own status", "/a/call/5", {}, "NOT_FOUND", "", ["ok"]),
]


def compare(told, status, details, messages):
    equal((told[0], told[2]), (status, messages), told[1])
    check(details in (ITS_OWN, told[1]), f"{told[1]!r} instead of {details!r}")


def refused_by_the_breaker(gateway, client):
    """While another call of the service is under way, whose answer has begun."""
    with FrameClient(gateway.port) as other:
        other.send(headers(1, method="POST", path="/full/endless-call",
                           fields=[("content-type", "application/grpc"), ("te", "trailers")]))
        check(other.until(DATA, 1), "no message")
        return client.call("/full/call/0")


@case(modes="full", seconds=120)
def every_failure_has_its_status():
    if not npm_has("@grpc"):
        return
    with H2Origin() as origin, Gateway(apis_of(origin), options=["--drain-seconds", "3"]) as gateway, \
            StockClient(gateway.port) as client, StockClient(gateway.port) as second, \
            StockClient(gateway.port) as third:
        for what, path, more, *sees in FAILURES:
            with rows(what):
                compare(client.call(path, **more), *sees)
        compare(refused_by_the_breaker(gateway, client), "UNAVAILABLE", "too much of the upstream is in use", [])
        wait_for(lambda: gateway.status()["exchanges"] == 0, "the end of all calls")
        client.start("/a/silent")
        second.start("/a/endless-call")
        third.start("/a/stuck-call")
        wait_for(lambda: gateway.status()["exchanges"] == 3, "the calls")
        gateway.signal(15)
        compare(client.end(), "UNAVAILABLE", "the gateway is stopping", [])
        compare(second.end(), "UNAVAILABLE", "the gateway is stopping", ["ok"])
        compare(third.end(), "INTERNAL", ITS_OWN, ["ok"])


def memory(bytes_max):
    return configuration("overload", {"overload": {"memoryBytes": bytes_max}})


@case(modes="full", seconds=90)
def short_memory_refuses_calls_until_there_is_some():
    """Between the steps that answer and the one that resets connections: the limit is set anew, as the reload
    itself takes memory, until the ladder stands there."""
    if not npm_has("@grpc"):
        return

    def step():
        return gateway.status()["overload"]["step"]

    def stands_at_refuse():
        gateway.save("memory.yaml", [memory(int(gateway.status()["overload"]["memoryBytes"] / 0.965))])
        try:
            wait_for(lambda: step() == "refuse", "the step", 1.5)
        except AssertionError:
            gateway.save("memory.yaml", [memory(1 << 40)])
        return step() == "refuse"
    with H2Origin() as origin:
        one = api("a", origin)
        with Gateway({"a.yaml": [one], "memory.yaml": [memory(1 << 40)]}) as gateway, \
                StockClient(port_of(one)) as client:
            compare(client.call("/call/0"), "OK", "", ["ok"])
            wait_for(stands_at_refuse, "the step that refuses", 60)
            told = client.call("/call/0")
            print(f"    {told}")
            compare(told, "UNAVAILABLE", "the gateway is overloaded; try again later", [])
            gateway.save("memory.yaml", [memory(1 << 40)])
            wait_for(lambda: step() == "none", "memory")
            compare(client.call("/call/0"), "OK", "", ["ok"])


main()
