#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TLS towards clients and towards upstreams."""
import hashlib
import os
import socket
import ssl
import threading

from harness import *
from harness.cases import WITNESS


def inbound(certificate, **more):
    return {"policyRef": {"name": "tls"},
            "config": {"certificate": {"key": certificate.key, "crt": certificate.crt}, **more}}


def outbound(name, **config):
    return binding(f"{name}-tls", "tls-outbound", config, target=name, kind="Service")


def through(service_name="up", backend=None):
    """An API whose upstream is a Service of its own, for bindings on it."""
    return [api("a"), service(service_name, backend),
            binding("route", "route", {"destinationRef": {"name": service_name}}, target="a")]


@case
def serves_https():
    ca = Authority()
    with Backend(reply(200, "secret")) as backend, Gateway([api(
            "a", backend, scheme="https", policies=[inbound(ca.issue("shop.test"))])]) as gateway:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with rows(version.name), gateway.client(
                    tls=ca.client_tls(maximum=version), server_name="shop.test") as client:
                for _ in range(3):
                    equal(client.get("/").text(), "secret")
        equal(backend.requests[0].get("x-forwarded-proto"), "https")


@case
def refuses_old_versions_and_plain_text():
    ca = Authority()
    with Backend(reply(200, "secret")) as backend, Gateway([api(
            "a", backend, scheme="https", policies=[inbound(ca.issue("shop.test"))])]) as gateway:
        old = ca.client_tls()
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        try:
            gateway.client(tls=old, server_name="shop.test")
        except (ssl.SSLError, OSError):
            pass
        else:
            raise AssertionError("took TLS 1.1")
        answered = gateway.send_raw("GET / HTTP/1.1\r\nhost: h\r\n\r\n", timeout=4)
        check(b"secret" not in answered, "answered plain text on a TLS port")
        equal(backend.requests, [])


@case
def connections_of_former_terms_are_drained():
    ca, port = Authority(), free_port()
    certificate = ca.issue("shop.test")

    def https(**more):
        return [api("a", backend, port=port, scheme="https", policies=[inbound(certificate, **more)])]

    with Backend(reply(200, "secret")) as backend, \
            Gateway({"a.yaml": [api("a", backend, port=port)]}) as gateway:
        with gateway.client(port) as plain:
            equal(plain.get("/").get("connection"), None)
            gateway.save("a.yaml", https())
            answer = plain.get("/")
            equal((answer.status, answer.get("connection")), (200, "close"))
            equal(backend.requests[-1].get("x-forwarded-proto"), "http")
        with gateway.client(port, tls=ca.client_tls(), server_name="shop.test") as client:
            equal(client.get("/").get("connection"), None)
            gateway.save("b.yaml", [api("b", backend)])
            equal(client.get("/").get("connection"), None, "another port's settings")
            gateway.save("a.yaml", https(requireClientCertificate=True, trustedCA=ca.crt))
            equal(client.get("/").get("connection"), "close")
        equal(backend.requests[-1].get("x-forwarded-proto"), "https")


@case
def asks_clients_for_certificates():
    ca, other = Authority(), Authority("Other CA")
    with Backend(reply(200, "secret")) as backend, Gateway([api(
            "a", backend, scheme="https", policies=[inbound(
                ca.issue("shop.test"), requireClientCertificate=True,
                trustedCA=ca.crt)])]) as gateway:
        good = ca.client_tls(ca.issue("client"))
        with gateway.client(tls=good, server_name="shop.test") as client:
            equal(client.get("/").text(), "secret")
        for name, tls in (("none", ca.client_tls()),
                          ("another CA's", ca.client_tls(other.issue("client")))):
            with rows(name):
                try:
                    with gateway.client(tls=tls, server_name="shop.test") as client:
                        answer = client.get("/")
                except (ssl.SSLError, OSError, Closed):
                    continue
                raise AssertionError(f"served without a good certificate: {answer!r}")
        equal(len(backend.requests), 1)


@case
def tells_policies_who_the_client_is():
    """On each connection, the resumed one too; nothing where no certificate is asked for."""
    ca = Authority()
    asked = inbound(ca.issue("shop.test"), requireClientCertificate=True, trustedCA=ca.crt)
    witness = {"policyRef": {"name": "witness"}}
    mine = ca.issue("till 7", san="DNS:till-7.test,URI:spiffe://shop.test/till/7,IP:192.0.2.7")
    with open(mine.crt_path) as f:
        fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(f.read())).hexdigest()
    with Backend(reply(200, "x")) as backend, Gateway(
            [api("a", backend, scheme="https", policies=[asked, witness]),
             api("b", backend, policies=[witness])], options=["--plugins", WITNESS]) as gateway:
        for count in (2, 4, 6, 8):
            if count in (2, 6):
                version = ssl.TLSVersion.TLSv1_2 if count == 2 else ssl.TLSVersion.TLSv1_3
                tls, session = ca.client_tls(mine, maximum=version), None
            raw = socket.create_connection(("127.0.0.1", gateway.port))
            with tls.wrap_socket(raw, server_hostname="shop.test", session=session) as s:
                s.sendall(2 * b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
                while len(backend.requests) < count:
                    check(s.recv(4096), "an answer")
                equal(s.session_reused, session is not None)
                session = s.session
        for request in backend.requests:
            equal(request.all("x-subject"), ["CN=till 7"])
            equal(request.all("x-fingerprint"), [fingerprint])
            equal(request.all("x-name"), ["till-7.test", "spiffe://shop.test/till/7", "192.0.2.7"])
        gateway.get("/", port=gateway.ports[1])
        equal(backend.requests[-1].all("x-subject"), [])
        metrics = gateway.metrics()
        counted = {labels: metrics[f"sluice_policy_witnessed_total{{{labels}}}"] for labels in (
            f'binding="default/{name}:witness",certificate="{answer}"'
            for name in "ab" for answer in ("no", "yes"))}
        equal(list(counted.values()), [0, 8, 1, 0], counted)


@case
def speaks_tls_to_upstreams():
    ca = Authority()
    tls = ca.server_tls(ca.issue("localhost", "DNS:localhost,IP:127.0.0.1"))
    with Backend(reply(200, "secret"), tls=tls) as backend:
        documents = through(backend=backend) + [outbound("up", trustedCA=ca.crt)]
        with Gateway(documents) as gateway:
            for _ in range(5):
                equal(gateway.get("/").text(), "secret")
            equal(len(backend.connections), 1, "upstream connections")


@case
def refuses_upstreams_that_cannot_prove_who_they_are():
    ca, other = Authority(), Authority("Other CA")
    table = [("wrong name", ca.issue("wrong.test"), {}),
             ("another CA", other.issue("localhost", "DNS:localhost,IP:127.0.0.1"), {}),
             ("expired", ca.issue("localhost", "DNS:localhost,IP:127.0.0.1", days=0), {})]
    for name, certificate, config in table:
        with rows(name):
            backend = Backend(reply(200, "secret"), tls=ca.server_tls(certificate))
            documents = through(backend=backend) + [outbound("up", trustedCA=ca.crt, **config)]
            with Gateway(documents) as gateway:
                answer = gateway.get("/")
                equal(answer.status, 502)
                equal(gateway.records(1)[0]["reason"], "upstream_tls")
                equal(backend.requests, [])


@case
def skips_validation_only_when_told():
    ca = Authority()
    with Backend(reply(200, "secret"), tls=ca.server_tls(ca.issue("wrong.test"))) as backend:
        with Gateway(through(backend=backend)
                     + [outbound("up", skipValidation=True)]) as gateway:
            equal(gateway.get("/").text(), "secret")
        backend.problems.clear()


@case
def shows_upstreams_a_certificate():
    ca = Authority()
    mine = ca.issue("gateway")
    tls = ca.server_tls(ca.issue("localhost", "IP:127.0.0.1"), require_client=True)
    with Backend(reply(200, "secret"), tls=tls) as backend:
        documents = through(backend=backend) + [outbound(
            "up", trustedCA=ca.crt, certificate={"key": mine.key, "crt": mine.crt})]
        with Gateway(documents) as gateway:
            equal(gateway.get("/").text(), "secret")


@case
def keeps_what_it_shows_upstreams_while_a_file_of_it_is_half_written():
    ca, folder = Authority(), scratch("outbound")
    first, second = ca.issue("first"), ca.issue("second")
    shown = []

    def put(name, text):
        if text is None:
            os.remove(f"{folder}/{name}")
            return
        with open(f"{folder}/{name}", "w") as f:
            f.write(text)

    def note_and_answer(connection):
        while connection.read_request():
            shown.append(dict(connection.sock.getpeercert()["subject"][0])["commonName"])
            connection.send(reply(200, "x"))

    put("own.crt", first.crt)
    put("own.key", first.key)
    put("ca.crt", ca.crt)
    tls = ca.server_tls(ca.issue("localhost", "IP:127.0.0.1"), require_client=True)
    with Backend(note_and_answer, tls=tls) as backend, Gateway(through(backend=backend) + [outbound(
            "up", trustedCA="${file:%s/ca.crt}" % folder, certificate={
                "crtFile": f"{folder}/own.crt", "keyFile": f"{folder}/own.key"})]) as gateway:
        refused = lambda: gateway.metrics()['sluice_reloads_total{result="refused"}']
        equal(gateway.get("/").status, 200)
        for name, text in (("ca.crt", None), ("own.crt", second.crt[:300]), ("own.crt", ""),
                           ("own.crt", None), ("own.crt", second.crt)):
            before = refused()
            put(name, text)
            wait_for(lambda: refused() > before, "a refusal")
            equal(gateway.get("/").status, 200)
            put("ca.crt", ca.crt)
        equal(set(shown), {"first"})
        put("own.key", second.key)
        wait_for(lambda: gateway.get("/").status == 200 and shown[-1] == "second",
                 "the new certificate")


@case
def resumes_sessions_across_workers():
    ca = Authority()
    with Backend(reply(200, "x")) as backend, Gateway([api(
            "a", backend, scheme="https", policies=[inbound(ca.issue("shop.test"))])],
            workers=2) as gateway:
        tls = ca.client_tls(maximum=ssl.TLSVersion.TLSv1_2)
        session, resumed = None, 0
        for _ in range(20):
            raw = socket.create_connection(("127.0.0.1", gateway.port))
            with tls.wrap_socket(raw, server_hostname="shop.test", session=session) as s:
                s.sendall(b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
                s.recv(4096)
                resumed += s.session_reused
                session = s.session
        equal(resumed, 19)


class Resumptions:
    """A TLS server that ends each connection after its answer, and tells which were resumed."""

    def __init__(self, tls):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.tls, self.seen = tls, []
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                raw, _ = self.listening.accept()
            except OSError:
                return
            with self.tls.wrap_socket(raw, server_side=True) as s:
                s.recv(65536)
                self.seen.append(s.session_reused)
                s.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")


@case
def resumes_sessions_with_upstreams():
    ca = Authority()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        tls = ca.server_tls(ca.issue("localhost", "DNS:localhost,IP:127.0.0.1"))
        tls.minimum_version = tls.maximum_version = version
        server = Resumptions(tls)
        documents = [api("a"), {
            "apiVersion": "gateway.sluice.dev/v1", "kind": "Service", "metadata": {"name": "up"},
            "spec": {"address": f"https://127.0.0.1:{server.port}"}},
            binding("route", "route", {"destinationRef": {"name": "up"}}, target="a"),
            outbound("up", trustedCA=ca.crt)]
        with rows(version.name), Gateway(documents) as gateway:
            for _ in range(4):
                equal(gateway.get("/").status, 200)
            equal(server.seen, [False, True, True, True])
        server.listening.close()


@case
def streams_large_bodies_over_tls():
    ca = Authority()
    body = bytes(range(256)) * 16384  # 4 MiB
    tls = ca.server_tls(ca.issue("localhost", "IP:127.0.0.1"))
    with Backend(tls=tls) as backend:
        documents = [api("a", scheme="https", policies=[inbound(ca.issue("shop.test"))])]
        documents += through(backend=backend)[1:] + [outbound("up", trustedCA=ca.crt)]
        with Gateway(documents) as gateway, gateway.client(
                tls=ca.client_tls(), server_name="shop.test") as client:
            equal(client.request("POST", "/", body=body).body, body)


main()
