#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several certificates on one port, each with its own demands on clients."""
import os
import ssl
import subprocess

from harness import *
from harness.gateway import PLUGINS


def pair(certificate):
    return {"key": certificate.key, "crt": certificate.crt}


def https(backend, config, **more):
    return api("a", backend, scheme="https", policies=[{"policyRef": {"name": "tls"}, "config": config}],
               **more)


def named(certificate, *hosts, **more):
    return {"hosts": list(hosts), "certificate": pair(certificate), **more}


def shown_to(gateway, ca, name):
    """The first name of the certificate that a client gets which asks for `name`."""
    tls = ca.client_tls()
    tls.check_hostname = False
    with gateway.client(tls=tls, server_name=name) as client:
        names = client.sock.getpeercert()["subjectAltName"]
        equal(client.get("/").status, 200)
    return names[0][1]


def refusal(gateway, tls, name):
    """What the gateway tells a client that it does not serve."""
    try:
        with gateway.client(tls=tls, server_name=name) as client:
            client.get("/")
    except (ssl.SSLError, OSError, Closed) as e:
        return str(e).lower()
    raise AssertionError(f"{name} was served")


@case
def shows_each_client_the_certificate_of_the_name_it_asks_for():
    ca = Authority()
    with Backend(reply(200, "x")) as backend, Gateway([https(backend, {
            "certificate": pair(ca.issue("port.test")),
            "certificates": [named(ca.issue("shop.test"), "shop.test"),
                             named(ca.issue("wild.test", "DNS:*.wild.test"), "*.wild.test")]})]) as gateway:
        for asked, shown in (("shop.test", "shop.test"), ("a.wild.test", "*.wild.test"),
                             ("other.test", "port.test"), ("a.b.wild.test", "port.test")):
            with rows(asked):
                equal(shown_to(gateway, ca, asked), shown)


@case
def a_strict_port_serves_its_names_alone():
    ca = Authority()
    with Backend(reply(200, "x")) as backend, Gateway([https(backend, {
            "strictSni": True, "certificates": [named(ca.issue("shop.test"), "shop.test")]})]) as gateway:
        equal(shown_to(gateway, ca, "shop.test"), "shop.test")
        said = refusal(gateway, ca.client_tls(verify=False), "other.test")
        check("unrecognized" in said, said)
        equal(len(backend.requests), 1)


@case
def demands_of_one_name_are_not_passed_by_with_another():
    """Neither by the other name's connection, nor by its session: 421 tells to connect anew."""
    ca = Authority()
    mine = ca.issue("till 7")
    with Backend(reply(200, "x")) as backend, Gateway([https(backend, {
            "certificate": pair(ca.issue("open.test")),
            "certificates": [named(ca.issue("closed.test"), "closed.test",
                                   clientCertificate="required", trustedCA=ca.crt)]})]) as gateway:
        refusal(gateway, ca.client_tls(), "closed.test")
        with gateway.client(tls=ca.client_tls(), server_name="open.test") as client:
            equal(client.request("GET", "/", host="open.test").status, 200)
            equal(client.request("GET", "/", host="closed.test:443").status, 421)
        wait_for(lambda: "misdirected" in [r["reason"] for r in gateway.records_now()],
                 "a record that says why")
        with gateway.client(tls=ca.client_tls(mine), server_name="closed.test") as client:
            equal(client.request("GET", "/", host="closed.test").status, 200)
        equal(len(backend.requests), 2)


@case
def a_new_certificate_comes_without_a_connection_ended():
    ca, port = Authority(), free_port()
    first, second = ca.issue("first.test", "DNS:first.test"), ca.issue("second.test", "DNS:second.test")
    with Backend(reply(200, "x")) as backend:
        documents = lambda c: {"a.yaml": [https(backend, {"certificate": pair(c)}, port=port)]}
        with Gateway(documents(first)) as gateway, gateway.client(
                port, tls=ca.client_tls(verify=False), server_name="first.test") as client:
            equal(client.get("/").status, 200)
            gateway.save("a.yaml", documents(second)["a.yaml"])
            answer = client.get("/")
            equal((answer.status, answer.get("connection")), (200, None))
            equal(shown_to(gateway, ca, "x.test"), "second.test")
            equal(client.get("/").get("connection"), None)


@case
def rsa_and_ec_certificates_of_a_name_stand_side_by_side():
    ca = Authority()
    ec, rsa = ca.issue("shop.test"), ca.issue("shop.test", kind="rsa")
    with Backend(reply(200, "x")) as backend, Gateway([https(backend, {
            "certificate": pair(ec), "maxversion": "1.2",
            "certificates": [{"certificate": pair(rsa)}]})]) as gateway:
        for kind, ciphers in (("EC", "ECDHE+ECDSA"), ("RSA", "ECDHE+aRSA")):
            with rows(kind):
                tls = ca.client_tls()
                tls.set_ciphers(ciphers)
                with gateway.client(tls=tls, server_name="shop.test") as client:
                    equal(client.get("/").status, 200)


@case
def mistakes_close_the_port_and_are_told_where_they_stand():
    ca = Authority()
    good, other = ca.issue("shop.test"), ca.issue("other.test")
    table = [
        ("key of another", [named(good, "a.test"), {"hosts": ["b.test"], "certificate": {
            "crt": good.crt, "key": other.key}}], "the private key does not match"),
        ("two of one kind", [named(good, "a.test"), named(other, "a.test")], "a second certificate"),
        ("file that is missing", [{"hosts": ["b.test"], "certificate": {
            "crtFile": "/nowhere/b.crt", "keyFile": "/nowhere/b.key"}}], "file /nowhere/b.crt: "),
    ]
    with Backend(reply(200, "x")) as backend:
        for name, certificates, message in table:
            with rows(name), Gateway([https(backend, {
                    "certificate": pair(good), "certificates": certificates}),
                    api("b", backend)]) as gateway:
                check(any(message in p["message"] for p in gateway.status()["problems"]),
                      gateway.status()["problems"])
                refusal(gateway, ca.client_tls(), "shop.test")
                equal(gateway.get("/", port=gateway.ports[1]).status, 200)


PORT = """\
apiVersion: gateway.sluice.dev/v1
kind: ApiInstance
metadata: {name: shop}
spec:
  address: https://127.0.0.1:8443
  services: {up: {address: "http://127.0.0.1:9"}}
  policies:
    - policyRef: {name: tls}
      config:
        certificate: {crtFile: port.crt, keyFile: port.key}
        certificates:
"""


def checked(folder, entries):
    """What `sluice check` says of PORT with these."""
    with open(f"{folder}/a.yaml", "w") as f:
        f.write(PORT + "".join(f"        - {entry}\n" for entry in entries))
    done = sluice("check", "--plugins", PLUGINS, folder)
    equal(done.returncode, 1)
    return done.stderr


@case
def each_file_that_is_missing_is_told_where_it_stands():
    entry = "{hosts: [%s.test], certificate: {crtFile: %s.crt, keyFile: %s.key}}"
    said = checked(scratch("missing"), [entry % (name, name, name) for name in "abc"])
    for line, name in ((10, "port"), (12, "a"), (13, "b"), (14, "c")):
        contains(said, f"a.yaml:{line}:")
        contains(said, f"tls: file {name}.crt: No such file or directory")
        contains(said, f"file {name}.key: No such file or directory")
    contains(said, "4 errors, 0 warnings\n")


@case
def a_certificate_beside_another_is_blamed_at_its_own_line():
    """For everybody, or for the same hosts."""
    ca, folder = Authority(), scratch("beside")
    for name, kind in (("port", "ec"), ("rsa", "rsa"), ("a", "ec")):
        one = ca.issue(f"{name}.test", kind=kind)
        for suffix, text in (("crt", one.crt), ("key", one.key)):
            with open(f"{folder}/{name}.{suffix}", "w") as f:
                f.write(text)
    pair_of = "certificate: {crtFile: %s.crt, keyFile: %s.key}"
    contains(checked(folder, [pair_of % ("rsa", "port")]), "a.yaml:12:24: tls: the private key does not match")
    contains(checked(folder, ["{hosts: [a.test], " + pair_of % (name, name) + "}" for name in ("a", "port")]),
             "a.yaml:13:42: tls: a second certificate")


@case
def files_of_certificates_are_watched_wherever_they_lie():
    """A new certificate is for new handshakes; while its key is not there yet, the old one serves."""
    ca, folder = Authority(), scratch("certificates")
    first, second = ca.issue("first.test"), ca.issue("second.test")

    def put(name, text):
        if text is None:
            os.remove(f"{folder}/{name}")
            return
        with open(f"{folder}/{name}", "w") as f:
            f.write(text)

    put("shop.crt", first.crt)
    put("shop.key", first.key)
    with Backend(reply(200, "x")) as backend, Gateway([https(backend, {"certificate": {
            "crtFile": f"{folder}/shop.crt", "keyFile": f"{folder}/shop.key"}})]) as gateway:
        tls = ca.client_tls()
        tls.check_hostname = False
        with gateway.client(tls=tls, server_name="shop.test") as client:
            equal(shown_to(gateway, ca, "shop.test"), "first.test")
            refused = lambda: gateway.metrics()['sluice_reloads_total{result="refused"}']
            for text in (second.crt[:300], "", None, second.crt):
                before = refused()
                put("shop.crt", text)
                wait_for(lambda: refused() > before, "a refusal")
                equal(shown_to(gateway, ca, "shop.test"), "first.test")
            put("shop.key", second.key)
            wait_for(lambda: shown_to(gateway, ca, "shop.test") == "second.test",
                     "the new certificate")
            answer = client.get("/")
            equal((answer.status, answer.get("connection")), (200, None))


@case
def files_that_are_missing_close_nothing_that_serves():
    """However they are named. It is told where they are named, until they are back."""
    ca, port = Authority(), free_port()
    shop, named = ca.issue("shop.test"), f"${{file:{scratch()}/%s}}"
    folder_of = lambda name: f"{scratch()}/{name}"
    texts = {"crt": shop.crt, "key": shop.key}

    def put(name, text):
        with open(folder_of(name), "w") as f:
            f.write(text)

    inline = {"crt": named % "crt", "key": named % "key"}
    kept = {"apiVersion": "gateway.sluice.dev/v1", "kind": "Secret", "metadata": {"name": "kept"},
            "spec": {"tls": inline}}
    table = [("inline", {"certificate": inline}, []),
             ("a Secret", {"certificate": {"secretRef": {"name": "kept"}}}, [kept])]
    with Backend(reply(200, "x")) as backend:
        for name, config, more in table:
            for key, text in texts.items():
                put(key, text)
            documents = [https(backend, config, port=port), api("b", backend), *more]
            with rows(name), Gateway(documents) as gateway:
                problems = lambda: [p["message"] for p in gateway.status()["problems"]]
                missing = f"file {folder_of('crt')}: No such file or directory"
                os.remove(folder_of("crt"))
                wait_for(lambda: missing in problems(), missing)
                metrics = gateway.metrics()
                equal((metrics['sluice_reloads_total{result="refused"}'],
                       metrics["sluice_config_errors"]), (1, 1))
                equal(shown_to(gateway, ca, "shop.test"), "shop.test")
                put("crt", shop.crt)
                wait_for(lambda: gateway.metrics()["sluice_config_errors"] == 0, "no mistake")
                equal(problems(), [])
            os.remove(folder_of("crt")), os.remove(folder_of("key"))
            with rows(f"{name}, at a start, both"), Gateway(documents) as gateway:
                both = "; ".join(f"file {folder_of(key)}: No such file or directory" for key in ("crt", "key"))
                contains([p["message"] for p in gateway.status()["problems"]], both)
                refusal(gateway, ca.client_tls(), "shop.test")
                equal(gateway.get("/", port=gateway.ports[1]).status, 200)


@case
def staples_the_response_of_a_file_while_it_is_of_use():
    ca = Authority()
    shop, other = ca.issue("shop.test"), ca.issue("other.test")
    folder = scratch("ocsp")

    def stapled(gateway):
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}",
                               "-servername", "shop.test", "-status"], input=b"",
                              capture_output=True, timeout=30)
        return b"OCSP Response Status: successful" in done.stdout

    table = [("good", ca.answer(f"{folder}/good", shop, shop), True, None),
             ("another's", ca.answer(f"{folder}/other", shop, other), False, "is of another certificate"),
             ("garbage", shop.crt_path, False, "is no successful OCSP response"),
             ("missing", f"{folder}/none", False, "nothing is stapled")]
    with Backend(reply(200, "x")) as backend:
        for name, path, expected, warning in table:
            with rows(name), Gateway([https(backend, {
                    "certificate": {**pair(shop), "ocspFile": path}})]) as gateway:
                equal(stapled(gateway), expected)
                said = [p["message"] for p in gateway.status()["problems"]]
                check(any(warning in m for m in said) if warning else not said, said)


main()
