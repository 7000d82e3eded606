#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The policies oauth2-token-introspection and openidconnect-access-token-enforcement with an authorization server over
real HTTP."""
import json
import threading
import time
import urllib.parse

from harness import *
from harness.documents import document

CREDENTIALS = "Basic Z2F0ZXdheTpzZWNyZXQtNDcxMQ=="


class Server(Backend):
    """Knows tokens: `tokens` has what is said of each."""

    def __init__(self, **tokens):
        self.tokens, self.raw_answer = tokens, None
        self.gate = threading.Event()
        self.gate.set()
        super().__init__(self.serve)

    def serve(self, connection):
        while request := connection.read_request():
            check(self.gate.wait(20 * SCALE), "the server may answer")
            if self.raw_answer is not None:
                connection.send(self.raw_answer)
                continue
            form = urllib.parse.parse_qs(request.body.decode(), strict_parsing=True)
            right = request.method == "POST" and request.get("authorization") == CREDENTIALS and len(form) == 1
            answer = self.tokens.get(form["token"][0], {"active": False}) if right else {"error": "who?"}
            connection.send(reply(200 if right else 401, json.dumps(answer), {"content-type": "application/json"}))


def active(**more):
    return {"active": True, "sub": "ann", "client_id": "shop", "exp": int(time.time()) + 600, **more}


def enforced(server, name="oauth2-token-introspection-flex", **config):
    return {"policyRef": {"name": name}, "config": {
        "introspectionURL": server.address + "/introspect", "authorizationValue": CREDENTIALS,
        "skipClientIdValidation": True, **config}}


def ask(gateway, token, port=None, **headers):
    return gateway.get("/", {"authorization": "Bearer " + token, **headers}, port=port)


WHO = {"policyRef": {"name": "header-injection"}, "config": {"inboundHeaders": [
    {"key": "x-who", "value": "#[authentication.principal ++ '/' ++ authentication.clientId ++ '/' ++ "
                              "(vars.claimSet.team default '')]"}]}}


@case
def an_active_token_passes_and_is_remembered():
    with Server(good=active(team="red"), **{"a+b/c==": active(), "gone": active(exp=1), "later": active(
            nbf=int(time.time()) + 1000)}) as server, Backend() as backend, Gateway(
                [api("a", backend, policies=[enforced(server), WHO])], workers=2) as gateway:
        equal([ask(gateway, "good").status for _ in range(6)], [200] * 6)
        equal({r.get("x-who") for r in backend.requests}, {"ann/shop/red"})
        equal([(r.method, r.target, r.body) for r in server.requests], [("POST", "/introspect", b"token=good")])
        equal(ask(gateway, "a+b/c==").status, 200)
        for token in ("bad", "gone", "later", "bad"):
            got = ask(gateway, token)
            equal((got.status, got.get("www-authenticate")), (401, 'Bearer error="invalid_token"'))
        equal(len(server.requests), 6)
        equal(gateway.get("/").status, 401)
        equal(gateway.get("/", {"authorization": "Basic YTpi"}).status, 401)
        for field in ("Bearer a b", "Bearer a\u00e9", 'Bearer "a"', "Bearer " + "x" * 8193):
            check(gateway.get("/", {"authorization": field.encode("latin-1").decode("latin-1")}).status in (400, 431),
                  field[:20])
        equal(gateway.get("/", [("authorization", "Bearer good")] * 2).status, 400)
        equal(len(server.requests), 6)


@case
def an_answer_ends_with_its_token_and_with_whom_was_asked():
    with Server(short=active(exp=int(time.time()) + 2), good=active()) as server, Server() as other, \
            Backend() as backend:
        documents = [api("a", backend, policies=[enforced(server)])]
        with Gateway({"api.yaml": documents}) as gateway:
            ask(gateway, "short")
            wait_for(lambda: ask(gateway, "short").status == 401, "its end")
            equal(ask(gateway, "good").status, 200)
            documents[0]["spec"]["policies"] = [enforced(other)]
            gateway.save("api.yaml", documents)
            equal(ask(gateway, "good").status, 401)


@case
def nothing_is_remembered_where_nothing_shall_be():
    with Server(good=active()) as server, Backend() as backend, Gateway([
            api("a", backend, policies=[enforced(server, maxCacheEntries=0)]),
            api("b", backend, policies=[enforced(server, validatedTokenTTL=0)]),
            api("c", backend, policies=[enforced(
                server, "openidconnect-access-token-enforcement-flex", maxCacheSize=0)])]) as gateway:
        for port in gateway.ports:
            equal([ask(gateway, "good", port).status for _ in range(2)], [200, 200])
        equal(len(server.requests), 6)
        server.gate.clear()
        statuses = []
        asking = [threading.Thread(target=lambda: statuses.append(ask(gateway, "good", gateway.ports[1]).status))
                  for _ in range(3)]
        for thread in asking:
            thread.start()
        wait_for(lambda: len(server.requests) == 9, "each asks")
        server.gate.set()
        for thread in asking:
            thread.join()
        equal(statuses, [200] * 3)


def wait_for_waiting(gateway, number):
    wait_for(lambda: sum(n for name, n in gateway.metrics().items() if "token_remembered" in name) == number,
             f"{number} wait for what another asked")


@case
def one_question_is_asked_for_all_who_come_at_once():
    """Of all workers; also when the one that asked goes away."""
    with Server(good=active()) as server, Backend() as backend, Gateway(
            [api("a", backend, policies=[enforced(server)])], workers=2) as gateway:
        waiting = 0
        for token, status in (("good", 200), ("bad", 401)):
            server.gate.clear()
            asked, statuses = len(server.requests), []
            leaver = gateway.client()
            leaver.send(b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + token.encode() + b"\r\n\r\n")
            wait_for(lambda: len(server.requests) == asked + 1, "the question")
            asking = [threading.Thread(target=lambda: statuses.append(ask(gateway, token).status)) for _ in range(7)]
            for thread in asking:
                thread.start()
            waiting += 7
            wait_for_waiting(gateway, waiting)
            leaver.close()
            server.gate.set()
            for thread in asking:
                thread.join()
            equal(statuses, [status] * 7)
            equal(len(server.requests), asked + 1)
        equal(ask(gateway, "good").status, 200)
        equal(len(server.requests), 2)


@case
def scopes_are_asked_for_all_or_one():
    tokens = {"both": active(scope="read write"), "one": active(scope="read"), "listed": active(scope=["write", "read"]),
              "none": active(), "like": active(scope="reader writer")}
    with Server(**tokens) as server, Backend() as backend, Gateway([
            api("a", backend, policies=[enforced(server, scopes="read write")]),
            api("b", backend, policies=[enforced(server, scopes="read write", scopeValidationCriteria="OR")])]
            ) as gateway:
        both, one = gateway.ports
        equal({t: ask(gateway, t, both).status for t in tokens},
              {"both": 200, "one": 403, "listed": 200, "none": 403, "like": 403})
        equal({t: ask(gateway, t, one).status for t in tokens},
              {"both": 200, "one": 200, "listed": 200, "none": 403, "like": 403})
        equal(ask(gateway, "none", one).get("www-authenticate"), 'Bearer error="insufficient_scope"')


@case
def a_client_has_a_contract():
    contracts = [document("Contract", "c", {"apiId": "a", "client": {"id": "shop", "name": "The shop"}}),
                 document("Contract", "d", {"apiId": "b", "client": {"id": "ann.user"}})]
    with Server(good=active(username="ann.user"), other=active(client_id="other", username="bob"),
                nobody={"active": True}) as server, Backend() as backend, Gateway([
                    api("a", backend, policies=[enforced(server, skipClientIdValidation=False)]),
                    api("b", backend, policies=[enforced(
                        server, skipClientIdValidation=False, consumerBy="username")])] + contracts) as gateway:
        for port in gateway.ports:
            equal([ask(gateway, t, port).status for t in ("good", "other", "nobody")], [200, 403, 403])
        equal({r.get("clientId") for r in gateway.records(6) if r["status"] == 200}, {"shop", "ann.user"})


@case
def the_upstream_learns_what_the_server_says_and_nothing_of_the_clients():
    with Server(good=active(uid=7, mail="a@b.example", nested={"a": 1}, list=[1]), evil=active(
            mail="a\r\nx-admin: 1")) as server, Backend() as backend, Gateway([
                api("a", backend, policies=[enforced(server, exposeHeaders=True)])]) as gateway:
        equal(ask(gateway, "good", **{"x-agw-uid": "0", "X-AGW-Role": "root", "x-agw-list": "all"}).status, 200)
        sent = backend.requests[0]
        equal([sent.all(f"x-agw-{name}") for name in ("uid", "mail", "active", "role", "list", "nested")],
              [["7"], ["a@b.example"], ["true"], [], [], []])
        equal(ask(gateway, "evil").status, 500)
        equal(len(backend.requests), 1)


@case
def a_server_that_is_no_help_lets_nobody_pass():
    answers = {reply(500, ""): 503, reply(429, ""): 503, reply(404, ""): 500, reply(200, "no JSON"): 500,
               reply(200, "{}"): 500, reply(200, '{"active":"true"}'): 500, reply(200, "[]"): 500,
               reply(200, '{"active":true,"active":false}'): 500, reply(200, " " * 70000): 500,
               reply(302, "", {"location": "/x"}): 500}
    with Server() as server, Backend() as backend, Gateway([
            api("a", backend, policies=[enforced(server)]),
            api("b", backend, policies=[{"policyRef": {"name": "oauth2-token-introspection"}, "config": {
                "introspectionURL": f"http://127.0.0.1:{free_port()}/", "authorizationValue": CREDENTIALS}}])],
            options=["--log-level", "debug"]) as gateway:
        for answer, status in answers.items():
            server.raw_answer = answer
            equal(ask(gateway, "good").status, status, answer[:80])
        equal(ask(gateway, "good", gateway.ports[1]).status, 503)
        equal(len(backend.requests), 0)
        text = gateway.error_text()
        check("Z2F0ZXdheTpzZWNyZXQ" not in text, "the log has the credentials")


main()
