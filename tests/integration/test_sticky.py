#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A cookie keeps a client at the endpoint that answered it first."""
import re
from contextlib import ExitStack

from harness import *
from harness.documents import document
from harness.websocket import open_by, serves

KEPT = {"sticky": {"cookie": "up", "ttlSeconds": 60, "key": "a key of the house"}}


class Fleet(ExitStack):
    """Backends that answer with their own names, and are ill on demand."""

    def __init__(self, count):
        super().__init__()
        self.ill = set()
        self.backends = [self.enter_context(Backend(self.script_of("abcdefgh"[i]))) for i in range(count)]

    def script_of(self, name):
        def script(connection):
            while connection.read_request():
                connection.send(reply(500 if name in self.ill else 200, name))
        return script


def gateway_of(upstreams, **fields):
    fields = {"loadBalancing": KEPT, **fields}
    return Gateway([api("a", services={"up": balanced(upstreams, **fields)})])


def cookie_of(answer):
    """The name and value that a client sends back; None: it was given none."""
    told = answer.get("set-cookie")
    return told and told.split(";")[0]


def first_cookies(gateway, count):
    """What each endpoint calls itself in its cookie, by its name."""
    with gateway.client() as client:  # of one worker: they take turns
        return {a.text(): cookie_of(a) for a in (client.get("/") for _ in range(count))}


def named(gateway, cookie, count=6):
    """Who answers, and whether anybody is told a cookie."""
    answers = [gateway.get("/", {"cookie": f"x=1; {cookie}"}) for _ in range(count)]
    return {a.text() for a in answers}, [a.get("set-cookie") for a in answers if a.get("set-cookie")]


@case
def a_client_stays_where_it_was_first():
    with Fleet(3) as fleet, gateway_of(fleet.backends) as gateway:
        equal(gateway.get("/").get("set-cookie").split("; ")[1:],
              ["Path=/", "Max-Age=60", "HttpOnly", "SameSite=Lax"])
        cookies = first_cookies(gateway, 3)
        equal(sorted(cookies), ["a", "b", "c"])
        for name, cookie in cookies.items():
            check(re.fullmatch("up=[0-9a-f]{24}", cookie), f"{cookie} tells nothing")
            equal(named(gateway, cookie), ({name}, []))
        contains(fleet.backends[0].requests[-1].get("cookie"), "up=")


@case
def replicas_and_later_processes_agree():
    with Fleet(3) as fleet:
        with gateway_of(fleet.backends) as gateway, gateway_of(fleet.backends[::-1]) as other:
            first = gateway.get("/")
            for each in (gateway, other):
                equal(named(each, cookie_of(first)), ({first.text()}, []))
        with gateway_of(fleet.backends, outlierDetection={}) as later:
            equal(named(later, cookie_of(first)), ({first.text()}, []))


@case
def a_key_may_come_from_elsewhere():
    """All of it; a dollar in a key is the key's own."""
    keys = ["a key of the house", "$STICKY_KEY", "${secret:house.key}", "a key of $$the house", "a key of $the house"]
    with Fleet(2) as fleet:
        documents = [document("Secret", "house", {"data": {"key": keys[0]}})] + [
            api(f"a{i}", services={"up": balanced(fleet.backends, loadBalancing={"sticky": {"cookie": "up", "key": key}})})
            for i, key in enumerate(keys)]
        with Gateway(documents, env={"STICKY_KEY": keys[0]}) as gateway:
            answers = [{a.text(): cookie_of(a) for a in (gateway.get("/", port=port) for _ in range(12))}
                       for port in gateway.ports]
    equal(answers[0], answers[1])
    equal(answers[0], answers[2])
    equal(len({str(sorted(a.items())) for a in answers}), 3)


@case
def another_key_makes_other_cookies():
    other = {"sticky": {**KEPT["sticky"], "key": "another key, as long"}}
    with Fleet(2) as fleet, gateway_of(fleet.backends) as gateway, \
            gateway_of(fleet.backends, loadBalancing=other) as stranger:
        cookie = cookie_of(gateway.get("/"))
        answer = stranger.get("/", {"cookie": cookie})
        check(cookie_of(answer) not in (None, cookie), "a cookie of its own")


@case
def a_reload_that_takes_away_others_moves_nobody():
    with Fleet(3) as fleet, gateway_of(fleet.backends) as gateway:
        cookies = first_cookies(gateway, 3)
        document = api("a", port=gateway.port,
                       services={"up": balanced(fleet.backends[:2], loadBalancing=KEPT)})
        gateway.save("gateway.yaml", [document])
        for name in "ab":
            equal(named(gateway, cookies[name]), ({name}, []))
        moved = gateway.get("/", {"cookie": cookies["c"]})
        equal(cookie_of(moved), cookies[moved.text()])


@case
def who_is_out_is_replaced_for_good():
    outliers = {"consecutiveFailures": 1, "baseEjectionSeconds": 60}
    with Fleet(2) as fleet, gateway_of(fleet.backends, outlierDetection=outliers) as gateway:
        cookies = first_cookies(gateway, 2)
        fleet.ill.add("a")
        failed = gateway.get("/", {"cookie": cookies["a"]})
        equal((failed.status, failed.get("set-cookie")), (500, None))
        moved = gateway.get("/", {"cookie": cookies["a"]})
        equal((moved.text(), cookie_of(moved)), ("b", cookies["b"]))
        fleet.ill.clear()
        equal(named(gateway, cookies["b"]), ({"b"}, []))


@case
def a_retry_elsewhere_tells_where_it_went():
    with Fleet(2) as fleet, gateway_of(fleet.backends, retries={"on": ["5xx"]}) as gateway:
        cookies = first_cookies(gateway, 2)
        fleet.ill.add("b")
        answer = gateway.get("/", {"cookie": cookies["b"]})
        equal((answer.status, answer.text(), cookie_of(answer)), (200, "a", cookies["a"]))


@case
def attributes_are_as_they_are_wanted():
    rows_of = [
        ({"cookie": "s"}, "; Path=/; HttpOnly; SameSite=Lax"),
        ({"cookie": "s", "path": "/x", "httpOnly": False, "sameSite": "strict"}, "; Path=/x; SameSite=Strict"),
        ({"cookie": "__Host-s", "secure": True, "sameSite": "none"},
         "; Path=/; HttpOnly; SameSite=None; Secure"),
    ]
    with Fleet(2) as fleet:
        for sticky, expected in rows_of:
            with rows(sticky["cookie"]), \
                    gateway_of(fleet.backends, loadBalancing={"sticky": sticky}) as gateway:
                told = gateway.get("/").get("set-cookie")
                equal(told[told.index(";"):], expected)


@case
def behind_tls_it_is_for_tls_alone():
    authority = Authority()
    certificate = authority.issue("localhost")
    tls = {"policyRef": {"name": "tls"}, "config": {"certificate": {"crt": certificate.crt, "key": certificate.key}}}
    with Fleet(2) as fleet, Gateway([api("a", scheme="https", policies=[tls], services={
            "up": balanced(fleet.backends, loadBalancing=KEPT)})]) as gateway, \
            gateway.client(tls=authority.client_tls(), server_name="localhost") as client:
        contains(client.get("/").get("set-cookie"), "; SameSite=Lax; Secure")


@case
def over_http2_it_is_the_same():
    with Fleet(2) as fleet, gateway_of(fleet.backends) as gateway, H2Client(gateway.port) as client:
        first = client.ask("/")
        cookie = first["headers"]["set-cookie"][0].split(";")[0]
        for _ in range(4):
            again = client.ask("/", {"cookie": f"a=1; {cookie}"})
            equal((again["body"], again["headers"].get("set-cookie")), (first["body"], None))


@case
def a_websocket_is_told_and_kept():
    with ExitStack() as stack:
        backends = [stack.enter_context(Backend(serves(lambda peer, n=n: peer.text(n)))) for n in "ab"]
        gateway = stack.enter_context(gateway_of(backends))

        def open_one(**fields):
            peer = open_by(stack.enter_context(gateway.client()), **fields)
            return peer.head, peer.read().payload
        answer, name = open_one()
        for _ in range(3):
            again, whose = open_one(cookie=cookie_of(answer))
            equal((whose, again.get("set-cookie")), (name, None))


main()
