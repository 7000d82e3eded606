#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`ciphers` of TLS: names one by one, with the place of what is wrong."""
import ssl
import subprocess

from harness import *
from harness.gateway import PLUGINS

WANTED = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
          "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
          "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA",
          "AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "AES256-SHA")
WITH_KEYS = ("PSK-AES128-CBC-SHA", "PSK-AES256-CBC-SHA", "ECDHE-PSK-AES128-CBC-SHA", "ECDHE-PSK-AES256-CBC-SHA",
             "ECDHE-PSK-CHACHA20-POLY1305")

INBOUND = """\
apiVersion: gateway.sluice.dev/v1
kind: ApiInstance
metadata: {name: shop-%(n)d}
spec:
  address: https://127.0.0.1:%(port)d
  services: {up: {address: "http://127.0.0.1:9"}}
  policies:
    - policyRef: {name: tls}
      config:
        certificate: {crtFile: %(crt)s, keyFile: %(key)s}
        ciphers: %(ciphers)s
"""
OUTBOUND = """\
apiVersion: gateway.sluice.dev/v1
kind: Service
metadata: {name: up-%(n)d}
spec: {address: "https://127.0.0.1:9"}
---
apiVersion: gateway.sluice.dev/v1
kind: PolicyBinding
metadata: {name: up-tls-%(n)d}
spec:
  targetRef: {kind: Service, name: up-%(n)d}
  policyRef: {name: tls-outbound}
  config:
    ciphers: %(ciphers)s
---
apiVersion: gateway.sluice.dev/v1
kind: ApiInstance
metadata: {name: out-%(n)d}
spec: {address: "http://127.0.0.1:%(port)d"}
---
apiVersion: gateway.sluice.dev/v1
kind: PolicyBinding
metadata: {name: route-%(n)d}
spec: {targetRef: {name: out-%(n)d}, policyRef: {name: route}, config: {destinationRef: {name: up-%(n)d}}}
"""


def checked(lists):
    """What `check` says of them, each on a port (in-N.yaml) and towards a service (out-N.yaml)."""
    folder, certificate = scratch("checked"), Authority().issue("shop.test")
    for n, ciphers in enumerate(lists):
        for kind, text in (("in", INBOUND), ("out", OUTBOUND)):
            with open(f"{folder}/{kind}-{n}.yaml", "w") as f:
                f.write(text % {"n": n, "ciphers": ciphers, "crt": certificate.crt_path, "key": certificate.key_path,
                                "port": 8000 + 2 * n + (kind == "in")})
    return sluice("check", "--plugins", PLUGINS, folder)


MISTAKES = (
    ("among good ones", "[AES128-SHA, ECDHE-RSA-AES128-GCM-SHA265]", 12,
     'unknown cipher "ECDHE-RSA-AES128-GCM-SHA265"; did you mean "ECDHE-RSA-AES128-GCM-SHA256"?'),
    ("of TLS 1.3", "[TLS_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA265]", 24,
     'unknown cipher "TLS_AES_128_GCM_SHA265"; did you mean "TLS_AES_128_GCM_SHA256"?'),
    ("an operator", '[AES128-SHA, "!aNULL"]', 12, '"!aNULL" is no name of a cipher: operators and groups of '
     "lists are not taken"),
    ("a text", "AES128-SHA:NO-SUCH-CIPHER", -1, 'unknown cipher "NO-SUCH-CIPHER"'),
    ("nothing is left", "[DES-CBC3-SHA, PSK-AES128-CBC-SHA]", -1, "none of the ciphers of TLS 1.2 can be used"),
)


@case
def each_mistake_is_told_where_it_stands():
    done = checked([ciphers for _, ciphers, _, _ in MISTAKES])
    equal(done.returncode, 1)
    for n, (name, _, column, message) in enumerate(MISTAKES):
        with rows(name):
            contains(done.stderr, f"in-{n}.yaml:11:{18 + 1 + column}: tls: {message}\n")
            contains(done.stderr, f"out-{n}.yaml:13:{14 + 1 + column}: tls: {message}\n")
    contains(done.stderr, f"{2 * len(MISTAKES)} errors, 0 warnings\n")


@case
def what_cannot_be_used_is_left_out_with_a_warning_at_its_place():
    listed = "".join(f"\n          - {n}" for n in ("AES128-SHA", *WITH_KEYS, "ECDHE-RSA-AES128-SHA"))
    done = checked([listed])
    equal(done.returncode, 0)
    for i, name in enumerate(WITH_KEYS):
        for file, line in (("in-0.yaml", 13), ("out-0.yaml", 15)):
            contains(done.stderr, f'{file}:{line + i}:13: warning: ciphers: cipher "{name}" is left out: ')
    contains(done.stderr, f"0 errors, {2 * len(WITH_KEYS)} warnings\n")


@case(modes="full")
def each_name_of_the_vendor_serves():
    ca = Authority()
    ec, rsa = ca.issue("shop.test"), ca.issue("shop.test", kind="rsa")
    config = {"certificate": {"crt": ec.crt, "key": ec.key}, "maxversion": "1.2",
              "certificates": [{"certificate": {"crt": rsa.crt, "key": rsa.key}}],
              "ciphers": [*WANTED, *WITH_KEYS, "DES-CBC3-SHA"]}
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend, scheme="https", policies=[
            {"policyRef": {"name": "tls"}, "config": config}])]) as gateway:
        for name in WANTED:
            with rows(name):
                tls = ca.client_tls(maximum=ssl.TLSVersion.TLSv1_2)
                tls.set_ciphers(name)
                with gateway.client(tls=tls, server_name="shop.test") as client:
                    equal(client.get("/").status, 200)


@case
def a_gateway_starts_without_what_is_wrong():
    ca = Authority()
    certificate = ca.issue("shop.test")
    config = {"certificate": {"crt": certificate.crt, "key": certificate.key},
              "ciphers": ["ECDHE-ECDSA-AES128-SHA", "NO-SUCH-CIPHER"]}
    with Backend(reply(200, "x")) as backend, Gateway([
            api("a", backend), api("b", backend, scheme="https", policies=[
                {"policyRef": {"name": "tls"}, "config": config}])]) as gateway:
        equal(gateway.get("/").status, 200)
        check(any('unknown cipher "NO-SUCH-CIPHER"' in p["message"] for p in gateway.status()["problems"]),
              gateway.status()["problems"])
        taken = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.ports[1]}"],
                               stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        check(taken.returncode != 0, "the port with the mistake serves")


main()
