#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The policy jwt-validation with an identity provider over real HTTP, and tokens that openssl signs."""
import glob
import json
import os
import threading
import time

from harness import *
from harness.documents import document
from harness.tokens import ask, jwks, key_pair, Provider, Secret, signed, validated


@case
def keys_come_from_the_provider_once_for_all_apis():
    key = key_pair("k1")
    who = {"policyRef": {"name": "header-injection"}, "config": {"inboundHeaders": [
        {"key": "x-who", "value": "#[authentication.principal ++ '/' ++ authentication.clientId ++ '/' ++ "
                                  "vars.claimSet.team ++ '/' ++ authentication.properties.claims.team]"}]}}
    with Provider(key) as provider, Backend() as backend, Gateway(
            [api(name, backend, policies=[jwks(provider), who]) for name in ("a", "b", "c")],
            workers=2) as gateway:
        token = key.token({"sub": "ann", "client_id": "shop", "team": "red", "exp": time.time() + 600})
        for port in gateway.ports * 2:
            equal(ask(gateway, token, port).status, 200)
        equal({r.get("x-who") for r in backend.requests}, {"ann/shop/red/red"})
        equal(provider.asked(), 1)
        equal(provider.requests[0].get("accept"), "application/json")
        equal(gateway.get("/").status, 400)
        equal(ask(gateway, token[:-6] + "AAAAAA").status, 401)
        equal(ask(gateway, key_pair("k1", owner="attacker").token()).status, 401)


@case
def several_algorithms_may_be_taken():
    keys = key_pair("r"), key_pair("e", "EC")
    with Provider(*keys) as provider, Backend() as backend, Gateway(
            [api("a", backend, policies=[jwks(provider, signingAlgorithms=["RS256", "ES256"])])]) as gateway:
        for key in keys:
            equal(ask(gateway, key.token()).status, 200)
            equal(ask(gateway, key.token(kid=None)).status, 200)
        equal(ask(gateway, keys[0].token(alg="RS512")).status, 401)
        equal(ask(gateway, signed(lambda _: bytes(64), None, {"alg": "ES256", "kid": "e"})).status, 401)


@case
def a_public_key_of_the_configuration_is_taken_with_and_without_its_frame():
    key = key_pair("k1")
    bare = "".join(key.pem.strip().split("\n")[1:-1])
    with Backend() as backend, Gateway([api("a", backend, policies=[validated(textKey=key.pem)]),
                                        api("b", backend, policies=[validated(textKey=bare)])]) as gateway:
        for port in gateway.ports:
            equal(ask(gateway, key.token(), port).status, 200)
            equal(ask(gateway, key.token(kid="another"), port).status, 200)
            equal(ask(gateway, key_pair("k1", owner="attacker").token(), port).status, 401)


@case
def a_key_that_is_new_is_asked_for_once():
    """And those that nobody knows make no more fetches."""
    old, new = Secret("k1"), Secret("k2")
    with Provider(old) as provider, Backend() as backend, Gateway(
            [api("a", backend, policies=[jwks(provider)])]) as gateway:
        equal(ask(gateway, old.token()).status, 200)
        provider.answers["/keys"] = json.dumps({"keys": [old.jwk, new.jwk]})
        statuses = []
        asking = [threading.Thread(target=lambda: statuses.append(ask(gateway, new.token()).status))
                  for _ in range(4)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        equal(statuses, [200] * 4)
        for i in range(20):
            equal(ask(gateway, old.token(kid=f"unknown-{i}")).status, 401)
        equal(ask(gateway, old.token()).status, 200)
        equal(provider.asked(), 2)
        fetches = {name: n for name, n in gateway.metrics().items() if "jwt_key_fetches" in name and n}
        equal(list(fetches.values()), [2], fetches)


@case
def statuses_are_the_vendors():
    """400: there is no token; 401: it is not right; 503: nothing is there that could tell."""
    key, other = Secret("k1"), Secret("k1", "attacker")
    good = key.token()
    head, claims, signature = good.split(".")
    rows = [(None, 400), ("Basic YTpi", 400), ("Bearer", 400), ("Bearer ", 400), ("Bearer x", 401), ("Bearer a.b.c", 401),
            ("Bearer " + good[:-2], 401), (f"Bearer {head}.{claims}.", 401), (f"Bearer {head}..{signature}", 401),
            ("Bearer " + other.token(), 401), ("Bearer " + key.token({"exp": 1}), 401),
            ("Bearer " + key.token({"aud": "b", "exp": time.time() + 60}), 401),
            ("Bearer " + key.token({"exp": time.time() + 60}), 401), ("Bearer " + key.token(kid="k2"), 401)]
    aud = {"validateAudClaim": True, "mandatoryAudClaim": True, "supportedAudiences": "a", "mandatoryExpClaim": True}
    with Provider(key) as provider, Provider(key) as broken, Backend() as backend:
        broken.answers["/keys"] = reply(500, "")
        with Gateway([api("a", backend, policies=[jwks(provider, **aud)]),
                      api("b", backend, policies=[jwks(broken, **aud)])]) as gateway:
            for field, status in rows:
                headers = {"authorization": field} if field else {}
                equal(gateway.get("/", headers).status, status, field)
            good = key.token({"aud": "a", "exp": time.time() + 60})
            equal(ask(gateway, good).status, 200)
            for field, status in [(None, 400), ("Bearer " + good, 503), ("Bearer x", 401)]:
                headers = {"authorization": field} if field else {}
                equal(gateway.get("/", headers, port=gateway.ports[1]).status, status, field)
        equal(len(backend.requests), 1)


@case
def requests_wait_for_the_first_keys():
    key = Secret("k1")
    with Provider(key) as provider, Backend() as backend:
        provider.gate.clear()
        with Gateway([api("a", backend, policies=[jwks(provider)])]) as gateway:
            statuses = []
            asking = threading.Thread(target=lambda: statuses.append(ask(gateway, key.token()).status))
            asking.start()
            wait_for(lambda: provider.asked() == 1, "the keys are asked for")
            equal(gateway.get("/").status, 400)
            equal(statuses, [])
            provider.gate.set()
            asking.join()
            equal(statuses, [200])
            equal(provider.asked(), 1)


@case
def who_waits_goes_on_waiting_when_the_one_that_asked_goes():
    """The first fetch is of one API, which a reload takes away; the request is to the other."""
    key = Secret("k1")
    with Provider(key) as provider, Backend() as backend:
        provider.gate.clear()
        with Gateway({f"{name}.yaml": [api(name, backend, policies=[jwks(provider)])]
                      for name in ("a", "b")}) as gateway:
            statuses = []
            asking = [threading.Thread(target=lambda p=port: statuses.append(ask(gateway, key.token(), p).status))
                      for port in gateway.ports[1:]]
            for thread in asking:
                thread.start()
            wait_for(lambda: provider.asked() == 1, "the keys are asked for")
            before = gateway.generation()
            gateway.remove("a.yaml")
            wait_for(lambda: gateway.generation() > before, "a new generation")
            provider.gate.set()
            for thread in asking:
                thread.join()
            equal(statuses, [200])


@case
def without_keys_it_is_503():
    key, gone = Secret("k1"), free_port()
    with Provider(key) as provider, Backend() as backend:
        provider.answers["/keys"] = reply(500, "broken")
        with Gateway([api("a", backend, policies=[jwks(provider)]),
                      api("b", backend, policies=[validated(
                          signingMethod="hmac", jwtKeyOrigin="jwks", jwksUrl=f"http://127.0.0.1:{gone}/keys")])]) as gateway:
            for port in gateway.ports:
                equal(ask(gateway, key.token(), port).status, 503)
            equal({r["reason"] for r in gateway.records(2)}, {"jwt_keys_unavailable"})
            gateway.says("status 500")
            provider.answers["/keys"] = json.dumps({"keys": [key.jwk]})
            wait_for(lambda: ask(gateway, key.token()).status == 200, "the provider is back")
        equal(len(backend.requests), 1)


@case
def any_of_several_providers_may_have_signed():
    """As a list, and as the vendor writes it: with commas between."""
    one, two = Secret("k1"), Secret("k2")
    with Provider(one) as first, Provider(two) as second, Backend() as backend:
        urls = f"{first.address}/keys, {second.address}/keys"
        with Gateway([api("a", backend, policies=[jwks(first, second)]),
                      api("b", backend, policies=[validated(signingMethod="hmac", jwtKeyOrigin="jwks", jwksUrl=urls)])]) as gateway:
            for port in gateway.ports:
                equal([ask(gateway, key.token(), port).status for key in (one, two, one)], [200] * 3)
                equal(ask(gateway, Secret("k1").token(kid="k3"), port).status, 401)
            equal([first.asked() <= 2, second.asked() <= 2], [True] * 2)


@case
def an_issuer_tells_where_its_keys_are():
    key = Secret("k1")

    def told(issuer, keys):
        return json.dumps({"issuer": issuer, "jwks_uri": keys})
    with Provider(key) as provider, Provider(key) as other, Backend() as backend:
        realm = provider.address + "/realm"
        provider.answers["/realm/certs"] = provider.answers["/keys"]
        well_known = "/realm/.well-known/openid-configuration"
        policy = validated(signingMethod="hmac", jwtKeyOrigin="jwks", discoveryUrl=realm)
        provider.answers[well_known] = told(realm, realm + "/certs")
        claims = {"iss": realm, "exp": time.time() + 600}
        with Gateway([api("a", backend, policies=[policy])]) as gateway:
            equal(ask(gateway, key.token(claims)).status, 200)
            equal(ask(gateway, key.token({**claims, "iss": realm + "/"})).status, 401)
            equal(ask(gateway, key.token({"exp": time.time() + 600})).status, 401)
        for document in (told(realm, other.address + "/keys"), told(other.address, realm + "/certs"),
                         told(realm, realm + "x/certs"), "{}", "no JSON"):
            provider.answers[well_known] = document
            with Gateway([api("a", backend, policies=[policy])]) as gateway:
                equal(ask(gateway, key.token(claims)).status, 503, document)
        equal(len(other.connections), 0)


@case
def a_reload_keeps_the_keys():
    key = Secret("k1")
    with Provider(key) as provider, Backend() as backend:
        documents = [api("a", backend, policies=[jwks(provider)])]
        with Gateway({"api.yaml": documents}) as gateway:
            token = key.token()
            equal(ask(gateway, token).status, 200)
            provider.answers["/keys"] = reply(500, "")
            documents[0]["spec"]["policies"][0]["config"]["maxTokenBytes"] = 9000
            gateway.save("api.yaml", documents)
            equal(ask(gateway, token).status, 200)
            equal(provider.asked(), 1)


def kept_files(gateway):
    return [p for p in glob.glob(f"{gateway.state}/kept/*") if "/new-" not in p]


def restart(gateway):
    equal(gateway.stop(), 0)
    gateway.start()
    gateway.wait_until_ready()


@case
def a_restart_goes_on_with_the_keys_of_the_disk_until_the_provider_answers():
    old, new = key_pair("k1", "EC"), key_pair("k2", "EC")
    with Provider(old) as provider, Backend() as backend, Gateway(
            [api("a", backend, policies=[jwks(provider)])], workers=2) as gateway:
        equal(ask(gateway, old.token()).status, 200)
        wait_for(lambda: kept_files(gateway), "the keys are on disk")
        provider.answers["/keys"] = reply(500, "")
        restart(gateway)
        equal(ask(gateway, old.token()).status, 200)
        wait_for(lambda: provider.asked() >= 2, "the provider is asked all the same")
        equal(ask(gateway, key_pair("k1", "EC", "attacker").token()).status, 401)
        provider.answers["/keys"] = json.dumps({"keys": [new.jwk]})
        wait_for(lambda: ask(gateway, new.token()).status == 200, "the provider is back")
        equal(ask(gateway, old.token()).status, 401)
        equal(len(kept_files(gateway)), 1)


@case(modes="full")
def what_a_disk_has_spoilt_is_as_if_it_were_not_there():
    key = key_pair("k1", "EC")
    with Provider(key) as provider, Backend() as backend, Gateway(
            [api("a", backend, policies=[jwks(provider)])]) as gateway:
        equal(ask(gateway, key.token()).status, 200)
        wait_for(lambda: kept_files(gateway), "the keys are on disk")
        path, = kept_files(gateway)
        with open(path, "r+b") as f:
            f.seek(-9, 2)
            f.write(b"#")
        provider.answers["/keys"] = reply(500, "")
        restart(gateway)
        equal(ask(gateway, key.token()).status, 503)
        gateway.says("it is damaged")


@case(modes="full")
def secrets_are_not_kept_and_a_disk_that_is_full_harms_nobody():
    secret, key = Secret("s"), key_pair("k1", "EC")
    with Provider(secret) as hidden, Provider(key) as provider, Backend() as backend:
        with Gateway([api("a", backend, policies=[jwks(hidden)]),
                      api("b", backend, policies=[jwks(provider)])], wait=False) as gateway:
            open(f"{gateway.state}/kept", "w").close()  # no folder can be made
            gateway.wait_until_ready()
            token = secret.token()
            equal(ask(gateway, token).status, 200)
            equal(ask(gateway, key.token(), gateway.ports[1]).status, 200)
            gateway.says("cannot be written")
            os.unlink(f"{gateway.state}/kept")
            restart(gateway)
            equal(ask(gateway, token).status, 200)
            equal(ask(gateway, key.token(), gateway.ports[1]).status, 200)
            wait_for(lambda: kept_files(gateway), "the other's keys are on disk")
            path, = kept_files(gateway)
            with open(path, "rb") as f:
                check(provider.address.encode() in f.read(), "whose they are")


@case
def nothing_that_is_written_shows_a_token():
    key = key_pair("k1", "EC")
    token = key.token()
    with Backend() as backend, Gateway(
            [api("a", backend, policies=[validated(signingMethod="es", textKey=key.pem)]),
             api("b", backend, policies=[validated(signingMethod="es", textKey=key.pem, jwtOrigin="customExpression",
                                                   jwtExpression="#[attributes.queryParams.jwt]")])],
            options=["--log-level", "debug"]) as gateway:
        equal(ask(gateway, token).status, 200)
        equal(gateway.get("/?jwt=" + token, port=gateway.ports[1]).status, 200)
        equal(gateway.records(2)[1]["target"], "/?jwt=***")
        check(token not in gateway.error_text(), "the log has a token")


@case
def the_log_tells_which_claim_does_not_hold_and_the_client_does_not_learn_it():
    key = Secret("k1")
    rules = {"validateCustomClaim": True, "mandatoryCustomClaims": [{"key": "realm.team", "value": "red"}]}
    with Provider(key) as provider, Backend() as backend, Gateway(
            [api("a", backend, policies=[jwks(provider, **rules)])], options=["--log-level", "debug"]) as gateway:
        equal(ask(gateway, key.token({"realm": {"team": "red"}})).status, 200)
        for claims, text in (({}, "a claim is not there"), ({"realm": {"team": "blue"}}, "a claim is not as it has to be")):
            answer = ask(gateway, key.token(claims))
            equal(answer.status, 401)
            contains(answer.body.decode(), text)
            check("team" not in answer.body.decode() + answer.get("www-authenticate"), "which it is")
            gateway.says(f"{text}: realm.team")


@case
def a_client_has_a_contract():
    key = key_pair("k1", "EC")
    contract = document("Contract", "c", {"apiId": "a", "client": {"id": "shop", "name": "The shop"}})
    with Backend() as backend, Gateway([api("a", backend, policies=[
            validated(signingMethod="es", textKey=key.pem, skipClientIdValidation=False)]), contract]) as gateway:
        equal(ask(gateway, key.token()).status, 200)
        equal(ask(gateway, key.token({"client_id": "other"})).status, 401)
        equal(gateway.records(2)[0]["clientId"], "shop")


main()
