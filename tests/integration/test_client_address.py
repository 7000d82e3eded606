#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who the client is: peers that are believed and peers that are not, and what upstreams are told."""
from harness import *

FORGED = {"x-forwarded-for": "6.6.6.6", "x-forwarded-proto": "https", "x-forwarded-host": "evil.example",
          "x-forwarded-port": "666", "x-forwarded-prefix": "/evil", "x-forwarded-user": "evil",
          "forwarded": "for=6.6.6.6;proto=https;host=evil.example", "x-real-ip": "6.6.6.6",
          "x-envoy-internal": "evil", "x-sluice-anything": "evil", "true-client-ip": "6.6.6.6",
          "x-request-id": "evil"}


def trusting(proxies=("127.0.0.0/8",), **members):
    return configuration("edge", {"clientAddress": {"trustedProxies": list(proxies), **members}})


def whoami(backend):
    """An API that answers with the address that policies see."""
    return api("a", backend, policies=[{"policyRef": {"name": "header-injection"}, "config": {
        "inboundHeaders": [{"key": "x-seen", "value": "#[attributes.remoteAddress]"},
                           {"key": "x-scheme", "value": "#[attributes.scheme]"}]}}])


def ask(documents, headers):
    with Backend() as backend, Gateway([whoami(backend), *documents]) as gateway:
        answer = gateway.get("/", headers)
        equal(answer.status, 200)
        return backend.requests[0], gateway.records(1)[0]


@case
def believes_nobody_unless_told_to():  # HD2
    for name, documents in (("no configuration", []), ("another prefix", [trusting(["10.0.0.0/8"])]),
                            ("another family", [trusting(["::/0"])])):
        with rows(name):
            request, record = ask(documents, FORGED)
            equal(request.get("x-seen"), "127.0.0.1")
            equal(request.get("x-scheme"), "http")
            equal(request.all("x-forwarded-for"), ["127.0.0.1"])
            equal(request.all("x-forwarded-proto"), ["http"])
            for gone in ("x-forwarded-port", "x-forwarded-prefix", "x-forwarded-user", "forwarded",
                         "x-real-ip", "x-envoy-internal", "x-sluice-anything"):
                check(not request.has(gone), f"passed on: {gone}")
            for field, value in request.fields:
                if field != "true-client-ip":
                    check("6.6.6.6" not in value and "evil" not in value, f"{field}: {value}")
            equal((record["client"], "peer" in record), ("127.0.0.1", False))


@case
def believes_a_trusted_proxy():
    request, record = ask([trusting()], {**FORGED, "x-forwarded-for": "6.6.6.6, 203.0.113.9",
                                         "x-forwarded-host": "shop.example", "x-forwarded-port": "443",
                                         "x-request-id": "from-the-proxy-1"})
    equal(request.get("x-seen"), "203.0.113.9")
    equal(request.get("x-scheme"), "https")
    equal(request.all("x-forwarded-for"), ["6.6.6.6, 203.0.113.9, 127.0.0.1"])
    equal(request.all("x-forwarded-proto"), ["https"])
    equal(request.all("x-forwarded-host"), ["shop.example"])
    equal(request.all("x-forwarded-port"), ["443"])
    equal(request.get("x-forwarded-prefix"), "/evil")
    equal(request.get("x-request-id"), "from-the-proxy-1")
    for gone in ("forwarded", "x-real-ip", "x-sluice-anything"):
        check(not request.has(gone), f"passed on: {gone}")
    equal((record["client"], record["peer"]), ("203.0.113.9", "127.0.0.1"))
    equal(record["requestId"], "from-the-proxy-1")


@case
def malformed_claims_of_a_trusted_proxy_are_replaced():
    request, record = ask([trusting()], [("x-forwarded-for", "6.6.6.6, what"),
                                         ("x-forwarded-proto", "ftp"), ("x-forwarded-host", "a b"),
                                         ("x-forwarded-port", "99999"), ("x-request-id", "a b\"<")])
    equal(request.get("x-seen"), "127.0.0.1")
    equal(request.all("x-forwarded-proto"), ["http"])
    check(request.get("x-forwarded-host").startswith("127.0.0.1"), request.get("x-forwarded-host"))
    check(not request.has("x-forwarded-port"), "a port that is none")
    check("<" not in request.get("x-request-id"), "an id that would have to be escaped")
    equal(record["client"], "127.0.0.1")


@case
def counts_hops():
    documents = [trusting(hops=2)]
    request, _ = ask(documents, {"x-forwarded-for": "6.6.6.6, 203.0.113.9, 198.51.100.1"})
    equal(request.get("x-seen"), "203.0.113.9")
    request, _ = ask(documents, {})
    equal(request.get("x-seen"), "127.0.0.1")


@case
def reads_and_writes_forwarded():
    claims = {"forwarded": 'for=6.6.6.6, for="[2001:db8::9]:1234";proto=https;host=shop.example',
              "x-forwarded-for": "6.6.6.6", "x-forwarded-proto": "http", "x-forwarded-port": "1"}
    request, record = ask([trusting(header="Forwarded")], claims)
    equal(request.get("x-seen"), "2001:db8::9")
    equal(request.all("x-forwarded-for"), ["2001:db8::9, 127.0.0.1"])
    equal(request.get("x-forwarded-proto"), "https")
    equal(request.get("x-forwarded-host"), "shop.example")
    check(not request.has("x-forwarded-port"), "believed another header than the one configured")
    (forwarded,) = request.all("forwarded")
    check(forwarded.startswith(claims["forwarded"] + ", for=127.0.0.1;proto=http;host=\"127.0.0.1:"),
          forwarded)
    equal(record["client"], "2001:db8::9")


@case
def emits_forwarded_for_everybody_when_asked_to():
    request, _ = ask([trusting(["192.0.2.0/24"], emitForwarded=True)], FORGED)
    (forwarded,) = request.all("forwarded")
    check(forwarded.startswith("for=127.0.0.1;proto=http;host=\"127.0.0.1:"), forwarded)
    request, _ = ask([trusting(emitForwarded=True)], {"x-forwarded-for": "2001:db8::9"})
    (forwarded,) = request.all("forwarded")
    check(forwarded.startswith('for="[2001:db8::9]", for=127.0.0.1;proto=http'), forwarded)


@case
def reads_a_header_of_another_name():
    documents = [trusting(header="True-Client-IP")]
    request, _ = ask(documents, {"true-client-ip": "203.0.113.9", "x-forwarded-for": "6.6.6.6"})
    equal(request.get("x-seen"), "203.0.113.9")
    equal(request.all("x-forwarded-for"), ["203.0.113.9, 127.0.0.1"])
    request, _ = ask([trusting(["10.0.0.0/8"], header="True-Client-IP")], FORGED)
    equal(request.get("x-seen"), "127.0.0.1")
    check(not request.has("true-client-ip"), "a claim of somebody who is not believed")


@case
def a_header_of_another_name_cannot_be_nominated_away():
    with Backend() as backend, Gateway([whoami(backend), trusting(header="True-Client-IP")]) as gateway:
        answer = gateway.get("/", {"true-client-ip": "203.0.113.9", "connection": "true-client-ip"})
        equal((answer.status, len(backend.requests)), (400, 0))
        equal(gateway.records(1)[0]["reason"], "bad_request")
        answer = gateway.get("/", {"true-client-ip": "203.0.113.9", "x-a": "b", "connection": "x-a"})
        equal(answer.status, 200)
        equal((backend.requests[0].get("x-seen"), backend.requests[0].has("x-a")), ("203.0.113.9", False))


@case
def takes_effect_with_a_save():
    with Backend() as backend, Gateway({"a.yaml": [whoami(backend)]}) as gateway, \
            gateway.client() as client:
        claim = {"x-forwarded-for": "203.0.113.9"}
        equal(client.get("/", claim).status, 200)
        gateway.save("edge.yaml", [trusting()])
        equal(client.get("/", claim).status, 200)
        equal([r.get("x-seen") for r in backend.requests], ["127.0.0.1", "203.0.113.9"])


main()
