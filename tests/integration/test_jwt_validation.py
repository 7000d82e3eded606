#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The policy jwt-validation with an identity provider over real HTTP, and tokens that openssl signs."""
import base64
import contextlib
import functools
import glob
import hashlib
import hmac
import json
import os
import subprocess
import tempfile
import threading
import time

from harness import *
from harness.documents import document


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*args, data=b""):
    return subprocess.run(["openssl", *args], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=True, timeout=60).stdout


class KeyPair:
    """Of an identity provider."""

    def __init__(self, kid, kind):
        self.kid, self.kind = kid, kind
        self.alg = {"RSA": "RS256", "EC": "ES256"}[kind]
        options = ["rsa_keygen_bits:2048"] if kind == "RSA" else ["ec_paramgen_curve:P-256"]
        self.file = tempfile.NamedTemporaryFile()
        self.file.write(openssl("genpkey", "-algorithm", kind, "-pkeyopt", *options))
        self.file.flush()
        self.pem = openssl("pkey", "-in", self.file.name, "-pubout").decode()

    @functools.cached_property
    def jwk(self):
        der = openssl("pkey", "-in", self.file.name, "-pubout", "-outform", "DER")
        common = {"kid": self.kid, "kty": self.kind, "use": "sig", "alg": self.alg}
        if self.kind == "EC":
            return {**common, "crv": "P-256", "x": base64url(der[-64:-32]), "y": base64url(der[-32:])}
        modulus = openssl("rsa", "-in", self.file.name, "-noout", "-modulus").decode().split("=")[1].strip()
        return {**common, "n": base64url(bytes.fromhex(modulus)), "e": "AQAB"}

    def sign(self, data):
        signature = openssl("dgst", "-sha256", "-sign", self.file.name, data=data)
        if self.kind == "RSA":
            return signature
        numbers, at = [], 2
        for _ in range(2):
            n = signature[at + 1]
            numbers.append(signature[at + 2:at + 2 + n].lstrip(b"\0").rjust(32, b"\0"))
            at += 2 + n
        return b"".join(numbers)

    def token(self, claims=None, **header):
        return signed(self.sign, claims, {"alg": self.alg, "kid": self.kid, **header})


@functools.cache
def key_pair(kid, kind="RSA", owner="provider"):
    """The same one in all cases: they take their time."""
    return KeyPair(kid, kind)


def signed(sign, claims, header):
    header = {name: value for name, value in header.items() if value is not None}
    claims = claims if claims is not None else {"sub": "ann", "client_id": "shop", "exp": time.time() + 600}
    data = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
    return data + "." + base64url(sign(data.encode()))


class Provider(Backend):
    """Serves what `answers` has under a path."""

    def __init__(self, *keys):
        self.answers = {"/keys": json.dumps({"keys": [key.jwk for key in keys]})}
        self.gate = threading.Event()
        self.gate.set()
        super().__init__(self.serve)

    def serve(self, connection):
        while request := connection.read_request():
            check(self.gate.wait(20 * SCALE), "the provider may answer")
            answer = self.answers.get(request.target)
            connection.send(answer if isinstance(answer, bytes)
                            else reply(200, answer) if answer is not None else reply(404, "none"))

    def asked(self, path="/keys"):
        return len([r for r in self.requests if r.target == path])


def validated(**config):
    return {"policyRef": {"name": "jwt-validation-flex"}, "config": {"skipClientIdValidation": True, **config}}


def jwks(*providers, **config):
    urls = [p.address + "/keys" for p in providers]
    return validated(jwtKeyOrigin="jwks", jwksUrl=urls[0] if len(urls) == 1 else urls, **config)


def bearer(token):
    return {"authorization": "Bearer " + token}


def ask(gateway, token, port=None):
    return gateway.get("/", bearer(token), port=port)


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
def an_algorithm_goes_with_its_kind_of_key():
    """RS256 is asked for: neither a secret made of the public key counts, nor another algorithm, nor none."""
    key, other = key_pair("k1"), key_pair("k2", "EC")
    with Provider(key, other) as provider, Backend() as backend, Gateway(
            [api("a", backend, policies=[jwks(provider)])]) as gateway:
        def by_secret(data, secret=key.pem.encode()):
            return hmac.new(secret, data, hashlib.sha256).digest()
        equal(ask(gateway, key.token()).status, 200)
        for token in (signed(by_secret, None, {"alg": "HS256", "kid": "k1"}),
                      signed(by_secret, None, {"alg": "RS256", "kid": "k1"}),
                      signed(lambda _: b"", None, {"alg": "none", "kid": "k1"}),
                      other.token(), key.token(kid="k2")):
            equal(ask(gateway, token).status, 401)
        equal(len(backend.requests), 1)


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
def what_a_header_points_to_is_never_asked():
    key, evil = key_pair("k1"), key_pair("k1", owner="attacker")
    with Provider(key) as provider, Provider(evil) as attacker, Backend() as backend, Gateway(
            [api("a", backend, policies=[jwks(provider)])]) as gateway:
        url = attacker.address + "/keys"
        for header in ({"jku": url}, {"x5u": url}, {"jwk": evil.jwk}, {"x5c": ["MIIB"]}):
            equal(ask(gateway, evil.token(**header)).status, 401, header)
            equal(ask(gateway, key.token(**header)).status, 200, header)
        equal(len(attacker.connections), 0)


@case
def a_key_that_is_new_is_asked_for_once():
    """And those that nobody knows make no more fetches."""
    old, new = key_pair("k1"), key_pair("k2")
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
def requests_wait_for_the_first_keys():
    key = key_pair("k1")
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
    key = key_pair("k1")
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
    key, gone = key_pair("k1"), free_port()
    with Provider(key) as provider, Backend() as backend:
        provider.answers["/keys"] = reply(500, "broken")
        with Gateway([api("a", backend, policies=[jwks(provider)]),
                      api("b", backend, policies=[validated(
                          jwtKeyOrigin="jwks", jwksUrl=f"http://127.0.0.1:{gone}/keys")])]) as gateway:
            for port in gateway.ports:
                equal(ask(gateway, key.token(), port).status, 503)
            equal({r["reason"] for r in gateway.records(2)}, {"jwt_keys_unavailable"})
            gateway.says("status 500")
            provider.answers["/keys"] = json.dumps({"keys": [key.jwk]})
            wait_for(lambda: ask(gateway, key.token()).status == 200, "the provider is back")
        equal(len(backend.requests), 1)


@case
def a_good_set_stays_when_a_bad_one_comes():
    key, new = key_pair("k1"), key_pair("k2")
    bad = [json.dumps({"keys": []}), "{", "[]", json.dumps({"keys": [new.jwk, new.jwk]}), "x" * 300000,
           reply(302, "", {"location": "/other"}), reply(200, '{"keys":[],"keys":[]}')]
    with contextlib.ExitStack() as stack, Backend() as backend:
        providers = [stack.enter_context(Provider(key)) for _ in bad]
        with Gateway(
                [api(f"a{i}", backend, policies=[jwks(p)]) for i, p in enumerate(providers)]) as gateway:
            for port, provider, answer in zip(gateway.ports, providers, bad):
                equal(ask(gateway, key.token(), port).status, 200)
                provider.answers["/keys"] = answer
                equal(ask(gateway, new.token(), port).status, 401)
                equal(provider.asked(), 2)
                equal(ask(gateway, key.token(), port).status, 200)
                equal(provider.asked("/other"), 0)


@case
def any_of_several_providers_may_have_signed():
    """As a list, and as the vendor writes it: with commas between."""
    one, two = key_pair("k1"), key_pair("k2")
    with Provider(one) as first, Provider(two) as second, Backend() as backend:
        urls = f"{first.address}/keys, {second.address}/keys"
        with Gateway([api("a", backend, policies=[jwks(first, second)]),
                      api("b", backend, policies=[validated(jwtKeyOrigin="jwks", jwksUrl=urls)])]) as gateway:
            for port in gateway.ports:
                equal([ask(gateway, key.token(), port).status for key in (one, two, one)], [200] * 3)
                equal(ask(gateway, key_pair("k1").token(kid="k3"), port).status, 401)
            equal([first.asked() <= 2, second.asked() <= 2], [True] * 2)


@case
def an_issuer_tells_where_its_keys_are():
    key = key_pair("k1")

    def told(issuer, keys):
        return json.dumps({"issuer": issuer, "jwks_uri": keys})
    with Provider(key) as provider, Provider(key) as other, Backend() as backend:
        realm = provider.address + "/realm"
        provider.answers["/realm/certs"] = provider.answers["/keys"]
        well_known = "/realm/.well-known/openid-configuration"
        policy = validated(jwtKeyOrigin="jwks", discoveryUrl=realm)
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
    key = key_pair("k1")
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
    old, new = key_pair("k1"), key_pair("k2")
    with Provider(old) as provider, Backend() as backend, Gateway(
            [api("a", backend, policies=[jwks(provider)])], workers=2) as gateway:
        equal(ask(gateway, old.token()).status, 200)
        wait_for(lambda: kept_files(gateway), "the keys are on disk")
        provider.answers["/keys"] = reply(500, "")
        restart(gateway)
        equal(ask(gateway, old.token()).status, 200)
        wait_for(lambda: provider.asked() >= 2, "the provider is asked all the same")
        equal(ask(gateway, key_pair("k1", owner="attacker").token()).status, 401)
        provider.answers["/keys"] = json.dumps({"keys": [new.jwk]})
        wait_for(lambda: ask(gateway, new.token()).status == 200, "the provider is back")
        equal(ask(gateway, old.token()).status, 401)
        equal(len(kept_files(gateway)), 1)


@case(modes="full")
def what_a_disk_has_spoilt_is_as_if_it_were_not_there():
    key = key_pair("k1")
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
    secret = b"0123456789abcdef0123456789abcdef"
    jwk = {"kty": "oct", "kid": "s", "k": base64url(secret)}
    key = key_pair("k1")
    with Provider() as hidden, Provider(key) as provider, Backend() as backend:
        hidden.answers["/keys"] = json.dumps({"keys": [jwk]})
        with Gateway([api("a", backend, policies=[jwks(hidden, signingMethod="hmac")]),
                      api("b", backend, policies=[jwks(provider)])], wait=False) as gateway:
            open(f"{gateway.state}/kept", "w").close()  # no folder can be made
            gateway.wait_until_ready()
            token = signed(lambda data: hmac.new(secret, data, hashlib.sha256).digest(), None, {"alg": "HS256", "kid": "s"})
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
    key = key_pair("k1")
    token = key.token()
    with Backend() as backend, Gateway(
            [api("a", backend, policies=[validated(textKey=key.pem)]),
             api("b", backend, policies=[validated(textKey=key.pem, jwtOrigin="customExpression",
                                                   jwtExpression="#[attributes.queryParams.jwt]")])],
            options=["--log-level", "debug"]) as gateway:
        equal(ask(gateway, token).status, 200)
        equal(gateway.get("/?jwt=" + token, port=gateway.ports[1]).status, 200)
        equal(gateway.records(2)[1]["target"], "/?jwt=***")
        check(token not in gateway.error_text(), "the log has a token")


@case
def a_client_has_a_contract():
    key = key_pair("k1")
    contract = document("Contract", "c", {"apiId": "a", "client": {"id": "shop", "name": "The shop"}})
    with Backend() as backend, Gateway([api("a", backend, policies=[
            validated(textKey=key.pem, skipClientIdValidation=False)]), contract]) as gateway:
        equal(ask(gateway, key.token()).status, 200)
        equal(ask(gateway, key.token({"client_id": "other"})).status, 401)
        equal(gateway.records(2)[0]["clientId"], "shop")


main()
