#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One path for rules, policies and the upstream: no spelling of /admin gets past a rule on /admin."""
from harness import *

ROUTES = {
    "open": {"routes": [{"rules": [{"path": "/open/.*"}, {"path": "/x/.*"}]}]},
    "admin": {"routes": [{"rules": [{"path": "/admin(?:|/.*)"}]}]},
}


def two_services(public, private):
    services = {name: {"address": backend.address, **ROUTES[name]}
                for name, backend in (("open", public), ("admin", private))}
    return [api("a", services=services)]


@case
def routes_every_spelling_alike():  # PA1
    """What reaches an upstream went through the rule for the path that the upstream sees."""
    spellings = ["/admin", "/admin/", "//admin", "/./admin", "/x/../admin", "/%61dmin", "/adm%69n",
                 "/x/%2e%2e/admin", "/x/%2E%2e/admin", "/x/.%2e/admin", "/x//../admin", "/x/./../admin",
                 "/admin/x/..", "/open/../admin", "/open/%2e%2e/admin/1", "/x/y/../../admin"]
    with Backend() as public, Backend() as private, \
            Gateway(two_services(public, private)) as gateway:
        for target in spellings:
            with rows(target):
                seen = len(private.requests)
                answer = gateway.get(target)
                one_of(answer.status, (200, 400, 404))
                if answer.status == 200:
                    equal(len(private.requests), seen + 1, "requests at the admin service")
                    path = private.requests[-1].target
                    check(path == "/admin" or path.startswith("/admin/"), f"forwarded {path}")
        equal([r.target for r in public.requests if "admin" in r.target.lower()], [],
              "the open service saw")


@case
def refuses_paths_above_the_root():
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        for target in ("/..", "/../x", "/a/../../b", "/%2e%2e/x", "/a/%2e%2e/%2e%2e/b", "/./../x"):
            with rows(target):
                equal(gateway.get(target).status, 400)
        equal(backend.requests, [])


@case
def refuses_encodings_that_split_or_hide():  # PA2, PA4
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        for target in ("/a%2fb", "/a%2Fb", "/a%5cb", "/a%00b", "/a%0ab", "/a%0db", "/%zz", "/%", "/%1",
                       "/%c0%af", "/%2561dmin", "/%252e%252e/x", "/%252f", "/%25%32%65"):
            with rows(target):
                equal(gateway.get(target).status, 400)
        equal(backend.requests, [])


@case
def refuses_dot_segments_with_parameters():  # PA3
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        for target in ("/x/..;/admin", "/x/.;/admin", "/x/..;a=b/admin", "/%2e%2e;/admin"):
            with rows(target):
                equal(gateway.get(target).status, 400)
        equal(backend.requests, [])
        equal(gateway.get("/x;jsessionid=1/y").get("x-target"), "/x;jsessionid=1/y")


@case
def treats_every_escaped_byte_the_same_everywhere():
    """Each %XX at three positions is refused, or decoded once, or kept: never two of these."""
    with Backend() as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        for byte in range(256):
            escaped = f"%{byte:02x}"
            results = set()
            for target in (f"/{escaped}x", f"/x{escaped}y", f"/x/y{escaped}"):
                try:
                    answer = client.get(target)
                except Closed:
                    client = gateway.client()
                    answer = client.get(target)
                if answer.status == 400:
                    results.add("refused")
                    client.close()
                    client = gateway.client()
                    continue
                path = answer.get("x-target", "")
                results.add("decoded" if path == target.replace(escaped, chr(byte)) else
                            "kept" if path.lower() == target else f"became {path}")
            with rows(escaped):
                one_of(results, ({"refused"}, {"decoded"}, {"kept"}))
                if chr(byte).isascii() and (chr(byte).isalnum() or chr(byte) in "-_~"):
                    equal(results, {"decoded"}, "unreserved")
                if byte < 32 or byte == 127 or chr(byte) in "/\\":
                    equal(results, {"refused"}, "dangerous")


@case
def a_rule_holds_in_every_case_where_case_does_not_count():  # PA5
    with Backend() as public, Backend() as private:
        document = two_services(public, private)[0]
        document["spec"]["services"]["admin"]["routes"] = [
            {"rules": [{"path": "/Admin(?:|/.*)"}]}]
        document["spec"]["paths"] = {"case": "lower", "parameters": "strip"}
        with Gateway([document]) as gateway:
            for target in ("/admin", "/ADMIN", "/aDmin/X", "/%41DMIN", "/x/..//Admin", "/Admin;x/Y",
                           "/X;/../ADMIN"):
                with rows(target):
                    seen = len(private.requests)
                    equal(gateway.get(target).status, 200)
                    equal(len(private.requests), seen + 1, "requests at the admin service")
                    path = private.requests[-1].target
                    check(path == "/admin" or path.startswith("/admin/"), f"forwarded {path}")
            equal(public.requests, [])
            last = gateway.records(7)[-1]
            equal((last["target"], last["path"]), ("/X;/../ADMIN", "/admin"))


@case
def an_encoded_slash_that_is_kept_splits_no_rule():  # PA2
    with Backend() as public, Backend() as private:
        document = two_services(public, private)[0]
        document["spec"]["paths"] = {"encodedSlash": "keep"}
        with Gateway([document]) as gateway:
            equal(gateway.get("/open/a%2fb").get("x-target"), "/open/a%2Fb")
            equal(gateway.get("/admin%2fx").status, 404)
            for target in ("/open/..%2fadmin", "/open%2f..%2fadmin"):
                with rows(target):
                    equal(gateway.get(target).status, 400)
            equal(private.requests, [])


@case
def keeps_queries_as_they_are():  # PA6
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        for query in ("a=1&a=2", "a=%2F..%2f", "a=b+c", "a=%26", "", "a;b", "x=/../y", "?a=?"):
            with rows(query):
                equal(gateway.get(f"/p?{query}").get("x-target"), f"/p?{query}")


@case
def never_sends_an_authority_like_path_to_another_host():
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        answer = gateway.get("//evil.test/x")
        one_of(answer.status, (200, 400))
        for request in backend.requests:
            equal((request.target, request.get("host")), ("/evil.test/x", backend.authority))


main()
