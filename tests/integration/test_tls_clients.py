#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Certificates of clients: who is let in, and what upstreams are told of them."""
import hashlib
import os
import socket
import ssl
import urllib.parse

from harness import *

FIELD = "x-forwarded-client-cert"


def https(backend, ca, own, **more):
    config = {"certificate": {"key": own.key, "crt": own.crt}, "trustedCA": ca.crt, **more}
    return api("a", backend, scheme="https", policies=[{"policyRef": {"name": "tls"}, "config": config}])


def fingerprint(certificate):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.crt)).hexdigest()


def told(gateway, backend, tls, headers=()):
    """What the upstream was told of the client."""
    with gateway.client(tls=tls, server_name="shop.test") as client:
        equal(client.get("/", headers).status, 200)
    return backend.requests[-1].all(FIELD)


@case
def tells_upstreams_only_what_the_port_was_told_to():
    ca = Authority()
    own = ca.issue("shop.test", "DNS:shop.test,URI:spiffe://shop.test/edge")
    mine = ca.issue("till 7", "DNS:till-7.test,URI:spiffe://shop.test/till/7")
    forged = {FIELD: "Hash=f0f0;Subject=\"CN=admin\""}
    element = (f"By=spiffe://shop.test/edge;Hash={fingerprint(mine)};Subject=\"CN=till 7\";"
               "URI=spiffe://shop.test/till/7;DNS=till-7.test")
    table = [  # mode, told of a client with a certificate, and of one without
        (None, [], []),
        ("SANITIZE", [], []),
        ("FORWARD_ONLY", [forged[FIELD]], []),
        ("APPEND_FORWARD", [f"{forged[FIELD]},{element}"], []),
        ("SANITIZE_SET", [element], []),
        ("ALWAYS_FORWARD_ONLY", [forged[FIELD]], [forged[FIELD]])]
    with Backend(reply(200, "x")) as backend:
        for mode, shown, none in table:
            more = {"forwardClientCertDetails": mode, "setCurrentClientCertDetails": {
                "subject": True, "uri": True, "dns": True}} if mode else {}
            with rows(mode), Gateway([https(backend, ca, own, clientCertificate="optional",
                                            **more)]) as gateway:
                equal(told(gateway, backend, ca.client_tls(mine), forged), shown)
                equal(told(gateway, backend, ca.client_tls(), forged), none)


@case
def tells_upstreams_the_whole_certificate_and_its_chain():
    ca = Authority()
    middle = ca.issue_authority("Middle CA")
    mine = middle.issue("till 7")
    chained = middle.with_chain(mine)
    with Backend(reply(200, "x")) as backend, Gateway([https(
            backend, ca, ca.issue("shop.test"), clientCertificate="required",
            forwardClientCertDetails="SANITIZE_SET",
            setCurrentClientCertDetails={"cert": True, "chain": True})]) as gateway:
        (value,) = told(gateway, backend, ca.client_tls(chained))
        parts = dict(part.split("=", 1) for part in value.split(";"))
        plain = lambda name: urllib.parse.unquote(parts[name].strip('"'))
        equal(ssl.PEM_cert_to_DER_cert(plain("Cert")), ssl.PEM_cert_to_DER_cert(mine.crt))
        equal(plain("Chain").count("BEGIN CERTIFICATE"), 2)
        check(plain("Chain").endswith(middle.crt[middle.crt.index("-----BEGIN"):]), plain("Chain"))


@case
def tells_upstreams_the_same_of_a_session_that_goes_on():
    """And of the one after that. A chain that is too long for a ticket costs a handshake each time."""
    ca = Authority()
    middle = ca.issue_authority("Middle CA")
    mine = middle.issue("till 7")
    chained, long = middle.with_chain(mine), middle.with_chain(middle.issue("till 8"))
    for _ in range(32):
        long = middle.with_chain(long)
    with Backend(reply(200, "x")) as backend, Gateway([https(
            backend, ca, ca.issue("shop.test"), clientCertificate="optional",
            forwardClientCertDetails="SANITIZE_SET",
            setCurrentClientCertDetails={"cert": True, "chain": True})]) as gateway:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for name, certificate, resumes in (("a chain", chained, True), ("too long", long, False),
                                               ("none", None, True)):
                tls, session, seen = ca.client_tls(certificate, maximum=version), None, []
                for visit in range(3):
                    raw = socket.create_connection(("127.0.0.1", gateway.port), 10)
                    with tls.wrap_socket(raw, server_hostname="shop.test", session=session) as s:
                        s.sendall(b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
                        check(b" 200 " in s.recv(4096), "an answer")
                        equal(s.session_reused, resumes and visit > 0, f"{name}, {version.name}")
                        session = s.session
                    seen.append(backend.requests[-1].all(FIELD))
                with rows(f"{name}, {version.name}"):
                    equal(seen[1:], seen[:1] * 2)
                    equal(len(seen[0]), 1 if certificate else 0)


@case
def revoked_clients_are_kept_out_from_the_reload_on():
    """Those that are connected leave after their next answer, and their sessions open nothing."""
    ca = Authority()
    good, bad = ca.issue("good"), ca.issue("bad")
    own = ca.issue("shop.test")
    with Backend(reply(200, "x")) as backend:
        documents = lambda *revoked: [https(backend, ca, own, clientCertificate="required",
                                            crl=ca.revoke(*revoked))]
        first = documents()
        port = first[0]["spec"]["address"].rpartition(":")[2]
        with Gateway({"a.yaml": first}) as gateway, gateway.client(
                tls=ca.client_tls(bad), server_name="shop.test") as client:
            equal(client.get("/").get("connection"), None)
            changed = documents(bad)
            changed[0]["spec"]["address"] = f"https://127.0.0.1:{port}"
            gateway.save("a.yaml", changed)
            equal(client.get("/").get("connection"), "close")
            equal(told(gateway, backend, ca.client_tls(good)), [])
            try:
                told(gateway, backend, ca.client_tls(bad))
            except (ssl.SSLError, OSError, Closed):
                return
            raise AssertionError("a revoked client was let in")


@case
def who_is_let_in_stays_as_it_was_while_a_file_about_it_is_broken():
    """What was revoked stays so, and who was trusted, too; a gateway that starts with it lets nobody in."""
    ca = Authority()
    good, bad, own, folder = ca.issue("good"), ca.issue("bad"), ca.issue("shop.test"), scratch("trust")

    def put(name, text):
        if text is None:
            os.remove(f"{folder}/{name}")
            return
        with open(f"{folder}/{name}", "w") as f:
            f.write(text)

    def is_let_in(gateway, certificate):
        try:
            told(gateway, backend, ca.client_tls(certificate))
        except (ssl.SSLError, OSError, Closed):
            return False
        return True

    whole = {"revoked.pem": ca.revoke(bad), "clients.pem": ca.crt}
    for name, text in whole.items():
        put(name, text)
    with Backend(reply(200, "x")) as backend:
        document = https(backend, ca, own, clientCertificate="required",
                         crl="${file:%s/revoked.pem}" % folder)
        document["spec"]["policies"][0]["config"]["trustedCA"] = "${file:%s/clients.pem}" % folder
        with Gateway([document]) as gateway:
            refused = lambda: gateway.metrics()['sluice_reloads_total{result="refused"}']
            for name, text in whole.items():
                for broken in (text[:200], "", None):
                    with rows(f"{name}, {broken and len(broken)} bytes"):
                        before = refused()
                        put(name, broken)
                        wait_for(lambda: refused() > before, "a refusal")
                        check(is_let_in(gateway, good), "who is trusted is kept out")
                        check(not is_let_in(gateway, bad), "who is revoked is let in")
                put(name, text)
        for broken in (whole["revoked.pem"][:200], None):
            put("revoked.pem", broken)
            with rows(f"a start, {broken and len(broken)} bytes"), \
                    Gateway([document, api("b", backend)]) as gateway:
                equal(gateway.get("/", port=gateway.ports[1]).status, 200)
                check(not is_let_in(gateway, good), "a port that cannot know the revoked is open")


@case
def a_list_that_is_out_of_date_lets_nobody_in():
    """Nor does the session of who was in before; it is told where the list stands."""
    ca = Authority()
    good, own = ca.issue("good"), ca.issue("shop.test")
    with Backend(reply(200, "x")) as backend:
        document = lambda crl: https(backend, ca, own, clientCertificate="required", crl=crl)
        first = document(ca.revoke())
        port = first["spec"]["address"].rpartition(":")[2]
        with Gateway({"a.yaml": [first]}) as gateway:
            equal(told(gateway, backend, ca.client_tls(good)), [])
            stale = document(ca.revoke(until="20200102030405Z"))
            stale["spec"]["address"] = f"https://127.0.0.1:{port}"
            gateway.save("a.yaml", [stale])
            said = "revocation list 1 (/CN=Test CA) is out of date and lets no client in: 2020-01-02T03:04:05Z"
            contains([p["message"] for p in gateway.status()["problems"]], said)
            try:
                told(gateway, backend, ca.client_tls(good))
            except (ssl.SSLError, OSError, Closed):
                return
            raise AssertionError("a client was let in by a list that is out of date")


main()
