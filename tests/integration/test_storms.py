#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reloads without end under load, good ones and bad ones: nobody's request is lost, no memory is kept."""
import contextlib
import signal
import time

from harness import *
from harness.cases import SANITIZER
from harness.documents import to_yaml
from harness.ledger import Books, CallOrigin, LedgerOrigin, Load, Loads, Mix, Together
from harness.peers import npm_has
from harness.websocket import echo_frames, serves

LIMIT = {"policyRef": {"name": "rate-limiting"}, "config": {
    "rateLimits": [{"maximumRequests": 10 ** 9, "timePeriodInMilliseconds": 60000}]}}


def injection(value):
    return {"policyRef": {"name": "header-injection"}, "config": {
        "outboundHeaders": [{"key": "x-round", "value": f"#['r' ++ '{value}']"}]}}


# All clients have one address here, and the load does not wait: where the machine stalls for seconds,
# more of them are under way than one address, or one service, may have. What is idle behind a storm takes
# memory, too: nobody waits a minute for its end.
ROOM = configuration("room", {
    "timeouts": {"upstreamConnectionIdleSeconds": 5},
    "limits": {"connectionsPerAddress": 0},
    "circuitBreaker": {"thresholds": {"maxConnections": 20000, "maxPendingRequests": 20000}}})


def call_origin():
    """None where the stock library is not."""
    return CallOrigin() if npm_has("@grpc") else contextlib.nullcontext()


class Folder:
    """A configuration that never stays what it is. The API under load changes its upstream (another gateway
    before the same origin speaks HTTP/2) and its policies, and so does that of the calls; that of the WebSockets
    changes at times; another one comes and goes with its port; now and then a file is wrong."""

    def __init__(self, origin, http2, echo, calls):
        self.upstreams = [f"http://127.0.0.1:{origin.port}", f"http://localhost:{origin.port}",
                          f"h2://127.0.0.1:{http2.port}"]
        self.echo, self.calls = echo, calls
        self.port, self.sockets, self.calls_port, self.other, self.bad = (free_port() for _ in range(5))
        self.accepted = self.refused = 0

    def documents(self, i):
        """{file: its text, or None: it is gone}."""
        upstream = self.upstreams[i % 3]
        policies = [[], [LIMIT], [LIMIT, injection(i)], [injection(i)]][i % 4]
        files = {"a.yaml": [api("a", upstream, port=self.port, policies=policies)],
                 "ws.yaml": [api("ws", self.echo, port=self.sockets, policies=[injection(i // 20)])],
                 "calls.yaml": self.calls and [api("calls", self.addresses_of_calls()[i // 5 % 2], port=self.calls_port,
                                                   policies=[injection(i // 2)])],
                 "extra.yaml": [api("extra", upstream, port=self.other)] if i % 3 else None,
                 "room.yaml": [ROOM], "bad.yaml": None}
        if i % 10 == 4:  # an API that may not be served
            files["bad.yaml"] = [api("bad", upstream, port=self.bad,
                                     policies=[{"policyRef": {"name": "no-such-policy"}}])]
        if i % 10 == 9:  # a file that cannot be read at all
            files["bad.yaml"] = "kind: [unclosed\n  - x: {"
        return {name: docs and to_yaml(docs) for name, docs in files.items()}

    def addresses_of_calls(self):
        return self.calls.address, self.calls.address.replace("127.0.0.1", "localhost")

    def mix(self):
        return Mix(self.port, self.sockets, self.calls, self.calls_port)

    def write(self, gateway, i, before):
        now = self.documents(i)
        for name, text in now.items():
            if text is None and before.get(name):
                gateway.remove(name)
            elif text is not None and text != before.get(name):
                gateway.write(name, text)
        return now


def reloads(gateway):
    values = gateway.metrics()
    return [int(values[f'sluice_reloads_total{{result="{r}"}}']) for r in ("accepted", "refused")]


def change(gateway, folder, numbers, before):
    """One configuration after the other, each once the one before it is in service or refused."""
    for i in numbers:
        seen = sum(reloads(gateway))
        before = folder.write(gateway, i, before)
        wait_for(lambda: sum(reloads(gateway)) > seen, f"reload {i}", 30)
    return before


# The pools age step by step, once a second, and what they free is given back within ten seconds, where
# looking for it takes long.
STILL_SECONDS = 11


def settled_kib(gateway):
    """Memory once nobody is under way, everything old is gone, and what that has freed has gone back; and how
    much of it waits in the workers' pools."""
    wait_for(lambda: (s := gateway.status())["exchanges"] == 0 and s["connections"] == 0
             and s["retiringApis"] == 0, "the drain", 60)
    wait_for(lambda: gateway.metrics()["sluice_upstream_connections"] == 0, "the end of what is idle", 60)
    since, last = time.monotonic(), None

    def stands():
        nonlocal since, last
        if (now := gateway.memory_kib()) != last:
            since, last = time.monotonic(), now
        return time.monotonic() - since > STILL_SECONDS
    wait_for(stands, "the memory to stand still", 60)
    return last, int(gateway.metrics()["sluice_pool_idle_bytes"]) // 1024


def stop_all(*origins):
    there = [origin for origin in origins if origin]
    for origin in there:
        origin.stop()
    return Together(*there)


def descriptors_in_use(gateway):
    """Without those of connections that wait to be used again."""
    return gateway.descriptors() - int(gateway.metrics()["sluice_upstream_connections_idle"])


def reload_storm(count, seconds, at_least):
    """`count` reloads, and more of them until `seconds` are over."""
    warm_up = 30
    with LedgerOrigin() as origin, Backend(serves(echo_frames)) as echo, call_origin() as calls, \
            Gateway([api("b", origin), ROOM]) as http2:
        folder = Folder(origin, http2, echo, calls)
        first = folder.documents(0)
        with Gateway({n: t for n, t in first.items() if t}, workers=2) as gateway:
            # What has to be warm is: buffers, pools, the ring of records, the allocator's arenas.
            warm = folder.mix()
            now = change(gateway, folder, range(1, warm_up + 1), first)
            warm.stop()
            memory, pooled = settled_kib(gateway)
            descriptors = descriptors_in_use(gateway)
            before, began, i = reloads(gateway), time.monotonic(), warm_up + 1
            storm = folder.mix()
            while i - warm_up <= count or time.monotonic() - began < seconds:
                now = change(gateway, folder, range(i, i + 20), now)
                i += 20
            took = time.monotonic() - began
            counts = storm.stop()
            change(gateway, folder, [warm_up], now)  # the same one as before
            memory_then, pooled_then = settled_kib(gateway)
            grown = memory_then - pooled_then - (memory - pooled)
            accepted, refused = [a - b for a, b in zip(reloads(gateway), before)]
            left = descriptors_in_use(gateway) - descriptors
            origins = stop_all(origin, calls)
            refusals = {k: v for k, v in gateway.metrics().items() if "refused_total" in k and v}
            gateway.stop()
        print(f"    {storm.story()}; refused: {refusals}")
        print(f"    {accepted} reloads and {refused} refused in {took:.0f} s; memory {memory} KiB, "
              f"{pooled} of it in pools, then {memory_then} and {pooled_then} ({grown / memory:+.2%}); {left:+} "
              "descriptors")
        Books(Loads(*warm.loads, *storm.loads), origins, gateway.log_path).require_no_loss(at_least)
        equal(warm.talkers.failures + storm.talkers.failures, [], "ends of WebSockets")
        check(counts["ok"] >= at_least, f"{counts['ok']} requests in the storm")
        check(accepted >= count * 0.85 and refused > 0, f"{accepted} accepted, {refused} refused")
        check(left <= 4, f"{left} descriptors more than before")
        # Two per cent; of a process this small, what the allocator's holes are worth.
        check(SANITIZER or grown <= max(memory * 0.02, 512), f"memory grew by {grown} KiB")


@case(modes="full", serial=True, seconds=300)
def sixty_reloads_lose_nothing():
    reload_storm(60, 25, 20_000)


@case(modes="soak", serial=True, seconds=1800)
def soak_a_thousand_reloads_lose_nothing():
    reload_storm(1000, 300, 100_000)


def gateways(supervisor):
    """How many of its children are gateways, those that drain among them."""
    def name(pid):
        try:
            with open(f"/proc/{pid}/comm") as f:
                return f.read().strip()
        except OSError:
            return ""
    with open(f"/proc/{supervisor}/task/{supervisor}/children") as f:
        return sum(name(pid) == "sluice-gateway" for pid in f.read().split())


def upgrade(gateway, number):
    """SIGUSR2, until the next gateway serves; how many lived at a time meanwhile. Whoever drains goes on."""
    alive = 0

    def is_over():
        nonlocal alive
        alive = max(alive, gateways(gateway.process.pid))
        return gateway.is_answering() and gateway.status()["supervisor"]["upgrades"] == number
    gateway.signal(signal.SIGUSR2)
    wait_for(is_over, f"upgrade {number}", 60)
    return alive


def upgrade_storm(count, at_least):
    with LedgerOrigin() as origin, Backend(serves(echo_frames)) as echo, call_origin() as calls, \
            Gateway([api("b", origin), ROOM]) as http2:
        documents = [api("a", f"h2://127.0.0.1:{http2.port}"), api("ws", echo), api("calls", calls or origin), ROOM]
        with Gateway(documents, workers=2) as gateway:
            mix = Mix(*gateway.ports[:2], calls, gateway.ports[2])
            began = time.monotonic()
            alive = max(upgrade(gateway, i + 1) for i in range(count))
            took = time.monotonic() - began
            mix.stop()
            origins = stop_all(origin, calls)
            equal(gateway.status()["supervisor"]["crashes"], 0)
            gateway.stop()
        print(f"    {count} upgrades in {took:.0f} s, {alive} gateways at a time; {mix.story()}")
        Books(Loads(*mix.loads), origins, gateway.log_path).require_no_loss(at_least)
        equal(mix.talkers.failures, [], "ends of WebSockets")
        check(mix.talkers.restarts >= count, f"{mix.talkers.restarts} closed with 1012")
        check(alive <= 3, f"{alive} gateways at a time")


@case(modes="full", serial=True, seconds=300)
def five_upgrades_lose_nothing():
    upgrade_storm(5, 1000)


@case(modes="soak", serial=True, seconds=3600)
def soak_a_hundred_upgrades_lose_nothing():
    upgrade_storm(100, 20_000)


# In the path, where the origin finds it: it waits so long between two pieces of a body.
SLOW = "/pause=20"


@case(modes="full", serial=True, seconds=120)
def five_times_the_capacity_costs_the_excess_alone():
    """A service takes eight requests at a time and lets sixteen wait. What is beyond that gets a 503,
    and those that are taken come through as before."""
    breaker = {"thresholds": {"maxConnections": 8, "maxPendingRequests": 16}}
    with LedgerOrigin() as origin:
        documents = [api("a"), service("up", origin),
                     binding("route", "route", {"destinationRef": {"name": "up"}}, target="a"),
                     binding("breaker", "circuit-breaker", breaker, target="up", kind="Service")]
        with Gateway(documents, workers=1) as gateway:
            slow = dict(base=SLOW, body=65536, uploads=0, seconds=5)
            calm = Load(gateway.port, keepalive=8, think=0, **slow)
            capacity = calm.wait()["ok"] / 5
            storm = Load(gateway.port, keepalive=8, think=0, rate=int(capacity * 5), **slow)
            counts = storm.wait()
            after = Load(gateway.port, keepalive=8, think=0, **slow)
            recovered = after.wait()["ok"] / 5
            origin.stop()
            gateway.stop()
        refused = sorted(float(r[6]) - float(r[4]) for r in storm.failures())
        print(f"    capacity {capacity:.0f}/s; of {counts['requests'] / 5:.0f}/s {counts['ok'] / 5:.0f}/s "
              f"came through, {len(refused)} got 503, half of them within "
              f"{refused[len(refused) // 2]:.0f} ms and 99 % within {refused[len(refused) * 99 // 100]:.0f}"
              f" ms; afterwards {recovered:.0f}/s")
        equal({r[1] for r in calm.failures() + after.failures()}, set(), "failures without excess")
        equal({(r[1], r[2]) for r in storm.failures()}, {("status", "503")}, "the excess")
        check(counts["ok"] / 5 > capacity / 2, "what came through")
        Books(Loads(calm, storm, after), origin, gateway.log_path).require_agreement()


main()
