#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gateways that keep answers together in Redis: what one has stored another gives, what one drops is gone for all, and
what becomes of it while Redis is away."""
import contextlib
import threading

from harness import *
from harness.backend import HOUR, counting

PATIENT = 10  # a machine with much to do is not what a case is about


def caching(**config):
    return {"policyRef": {"name": "http-caching"}, "config": {"distributed": True, **config}}


@contextlib.contextmanager
def replicas(redis, backend, *policies, names=("shop", "shop"), **more):
    storage = configuration("store", {"sharedStorage": {"redis": {
        "address": redis.address, "timeoutSeconds": PATIENT, "connectTimeoutSeconds": PATIENT}}})
    storage["spec"]["sharedStorage"]["redis"].update(more)
    with contextlib.ExitStack() as stack:
        found = []
        for name in names:
            document = {**storage, "spec": {"sharedStorage": {"redis": {
                **storage["spec"]["sharedStorage"]["redis"], "gateway": name}}}}
            found.append(stack.enter_context(
                Gateway([api("a", backend, policies=list(policies) or [caching()]), document])))
        yield found


def until_stored(redis, count):
    """What is stored is told to Redis beside the answer."""
    wait_for(lambda: len([k for k in redis.ask("KEYS", "*").split("\n") if k]) == count, f"{count} keys")


def get(gateway, path="/", fields=None):
    """By one name: the ports differ."""
    return gateway.request("GET", path, fields or {}, host="a")


def post(gateway, path="/"):
    equal(gateway.request("POST", path, host="a").status, 200)


def counted(gateway, name):
    return sum(n for k, n in gateway.metrics().items() if name in k)


@case
def what_one_has_stored_another_gives():
    fields = {**HOUR, "ETag": '"a"', "X-A": "1"}
    with Redis() as redis, Backend(counting(fields)) as backend, replicas(redis, backend) as (one, other):
        equal(get(one, "/").text(), "answer 1")
        until_stored(redis, 1)
        answer = get(other, "/")
        equal((answer.text(), answer.get("x-a"), answer.has("age")), ("answer 1", "1", True))
        contains(answer.get("cache-status"), "sluice; hit; ttl=")
        equal(get(other, "/", {"If-None-Match": '"a"'}).status, 304)
        equal(counted(other, "sluice_cache_shared_hits_total"), 1)
        equal(len(backend.requests), 1)
        check(redis.ask("KEYS", "*").startswith("default:shop:cache http-caching default/a"), "whose it is")


@case
def who_asks_and_what_chooses_is_told_apart_everywhere():
    who = {"policyRef": {"name": "api-key"}, "config": {"keys": [
        {"key": "plain-key-1", "clientId": "ann"}, {"key": "plain-key-2", "clientId": "bob"}]}}
    with Redis() as redis, Backend(counting({**HOUR, "Vary": "X-V"})) as backend, \
            replicas(redis, backend, who, caching()) as (one, other):
        asks = [{"X-API-Key": key, "X-V": v} for key in ("plain-key-1", "plain-key-2") for v in "12"]
        expected = [get(one, "/", ask).text() for ask in asks]
        equal(len(set(expected)), 4)
        until_stored(redis, 5)
        equal([get(other, "/", ask).text() for ask in asks], expected)
        equal(len(backend.requests), 4)


@case
def gateways_of_other_names_have_their_own():
    with Redis() as redis, Backend(counting()) as backend, \
            replicas(redis, backend, names=("one", "other")) as (one, other):
        equal(get(one, "/").text(), "answer 1")
        until_stored(redis, 1)
        equal(get(other, "/").text(), "answer 2")


@case
def what_one_drops_is_gone_for_all():
    with Redis() as redis, Backend(counting()) as backend, replicas(redis, backend) as (one, other):
        equal(get(one, "/").text(), "answer 1")
        until_stored(redis, 1)
        equal(get(other, "/").text(), "answer 1")
        post(other, "/")
        wait_for(lambda: get(one, "/").text() != "answer 1", "the other's invalidation")
        text = get(one, "/").text()
        wait_for(lambda: get(other, "/").text() == text, "what is stored since then")
        equal(len(backend.requests), 3)


@case
def a_purge_reaches_all():
    with Redis() as redis, Backend(counting()) as backend, replicas(redis, backend) as (one, other):
        equal([get(one, path).text() for path in ("/a", "/b")], ["answer 1", "answer 2"])
        until_stored(redis, 2)
        equal([get(other, path).text() for path in ("/a", "/b")], ["answer 1", "answer 2"])
        equal(sluicectl("cache", "purge", "default/a:http-caching", "--state", one.state).returncode, 0)
        wait_for(lambda: get(other, "/a").text() != "answer 1", "the purge")
        wait_for(lambda: get(other, "/b").text() != "answer 2", "the purge")
        check(get(one, "/a").text() not in ("answer 1", "answer 2"), "an answer from before the purge")


@case
def an_answer_from_before_an_invalidation_elsewhere_is_not_kept():
    asked, go = threading.Event(), threading.Event()

    def script(connection):
        while request := connection.read_request():
            if request.method == "GET" and not asked.is_set():
                asked.set()
                go.wait(60)
                connection.send(reply(200, "old", HOUR))
            else:
                connection.send(reply(200, "new", HOUR))
    with Redis() as redis, Backend(script) as backend, replicas(redis, backend) as (one, other), \
            one.client() as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        check(asked.wait(60), "the question")
        post(other, "/")
        until_stored(redis, 1)
        go.set()
        equal(client.read().text(), "old")
        wait_for(lambda: get(one).text() == "new", "a new answer")
        equal(get(other).text(), "new")


@case
def while_redis_is_away_each_has_its_own():
    """RD2: a cache is passed by."""
    with Redis() as redis, Backend(counting()) as backend, replicas(redis, backend) as (one, other):
        equal(get(one, "/").text(), "answer 1")
        until_stored(redis, 1)
        equal(get(other, "/").text(), "answer 1")
        redis.kill()
        one.says("shared storage cannot be asked")
        equal([get(one, "/").text() for _ in range(3)], ["answer 1"] * 3)
        equal([get(one, "/b").text(), get(one, "/b").text()], ["answer 2", "answer 2"])
        post(one, "/")  # told when it is back
        equal(get(one, "/").text(), "answer 4")
        check(counted(one, "sluice_cache_shared_failures_total") > 0, "failures")
        redis.start()
        # Nothing of before stands there any more, and what stands here is no longer believed.
        wait_for(lambda: get(one, "/").text() not in ("answer 1", "answer 4") and redis.ask("KEYS", "*"), "its being asked")
        text = get(one, "/").text()
        wait_for(lambda: get(other, "/").text() == text, "one answer")


@case
def what_is_too_large_for_it_is_not_stored():
    with Redis() as redis, Backend(reply(200, "x" * 950000, HOUR)) as backend, \
            replicas(redis, backend, caching(maxEntrySize="4MiB"), names=("shop",)) as (one,):
        for _ in range(2):
            equal(len(get(one, "/").body), 950000)
        equal(len(backend.requests), 2)


@case
def entries_on_disk_are_compared_with_redis_after_a_restart():
    with Redis() as redis, Backend(counting()) as backend, \
            replicas(redis, backend, caching(persistCache=True)) as (one, other):
        equal([get(one, "/a").text(), get(one, "/b").text()], ["answer 1", "answer 2"])
        until_stored(redis, 2)
        equal(one.stop(), 0)
        post(other, "/a")
        until_stored(redis, 2)
        one.start()
        one.wait_until_ready()
        wait_for(lambda: sum(c["entries"] for c in one.admin("GET", "/caches").json()["caches"]) == 2, "the files")
        equal([get(one, "/a").text(), get(one, "/b").text()], ["answer 4", "answer 2"])


main()
