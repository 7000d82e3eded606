#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Header fields that belong to one hop, to the gateway, or to nobody."""
from harness import *


def seen(headers, raw=None):
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        answer = gateway.get("/", headers)
        return answer, backend.requests[-1] if backend.requests else None


@case
def removes_hop_by_hop_fields_in_both_directions():
    hop = {"keep-alive": "timeout=5", "proxy-connection": "keep-alive", "te": "gzip",
           "x-mine": "1"}
    answer = reply(200, "x", {**hop, "connection": "x-mine"})
    with Backend(answer) as backend, Gateway([api("a", backend)]) as gateway:
        got = gateway.get("/", {**hop, "connection": "x-mine, keep-alive"})
        for where, message in (("request", backend.requests[0]), ("response", got)):
            for name in ("keep-alive", "proxy-connection", "te", "x-mine"):
                with rows(f"{where}: {name}"):
                    check(not message.has(name), f"passed on: {message.get(name)}")
        one_of((backend.requests[0].get("connection") or "").lower(), ("", "keep-alive"))


@case
def refuses_to_let_connection_name_what_others_rely_on():  # HD1
    for name in ("authorization", "cookie", "host", "x-forwarded-for", "x-forwarded-user", "forwarded",
                 "x-sluice-x", "traceparent", "tracestate", "x-request-id", "content-length"):
        with rows(name):
            answer, request = seen({"connection": name, "authorization": "Basic eA=="})
            equal((answer.status, request), (400, None))


@case
def sets_forwarding_fields_and_believes_nobody():  # HD2
    answer, request = seen({"x-forwarded-for": "6.6.6.6", "x-forwarded-proto": "https",
                            "x-forwarded-host": "evil", "forwarded": "for=6.6.6.6",
                            "x-real-ip": "6.6.6.6"})
    equal(answer.status, 200)
    equal(request.get("x-forwarded-for"), "127.0.0.1")
    equal(request.get("x-forwarded-proto"), "http")
    for name, value in request.fields:
        with rows(name):
            check("6.6.6.6" not in value and "evil" not in value, f"believed {name}: {value}")


@case
def gives_every_answer_a_request_id_of_its_own():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        answers = [gateway.get("/", {"x-request-id": "mine"}) for _ in range(3)]
        ids = [a.get("x-request-id") for a in answers]
        equal(len(set(ids)), 3)
        check("mine" not in ids, "the client's id was believed")
        equal([r.get("x-request-id") for r in backend.requests], ids)
        equal([r["requestId"] for r in gateway.records(3)], ids)


@case
def refuses_second_values_of_single_fields():  # HD4
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        for name in ("authorization", "content-type", "origin"):
            with rows(name):
                answer = gateway.request("GET", "/", [(name, "a"), (name, "b")])
                equal(answer.status, 400)
        equal(backend.requests, [])


@case
def removes_what_names_another_request():  # PA7
    names = ("x-http-method-override", "x-http-method", "X-METHOD-OVERRIDE", "x_http_method_override",
             "x-original-url", "x-rewrite-url", "proxy", "proxy-anything")
    fields = [(n, "DELETE") for n in names]
    with Backend() as backend:
        passing = configuration("edge", {"headers": {"allowOverrides": True}})
        for documents, kept in (([], 0), ([passing], 6)):
            with Gateway([api("a", backend), *documents]) as gateway:
                equal(gateway.get("/", fields).status, 200)
                got = [n for n, v in backend.requests[-1].fields if v == "DELETE"]
                equal(len(got), kept)


@case
def passes_a_trace_that_is_whole_and_no_other():
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    state = [("tracestate", "rojo=1"), ("tracestate", "congo=2")]
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        for name, fields, passed in (
                ("both", [("traceparent", parent), *state], [parent, "rojo=1,congo=2"]),
                ("parent alone", [("traceparent", parent)], [parent]),
                ("bad state", [("traceparent", parent), ("tracestate", "A=")], [parent]),
                ("no parent", state, []), ("bad parent", [("traceparent", "00-1-2-3"), *state], []),
                ("two parents", [("traceparent", parent), ("traceparent", parent), *state], [])):
            with rows(name):
                equal(gateway.get("/", fields).status, 200)
                request = backend.requests[-1]
                equal(request.all("traceparent") + request.all("tracestate"), passed)
        records = gateway.records(6)
        ids = [r.get("traceId") for r in records]
        equal(ids, ["4bf92f3577b34da6a3ce929d0e0e4736"] * 3 + [None] * 3)


@case
def keeps_a_request_id_when_asked_to():
    for name, documents, env in (
            ("configured", [configuration("edge", {"requestId": {"preserve": True}})], {}),
            ("by the vendor's variable", [], {"FLEX_PRESERVE_EXTERNAL_REQUEST_ID": "true"})):
        with rows(name), Backend() as backend, \
                Gateway([api("a", backend), *documents], env=env) as gateway:
            equal(gateway.get("/", {"x-request-id": "mine-1"}).get("x-request-id"), "mine-1")
            equal(backend.requests[0].get("x-request-id"), "mine-1")
            for bad in ("<b>", "a" * 129, "a b", 'a"b'):
                check(gateway.get("/", {"x-request-id": bad}).get("x-request-id") != bad, bad)


@case
def documents_go_before_the_environment():
    """Of each of the three switches, either way; and our name before the vendor's."""
    names = ("REMOVE_SERVER_HEADER", "PRESERVE_EXTERNAL_REQUEST_ID", "REWRITE_HOST_HEADER")

    def variables(prefix, value):
        return {prefix + name: value for name in names}

    def said(value):
        return [configuration("edge", {"headers": {"removeServer": value}, "requestId": {"preserve": value},
                                       "routing": {"rewriteHostHeader": value}})]
    table = [("true", variables("FLEX_", "true"), [], True), ("false", variables("FLEX_", "false"), [], False),
             ("ours first", {**variables("FLEX_", "true"), **variables("SLUICE_", "0")}, [], False),
             ("document off", variables("SLUICE_", "true"), said(False), False),
             ("document on", variables("SLUICE_", "false"), said(True), True)]
    for name, env, documents, expected in table:
        with rows(name), Backend(reply(200, "x", {"server": "origin"})) as backend, \
                Gateway([api("a", backend), *documents], env=env) as gateway:
            answer = gateway.get("/", {"x-request-id": "mine-1"})
            got = (answer.get("server") is None, answer.get("x-request-id") == "mine-1",
                   backend.requests[0].get("host") == backend.authority)
            equal(got, (expected,) * 3)


@case
def tells_the_reason_and_hides_the_server_when_asked_to():
    answer = reply(200, "x", {"server": "origin/1.0", "x-sluice-reason": "forged",
                              "x-sluice-other": "1"})
    edge = configuration("edge", {"reasonHeader": True, "headers": {"removeServer": True}})
    with Backend(answer) as backend, Gateway([api("a", backend, base="/a")]) as gateway:
        got = gateway.get("/a")
        equal((got.get("server"), got.has("x-sluice-reason"), got.has("x-sluice-other")),
              ("origin/1.0", False, False))
        check(not gateway.get("/none").has("x-sluice-reason"), "told unasked")
    with Backend(answer) as backend, Gateway([api("a", backend, base="/a"), edge]) as gateway:
        got = gateway.get("/a")
        check(not got.has("server") and not got.has("x-sluice-reason"), f"{got.fields}")
        equal(gateway.get("/none").get("x-sluice-reason"), "no_api")


@case
def server_and_via_say_what_they_are_told_to():
    answer = reply(200, "x", {"server": "origin/1.0", "via": "1.1 cache"})
    rows_of = [({}, ["1.1 sluice"], "origin/1.0", ["1.1 cache"], None),
               ({"server": "Shop (7)"}, ["1.1 sluice"], "Shop (7)", ["1.1 cache"], "Shop (7)"),
               ({"via": "both", "viaName": "edge-7:80"}, ["1.1 edge-7:80"], "origin/1.0",
                ["1.1 cache", "1.1 edge-7:80"], None),
               ({"via": "responses"}, [], "origin/1.0", ["1.1 cache", "1.1 sluice"], None),
               ({"via": "none", "removeServer": True}, [], None, ["1.1 cache"], None)]
    for headers, via, server, via_back, own_server in rows_of:
        edge = configuration("edge", {"headers": headers})
        with rows(headers), Backend(answer) as backend, \
                Gateway([api("a", backend, base="/a"), edge]) as gateway:
            got, own = gateway.get("/a"), gateway.get("/none")
            equal((got.get("server"), got.all("via")), (server, via_back))
            equal((own.status, own.get("server"), own.all("via")), (404, own_server, []))
            equal(backend.requests[0].all("via"), via)


@case
def host_is_what_the_service_says():
    literal = {"hostRewrite": "literal", "host": "shop.example:8443"}
    rows_of = [({}, {}, "own"), ({"rewriteHostHeader": False}, {}, "client.example"),
               ({}, {"hostRewrite": "keep"}, "client.example"), ({}, literal, "shop.example:8443"),
               ({"rewriteHostHeader": False}, {"hostRewrite": "service"}, "own"),
               ({"rewriteHostHeader": False}, literal, "shop.example:8443")]
    for routing, service, host in rows_of:
        with rows((routing, service)), Backend() as backend:
            document = api("a", services={"up": {"address": backend.address, **service}})
            edge = [configuration("c", {"routing": routing})] if routing else []
            with Gateway([document, *edge]) as gateway:
                equal(gateway.request("GET", "/", host="client.example").status, 200)
                own = backend.address.split("://")[1]
                equal(backend.requests[0].get("host"), own if host == "own" else host)


@case
def host_is_what_the_route_says():
    """Before what the service says, and that before the Configuration's and the environment's."""
    kept, own, literal = ({"hostRewrite": "keep"}, {"hostRewrite": "service"},
                          {"hostRewrite": "literal", "host": "route.example"})
    other = {"hostRewrite": "literal", "host": "service.example"}
    rows_of = [({}, kept, "client.example"), (kept, own, "own"), (other, own, "service.example"),
               (other, kept, "client.example"), (kept, literal, "route.example"),
               (other, literal, "route.example"), (other, {}, "service.example")]
    with Backend() as backend:
        port, documents, address = free_port(), [], backend.address
        for i, (said, route, _) in enumerate(rows_of):
            services = {"up": {"address": address, **said, "routes": [{"config": route}]}}
            documents.append(api(f"inline{i}", port=port, base=f"/inline/{i}", services=services))
            up = service(f"up{i}", backend)
            up["spec"].update(said)
            config = {"destinationRef": {"name": f"up{i}"}, **route}
            weighted = {"routes": [{"weight": 1, "destinationRef": {"name": f"up{i}"}}], **route}
            documents += [up, api(f"bound{i}", port=port, base=f"/bound/{i}", policies=[
                {"policyRef": {"name": "route"}, "config": config}]), api(
                    f"weighted{i}", port=port, base=f"/weighted/{i}", policies=[
                        {"policyRef": {"name": "route-weighted"}, "config": weighted}])]
        with Gateway(documents) as gateway:
            for form in ("inline", "bound", "weighted"):
                for i, (said, route, host) in enumerate(rows_of):
                    with rows((form, said, route)):
                        equal(gateway.request("GET", f"/{form}/{i}", host="client.example").status, 200)
                        wanted = backend.authority if host == "own" else host
                        equal(backend.requests[-1].get("host"), wanted)


@case
def host_is_kept_where_the_environment_says_so():
    for routing, host in (([], "client.example"),
                          ([configuration("c", {"routing": {"rewriteHostHeader": True}})], "own")):
        with rows(routing), Backend() as backend, Gateway(
                [api("a", backend), *routing], env={"FLEX_REWRITE_HOST_HEADER": "false"}) as gateway:
            equal(gateway.request("GET", "/", host="client.example").status, 200)
            equal(backend.requests[0].get("host"), backend.authority if host == "own" else host)


@case
def an_endpoint_gets_the_host_of_the_route():
    with Backend() as one, Backend() as two:
        literal = {"hostRewrite": "literal", "host": "route.example"}
        up = {**balanced([one, two]), "routes": [{"config": literal}]}
        with Gateway([api("a", services={"up": up})]) as gateway:
            for _ in range(4):
                equal(gateway.get("/").status, 200)
        equal({r.get("host") for r in one.requests + two.requests}, {"route.example"})
        check(one.requests and two.requests, "both were asked")


@case
def keeps_order_and_every_value_of_other_fields():
    fields = [("x-a", "1"), ("x-b", "2"), ("x-a", "3"), ("cookie", "a=b"), ("x-empty", ""),
              ("x-utf8", "\u00c3\u00a9")]
    answer, request = seen(fields)
    equal(answer.status, 200)
    equal([f for f in request.fields if f[0].startswith("x-") and f[0] in dict(fields)],
          [f for f in fields if f[0] != "cookie"])
    equal(request.get("cookie"), "a=b")


@case
def passes_many_set_cookies():
    answer = b"HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 0\r\n\r\n"
    with Backend(answer) as backend, Gateway([api("a", backend)]) as gateway:
        equal(gateway.get("/").all("set-cookie"), ["a=1", "b=2"])


@case
def never_forwards_what_a_log_line_could_be_forged_with():
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        gateway.get('/a"b%22?q="\'', {"user-agent": 'x"} {"time": 0'})
        record = gateway.records(1)[0]
        equal(len(gateway.records_now()), 1)
        check(isinstance(record["path"], str), "a record is one JSON object")


main()
