# SPDX-License-Identifier: Apache-2.0
"""Tokens that openssl signs, and an identity provider over real HTTP."""
import base64
import functools
import hashlib
import hmac
import json
import subprocess
import tempfile
import threading
import time

from .backend import Backend, reply
from .cases import SCALE, check


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


class Secret:
    """What an identity provider may have instead: made and used in no time, for what is the same with each kind of key."""

    def __init__(self, kid, owner="provider"):
        self.kid, self.kind, self.alg = kid, "oct", "HS256"
        self.bytes = hashlib.sha256(f"{owner} {kid}".encode()).digest()
        self.jwk = {"kid": kid, "kty": "oct", "use": "sig", "alg": self.alg, "k": base64url(self.bytes)}

    def sign(self, data):
        return hmac.new(self.bytes, data, hashlib.sha256).digest()

    def token(self, claims=None, **header):
        return signed(self.sign, claims, {"alg": self.alg, "kid": self.kid, **header})


@functools.cache
def key_pair(kid, kind="RSA", owner="provider"):
    """The same one in all cases: they take their time."""
    return KeyPair(kid, kind)


def signed(sign, claims, header, text=None):
    """`text` is what stands there instead of the claims."""
    header = {name: value for name, value in header.items() if value is not None}
    claims = claims if claims is not None else {"sub": "ann", "client_id": "shop", "exp": time.time() + 600}
    text = text if text is not None else json.dumps(claims)
    data = base64url(json.dumps(header).encode()) + "." + base64url(text if isinstance(text, bytes) else text.encode())
    return data + "." + base64url(sign(data.encode()))


class Provider(Backend):
    """Serves what `answers` has under a path."""

    def __init__(self, *keys, tls=None):
        self.answers = {"/keys": json.dumps({"keys": [key.jwk for key in keys]})}
        self.method = {"oct": "hmac", "EC": "es", "RSA": "rsa"}[keys[0].kind if keys else "RSA"]
        self.gate = threading.Event()
        self.gate.set()
        super().__init__(self.serve, tls=tls)

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
    """Of the first one's kind of keys unless something else is said."""
    if "signingAlgorithms" not in config:
        config = {"signingMethod": providers[0].method, **config}
    urls = [p.address + "/keys" for p in providers]
    return validated(jwtKeyOrigin="jwks", jwksUrl=urls[0] if len(urls) == 1 else urls, **config)


def bearer(token):
    return {"authorization": "Bearer " + token}


def ask(gateway, token, port=None):
    return gateway.get("/", bearer(token), port=port)
