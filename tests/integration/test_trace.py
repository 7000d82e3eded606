#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sluicectl trace: the stories of requests, as they happen."""
import json
import os
import pty
import subprocess
import threading

from harness import *
from harness.cases import BUILD, CALLOUT, HOSTILE, SCALE
from harness.gateway import environment

SECRETS = ("tokensecret", "cookiesecret", "keysecret", "querysecret", "valuesecret", "answersecret")


class Trace:
    """sluicectl trace beside a gateway, once every worker follows requests."""

    def __init__(self, gateway, *options):
        self.process = subprocess.Popen(
            [f"{BUILD}/bin/sluicectl", "trace", "--json", "--state", gateway.state, *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
        self.first = self.read()
        check("begin" in self.first, "it has begun")

    def read(self):
        line = self.process.stdout.readline()
        check(line.endswith("\n"), "a line")
        return json.loads(line)

    def rest(self):
        """The stories that are left, and how it ended."""
        out, err = self.process.communicate(timeout=60 * SCALE)
        equal(err, "")
        lines = [json.loads(line) for line in out.splitlines()]
        return lines[:-1], lines[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


def shop(backend, **more):
    """Policies that pass, change heads, and run for /blocked alone."""
    routes = [{"rules": [{"path": "/items(/.*)", "methods": "POST"}]},
              {"rules": [{"path": "/items(/.*)"}], "config": {"destinationPath": "/v2"}},
              {"rules": [{"path": "/blocked"}]}]
    policies = [
        {"policyRef": {"name": "ip-allowlist"}, "config": {"ips": ["127.0.0.1"]}},
        {"policyRef": {"name": "header-injection"}, "config": {
            "inboundHeaders": [{"key": "x-in", "value": "valuesecret"}],
            "outboundHeaders": [{"key": "x-out", "value": "valuesecret"}]}},
        {"policyRef": {"name": "ip-blocklist"}, "config": {"ips": ["127.0.0.1"]},
         "rules": [{"path": "/blocked"}]}]
    return api("shop", backend, base="/shop", routes=routes, policies=policies, **more)


def events(story, name):
    return [e for e in story["events"] if e["event"] == name]


def only(story, name):
    found = events(story, name)
    equal(len(found), 1, f"one {name}")
    return found[0]


def answering(connection):
    while connection.read_request():
        connection.send(reply(200, "x", {"set-cookie": "s=answersecret", "x-sluice-a": "1"}))


@case
def a_story_is_whole():
    with Backend(answering) as backend, Gateway([shop(backend)]) as gateway, \
            Trace(gateway, "--count", "2") as trace, gateway.client() as client:
        for _ in range(2):
            equal(client.get("/shop/items/7").status, 200)
        (story, again), end = trace.rest()
        equal((end["end"], end["told"], end["missed"], end["lost"]), ("count", 2, 0, 0))
        equal([e["event"] for e in story["events"]],
              ["head", "route", "policy", "policy", "select", "connect", "upstream", "response",
               "clean", "policy", "sent"])
        times = [e["us"] for e in story["events"]]
        equal(times, sorted(times))
        equal(only(story, "head")["requestHeaders"]["added"],
              ["X-Forwarded-For", "X-Forwarded-Proto", "X-Request-ID", "X-Forwarded-Host"])
        route = only(story, "route")
        equal((route["api"], route["basePath"]), ("default/shop", "/shop"))
        equal(route["runs"], ["default/shop:ip-allowlist", "default/shop:header-injection"])
        equal(route["skips"], ["default/shop:ip-blocklist"])
        allow, inject, back = events(story, "policy")
        equal((allow["policy"], allow["callback"], allow["verdict"]),
              ("ip-allowlist", "request_head", "continue"))
        check("requestHeaders" not in allow and allow["tookUs"] >= 0, "it changed nothing")
        equal(inject["requestHeaders"], {"added": ["x-in"]})
        equal((back["callback"], back["responseHeaders"]), ("response_head", {"added": ["x-out"]}))
        select = only(story, "select")
        equal([r["verdict"] for r in select["routes"]], ["methods", "taken"])
        equal((select["path"], select["requestHeaders"]), ("/v2/7", {"added": ["Via"]}))
        up = only(story, "upstream")
        equal((up["try"], up["address"], up["connection"]),
              (1, backend.address.removeprefix("http://"), "new"))
        equal(only(again, "upstream")["connection"], "reused")
        equal(only(story, "response")["status"], 200)
        equal(only(story, "clean")["responseHeaders"], {"removed": ["x-sluice-a"]})
        equal(only(story, "sent")["status"], 200)
        for told, record in zip((story, again), gateway.records(2)):
            equal(told["record"] | {"durationMs": 0}, record | {"durationMs": 0})


@case
def what_a_policy_asks_is_told():
    traces = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "a=1"}
    closed = f"http://127.0.0.1:{free_port()}"
    with Backend(reply(403, "no")) as auth, Backend(reply(200, "x")) as backend, Gateway(
            [service("auth", auth), api("shop", backend, policies=[{
                "policyRef": {"name": "callout"},
                "config": {"services": ["auth", closed], "method": "POST", "path": "/pathsecret", "body": "bodysecret"}}])],
            options=["--plugins", CALLOUT]) as gateway, Trace(gateway, "--count", "2") as trace:
        for _ in range(2):
            equal(gateway.get("/", traces).status, 200)
        (story, again), _ = trace.rest()
        equal([e["event"] for e in story["events"]][2:8], ["call", "call", "policy", "called", "called", "pause"])
        for told, name in zip(events(story, "call"), ("default/auth", closed)):
            equal((told["binding"], told["policy"], told["service"], told["method"]),
                  ("default/shop:callout", "callout", name, "POST"))
        answered, refused = sorted(events(story, "called"), key=lambda e: e["call"])
        equal((answered["call"], answered["status"], answered["address"], answered["connection"]),
              (1, 403, auth.authority, "new"))
        check("because" not in answered and answered["tookUs"] >= 0, answered)
        equal((refused["call"], refused["because"]), (2, "unavailable"))
        contains(refused["detail"], "refused")
        check("status" not in refused and "address" not in refused, refused)
        equal([e["connection"] for e in events(again, "called") if e["call"] == 1], ["reused"])
        check("secret" not in json.dumps(story), story)
        for name, value in traces.items():
            equal([auth.requests[0].get(name), backend.requests[0].get(name)], [value, value])


@case
def no_value_is_ever_shown():
    headers = {"authorization": "Bearer tokensecret", "cookie": "a=cookiesecret",
               "x-api-key": "keysecret"}
    with Backend(answering) as backend, Gateway([shop(backend)]) as gateway, \
            Trace(gateway, "--count", "1") as trace:
        equal(gateway.get("/shop/items/7?api_key=querysecret&b=querysecret=&c", headers).status, 200)
        (story,), _ = trace.rest()
        equal(story["record"]["target"], "/shop/items/7?api_key=*&b=*&c")
        for secret in SECRETS:
            check(secret not in json.dumps(story), f"{secret} in {story}")


def told_for(gateway, options, requests):
    """The paths of the stories that these requests give; the last request matches everything."""
    requests = [*requests, ("/shop/items/last", {"x-debug": "last"})]
    paths = []
    with Trace(gateway, "--count", "100", *options) as trace:
        for target, headers in requests:
            gateway.get(target, headers)
        while not paths or paths[-1] != "/shop/items/last":
            if line := trace.process.stdout.readline().strip():
                paths.append(json.loads(line)["record"]["path"])
        trace.process.kill()
    wait_for(lambda: "the trace of requests has ended" in gateway.error_text()[told_for.at:],
             "its end")
    told_for.at = len(gateway.error_text())
    return paths[:-1]


told_for.at = 0


@case
def filters_choose():
    with Backend(reply(200, "x")) as backend, Gateway([shop(backend)]) as gateway:
        mine, other = ("/shop/items/1", {"x-debug": "last"}), ("/shop/blocked", ())
        table = [(["--api", "shop"], [mine, other], ["/shop/items/1", "/shop/blocked"]),
                 (["--api", "default/shop"], [mine, ("/nothing", ())], ["/shop/items/1"]),
                 (["--path", "/items/.*"], [mine, other], ["/shop/items/1"]),
                 (["--path", "/shop/items/.*"], [mine, other], ["/shop/items/1"]),
                 (["--header", "X-Debug"], [mine, other], ["/shop/items/1"]),
                 (["--header", "x-debug: last"], [("/shop/items/2", {"x-debug": "x"}), mine],
                  ["/shop/items/1"]),
                 (["--client", "127.0.0.0/8"], [mine, other], ["/shop/items/1", "/shop/blocked"]),
                 ([], [mine, ("/nothing", ())], ["/shop/items/1", "/nothing"])]
        for options, requests, expected in table:
            with rows(options):
                equal(told_for(gateway, options, requests), expected)
        with Trace(gateway, "--client", "10.0.0.0/8", "--for", "1s") as trace:
            gateway.get("/shop/items/1")
            stories, end = trace.rest()
            equal((stories, end["end"], end["told"]), ([], "time", 0))


@case
def answers_and_failures_are_told():
    dead = f"http://127.0.0.1:{free_port()}"
    with Gateway([shop(dead)]) as gateway, Trace(gateway, "--count", "4") as trace:
        for target in ("/shop/blocked", "/shop/none", "/nothing", "/shop/items/1"):
            gateway.get(target)
        (blocked, unrouted, unknown, refused), _ = trace.rest()
        ran = events(blocked, "policy")
        equal([e["verdict"] for e in ran], ["continue", "continue", "answer", "continue"])
        answer = only(blocked, "answer")
        equal((answer["reason"], answer["binding"]), ("ip_blocked", "default/shop:ip-blocklist"))
        equal([r["verdict"] for r in only(unrouted, "select")["routes"]], ["path"] * 3)
        equal(only(unrouted, "fault")["reason"], "no_route")
        equal(only(unknown, "fault")["reason"], "no_api")
        check("api" not in only(unknown, "route"), "it has none")
        equal(only(refused, "fault")["reason"], "upstream_refused")
        contains(only(refused, "abandoned")["detail"], "refused")
        equal(only(refused, "sent")["status"], 503)


@case
def a_second_try_is_told():
    """A connection that has served is closed when the next request comes."""
    def script(connection):
        connection.read_request()
        connection.send(reply(200, "x"))
        connection.read_request()
        connection.close()

    with Backend(script) as backend, Gateway([shop(backend)]) as gateway, \
            Trace(gateway, "--count", "2") as trace, gateway.client() as client:
        for _ in range(2):
            equal(client.get("/shop/items/1").status, 200)
        (_, story), _ = trace.rest()
        first, second = events(story, "connect")
        equal((first["try"], second["try"], second["because"]), (1, 2, "closed"))
        equal([e["connection"] for e in events(story, "upstream")], ["reused", "new"])
        equal(story["record"]["retries"], 1)


@case
def a_pause_and_its_time_are_told():
    hostile = {"policyRef": {"name": "hostile"}, "config": {}}
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend, policies=[hostile])], options=["--plugins", HOSTILE]) \
            as gateway, Trace(gateway, "--count", "1") as trace:
        equal(gateway.get("/", {"x-hostile": "pause"}).status, 503)
        (story,), _ = trace.rest()
        equal(only(story, "policy")["verdict"], "pause")
        check(only(story, "pause")["tookUs"] >= 20000, "the deadline's 20 ms")
        fault = only(story, "fault")
        equal((fault["reason"], fault["binding"]), ("policy_timeout", "default/a:hostile"))


@case
def what_is_under_way_at_the_end_is_told_so_far():
    held, released = threading.Event(), threading.Event()

    def script(connection):
        while connection.read_request():
            held.set()
            released.wait(60)
            connection.send(reply(200, "x"))

    with Backend(script) as backend, Gateway([shop(backend)], workers=2) as gateway, \
            Trace(gateway, "--for", f"{3 * SCALE}s") as trace, gateway.client() as client:
        client.send("GET /shop/items/1 HTTP/1.1\r\nHost: x\r\n\r\n")
        held.wait(60)
        (story,), end = trace.rest()
        equal((story["unfinished"], end["end"]), (True, "time"))
        equal(story["events"][-1]["event"], "upstream")
        equal(story["record"]["status"], 0)
        released.set()
        equal(client.read().status, 200)


@case
def one_at_a_time_and_it_ends_with_its_client():
    with Backend(reply(200, "x")) as backend, Gateway([shop(backend)], workers=2) as gateway:
        with Trace(gateway):
            done = sluicectl("trace", "--state", gateway.state)
            equal(done.returncode, 1)
            contains(done.stderr, "one trace at a time")
        # Its client was killed.
        done = wait_for(lambda: (d := sluicectl("trace", "--for", "1s", "--state", gateway.state))
                        .returncode == 0 and d, "the end of the former")
        equal(json.loads(done.stdout.splitlines()[-1])["end"], "time")


@case
def it_ends_with_the_gateway():
    with Backend(reply(200, "x")) as backend, Gateway([shop(backend)], workers=2) as gateway, \
            Trace(gateway) as trace:
        equal(gateway.get("/shop/items/1").status, 200)
        equal(trace.read()["record"]["status"], 200)
        equal(gateway.stop(), 0)
        trace.process.wait(60 * SCALE)


@case
def a_wrong_question_is_refused():
    with Backend(reply(200, "x")) as backend, Gateway([shop(backend)]) as gateway:
        table = [(["--api", "shpo"], "did you mean 'shop'?"), (["--path", "("], "byte 1"),
                 (["--client", "10.0.0.0/99"], "a network such as"), (["--header", "a b"], "a field"),
                 (["--count", "0"], "from 1 to 10000"), (["--count", "x"], "from 1 to 10000"),
                 (["--for", "2h"], "from 1 to 3600")]
        for options, text in table:
            with rows(options):
                done = sluicectl("trace", *options, "--state", gateway.state)
                equal((done.returncode, done.stdout), (1, ""))
                contains(done.stderr, text)
        equal(gateway.admin("POST", "/trace?verbose=1").status, 400)
        equal(gateway.admin("GET", "/trace").status, 405)
        for options in (["top", "--api", "a"], ["status", "--count", "3"]):
            equal(sluicectl(*options, "--state", gateway.state).returncode, 2)


@case
def a_terminal_shows_it_to_be_read():
    with Backend(reply(200, "x")) as backend, Gateway([shop(backend)]) as gateway:
        fd, child = pty.openpty()
        process = subprocess.Popen(
            [f"{BUILD}/bin/sluicectl", "trace", "--count", "1", "--state", gateway.state],
            stdin=child, stdout=child, stderr=child, env=environment())
        text = ""
        while "following 1 requests" not in text:
            text += os.read(fd, 65536).decode()
        equal(gateway.get("/shop/items/1").status, 200)
        while "the trace has ended: count" not in text:
            text += os.read(fd, 65536).decode()
        equal(process.wait(60 * SCALE), 0)
        os.close(child)
        os.close(fd)
        for part in ("GET /shop/items/1 200 ok  id ", " us  policy     binding default/shop:", ": taken",
                     "requestHeaders +x-in", "connection new", "1 requests told"):
            contains(text, part)


main()
