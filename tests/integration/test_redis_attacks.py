#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a shared storage may do to a gateway, by the rows of the threat model (RD1 to RD5): whatever it says or does
not say, nobody waits longer than a question has time, 429 means over the limit, and counts are right again behind it.

Other rows have their cases where the same is used: RD2 and RD3 in test_shared_storage and test_shared_caches."""
import contextlib
import subprocess
import time

from harness import *
from harness.between import Between, resetting, saying


def limit(maximum, period_ms=3600000, **more):
    return {"policyRef": {"name": "rate-limiting"}, "config": {
        "rateLimits": [{"maximumRequests": maximum, "timePeriodInMilliseconds": period_ms}], **more}}


@contextlib.contextmanager
def gateway_of(server, policy, seconds=10, **more):
    store = configuration("store", {"sharedStorage": {"redis": {
        "address": server.address, "timeoutSeconds": seconds, "connectTimeoutSeconds": 10, **more}}})
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend, policies=[policy]), store], workers=1) as gateway:
        yield gateway


def until_shared(gateway):
    wait_for(lambda: gateway.get("/").status == 200, "a 200 of the shared quota", 20)


def asked_late(seconds):
    """Whoever asks has gone by then."""
    def trouble(*_):
        time.sleep(seconds)
        return True
    return trouble


ROWS = (
    ("garbage", saying(b"HTTP/1.1 200 OK\r\n\r\n"), ""),
    ("a type of RESP 3", saying(b"%1\r\n+a\r\n:1\r\n"), ""),
    ("a reset within a reply", resetting(b"*8\r\n$2\r\no"), ""),
    ("a reset instead of a reply", resetting(), ""),
    ("a text of 2 GB", saying(b"$2000000000\r\n", b"x" * (3 << 20)), ""),
    ("a list of 2^31", saying(b"*2147483647\r\n"), ""),
    ("a list of 2^32", saying(b"*4294967296\r\n"), ""),
    ("lists within lists", saying(b"*1\r\n" * 100), ""),
    ("an answer of another shape", saying(b"*2\r\n:1\r\n:2\r\n"), ""),
    ("two answers", saying(b"+OK\r\n+OK\r\n"), ""),
    ("LOADING", saying(b"-LOADING Redis is loading the dataset in memory\r\n"), "it says: LOADING"),
    ("READONLY", saying(b"-READONLY You can't write against a read only replica.\r\n"), "it says: READONLY"),
    ("MASTERDOWN", saying(b"-MASTERDOWN Link with MASTER is down\r\n"), "it says: MASTERDOWN"),
    ("OOM", saying(b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"), ""),
    ("BUSY", saying(b"-BUSY Redis is busy running a script.\r\n"), "it says: BUSY"),
    ("NOSCRIPT for ever", saying(b"-NOSCRIPT No matching script.\r\n"), ""),
    ("MOVED", saying(b"-MOVED 1 127.0.0.1:1\r\n"), "it says: MOVED"),
    ("latency", asked_late(4), "it did not answer in time"),
    ("silence", lambda *_: False, "it did not answer in time"),
)


@case(modes="full", seconds=240)
def rd1_whatever_a_server_says_costs_who_waits():
    with Redis() as redis, Between(redis) as between, gateway_of(between, limit(10**6), 2) as gateway:
        for name, trouble, told in ROWS:
            with rows(name):
                until_shared(gateway)
                between.trouble = trouble
                equal(gateway.get("/").status, 503)
                between.trouble = None
                gateway.says(told)
                until_shared(gateway)


@case
def rd1_who_may_not_ask_is_told_why():
    with Redis("requirepass right") as redis, gateway_of(redis, limit(9), password="wrong") as gateway:
        gateway.says("WRONGPASS")
        equal(gateway.get("/").status, 503)
    own, other = Authority(), Authority()
    with Redis(tls=own) as redis, gateway_of(
            redis, limit(9), tls={"trustedCA": other.crt}) as gateway:
        gateway.says("certificate")
        equal(gateway.get("/").status, 503)
    with Redis() as redis, gateway_of(redis, limit(9), tls={"trustedCA": other.crt}) as gateway:
        gateway.says("shared storage cannot be asked")
        equal(gateway.get("/").status, 503)


@case
def rd4_what_is_lost_begins_anew_and_every_key_ends():
    with Redis() as redis, gateway_of(redis, limit(2)) as gateway:
        equal([gateway.get("/").status for _ in range(3)], [200, 200, 429])
        key = redis.ask("KEYS", "*")
        check(0 < int(redis.ask("PTTL", key)) <= 2 * 3600000, "when it ends")
        redis.ask("FLUSHALL")
        equal([gateway.get("/").status for _ in range(3)], [200, 200, 429])
        check(int(redis.ask("PTTL", key)) > 0, "when it ends, again")
        said = redis.ask("INFO", "commandstats")
        for word in ("cmdstat_scan", "cmdstat_mget", "cmdstat_config"):
            check(word not in said, f"{word} of a gateway")


@case(modes="full", seconds=120)
def rd5_a_key_that_all_ask_for():
    """More at a time than may wait for one server: who finds no room is told that nobody can tell."""
    with Redis() as redis, gateway_of(redis, limit(1000)) as gateway:
        load = subprocess.run(["h2load", "-n20000", "-c16", "-m100", f"http://127.0.0.1:{gateway.port}/"],
                              stdout=subprocess.PIPE, text=True, check=True).stdout
        found = {k: n for k, n in gateway.metrics().items() if k.startswith("sluice_requests_total{") and n}
        equal(sum(n for k, n in found.items() if 'code="2xx"' in k), 1000, load)
        equal(sum(found.values()), 20000, load)
        equal(int(redis.ask("DBSIZE")), 1)


main()
