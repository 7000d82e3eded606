#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Errors as the operator words them, and redirects to https."""
import subprocess

from harness import *
from harness.documents import port_of

HTML = "<!doctype html><style>body{margin:0}</style><h1>{status} {reasonPhrase}</h1><p>{message}</p>"
PROBLEM = ('{"type": "about:blank", "title": "{reasonPhrase}", "status": {status}, "detail": "{message}", '
           '"instance": "urn:request:{requestId}"}')
COMMON = {"default": {"json": '{"code": {status}, "why": "{reason}", "id": "{requestId}"}', "html": HTML,
                      "problem": PROBLEM, "text": "{status} {message}\n"}}


def erring(errors):
    return configuration("errors", {"errors": errors})


@case
def words_errors_by_what_the_client_accepts():
    with Backend() as backend, Gateway([api("a", backend, base="/a"), erring(COMMON)]) as gateway:
        for accept, kind in ((None, "application/json; charset=UTF-8"), ("*/*", "application/json; charset=UTF-8"),
                             ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=UTF-8"),
                             ("application/problem+json", "application/problem+json"),
                             ("text/*;q=0.5, text/html;q=0", "text/plain; charset=UTF-8"),
                             ("image/png", "application/json; charset=UTF-8"),
                             ("application/json;q=0.1, text/plain;q=0.2", "text/plain; charset=UTF-8"),
                             ("nonsense;;q=x, text/plain", "text/plain; charset=UTF-8")):
            with rows(accept):
                answer = gateway.get("/none", {"accept": accept} if accept else {})
                equal((answer.status, answer.get("content-type"), answer.get("vary")),
                      (404, kind, "Accept"))
        answer = gateway.get("/none")
        equal(answer.json(), {"code": 404, "why": "no_api", "id": answer.get("x-request-id")})
        answer = gateway.get("/none", {"accept": "application/problem+json"})
        equal(answer.json(), {"type": "about:blank", "title": "Not Found", "status": 404,
                              "detail": "no API is served at this path",
                              "instance": "urn:request:" + answer.get("x-request-id")})
        equal(answer.get("x-content-type-options"), "nosniff")
        contains(gateway.get("/none", {"accept": "text/html"}).text(), "<h1>404 Not Found</h1>")
        head = gateway.request("HEAD", "/none")
        equal((head.status, head.body), (404, b""))
        check(int(head.get("content-length")) > 20, head.get("content-length"))


@case
def chooses_by_status_and_the_api_before_the_gateway():
    own = api("own", "http://127.0.0.1:1", base="/own")
    own["spec"]["errors"] = {"5xx": {"text": "own 5xx"}, "503": {"text": "own {status}"}}
    other = api("other", "http://127.0.0.1:1", base="/other", port=port_of(own),
                routes=[{"rules": [{"methods": "PUT"}]}])
    common = {"405": {"text": "no {reason}"}, "4xx": {"text": "common 4xx"}, "default": {"text": "common"}}
    with Gateway([own, other, erring(common)]) as gateway:
        for target, status, text in (("/own/x", 503, "own 503"), ("/other/x", 405, "no method_not_allowed"),
                                     ("/none", 404, "common 4xx")):
            with rows(target):
                answer = gateway.get(target)
                equal((answer.status, answer.text()), (status, text))
        equal(gateway.request("PUT", "/other/x").text(), "common")
        check(gateway.get("/other/x").has("allow"), "the fields of the error are gone")


@case
def words_policies_errors_and_keeps_their_fields():
    policies = [{"policyRef": {"name": "http-basic-authentication"},
                 "config": {"username": "u", "password": "p"}}]
    with Backend(reply(500, "theirs")) as backend, \
            Gateway([api("a", backend, policies=policies), erring(COMMON)]) as gateway:
        answer = gateway.get("/")
        equal((answer.status, answer.get("content-type")), (401, "application/json; charset=UTF-8"))
        equal(answer.json()["code"], 401)
        check(answer.has("www-authenticate"), "the challenge is gone")
        equal(gateway.records(1)[0]["reason"], answer.json()["why"])
        got = gateway.get("/", {"authorization": "Basic dTpw"})
        equal((got.status, got.text()), (500, "theirs"))


@case
def words_the_errors_of_heads_that_are_refused():
    common = {"400": {"html": "<b>{status} {message} {requestId}</b>"}, **COMMON}
    with Backend() as backend, Gateway([api("a", backend), erring(common),
                                        configuration("edge", {"reasonHeader": True})]) as gateway:
        answer = gateway.send_raw("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n").decode()
        contains(answer, "Content-Type: text/html; charset=UTF-8")
        contains(answer, "x-sluice-reason: bad_request")
        contains(answer, "<b>400 missing, repeated or malformed Host </b>")
        answer = gateway.send_raw("GET / HTTP/2.0\r\nhost: a\r\n\r\n").decode()
        contains(answer, '"code": 505')


@case
def takes_pages_from_files_and_serves_others_after_a_save():
    folder = {"pages.yaml": [erring({"default": {"html": "${file:error.html}"}})]}
    with Backend() as backend, Gateway({"a.yaml": [api("a", backend, base="/a")]}) as gateway:
        contains(gateway.get("/").text(), '"error"')
        gateway.write("error.html", "<p>price: $5 {status}</p>\n")
        gateway.save("pages.yaml", folder["pages.yaml"])
        equal(gateway.get("/").text(), "<p>price: $5 404</p>")


@case
def curl_gets_the_page_it_asks_for():
    with Backend() as backend, Gateway([api("a", backend, base="/a"), erring(COMMON)]) as gateway:
        out = subprocess.run(["curl", "-s", "-H", "Accept: text/html", "-w", "%{http_code}",
                              f"http://127.0.0.1:{gateway.port}/<script>"], capture_output=True, text=True)
        equal(out.stdout[-3:], "404" if "404" in out.stdout else "400")
        check("<script>" not in out.stdout, out.stdout)


# --- redirects ------------------------------------------------------------------------------------

def redirecting(redirect, upstream=None, **kwargs):
    made = api("a", upstream, **kwargs)
    made["spec"]["redirect"] = redirect
    return made


@case
def redirects_to_https():
    for redirect, status, start in (
            ({}, 308, "https://shop.example"), ({"port": 8443}, 308, "https://shop.example:8443"),
            ({"status": 301, "host": "www.example"}, 301, "https://www.example"),
            ({"host": "[2001:db8::1]", "port": 444, "status": 307}, 307, "https://[2001:db8::1]:444")):
        with rows(str(redirect)), Gateway([redirecting(redirect, base="/a")]) as gateway:
            for target, rest in (("/a", "/a"), ("/a/b?c=d&e=%2f", "/a/b?c=d&e=%2f"), ("/a/?", "/a/?"),
                                 ("/a//evil.example/%41", "/a/evil.example/A")):
                answer = gateway.request("GET", target, host="shop.example:8080")
                equal((answer.status, answer.get("location"), answer.body), (status, start + rest, b""))
            record = gateway.records(1)[0]
            equal((record["reason"], record["status"], record["api"]), ("redirected", status, "default/a"))
            equal(gateway.get("/none").status, 404)


@case
def redirects_before_policies_and_to_no_place_that_a_request_names():  # HD7
    policies = [{"policyRef": {"name": "http-basic-authentication"},
                 "config": {"username": "u", "password": "p"}}]
    with Backend() as backend, Gateway([redirecting({}, backend, policies=policies)]) as gateway:
        for target in ("//evil.example/x", "/%2f/evil.example", "/\\evil.example", "https:evil.example",
                       "/x?//evil.example", "/@evil.example", "/%0d%0alocation:evil"):
            with rows(target):
                answer = gateway.request("POST", target, body="b", host="shop.example")
                location = answer.get("location")
                check(answer.status == 400 and not location or answer.status == 308
                      and location.startswith("https://shop.example/"), f"{answer.status} {location}")
        answer = gateway.send_raw("GET /x HTTP/1.0\r\n\r\n").decode()
        contains(answer, "HTTP/1.1 400")
        check(b"ocation" not in gateway.send_raw(
            "GET /x HTTP/1.1\r\nhost: shop.example@evil\r\n\r\n"), "a Host that is none")
        equal(backend.requests, [])


@case
def serves_what_a_trusted_proxy_took_by_https():
    edge = configuration("edge", {"clientAddress": {"trustedProxies": ["127.0.0.1"]}})
    with Backend() as backend, Gateway([redirecting({}, backend), edge]) as gateway:
        equal(gateway.get("/", {"x-forwarded-proto": "https"}).status, 200)
        equal(gateway.get("/", {"x-forwarded-proto": "http"}).status, 308)
        equal(gateway.get("/").status, 308)
    with Backend() as backend, Gateway([redirecting({}, backend)]) as gateway:
        equal(gateway.get("/", {"x-forwarded-proto": "https"}).status, 308)


main()
