#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How a connection to a service begins: with a PROXY header, or by asking a forward proxy."""
import base64
import contextlib
import socket
import struct
import subprocess
import threading

from harness import *
from harness.cases import CALLOUT
from harness.documents import document
from harness.peers import SecureProxy

WEBSOCKET = {"upgrade": "websocket", "connection": "upgrade", "sec-websocket-version": "13",
             "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def headed(received, version):
    """A backend that takes a PROXY header off each connection and notes it."""
    def script(connection):
        reader = connection.reader
        if version == "v1":
            received.append(bytes(reader.until(b"\r\n")).decode())
        else:
            head = reader.exactly(16)
            received.append((bytes(head), bytes(reader.exactly(head[15]))))
        echo(connection)
    return script


def told(received, version):
    """(client's port, the gateway's port) of the last header."""
    if version == "v1":
        words = received[-1].split()
        equal(words[:4], ["PROXY", "TCP4", "127.0.0.1", "127.0.0.1"])
        return int(words[4]), int(words[5])
    head, rest = received[-1]
    equal((head[:12], head[12], head[13], len(rest)), (SIGNATURE, 0x21, 0x11, 12))
    equal(rest[:8], socket.inet_aton("127.0.0.1") * 2)
    return struct.unpack("!HH", rest[8:])


def service_at(backend, **more):
    return api("a", services={"up": {"address": backend.address, **more}})


@case
def a_header_tells_who_the_client_is():
    for version in ("v1", "v2"):
        received = []
        with rows(version), Backend(headed(received, version)) as backend, \
                Gateway([service_at(backend, proxyProtocol=version)]) as gateway, \
                gateway.client() as client:
            for _ in range(3):
                equal(client.request("GET", "/").status, 200)
            equal(len(received), 1, "connections of one client")
            equal(told(received, version), (client.sock.getsockname()[1], gateway.port))


@case
def connections_are_a_clients_own():
    received = []
    with Backend(headed(received, "v1")) as backend, \
            Gateway([service_at(backend, proxyProtocol="v1")]) as gateway:
        ports = []
        for _ in range(3):
            with gateway.client() as client:
                equal(client.request("GET", "/").status, 200)
                ports.append(client.sock.getsockname()[1])
                equal(told(received, "v1")[0], ports[-1])
        equal(len(received), 3)


@case
def a_header_goes_before_tls():
    authority = Authority()
    received = []
    with Backend(echo, tls=authority.server_tls(authority.issue("up", san="DNS:localhost"))) as backend:
        with Relay(backend, received) as relay:
            documents = [service_at(relay, proxyProtocol="v2"),
                         binding("t", "tls-outbound", {"trustedCA": authority.crt},
                                 kind="Service", target="a-up")]
            with Gateway(documents) as gateway:
                equal(gateway.get("/").status, 200)
                equal(received[0][:12], SIGNATURE)


class Listener:
    """Serves each connection by `serve(sock)` in a thread of its own."""

    def __init__(self, scheme="http"):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.address = f"{scheme}://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.accept, daemon=True)

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.run, args=(sock,), daemon=True).start()

    def run(self, sock):
        with sock:
            try:
                self.serve(sock)
            except OSError:
                pass

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def pump(one, other):
    """Bytes both ways, until either ends."""
    def copy(source, to):
        try:
            while data := source.recv(65536):
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            pass
    back = threading.Thread(target=copy, args=(other, one), daemon=True)
    back.start()
    copy(one, other)
    back.join()


class Relay(Listener):
    """Takes a header of version 2 off, and passes the rest on."""

    def __init__(self, backend, received):
        super().__init__("https")
        self.address = f"https://localhost:{self.port}"
        self.backend, self.received = backend, received

    def serve(self, sock):
        head = sock.recv(28, socket.MSG_WAITALL)
        self.received.append(head)
        with socket.create_connection(("127.0.0.1", self.backend.port)) as up:
            pump(sock, up)


class ForwardProxy(Listener):
    """Answers CONNECT: by `answer`, or with a way to the port that is asked for."""

    def __init__(self, answer=None, credentials=None):
        super().__init__()
        self.answer, self.credentials, self.heads = answer, credentials, []

    def serve(self, sock):
        head = b""
        while b"\r\n\r\n" not in head:
            data = sock.recv(4096)
            if not data:
                return
            head += data
        self.heads.append(head.decode())
        wanted = self.credentials and f"Proxy-Authorization: Basic {self.credentials}\r\n"
        if self.answer is not None:
            sock.sendall(self.answer)
            sock.recv(1)
        elif wanted and wanted not in self.heads[-1]:
            sock.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
        else:
            port = int(self.heads[-1].split()[1].rsplit(":", 1)[1])
            with socket.create_connection(("127.0.0.1", port)) as up:
                sock.sendall(b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n")
                pump(sock, up)


@case
def a_forward_proxy_is_asked_for_the_way():
    authority = Authority()
    secret = base64.b64encode(b"ann:s3cret:x").decode()
    tls = authority.server_tls(authority.issue("up", san="DNS:up.test"))
    for scheme in ("http", "https"):
        with rows(scheme), Backend(echo, tls=tls if scheme == "https" else None) as backend, \
                ForwardProxy(credentials=secret) as proxy:
            # The proxy alone knows the name.
            up = {"address": f"{scheme}://up.test:{backend.port}", "forwardProxy": {
                "address": proxy.address, "username": "ann", "password": "s3cret:x"}}
            documents = [api("a", services={"up": up})]
            if scheme == "https":
                documents.append(binding("t", "tls-outbound", {"trustedCA": authority.crt},
                                         kind="Service", target="a-up"))
            with Gateway(documents) as gateway, gateway.client() as client:
                for _ in range(2):
                    equal(client.request("GET", "/x").status, 200)
                equal(len(proxy.heads), 1, "connections")
                contains(proxy.heads[0], f"CONNECT up.test:{backend.port} HTTP/1.1\r\n"
                                         f"Host: up.test:{backend.port}\r\n")
                equal(backend.requests[0].get("host"), f"up.test:{backend.port}")
                check(not backend.requests[0].has("proxy-authorization"), "told the service")


@case
def a_configured_proxy_is_for_https_but_for_its_exceptions():
    authority = Authority()
    tls = authority.server_tls(authority.issue("up", san="DNS:up.test,DNS:localhost"))
    trust = [binding(f"t-{name}", "tls-outbound", {"trustedCA": authority.crt}, kind="Service",
                     target=f"{name}-up") for name in ("far", "near")]
    with Backend(echo, tls=tls) as secure, Backend(echo) as plain, ForwardProxy() as proxy:
        ways = configuration("ways", {"forwardProxy": {"https": {"address": proxy.address},
                                                       "noProxy": ["LOCALHOST", ".near.test"]}})
        documents = [api("far", services={"up": {"address": f"https://up.test:{secure.port}"}}),
                     api("near", services={"up": {"address": f"https://localhost:{secure.port}"}}),
                     api("plain", plain), ways, *trust]
        with Gateway(documents) as gateway:
            for port, heads in zip(gateway.ports, (1, 1, 1)):
                equal(gateway.get("/", port=port).status, 200)
                equal(len(proxy.heads), heads)


@case
def addresses_and_their_prefixes_are_exceptions():
    """As services name them: who is 127.0.0.1 by name alone is no exception."""
    authority = Authority()
    tls = authority.server_tls(authority.issue("up", san="DNS:localhost,IP:127.0.0.1"))
    for exception, heads in (("127.0.0.0/8", 1), ("127.0.0.1", 1), ("128.0.0.0/8", 2), ("::/0", 1)):
        with rows(exception), Backend(echo, tls=tls) as secure, ForwardProxy() as proxy:
            documents = [configuration("ways", {"forwardProxy": {"https": {"address": proxy.address},
                                                                 "noProxy": [exception]}})]
            for name, host in (("named", "localhost"), ("plain", "127.0.0.1")):
                documents += [api(name, services={"up": {"address": f"https://{host}:{secure.port}"}}),
                              binding(f"t-{name}", "tls-outbound", {"trustedCA": authority.crt},
                                      kind="Service", target=f"{name}-up")]
            with Gateway(documents) as gateway:
                for port in gateway.ports:
                    equal(gateway.get("/", port=port).status, 200)
                equal(len(proxy.heads), heads)


@case
def checks_and_calls_of_policies_go_through_it():
    with Backend(reply(200, "fine")) as other, Backend() as up, ForwardProxy() as proxy:
        way = {"address": proxy.address}
        documents = [document("Service", "one", {"address": f"http://one.test:{other.port}", "forwardProxy": way}),
                     document("Service", "two", {"address": f"http://two.test:{other.port}", "forwardProxy": way,
                                                 "healthCheck": {"path": "/health", "intervalSeconds": 0.1}}),
                     api("a", up, policies=[{"policyRef": {"name": "callout"}, "config": {"services": ["one"]}}]),
                     api("b", up), binding("r", "route", {"destinationRef": {"name": "two"}}, target="b")]
        with Gateway(documents, options=["--plugins", CALLOUT]) as gateway:
            equal(gateway.get("/").status, 200)
            equal(up.requests[-1].all("x-called"), ["200  fine"])
            wait_for(lambda: any(r.target == "/health" for r in other.requests), "a check")
            equal(sorted({head.split()[1].split(":")[0] for head in proxy.heads}), ["one.test", "two.test"])


@case
def a_proxy_may_get_absolute_forms_in_place_of_a_tunnel():
    """What is asked of it, over one connection; what only the gateway can answer is not shown to clients."""
    credentials = "Basic " + base64.b64encode(b"ann:s3cret").decode()

    def answer(connection):
        while request := connection.read_request():
            is_known = request.get("proxy-authorization") == credentials
            connection.send(reply(200, "fine") if is_known else reply(407, "", {"proxy-authenticate": "Basic"}))

    for password, status in (("s3cret", 200), ("other", 502)):
        with rows(password), Backend(answer) as proxy:
            up = {"address": "http://up.test:81/v1", "forwardProxy": {
                "address": proxy.address, "username": "ann", "password": password, "tunnel": False}}
            with Gateway([api("a", services={"up": up})]) as gateway, gateway.client() as client:
                for _ in range(2):
                    made = client.request("GET", "/x?y=1", WEBSOCKET)
                    equal((made.status, made.has("proxy-authenticate")), (status, False))
                seen = proxy.requests[0]
                equal((seen.target, seen.get("host"), seen.has("upgrade")),
                      ("http://up.test:81/v1/x?y=1", "up.test:81", False))
                equal(len(proxy.connections), 1 if status == 200 else 2)
                if status == 502:
                    contains(str(gateway.records(2)[0]), "wants other credentials (407)")


@contextlib.contextmanager
def tinyproxy(*lines):
    """Its port."""
    port, folder = free_port(), scratch("tinyproxy")
    with open(f"{folder}/conf", "w") as f:
        f.write("\n".join([f"Port {port}", "Listen 127.0.0.1", "Timeout 60", "MaxClients 20", *lines, ""]))
    program = subprocess.Popen(["tinyproxy", "-d", "-c", f"{folder}/conf"], stdout=subprocess.DEVNULL)

    def is_open():
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", port)) == 0
    try:
        wait_for(is_open, "tinyproxy to listen")
        yield port
    finally:
        program.terminate()
        program.wait()


@case
def a_stock_proxy_lets_who_has_its_password_through():
    with Backend(echo) as backend, tinyproxy("BasicAuth ann s3cret") as port:
        for password, tunnel, status in (("s3cret", True, 200), ("other", True, 503), ("s3cret", False, 200)):
            up = {"address": f"http://localhost:{backend.port}", "forwardProxy": {
                "address": f"http://127.0.0.1:{port}", "username": "ann", "password": password, "tunnel": tunnel}}
            with rows((password, tunnel)), Gateway([api("a", services={"up": up})]) as gateway:
                for _ in range(2):
                    answer = gateway.request("POST", "/x", body=b"y" * 100000)
                    equal((answer.status, len(answer.body)), (status, 100000 if status == 200 else len(answer.body)))
                if status == 503:
                    contains(str(gateway.records(2)[0]), "the forward proxy")


@contextlib.contextmanager
def through(scheme, authority, proxy, backend_port, more=(), **way):
    """A gateway whose one service, up.test, is reached by that proxy."""
    up = {"address": f"{scheme}://up.test:{backend_port}", "forwardProxy": {"address": proxy.address, **way}}
    documents = [api("a", services={"up": up}), *more]
    if scheme == "https":
        documents.append(binding("t", "tls-outbound", {"trustedCA": authority.crt}, kind="Service", target="a-up"))
    with Gateway(documents) as gateway:
        yield gateway


def settled(told, count):
    return wait_for(lambda: len(told) >= count and told, f"{count} of what the proxy tells")


def asked_by_tls(version):
    """The proxy's certificate is of another authority than the service's, whose TLS goes inside of the proxy's."""
    ours, theirs = Authority("Ours"), Authority("Theirs")
    tls = ours.server_tls(ours.issue("up", san="DNS:up.test"))
    body = bytes(range(256)) * 400
    with SecureProxy(theirs.issue("proxy", san="DNS:localhost"), version=version) as proxy, Backend(echo) as plain, \
            Backend(echo, tls=tls) as secure:
        way = {"address": proxy.address, "tls": {"trustedCA": theirs.crt}, "username": "ann", "password": "s3cret"}
        table = [("http", plain, True), ("https", secure, True), ("http", plain, False)]
        documents = [api(f"a{i}", services={"up": {"address": f"{scheme}://up.test:{backend.port}",
                                                   "forwardProxy": {**way, "tunnel": tunnel}}})
                     for i, (scheme, backend, tunnel) in enumerate(table)]
        documents.append(binding("t", "tls-outbound", {"trustedCA": ours.crt}, kind="Service", target="a1-up"))
        with Gateway(documents) as gateway:
            for (scheme, backend, tunnel), port in zip(table, gateway.ports):
                with rows((scheme, tunnel)), gateway.client(port=port) as client:
                    proxy.asked.clear(), proxy.connections.clear()
                    sent = body if tunnel else body[:8000]  # node resets for a request behind a large answer
                    for _ in range(2):
                        answer = client.request("POST", "/x", body=sent)
                        equal((answer.status, answer.body == sent), (200, True))
                    told = settled(proxy.asked, 1 if tunnel else 2)[0]
                    equal(told["credentials"], "Basic " + base64.b64encode(b"ann:s3cret").decode())
                    equal((told["method"], told["target"]), ("CONNECT", f"up.test:{backend.port}") if tunnel else
                          ("POST", f"http://up.test:{backend.port}/x"))
                    equal([c["name"] for c in proxy.connections], ["localhost"])
                    equal(backend.requests[-1].get("host"), f"up.test:{backend.port}")


@case
def a_proxy_is_asked_by_tls():
    asked_by_tls("TLSv1.3")


@case(modes="full")
def a_proxy_is_asked_by_former_tls():
    asked_by_tls("TLSv1.2")


@case
def dollars_of_credentials_are_their_own():
    """As the vendor reads them; all of a text may be a reference."""
    table = [("pa$$word", "pa$$word"), ("a$PROXY_PASSWORD", "a$PROXY_PASSWORD"), ("${", "${"),
             ("$PROXY_PASSWORD", "of$us"), ("${secret:house.password}", "s3cret:x")]
    documents = [document("Secret", "house", {"data": {"password": "s3cret:x"}})]
    with Backend(echo) as backend, ForwardProxy() as proxy:
        for i, (written, _) in enumerate(table):
            documents.append(api(f"a{i}", services={"up": {"address": f"http://up.test:{backend.port}", "forwardProxy": {
                "address": proxy.address, "username": "ann", "password": written}}}))
        with Gateway(documents, env={"PROXY_PASSWORD": "of$us"}) as gateway:
            for (written, meant), port in zip(table, gateway.ports):
                with rows(written):
                    equal(gateway.get("/", port=port).status, 200)
                    credentials = base64.b64encode(f"ann:{meant}".encode()).decode()
                    contains(proxy.heads[-1], f"Proxy-Authorization: Basic {credentials}\r\n")


@case
def http2_goes_through_a_proxy_that_is_asked_by_tls():
    authority = Authority()
    for secure in (False, True):
        certificate = authority.issue("up", san="DNS:up.test") if secure else None
        with rows(secure), H2Origin(certificate=certificate) as origin, \
                SecureProxy(authority.issue("proxy", san="DNS:localhost")) as proxy:
            documents = [binding("t", "tls-outbound", {"trustedCA": authority.crt}, kind="Service", target="a-up")]
            with through("h2", authority, proxy, origin.port, documents if secure else (),
                         tls={"trustedCA": authority.crt}) as gateway:
                for _ in range(2):
                    equal(gateway.get("/empty").status, 204)
                equal(len(settled(proxy.asked, 1)), 1)


class Cutter(Listener):
    """Before a server: after so many bytes of its own the connection ends, one way or the other."""

    def __init__(self, server):
        super().__init__("https")
        self.address = f"https://localhost:{self.port}"
        self.to, self.left, self.resets = server.port, 0, False

    def serve(self, sock):
        left = self.left
        with socket.create_connection(("127.0.0.1", self.to)) as up:
            back = threading.Thread(target=self.pass_on, args=(sock, up), daemon=True)
            back.start()
            while left > 0 and (data := up.recv(left)):
                sock.sendall(data)
                left -= len(data)
            if not self.resets:
                sock.shutdown(socket.SHUT_WR)
                back.join()
                return
            sock.shutdown(socket.SHUT_RD)
            back.join()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    @staticmethod
    def pass_on(source, to):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                to.sendall(data)


OUTCOMES = (204, "ok"), (502, "upstream_tls"), (502, "upstream_reset"), (502, "upstream_protocol"), (503, "upstream_refused")


def cut_everywhere(step):
    """The way by TLS to a proxy, and the upstream's inside of it, cut behind every `step`-th byte: each request
    hears of it at once, and the next one has a way of its own."""
    authority = Authority()
    tls = [binding("t", "tls-outbound", {"trustedCA": authority.crt}, kind="Service", target="a-up")]
    with H2Origin(certificate=authority.issue("up", san="DNS:up.test")) as origin, \
            SecureProxy(authority.issue("proxy", san="DNS:localhost")) as proxy, Cutter(proxy) as cutter:
        for cutter.resets in (False, True):
            with through("h2", authority, cutter, origin.port, tls, tls={"trustedCA": authority.crt}) as gateway:
                at, statuses = 0, []
                while 204 not in statuses:
                    cutter.left = at
                    statuses.append(gateway.get("/empty").status)
                    with rows(f"behind byte {at}, {cutter.resets}"):
                        one_of((statuses[-1], gateway.records(len(statuses))[-1]["reason"]), OUTCOMES)
                    at += step
                check(at > 1000, f"{at} bytes")


@case
def a_tunnel_cut_anywhere_is_told():
    cut_everywhere(499)


@case(modes="full", seconds=300)
def a_tunnel_cut_at_any_byte_is_told():
    cut_everywhere(7)


class EagerProxy(ForwardProxy):
    """Sends what the upstream says first with its own answer: up to `cut`, then the rest."""

    def __init__(self, port, cut):
        super().__init__()
        self.port, self.cut = port, cut

    def serve(self, sock):
        sock.recv(4096)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with socket.create_connection(("127.0.0.1", self.port)) as up:
            answer = b"HTTP/1.1 200 OK\r\n\r\n"
            said = answer + up.recv(4096)
            cut = len(answer) + self.cut
            sock.sendall(said[:cut])
            sock.sendall(said[cut:])
            pump(sock, up)


@case
def an_upstream_that_begins_is_heard():
    """HTTP/2 without TLS: its SETTINGS may come with the forward proxy's answer, or be cut by it."""
    with H2Origin() as origin:
        for cut in (-2, 0, 5, 4096):
            with rows(cut), EagerProxy(origin.port, cut) as proxy:
                up = {"address": f"h2://up.test:{origin.port}", "forwardProxy": {"address": proxy.address}}
                with Gateway([api("a", services={"up": up})]) as gateway:
                    equal(gateway.get("/empty").status, 204)


@case
def who_is_no_proxy_of_ours_is_asked_nothing():
    authority, other = Authority(), Authority("Other")
    rogue = {"trustedCA": other.crt}
    named = authority.issue("proxy", san="DNS:proxy.test")
    good = authority.issue("proxy", san="DNS:localhost")
    trusting = {"trustedCA": authority.crt}
    with Backend(echo) as backend, SecureProxy(good) as proxy, SecureProxy(named) as misnamed:
        table = [(proxy, rogue, 502, "the forward proxy: certificate verify failed: unable to get local issuer"),
                 (misnamed, trusting, 502, "the forward proxy: certificate verify failed: hostname mismatch"),
                 (misnamed, {"skipValidation": True}, 200, "")]
        for who, tls, status, text in table:
            with rows(text), through("http", authority, who, backend.port, tls=tls) as gateway:
                equal(gateway.get("/").status, status)
                contains(str(gateway.records(1)[0]), text)
        equal([told["target"] for told in proxy.asked], [])
    with ForwardProxy() as plain:
        plain.address = f"https://localhost:{plain.port}"
        plain.serve = lambda sock: sock.recv(1) and sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with through("http", authority, plain, 80) as gateway:
            equal(gateway.get("/").status, 502)
            contains(str(gateway.records(1)[0]), "the forward proxy: ")


@case
def a_proxy_may_want_a_certificate():
    authority = Authority()
    mine = authority.issue("gateway")
    shown = {"certificate": {"crtFile": mine.crt_path, "keyFile": mine.key_path}}
    with Backend(echo) as backend, \
            SecureProxy(authority.issue("proxy", san="DNS:localhost"), clients_of=authority) as proxy:
        for more, status in ((shown, 200), ({}, 502)):
            with rows(status), through("http", authority, proxy, backend.port,
                                       tls={"trustedCA": authority.crt, **more}) as gateway:
                equal(gateway.get("/").status, status)
        equal([c["client"] for c in settled(proxy.connections, 1)], ["gateway"])


@case
def a_configured_proxy_is_asked_by_tls_too():
    authority = Authority()
    tls = authority.server_tls(authority.issue("up", san="DNS:up.test"))
    with Backend(echo, tls=tls) as backend, SecureProxy(authority.issue("proxy", san="DNS:localhost")) as proxy:
        documents = [api("a", services={"up": {"address": f"https://up.test:{backend.port}"}}),
                     binding("t", "tls-outbound", {"trustedCA": authority.crt}, kind="Service", target="a-up"),
                     document("Secret", "house", {"data": {"ca": authority.crt, "password": "s3cret:x"}}),
                     configuration("ways", {"forwardProxy": {"https": {
                         "address": proxy.address, "tls": {"trustedCA": "${secret:house.ca}"},
                         "basicAuth": {"username": "$PROXY_USER", "password": "${secret:house.password}"}}}})]
        with Gateway(documents, env={"PROXY_USER": "ann"}) as gateway:
            equal(gateway.get("/").status, 200)
            equal(settled(proxy.asked, 1)[0]["credentials"], "Basic " + base64.b64encode(b"ann:s3cret:x").decode())


@case
def a_header_goes_through_a_forward_proxy():
    received = []
    with Backend(headed(received, "v2")) as backend, ForwardProxy() as proxy:
        up = {"address": f"http://up.test:{backend.port}", "proxyProtocol": "v2",
              "forwardProxy": {"address": proxy.address}}
        with Gateway([api("a", services={"up": up})]) as gateway, gateway.client() as client:
            equal(client.request("GET", "/").status, 200)
            equal(told(received, "v2")[0], client.sock.getsockname()[1])


@case
def what_a_forward_proxy_refuses_is_said():
    table = [("407", b"HTTP/1.1 407 No\r\n\r\n", "credentials (407)"),
             ("403", b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno", "refused to connect (403)"),
             ("502", b"HTTP/1.0 502\r\n\r\n", "refused to connect (502)"),
             ("garbage", b"SSH-2.0-x\r\n\r\n", "did not answer by HTTP"),
             ("surplus", b"HTTP/1.1 200 OK\r\n\r\nhello", "bytes of its own"),
             ("endless", b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 2000, "too long"),
             ("silent", b"", "did not answer in time"),
             ("closed", None, "closed before it was of use")]
    for name, answer, text in table:
        with rows(name), ForwardProxy(answer) as proxy:
            if answer is None:
                proxy.serve = lambda sock: sock.recv(65536)
            up = {"address": "http://up.test:80", "forwardProxy": {"address": proxy.address}}
            # Long enough for a loaded machine, where it is no part of the row.
            limits = configuration("limits", {"limits": {"upstreamConnectSeconds": 0.3 if name == "silent" else 20}})
            with Gateway([api("a", services={"up": up}), limits]) as gateway:
                equal(gateway.get("/").status, 503)
                contains(str(gateway.records(1)[0]), text)


main()
