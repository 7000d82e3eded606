#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attacks on jwt-validation, one case (or two) for each kind, over a whole gateway with an identity provider. The parsers'
own tables are tests/unit/services/test_jose.c; the names JW1 to JW13 are those of the threat model."""
import contextlib
import hashlib
import hmac
import json
import threading
import time

from harness import *
from harness.tokens import ask, base64url, bearer, jwks, key_pair, Provider, Secret, signed, validated

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@contextlib.contextmanager
def guarded(*keys, **config):
    """A gateway, and what nobody with a bad token may reach."""
    with Provider(*keys) as provider, Backend() as backend, Gateway(
            [api("a", backend, policies=[jwks(provider, **config)])]) as gateway:
        yield gateway, backend, provider


def all_refused(gateway, backend, tokens, status=401):
    passed = len(backend.requests)
    for token in tokens:
        equal(ask(gateway, token).status, status, token[:200])
    equal(len(backend.requests), passed)


def spliced(header, claims, signature):
    return ".".join((base64url(header.encode()), base64url(claims.encode()), signature))


@case
def jw1_no_algorithm_in_any_spelling():
    key = Secret("k1")
    with guarded(key) as (gateway, backend, _):
        signature = key.token().split(".")[2]
        all_refused(gateway, backend, [
            spliced(header, '{"sub":"ann"}', end) for end in ("", signature, "AAAA")
            for header in ('{"alg":"none"}', '{"alg":"None"}', '{"alg":"NONE"}', '{"alg":"nOnE"}', '{"alg":"none","kid":"k1"}',
                           '{"kid":"k1"}', '{"alg":""}', '{"alg":null}', '{"alg":["HS256"]}', '{"alg":"HS256 "}')])


@case
def jw2_a_public_key_is_no_secret():
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
def jw3_a_kid_is_a_name_and_nothing_else():
    key, twin = Secret("k1"), Secret("k1", "attacker")
    with guarded(key) as (gateway, backend, provider):
        equal(ask(gateway, key.token()).status, 200)
        all_refused(gateway, backend, [key.token(kid=kid) for kid in (
            "../../../../etc/passwd", "' or 1=1 --", "k1' --", "k1 ", " k1", "K1", "", "k1/../k1", "%6b1", "http://127.0.0.1/",
            "k" * 256, "k" * 257, 7, ["k1"], {"a": 1}, "k1\0")])
        check(provider.asked() <= 2, "kids choose no fetch")
    # of two keys that one kid names neither counts
    with guarded(key, twin) as (gateway, backend, _):
        all_refused(gateway, backend, [key.token(), twin.token()], 503)


@case
def jw4_what_a_header_points_to_is_never_asked():
    key, evil = Secret("k1"), Secret("k1", "attacker")
    with Provider(key) as provider, Provider(evil) as attacker, Backend() as backend, Gateway(
            [api("a", backend, policies=[jwks(provider)])]) as gateway:
        url = attacker.address + "/keys"
        for header in ({"jku": url}, {"x5u": url}, {"jwk": evil.jwk}, {"x5c": ["MIIB"]}):
            equal(ask(gateway, evil.token(**header)).status, 401, header)
            equal(ask(gateway, key.token(**header)).status, 200, header)
        equal(len(attacker.connections), 0)


@case
def jw5_times_are_numbers_and_hold():
    key, now = Secret("k1"), int(time.time())
    with guarded(key, mandatoryExpClaim=True, clockSkewSeconds=60) as (gateway, backend, _):
        for claims in ({"exp": now - 30}, {"exp": now + 600.5}, {"exp": 2**53}, {"exp": now + 600, "nbf": now + 30},
                       {"exp": now + 600, "iat": now + 30}):
            equal(ask(gateway, key.token(claims)).status, 200, claims)
        all_refused(gateway, backend, [key.token(claims) for claims in (
            {}, {"exp": now - 90}, {"exp": 0}, {"exp": -1}, {"exp": str(now + 600)}, {"exp": None}, {"exp": True},
            {"exp": [now + 600]}, {"exp": 2**63}, {"exp": 2**64}, {"exp": 1e300}, {"exp": float("nan")}, {"exp": float("inf")},
            {"exp": now + 600, "nbf": now + 120}, {"exp": now + 600, "nbf": "0"}, {"exp": now + 600, "iat": now + 120},
            {"exp": now + 600, "iat": "x"})])


@case
def jw6_audience_and_issuer_are_exactly_ours():
    key, exp = Secret("k1"), int(time.time()) + 600
    with guarded(key, issuer="https://issuer.example", validateAudClaim=True, mandatoryAudClaim=True,
                 supportedAudiences="orders") as (gateway, backend, _):
        good = {"iss": "https://issuer.example", "aud": "orders", "exp": exp}
        for aud in ("orders", ["orders"], ["x", "orders"]):
            equal(ask(gateway, key.token({**good, "aud": aud})).status, 200, aud)
        all_refused(gateway, backend, [key.token({**good, **change}) for change in (
            {"aud": "order"}, {"aud": "orders2"}, {"aud": "Orders"}, {"aud": " orders"}, {"aud": []}, {"aud": [["orders"]]},
            {"aud": {"orders": 1}}, {"aud": ["orders", 7]}, {"aud": None}, {"aud": "x,orders"},
            {"iss": "https://issuer.example/"}, {"iss": "https://issuer.example.evil"}, {"iss": "https://issuer"},
            {"iss": ["https://issuer.example"]}, {"iss": None}, {"iss": ""})]
            + [key.token({name: value for name, value in good.items() if name != left_out}) for left_out in ("iss", "aud")])


@case
def jw7_numbers_of_es256_are_of_the_curve():
    key = key_pair("e", "EC")
    with guarded(key) as (gateway, backend, _):
        token = key.token()
        data, _, text = token.rpartition(".")
        raw = key.sign(data.encode())
        r, s = raw[:32], raw[32:]

        def numbers(first, second):
            return data + "." + base64url(first.to_bytes(32, "big") + second.to_bytes(32, "big"))
        equal(ask(gateway, token).status, 200)
        r, s = int.from_bytes(r, "big"), int.from_bytes(s, "big")
        der = b"".join(b"\2" + bytes([len(n)]) + n for n in (r.to_bytes(33, "big"), s.to_bytes(33, "big")))
        all_refused(gateway, backend, [
            numbers(0, 0), numbers(0, s), numbers(r, 0), numbers(P256_ORDER, s), numbers(r, P256_ORDER),
            numbers(P256_ORDER - 1, P256_ORDER - 1), data + "." + base64url(raw[:63]), data + "." + base64url(raw + b"\0"),
            data + "." + base64url(b"\0" + raw), data + "." + base64url(b"\x30" + bytes([len(der)]) + der), data + "."])
        # The other signature of the same is one, too, and another token to whoever remembers.
        equal(ask(gateway, numbers(r, P256_ORDER - s)).status, 200)
        equal(ask(gateway, numbers(r, s)).status, 200)


@case
def jw8_what_is_encrypted_or_packed_is_refused_before_any_key():
    key = Secret("k1")
    with guarded(key) as (gateway, backend, _):
        body = base64url(b"{}")
        all_refused(gateway, backend, [
            ".".join([base64url(b'{"alg":"dir","enc":"A128GCM"}'), "", "AAAA", "AAAA", "AAAA"]),
            ".".join([base64url(b'{"alg":"PBES2-HS256+A128KW","p2c":2147483647,"p2s":"AAAA","enc":"A128GCM"}')] + ["AAAA"] * 4),
            base64url(b'{"alg":"PBES2-HS256+A128KW","p2c":2147483647}') + "." + body + ".AAAA",
            key.token(zip="DEF"), key.token(enc="A128GCM"), key.token(crit=["exp"]), key.token(b64=False),
            key.token(cty="JWT", enc="A128GCM"), base64url(b'{"payload":"e30","signatures":[]}'),
            base64url(key.token().encode()) + ".." + "AAAA"])


@case
def jw9_one_token_has_one_text():
    key = Secret("k1")
    with guarded(key) as (gateway, backend, _):
        token = key.token()
        head, claims, signature = token.split(".")
        last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        loose = signature[:-1] + last[last.index(signature[-1]) ^ 1]  # the bits behind the last byte
        exp = int(time.time()) + 600
        twice = signed(key.sign, None, {"alg": key.alg}, text=f'{{"sub":"ann","exp":{exp},"sub":"root"}}')
        latin = signed(key.sign, None, {"alg": key.alg}, text=b'{"sub":"\xff"}')
        equal(ask(gateway, token).status, 200)
        all_refused(gateway, backend, [
            twice, latin, loose and f"{head}.{claims}.{loose}", token + "=", token + "==", token + "!", f"{head}=.{claims}.{signature}",
            f"{head}.{claims}%3D.{signature}", token + ".", "." + token, f"{head}..{claims}.{signature}", f"{head}.{claims}",
            f"{head}.{claims}.{signature}.{signature}", token.replace(".", "%2E"), f"{head}.{claims}.{signature[:-4]}+/+/"])


@case
def jw10_what_is_huge_or_several_is_not_read():
    key = Secret("k1")
    with guarded(key) as (gateway, backend, _):
        token = key.token()
        huge = key.token({"a": "x" * 7000})
        check(8192 < len(huge) < 12000, "longer than a token may be")
        all_refused(gateway, backend, [huge, "x" * 9000, "." * 9000, "a." * 4000])
        equal(gateway.get("/", [("authorization", "Bearer " + token)] * 2).status, 400)
        equal(gateway.get("/", [("authorization", "Bearer " + token), ("authorization", "Basic YTpi")]).status, 400)
        check(gateway.get("/", {"authorization": "Bearer " + "x" * 60000}).status in (400, 431), "more than a head may have")
        equal(len(backend.requests), 0)


@case
def jw11_unknown_kids_make_one_fetch():
    key = Secret("k1")
    with guarded(key) as (gateway, backend, provider):
        equal(ask(gateway, key.token()).status, 200)
        made_up = [spliced(json.dumps({"alg": "HS256", "kid": f"k-{i}"}), '{"sub":"x"}', "AAAA") for i in range(400)]
        answers = []
        asking = [threading.Thread(target=lambda part=part: answers.extend(ask(gateway, t).status for t in made_up[part::4]))
                  for part in range(4)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        equal(sorted(set(answers)), [401])
        equal(len(answers), 400)
        equal(provider.asked(), 2)
        equal(ask(gateway, key.token()).status, 200)


@case
def jw11_a_good_set_stays_when_a_bad_one_comes():
    key, new = Secret("k1"), Secret("k2")
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
def jw11_a_provider_that_cannot_prove_itself_is_not_heard():
    key, ca = Secret("k1"), Authority()
    tls = ca.server_tls(ca.issue("localhost", san="IP:127.0.0.1"))
    refused = []
    with Provider(key, tls=tls) as impostor, Backend() as backend:
        impostor.note_problem = refused.append  # it is tried again, until the gateway has ended
        with Gateway([api("a", backend, policies=[jwks(impostor)])]) as gateway:
            all_refused(gateway, backend, [key.token()], 503)
            wait_for(lambda: refused, "it sees that its certificate is refused")
            equal(impostor.asked(), 0)


@case
def jw12_what_is_remembered_is_that_very_token():
    """And it ends with its key. That it ends with its time is tests/policies/test_jwt_validation.c's, where time stands still."""
    key, new, now = Secret("k1"), Secret("k2"), time.time()
    with guarded(key) as (gateway, backend, provider):
        def remembered():
            return sum(n for name, n in gateway.metrics().items() if "jwt_remembered" in name)
        token, other = key.token({"sub": "ann", "exp": now + 600}), key.token({"sub": "bob", "exp": now + 600})
        equal([ask(gateway, token).status for _ in range(3)], [200] * 3)
        wait_for(lambda: remembered() >= 2, "the token is remembered")
        equal(ask(gateway, other).status, 200)
        head, claims, signature = token.split(".")
        all_refused(gateway, backend, [
            f"{head}.{claims}.{other.split('.')[2]}", f"{head}.{other.split('.')[1]}.{signature}",
            f"{base64url(b'{}')}.{claims}.{signature}", token[:-1], token + "A"])
        equal(ask(gateway, token).status, 200)
        provider.answers["/keys"] = json.dumps({"keys": [new.jwk]})
        equal(ask(gateway, new.token()).status, 200)
        equal(ask(gateway, token).status, 401)


@case
def jw13_a_wrong_secret_is_told_alike_wherever_it_is_wrong():
    """How long that takes is for who compares (sluice.crypto/1); what is told is the same."""
    secret = Secret("s")

    def by(key, mask):
        def sign(data):
            return bytes(a ^ b for a, b in zip(key.sign(data), mask))
        return signed(sign, {"exp": int(time.time()) + 600}, {"alg": "HS256"})
    with Backend() as backend, Gateway([api("a", backend, policies=[
            validated(signingMethod="hmac", textKey=json.dumps(secret.jwk))])]) as gateway:
        equal(ask(gateway, by(secret, bytes(32))).status, 200)
        wrong = [by(secret, bytes(i == at for i in range(32))) for at in (0, 15, 31)] + [by(Secret("x"), bytes(32))]
        answers = [gateway.get("/", bearer(token)) for token in wrong]
        equal({(a.status, a.get("www-authenticate"), a.body) for a in answers}, {(401, answers[0].get("www-authenticate"),
                                                                                 answers[0].body)})


main()
