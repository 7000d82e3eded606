#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gateways that share a Redis server: what they count together, and what becomes of it while it is away."""
import contextlib
import re
import subprocess
import threading
import time

from harness import *
from harness.gateway import PLUGINS

PATIENT = 10  # a machine with much to do is not what a case is about


def limit(maximum, period_ms=3600000, **more):
    return {"policyRef": {"name": "rate-limiting"}, "config": {
        "rateLimits": [{"maximumRequests": maximum, "timePeriodInMilliseconds": period_ms}], **more}}


def storage(redis, **more):
    return configuration("store", {"sharedStorage": {"redis": {
        k: v for k, v in {"address": redis.address, "timeoutSeconds": PATIENT,
                          "connectTimeoutSeconds": PATIENT, **more}.items() if v is not None}}})


@contextlib.contextmanager
def gateways(redis, policy, count=2, workers=1, **more):
    with Backend(reply(200, "x")) as backend, contextlib.ExitStack() as stack:
        yield [stack.enter_context(Gateway([api("a", backend, policies=[policy]), storage(redis, **more)],
                                           workers=workers)) for _ in range(count)]


def statuses(gateway, count):
    return [gateway.get("/").status for _ in range(count)]


def quota_of(redis):
    """The accounts of the one key that there is."""
    return redis.ask("EVAL", "local q = redis.call('HGET', KEYS[1], 'quota'); return q and "
                     "table.concat(cmsgpack.unpack(q), ' ')", "1", redis.ask("KEYS", "*")).split(" ")[1:]


def until_shared(gateway, status=200):
    """Which it is again within moments; each look counts."""
    wait_for(lambda: gateway.get("/").status == status, f"a {status} of the shared quota", 20)


@case
def gateways_and_workers_count_together():
    with Redis() as redis, gateways(redis, limit(7), workers=2) as (one, other):
        found = [g.get("/").status for _ in range(6) for g in (one, other)]
        equal(sorted(found), [200] * 7 + [429] * 5)
        keys = redis.ask("KEYS", "*").split("\n")
        equal(len(keys), 1)
        check(keys[0].startswith("default:gateway:"), keys[0])


@case
def who_is_named_otherwise_counts_apart():
    with Redis() as redis, gateways(redis, limit(2), 1) as (one,), \
            gateways(redis, limit(2), 1, gateway="other") as (other,):
        equal(statuses(one, 3), [200, 200, 429])
        equal(statuses(other, 3), [200, 200, 429])


@case
def clients_are_told_what_is_left_of_the_shared_quota():
    policy = limit(3, exposeHeaders=True, keySelector="#[attributes.headers['x-tenant']]")
    with Redis() as redis, gateways(redis, policy) as (one, other):
        def left(gateway, tenant):
            return gateway.get("/", {"x-tenant": tenant}).get("x-ratelimit-remaining")
        equal([left(one, "a"), left(other, "a"), left(one, "b"), left(other, "a")], ["2", "1", "2", "0"])


@case
def each_algorithm_counts_together():
    ways = (({"algorithm": "fixedWindow"}, {}, 7), ({"algorithm": "slidingWindow"}, {}, 7),
            ({"algorithm": "gcra"}, {}, 7), ({"algorithm": "gcra"}, {"burst": 4}, 4))
    policies = [limit(7, exposeHeaders=True, **words) for words, _, _ in ways]
    for policy, (_, more, _) in zip(policies, ways):
        policy["config"]["rateLimits"][0].update(more)
    with Redis() as redis, Backend(reply(200, "x")) as backend, contextlib.ExitStack() as stack:
        both = []
        for _ in range(2):
            port = free_port()
            apis = [api(f"a{i}", backend, port=port, base=f"/{i}", policies=[p]) for i, p in enumerate(policies)]
            both.append(stack.enter_context(Gateway([*apis, storage(redis)], workers=1)))
        for i, (words, _, expected) in enumerate(ways):
            found = [g.get(f"/{i}/") for _ in range(5) for g in both]
            equal([a.status for a in found], [200] * expected + [429] * (10 - expected), str(words))
            equal([a.get("x-ratelimit-remaining") for a in found[:expected]],
                  [str(n) for n in reversed(range(expected))])
            check(all(int(a.get("retry-after")) > 0 for a in found[expected:]), "when to come again")
        equal(len(redis.ask("KEYS", "*").split("\n")), 4)


@case
def slices_are_taken_ahead_and_no_window_has_more():
    with Redis() as redis, gateways(redis, limit(640, mode="leased", exposeHeaders=True)) as both:
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(g.client()) for g in both]
            found = [c.get("/").status for _ in range(360) for c in clients]
        passed = found.count(200)
        equal(len(found) - passed, found.count(429))
        check(640 - 2 * 10 <= passed <= 640, f"{passed} of 640 pass")
        asked = int(re.search(r"cmdstat_evalsha:calls=(\d+)", redis.ask("INFO", "commandstats")).group(1))
        check(10 < asked < 360, f"{asked} questions of 720 requests")
        said = sluice("explain", "--api", "default/a", both[0].config, "--plugins", PLUGINS).stdout
        contains(said, "never more than 640 in a window; each gateway holds up to 10 of them")


@case
def one_of_several_windows_refuses_and_nothing_is_counted():
    policy = {"policyRef": {"name": "rate-limiting"}, "config": {
        "exposeHeaders": True, "cost": "#[attributes.headers['x-cost'] as Number]", "rateLimits": [
            {"maximumRequests": n, "timePeriodInMilliseconds": p} for n, p in ((4, 3600000), (6, 7200000))]}}
    with Redis() as redis, gateways(redis, policy) as (one, other):
        def left(gateway, cost):
            answer = gateway.get("/", {"x-cost": str(cost)})
            return answer.status, answer.get("x-ratelimit-remaining")
        equal([left(one, 3), left(other, 2), left(one, 7), left(other, 1), left(one, 1)],
              [(200, "1"), (429, "1"), (429, "1"), (200, "0"), (429, "0")])
        equal(quota_of(redis)[1::2], ["4", "4"])


@case
def who_it_is_and_by_tls():
    authority = Authority()
    with Redis("user gw on >pass ~default:* +@all", "user default off", tls=authority) as redis:
        own = authority.issue("gateway")
        tls = {"trustedCA": authority.crt, "certificate": {"crt": own.crt, "key": own.key}}
        with gateways(redis, limit(2), 1, username="gw", password="pass", DB=3, tls=tls) as (gateway,):
            equal(statuses(gateway, 3), [200, 200, 429])


@case
def a_server_that_is_away():
    """RD1, refused; RD2: what is done without it is the binding's to say."""
    for word, expected in (({}, [503, 503, 503]), ({"blockOnUnknownQuota": False}, [200, 200, 200]),
                           ({"onStoreError": "local"}, [200, 200, 429])):
        with Redis() as redis, gateways(redis, limit(2, **word), 1) as (gateway,):
            equal(statuses(gateway, 3), [200, 200, 429])
            redis.kill()
            gateway.says("shared storage cannot be asked")
            equal(statuses(gateway, 3), expected, str(word))
            check([n for k, n in gateway.metrics().items() if "rate_limit_undecided" in k] == [3], "three undecided")
            redis.start()
            wait_for(lambda: statuses(gateway, 1) and redis.ask("KEYS", "*"), "its being asked again", 20)
            equal(statuses(gateway, 3)[-1], 429)


@case
def replicas_share_what_is_left_to_them_without_a_server():
    with Redis() as redis, gateways(redis, limit(9, onStoreError="local"), 1, replicas=4) as (gateway,):
        until_shared(gateway)
        redis.kill()
        gateway.says("shared storage cannot be asked")
        equal(statuses(gateway, 4), [200, 200, 429, 429])
        said = sluice("explain", "--api", "default/a", gateway.config, "--plugins", PLUGINS).stdout
        contains(said, "without an answer: local, a part of 4")


@case(modes="full", seconds=240)
def sentinels_move_the_count_to_another_server():
    """RD3: a master that is killed."""
    with Redis("repl-diskless-sync-delay 0") as master, Redis().follow(master) as replica, \
            Sentinel(master) as sentinel, Sentinel(master) as other:
        wait_for(lambda: sentinel.knows_replica() and other.knows_replica(), "their knowing of the replica", 30)
        where = {"address": None, "sentinel": {"masterName": "mymaster", "addresses": [other.address, sentinel.address]}}
        with gateways(master, limit(3), 1, **where) as (gateway,):
            equal(statuses(gateway, 2), [200, 200])
            wait_for(lambda: replica.ask("KEYS", "*"), "the replica's having the count", 20)
            master.kill()
            wait_for(lambda: gateway.get("/").status in (200, 429), "the new master", 60)
            equal(statuses(gateway, 3)[-1], 429)
            equal(quota_of(replica)[1], "3")


@case
def what_is_told_of_it():
    with Redis("requirepass canary-4711") as redis, gateways(
            redis, limit(2, onStoreError="local"), 1, gateway="shop", password="canary-4711") as (gateway,):
        until_shared(gateway, 429)
        dump = gateway.admin("GET", "/dump").text()
        contains(dump, "default:shop")
        check("canary-4711" not in dump, "the password in the dump")
        wait_for(lambda: gateway.status()["sharedStorage"]["workersConnected"] == 1, "a worker that is connected")
        told = gateway.status()["sharedStorage"]
        equal([told["host"], told["port"], told["keys"], told["tls"]], ["localhost", redis.port, "default:shop", False])
        wait_for(lambda: gateway.metrics()["sluice_shared_storage_answers_total"] >= 2, "answers that are counted")
        said = sluice("explain", "--api", "default/a", gateway.config, "--plugins", PLUGINS).stdout
        contains(said, f"counts in the shared storage localhost:{redis.port} as default:shop; without an answer: local")


@case
def a_server_that_has_stopped_answering():
    """RD1: SIGSTOP."""
    with Redis() as redis, gateways(redis, limit(1000), 1, timeoutSeconds=0.5) as (gateway,):
        until_shared(gateway)
        redis.pause()
        equal(gateway.get("/").status, 503)
        redis.go_on()
        until_shared(gateway)


@case
def a_server_that_is_full():
    """RD1, RD5: OOM."""
    with Redis("maxmemory-policy noeviction") as redis, gateways(redis, limit(1000), 1) as (gateway,):
        equal(gateway.get("/").status, 200)
        redis.ask("CONFIG", "SET", "maxmemory", "1")
        equal(gateway.get("/").status, 503)
        redis.ask("CONFIG", "SET", "maxmemory", "0")
        equal(gateway.get("/").status, 200)


@case
def connections_that_are_cut_and_scripts_that_are_forgotten():
    with Redis() as redis, gateways(redis, limit(1000), 1) as (gateway,):
        equal(gateway.get("/").status, 200)
        redis.ask("SCRIPT", "FLUSH")
        equal(gateway.get("/").status, 200)
        redis.ask("CLIENT", "KILL", "TYPE", "normal")
        until_shared(gateway)


@case
def a_reload_to_another_server_and_to_none():
    with Redis() as redis, Redis() as other, Backend(reply(200, "x")) as backend:
        files = {"api.yaml": [api("a", backend, policies=[limit(2)])], "store.yaml": [storage(redis)]}
        with Gateway(files) as gateway:
            equal(statuses(gateway, 3), [200, 200, 429])
            gateway.save("store.yaml", [storage(redis, tenant="default")])
            equal(statuses(gateway, 1), [429])
            gateway.save("store.yaml", [storage(other)])
            equal(statuses(gateway, 3), [200, 200, 429])
            gateway.save("store.yaml", [configuration("store", {"sharedStorage": {}})])
            equal(statuses(gateway, 3), [200, 200, 429])
            gateway.save("store.yaml", [storage(redis)])
            equal(statuses(gateway, 1), [429])


class Hammer:
    """Asks all gateways, by two connections each and about `rate` times a second in all; keeps what came."""

    def __init__(self, gateways, rate):
        self.ended, self.found, self.mistakes = threading.Event(), [], []
        self.pause = 2 * len(gateways) / rate
        self.threads = [threading.Thread(target=self.ask, args=(g,)) for g in gateways for _ in range(2)]

    def ask(self, gateway):
        try:
            with gateway.client(timeout=30) as client:
                while not self.ended.wait(max(0, self.next - time.monotonic())):
                    self.next += self.pause / 4
                    self.found.append(client.get("/").status)
        except Exception as e:
            self.mistakes.append(repr(e))

    def __enter__(self):
        self.next = time.monotonic()
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for t in self.threads:
            t.join()
        equal(self.mistakes, [])

    def comes_to(self, status, why):
        """What comes from now on has it, and soon nothing else."""
        wait_for(lambda: set(self.found[-20:]) == {status}, f"nothing but {status} {why}", 20)


def window_of(redis):
    """When it began, and what is used of it; None: there is none."""
    words = quota_of(redis)
    return (int(words[0]), int(words[1])) if len(words) == 2 else None


def flood(gateway, rate, seconds):
    """By 32 connections."""
    return subprocess.Popen(["h2load", "--h1", f"-D{seconds}", "-c32", f"--rps={rate // 32}",
                             f"http://127.0.0.1:{gateway.port}/"], stdout=subprocess.PIPE, text=True)


def answers_of(gateway):
    """{"2xx": how many of them}; "none": whose client left before."""
    return {re.search(r'code="(\w+)"', k).group(1): n for k, n in gateway.metrics().items()
            if k.startswith("sluice_requests_total{") and n}


def watch_windows(redis, seen, until):
    """Looks at the shared window until then: {when it began: the most that was used of it}."""
    while not until():
        began, used = window_of(redis) or (None, 0)
        seen[began] = max(used, seen.get(began, 0))
    seen.pop(None, None)


def done_by(loads, gateways):
    """{"2xx": how many} of each gateway, which has told all that came."""
    for gateway, load in zip(gateways, loads):
        done = int(re.search(r"(\d+) done", load.communicate()[0]).group(1))
        wait_for(lambda: sum(answers_of(gateway).values()) >= done, f"{done} answers", 20)
    return [answers_of(g) for g in gateways]


@case(modes="full soak", seconds=300)
def replicas_that_are_asked_too_much_for_thirty_seconds():
    """At full scale: 2 replicas, of each 512 requests a second, against 1,000 in 10 s."""
    for mode, held in (("exact", 0), ("leased", 2 * (1000 // 64))):
        with Redis() as redis, gateways(redis, limit(1000, 10000, mode=mode)) as both:
            loads, seen = [flood(g, 512, 32) for g in both], {}
            watch_windows(redis, seen, lambda: all(load.poll() is not None for load in loads))
            last = window_of(redis)
            seen.update([last] if last else [])
            found = done_by(loads, both)
            passed, left = (sum(f.get(code, 0) for f in found) for code in ("2xx", "none"))
            print(f"    {mode}: {sum(sum(f.values()) for f in found):.0f} requests, {passed:.0f} passed in {len(seen)} windows: "
                  f"{sorted(seen.values())}; at most {held} of a window may be refused for others")
            check(all(set(f) <= {"2xx", "4xx", "none"} for f in found), f"{mode}: {found}")
            # A machine that is busy does not spend each window; not all that is used of such a one is seen.
            least = sum(seen.values()) - held * len(seen)
            check(least - left <= passed <= 1000 * len(seen), f"{mode}: {passed}, {seen}")


@case(modes="soak", seconds=300)
def replicas_whose_server_dies_for_ten_seconds_of_thirty():
    """At full scale: while it is away each has its part, 500 of each window that it opens; then the shared windows again."""
    with Redis() as redis, gateways(
            redis, limit(1000, 10000, onStoreError="local"), replicas=2, timeoutSeconds=0.3) as both:
        loads, seen = [flood(g, 512, 40) for g in both], {}

        def passed():
            return sum(answers_of(g).get("2xx", 0) for g in both)

        def connected():
            return sum(g.status()["sharedStorage"]["workersConnected"] for g in both)

        began = time.monotonic()
        watch_windows(redis, seen, lambda: time.monotonic() - began > 12)
        before = passed()
        redis.kill()
        died = time.monotonic()
        wait_for(lambda: time.monotonic() - died > 10, "ten seconds without it", 20)
        alone = passed() - before
        away = time.monotonic() - died
        redis.start()
        started = time.monotonic()
        wait_for(lambda: connected() == 2, "both's being back", 20)
        back = time.monotonic() - started
        behind = {}
        watch_windows(redis, behind, lambda: all(load.poll() is not None for load in loads))
        total = sum(f.get("2xx", 0) for f in done_by(loads, both))
        # Of what is told once a second some was before, and some of the shared window is beside it.
        windows = 2 * (1 + int(away // 10))
        print(f"    before: {before:.0f} in {len(seen)} windows; away for {away:.1f} s: {alone:.0f} of {windows} windows of 500; "
              f"connected again after {back:.2f} s; behind: {total - before - alone:.0f} in {len(behind)} windows: "
              f"{sorted(behind.values())}")
        check(alone <= 500 * windows + 1000, f"{alone} in {windows} windows of 500")
        check(max(behind.values()) <= 1000 and total <= 1000 * (len(seen) + len(behind)) + 500 * windows,
              f"{total} in all; {seen}, {behind}")


@case(modes="full", seconds=300)
def whatever_becomes_of_the_server_429_means_over_the_limit():
    for mode in ("exact", "leased"):
        with Redis("maxmemory-policy noeviction") as redis, \
                gateways(redis, limit(10**9, mode=mode), timeoutSeconds=0.3) as both, Hammer(both, 200) as load:
            load.comes_to(200, "at first")
            for goes, comes in ((redis.kill, redis.start), (redis.pause, redis.go_on),
                                (lambda: redis.ask("CONFIG", "SET", "maxmemory", "1"),
                                 lambda: redis.ask("CONFIG", "SET", "maxmemory", "0"))):
                goes()
                if mode == "exact":
                    load.comes_to(503, "without the server")
                comes()
                load.comes_to(200, "with it again")
            for _ in range(5):
                redis.ask("CLIENT", "KILL", "TYPE", "normal")
                load.comes_to(200, "by other connections")
            check(429 not in load.found and set(load.found) <= {200, 503}, f"{mode}: {set(load.found)}")


@case(modes="full", seconds=240)
def what_is_spent_stays_spent_until_nobody_can_tell():
    with Redis() as redis, gateways(redis, limit(50)) as both, Hammer(both, 200) as load:
        load.comes_to(429, "once it is spent")
        equal(load.found.count(200), 50)
        redis.pause()
        load.comes_to(503, "without the server")
        redis.go_on()
        load.comes_to(429, "with it again")
        redis.kill()
        load.comes_to(503, "without the server")
        equal(load.found.count(200), 50)


@case(modes="full", seconds=240)
def replicas_without_a_server_pass_their_parts_under_load():
    """RD3: what passes meanwhile is bounded."""
    policy = limit(100, onStoreError="local")
    with Redis() as redis, gateways(redis, policy, replicas=2) as both, Hammer(both, 200) as load:
        load.comes_to(429, "once it is spent")
        equal(load.found.count(200), 100)
        redis.kill()
        wait_for(lambda: load.found.count(200) > 100, "a part", 20)
        load.comes_to(429, "once the parts are spent")
        equal(load.found.count(200), 200)
        redis.start()
        wait_for(lambda: load.found.count(200) > 200, "the shared quota, a new one", 20)
        load.comes_to(429, "once it is spent")
        equal(load.found.count(200), 300)


main()
