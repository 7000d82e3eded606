#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The policy http-caching between real parties: whose answer is given to whom, and what is never stored."""
import email.utils
import os
import signal
import threading
import time

from harness import *
from harness.backend import HOUR, counting
from harness.cases import SANITIZER
from harness.clocks import ShiftedClock


def caching(**config):
    return {"policyRef": {"name": "http-caching"}, "config": config}


def asked(gateway, *requests):
    """The contents of the answers, one request after the other."""
    return [gateway.get(*request).text() for request in requests]


@case
def an_answer_is_given_again():
    with Backend(counting({**HOUR, "X-A": "1", "ETag": '"a"'})) as backend, \
            Gateway([api("a", backend, policies=[caching()])], workers=2) as gateway:
        equal(gateway.get("/a").get("cache-status"), "sluice; fwd=uri-miss; stored")
        for _ in range(4):
            answer = gateway.get("/a")
            equal((answer.status, answer.text(), answer.get("x-a")), (200, "answer 1", "1"))
            contains(answer.get("cache-status"), "sluice; hit; ttl=")
            check(answer.has("age"), "no Age")
            equal(answer.get("content-length"), "8")
        head = gateway.request("HEAD", "/a")
        equal((head.status, head.get("content-length"), head.body), (200, "8", b""))
        part = gateway.get("/a", {"Range": "bytes=7-"})
        equal((part.status, part.text(), part.get("content-range")), (206, "1", "bytes 7-7/8"))
        equal(gateway.get("/a", {"If-None-Match": '"a"'}).status, 304)
        equal(len(backend.requests), 1)
        record = gateway.records(8)[-1]
        equal((record["reason"], record["policy"]), ("cached", "http-caching"))


@case
def nobody_gets_what_another_client_was_answered():
    """CA3: credentials."""
    who = {"policyRef": {"name": "api-key"}, "config": {"keys": [
        {"key": "plain-key-1", "clientId": "ann"}, {"key": "plain-key-2", "clientId": "bob"}]}}
    with Backend(counting()) as backend, \
            Gateway([api("a", backend, policies=[who, caching()])]) as gateway:
        ann, bob = {"X-API-Key": "plain-key-1"}, {"X-API-Key": "plain-key-2"}
        equal(asked(gateway, ("/", ann), ("/", bob), ("/", ann), ("/", bob)),
              ["answer 1", "answer 2", "answer 1", "answer 2"])
        equal(gateway.request("POST", "/", ann).status, 200)
        equal(asked(gateway, ("/", ann), ("/", bob)), ["answer 4", "answer 5"])
        equal(gateway.get("/").status, 401)


@case
def hosts_and_apis_have_their_own_answers():
    """CA9: the host is in every key."""
    with Backend(counting()) as backend:
        documents = [api("a", backend, policies=[caching()]), api("b", backend, policies=[caching()])]
        with Gateway(documents) as gateway:
            a, b = gateway.ports
            equal(gateway.get("/", port=a).text(), "answer 1")
            equal(gateway.get("/", port=b).text(), "answer 2")
            equal(gateway.request("GET", "/", host="other.example", port=a).text(), "answer 3")
            equal(gateway.request("GET", "/", host="OTHER.example", port=a).text(), "answer 3")
            equal(gateway.get("/", port=a).text(), "answer 1")


@case
def what_an_unsafe_method_names_is_dropped():
    """By the client's authority, whatever the upstream's is."""
    number = iter(range(100))

    def script(connection):
        while request := connection.read_request():
            fields = {"Location": "/b?c"} if request.target == "/1" else \
                {"Content-Location": f"http://{name}/b?c"}
            connection.send(reply(200, str(next(number)), HOUR if request.method == "GET" else fields))
    with Backend(script) as backend, Gateway([api("a", backend, policies=[caching()])]) as gateway:
        name = f"127.0.0.1:{gateway.port}"
        equal(asked(gateway, ("/b?c",), ("/b?c",)), ["0", "0"])
        gateway.request("POST", "/1", body=b"abc")
        equal(asked(gateway, ("/b?c",), ("/b?c",)), ["2", "2"])
        gateway.request("PUT", "/2", body=b"abc")
        equal(asked(gateway, ("/b?c",), ("/b?c",)), ["4", "4"])


@case
def fields_that_are_not_in_the_key_change_nothing_for_others():
    """CA1: whatever a client sends, another gets what it would have got without it."""
    names = ["X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-For", "Forwarded", "X-Original-URL",
             "X-Rewrite-URL", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Host",
             "X-Original-Host", "X-Forwarded-Server"]

    def script(connection):
        while request := connection.read_request():
            echoed = [f"{name}={request.get(name)}" for name in names if "canary" in request.get(name, "")]
            connection.send(reply(200, " ".join(echoed), HOUR))
    with Backend(script) as backend, Gateway([api("a", backend, policies=[caching()])]) as gateway:
        for i, name in enumerate(names):
            with rows(name):
                gateway.get(f"/{i}", {name: "canary"})
                equal(gateway.get(f"/{i}").text(), "")


@case
def paths_that_look_like_files_are_stored_by_what_their_answer_says():
    """CA2: deception."""
    def script(connection):
        while request := connection.read_request():
            fields = {"Cache-Control": "private"} if "private" in request.target else {}
            connection.send(reply(200, "account", fields))
    targets = ["/private/x.css", "/account/x.css", "/account;.css", "/account%23.css"]
    with Backend(script) as backend, Gateway([api("a", backend, policies=[caching()])]) as gateway:
        for target in targets:
            for _ in range(2):
                gateway.get(target)
        equal(len(backend.requests), len(targets) * 2)


@case
def what_is_not_whole_is_not_stored():
    """CA5: what breaks off."""
    def script(connection):
        while request := connection.read_request():
            if len(backend.requests) % 2:
                connection.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n"
                                + ("Content-Length: 10\r\n\r\nhello" if request.target == "/length"
                                   else "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"))
                return
            connection.send(reply(200, "whole", HOUR))
    with Backend(script) as backend, Gateway([api("a", backend, policies=[caching()])]) as gateway:
        for target in ("/length", "/chunks"):
            with rows(target):
                with gateway.client() as client:
                    client.send(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
                    try:
                        equal(client.read().status, 502)
                    except Closed:
                        pass
                equal(asked(gateway, (target,), (target,)), ["whole", "whole"])
        equal(len(backend.requests), 4)


@case
def an_upstream_that_is_gone_is_stood_in_for():
    with Backend(reply(200, "x", {"Cache-Control": "max-age=0, stale-if-error=60", "ETag": '"a"'})) as backend, \
            Gateway([api("a", backend, policies=[caching()])]) as gateway:
        equal(gateway.get("/").status, 200)
        backend.stop()

        def is_stood_in_for():
            answer = gateway.get("/")
            return "fwd-status=50" in (answer.get("cache-status") or "") and answer.text() == "x"
        wait_for(is_stood_in_for, "the answer that is stale")
        equal(gateway.get("/other").status, 503)


@case
def one_fetches_for_all():
    """CA6: a stampede."""
    first, go = threading.Event(), threading.Event()

    def script(connection):
        while connection.read_request():
            first.set()
            go.wait(30)
            connection.send(reply(200, "x", HOUR))
    with Backend(script) as backend, \
            Gateway([api("a", backend, policies=[caching(collapseTimeoutInMilliseconds=60000)])],
                    workers=2) as gateway:
        clients = [gateway.client() for _ in range(12)]
        clients[0].send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        check(first.wait(30), "nobody was asked")
        for client in clients[1:]:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")

        def all_wait():
            return sum(value for name, value in gateway.metrics().items()
                       if name.startswith("sluice_policy_cache_waited_total")) == 11
        wait_for(all_wait, "the others wait", 30)
        go.set()
        for client in clients:
            equal(client.read(timeout=30).text(), "x")
            client.close()
        equal(len(backend.requests), 1)


@case
def a_reload_keeps_what_is_stored():
    with Backend(counting()) as backend:
        document_of = api("a", backend, policies=[caching()])
        with Gateway({"a.yaml": [document_of]}) as gateway:
            equal(gateway.get("/").text(), "answer 1")
            document_of["spec"]["policies"] = [caching(ttl=60)]
            gateway.save("a.yaml", [document_of])
            equal(gateway.get("/").text(), "answer 1")


@case
def the_operator_sees_and_empties_caches():
    with Backend(counting()) as backend:
        documents = [api(name, backend, policies=[caching(maxCacheEntries=5)]) for name in "ab"]
        with Gateway(documents) as gateway:
            a, b = gateway.ports
            equal(asked(gateway, ("/", {}, a), ("/x", {}, a), ("/", {}, b)),
                  ["answer 1", "answer 2", "answer 3"])
            caches = {c["cache"]: c for c in gateway.admin("GET", "/caches").json()["caches"]}
            equal({name: (c["policy"], c["entries"], c["entriesMax"]) for name, c in caches.items()},
                  {"default/a:http-caching": ("http-caching", 2, 5),
                   "default/b:http-caching": ("http-caching", 1, 5)})
            check(0 < caches["default/a:http-caching"]["bytes"] < 2000, caches)
            done = sluicectl("cache", "purge", "default/a:http-caching", "--state", gateway.state)
            equal((done.returncode, "dropped: 2" in done.stdout), (0, True))
            done = sluicectl("cache", "purge", "default/c", "--state", gateway.state)
            equal((done.returncode, "no such cache" in done.stderr), (1, True))
            contains(sluicectl("cache", "--state", gateway.state).stdout, "entries: 0")
            equal(sluicectl("cache", "empty", "--state", gateway.state).returncode, 2)
            equal(asked(gateway, ("/", {}, a), ("/", {}, b)), ["answer 4", "answer 3"])


@case
def what_is_on_its_way_is_not_stored_behind_a_purge():
    sent, go = threading.Event(), threading.Event()

    def script(connection):
        while connection.read_request():
            connection.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\nol")
            sent.set()
            go.wait(30)
            connection.send("d!")
    with Backend(script) as backend, Gateway([api("a", backend, policies=[caching()])]) as gateway, \
            gateway.client() as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.read_head()
        equal(gateway.admin("POST", "/caches/purge?cache=default%2Fa%3Ahttp-caching").status, 200)
        go.set()
        equal(client.reader.exactly(4), b"old!")
        equal(gateway.request("GET", "/", host="a").text(), "old!")
        equal(len(backend.requests), 2)


def entries(gateway):
    return sum(c["entries"] for c in gateway.admin("GET", "/caches").json()["caches"])


def files(gateway):
    return [f for _, _, names in os.walk(f"{gateway.state}/caches") for f in names if f[0] != "."]


def restart(gateway, count):
    """With what is there of so many entries."""
    equal(gateway.stop(), 0)
    gateway.start()
    gateway.wait_until_ready()
    wait_for(lambda: entries(gateway) == count, f"{count} entries from disk")


@case
def what_persists_outlasts_a_restart():
    fields = {**HOUR, "ETag": '"a"', "Vary": "X-A"}
    with Backend(counting(fields)) as backend, \
            Gateway([api("a", backend, policies=[caching(persistCache=True)])]) as gateway:
        equal(asked(gateway, ("/", {"X-A": "1"}), ("/", {"X-A": "2"}), ("/b",)), ["answer 1", "answer 2", "answer 3"])
        restart(gateway, 5)  # two of them are indices
        equal(asked(gateway, ("/", {"X-A": "1"}), ("/", {"X-A": "2"}), ("/b",)), ["answer 1", "answer 2", "answer 3"])
        answer = gateway.get("/b", {"If-None-Match": '"a"'})
        equal((answer.status, answer.has("age")), (304, True))
        equal(gateway.request("POST", "/").status, 200)
        restart(gateway, 4)
        equal(asked(gateway, ("/", {"X-A": "1"}), ("/b",)), ["answer 5", "answer 3"])
        sluicectl("cache", "purge", "default/a:http-caching", "--state", gateway.state)
        restart(gateway, 0)
        equal(files(gateway), [])
        equal(asked(gateway, ("/b",)), ["answer 6"])
        equal(len(backend.requests), 6)


@case
def what_persists_outlasts_a_crash_and_an_upgrade():
    with Backend(counting()) as backend, \
            Gateway([api("a", backend, policies=[caching(persistCache=True)])]) as gateway:
        equal(asked(gateway, ("/a",), ("/b",)), ["answer 1", "answer 2"])
        wait_for(lambda: len(files(gateway)) == 2, "the files")
        for number in (signal.SIGKILL, signal.SIGUSR2):
            before = gateway.status()["pid"]
            os.kill(before if number == signal.SIGKILL else gateway.process.pid, number)

            def is_followed():
                try:
                    return gateway.status()["pid"] != before and entries(gateway) == 2
                except (OSError, Closed, TimedOut):
                    return False
            wait_for(is_followed, "the next gateway and its entries", 30)
            equal(asked(gateway, ("/a",), ("/b",)), ["answer 1", "answer 2"])
        equal(len(backend.requests), 2)


@case
def files_that_are_not_whole_and_those_of_nobody_go():
    with Backend(counting()) as backend:
        document = api("a", backend, policies=[caching(persistCache=True)])
        with Gateway({"a.yaml": [document]}) as gateway:
            equal(asked(gateway, ("/a",), ("/b",)), ["answer 1", "answer 2"])
            equal(gateway.stop(), 0)
            folder, = os.listdir(f"{gateway.state}/caches")
            torn = sorted(files(gateway))[0]
            os.truncate(f"{gateway.state}/caches/{folder}/{torn}", 100)
            gateway.start()
            gateway.wait_until_ready()
            wait_for(lambda: entries(gateway) == 1 and len(files(gateway)) == 1, "the one that is whole")
            document["spec"]["policies"] = [caching()]
            gateway.save("a.yaml", [document])
            wait_for(lambda: not files(gateway) and not os.listdir(f"{gateway.state}/caches"), "no folder")
            equal(entries(gateway), 1)


@case
def files_of_bindings_that_were_removed_meanwhile_go():
    with Backend(counting()) as backend:
        port = free_port()
        documents = {f"{name}.yaml": [api(name, backend, port=port, base=f"/{name}", policies=[caching(persistCache=True)])]
                     for name in ("a", "b")}
        with Gateway(documents) as gateway:
            equal(asked(gateway, ("/a",), ("/b",)), ["answer 1", "answer 2"])
            wait_for(lambda: len(files(gateway)) == 2, "the files")
            equal(gateway.stop(), 0)
            equal(len(os.listdir(f"{gateway.state}/caches")), 2)
            gateway.remove("b.yaml")
            gateway.start()
            gateway.wait_until_ready()
            wait_for(lambda: entries(gateway) == 1 and len(os.listdir(f"{gateway.state}/caches")) == 1, "one folder")
            equal(asked(gateway, ("/a",)), ["answer 1"])


@case
def a_flood_of_keys_and_of_large_answers_stays_within_its_bounds():
    """CA7."""
    def script(connection):
        while request := connection.read_request():
            connection.send(reply(200, "x" * (300000 if "large" in request.target else 4000), HOUR))
    config = {"maxCacheSize": "1MiB", "maxEntrySize": "100KiB"}
    with Backend(script) as backend, Gateway([api("a", backend, policies=[caching(**config)])]) as gateway, \
            gateway.client() as client:
        def look():
            cache, = gateway.admin("GET", "/caches").json()["caches"]
            check(cache["bytes"] <= cache["bytesMax"] == 1 << 20, cache)
            return cache
        for i in range(350):
            if i % 20 == 0:
                client.get("/in-use")
            if i % 100 == 0:
                client.get(f"/large/{i}")
                look()
            client.get(f"/flood/{i}")
        check(100 < look()["entries"] < 260, look())
        asked_before = len(backend.requests)
        contains(client.get("/in-use").get("cache-status"), "; hit")
        equal(len(client.get("/large/0").body), 300000)
        equal(len(backend.requests), asked_before + 1)


@case
def a_flood_of_variants_has_no_more_than_its_places():
    """CA4."""
    def script(connection):
        while request := connection.read_request():
            connection.send(reply(200, request.target, {**HOUR, "Vary": "*" if "star" in request.target else "X-A"}))
    with Backend(script) as backend, Gateway([api("a", backend, policies=[caching()])]) as gateway, \
            gateway.client() as client:
        for i in range(100):
            client.get("/", {"X-A": str(i)})
        check(24 <= entries(gateway) <= 33, entries(gateway))  # one of them is the index
        client.get("/star")
        client.get("/star")
        equal(len(backend.requests), 102)


@case
def nobody_purges_but_who_may():
    """CA8: neither a method nor a field of a client does, unless the configuration names it."""
    with Backend(counting()) as backend, Gateway([api("a", backend, policies=[caching()])]) as gateway:
        equal(gateway.get("/").text(), "answer 1")
        for method in ("PURGE", "BAN", "INVALIDATE"):
            gateway.request(method, "/other")
        for fields in ({"X-Purge": "invalidate-all"}, {"Invalidate": "invalidate"}, {"Pragma": "purge"}):
            equal(gateway.get("/", fields).text(), "answer 1")
        equal(os.stat(f"{gateway.state}/admin.sock").st_mode & 0o077, 0)
        equal(os.stat(gateway.state).st_mode & 0o077, 0)


@case
def a_clock_that_jumps_makes_nothing_older_or_younger():
    """CA8: the age is that of the clock that does not jump, whatever Date says."""
    if SANITIZER:  # its runtime has to be the first library
        return
    clock = ShiftedClock()
    with Backend(counting()) as backend, \
            Gateway([api("a", backend, policies=[caching()])], env=clock.environment()) as gateway:
        equal(gateway.get("/").text(), "answer 1")
        for day in (1, -1):
            clock.shift(day * 86400)
            expected = time.time() + day * 86400
            wait_for(lambda: abs(email.utils.parsedate_to_datetime(gateway.get("/").get("date")).timestamp() - expected)
                     < 3600, "the date of that day")
            answer = gateway.get("/")
            equal((answer.text(), int(answer.get("age")) < 3600), ("answer 1", True))
        equal(len(backend.requests), 1)


@case
def errors_without_a_lifetime_are_not_stored():
    """CA8."""
    def script(connection):
        while request := connection.read_request():
            connection.send(reply(int(request.target[1:]), "no"))
    statuses = (500, 502, 503, 504, 429)
    with Backend(script) as backend, Gateway([api("a", backend, policies=[caching()])]) as gateway:
        equal([gateway.get(f"/{status}").status for status in statuses for _ in range(2)],
              [status for status in statuses for _ in range(2)])
        equal(len(backend.requests), 10)



main()
