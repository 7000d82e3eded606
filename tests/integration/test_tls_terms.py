#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a port and a service agree on with who is there: versions, protocols (ALPN), keys that are strong."""
import re
import ssl
import subprocess

from harness import *

V2, V3 = "1.2", "1.3"


def https(name, backend, own, **more):
    return api(name, backend, scheme="https", policies=[
        {"policyRef": {"name": "tls"}, "config": {"certificate": {"crt": own.crt, "key": own.key}, **more}}])


def version_of(port, *options):
    """What openssl's client gets; None where nothing was agreed on."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    found = re.search(rb"^New, TLSv([\d.]+), Cipher is [A-Z]", done.stdout, re.M)
    return found and found.group(1).decode()


@case
def a_port_chooses_protocols_as_it_lists_them():
    ca = Authority()
    own = ca.issue("shop.test")
    table = [(None, {"h2,http/1.1": "h2", "http/1.1,h2": "h2", "http/1.1": "http/1.1", "other": None}),
             (["http/1.1"], {"h2,http/1.1": "http/1.1", "h2": None}),
             (["h2"], {"h2,http/1.1": "h2", "http/1.1": None}),
             (["http/1.1", "h2"], {"h2,http/1.1": "http/1.1", "h2": "h2"}),
             (["h2", "http/1.1"], {"http/1.1,h2": "h2"})]
    with Backend(reply(200, "x")) as backend, Gateway([
            https(f"a{i}", backend, own, **({"alpn": listed} if listed else {}))
            for i, (listed, _) in enumerate(table)]) as gateway:
        for i, (listed, offers) in enumerate(table):
            for offer, wanted in offers.items():
                with rows(f"{listed} to {offer}"), gateway.client(
                        gateway.ports[i], tls=ca.client_tls(alpn=offer.split(",")), server_name="shop.test") as client:
                    equal(client.sock.selected_alpn_protocol(), wanted)
                    if wanted != "h2":
                        equal(client.get("/").status, 200)


@case(modes="full")
def a_port_speaks_the_versions_between_its_bounds():
    own = Authority().issue("shop.test")
    bounds = [(None, None), (V2, V2), (V2, V3), (V3, V3), (V3, None), (None, V2)]
    clients = {("-tls1_2",): (V2,), ("-tls1_3",): (V3,), (): (V2, V3),
               ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"): ()}
    with Backend(reply(200, "x")) as backend, Gateway([
            https(f"a{i}", backend, own, **{k: v for k, v in (("minversion", low), ("maxversion", high)) if v})
            for i, (low, high) in enumerate(bounds)]) as gateway:
        for i, (low, high) in enumerate(bounds):
            for options, spoken in clients.items():
                both = [v for v in spoken if (low or V2) <= v <= (high or V3)]
                with rows(f"{low} to {high}, {options}"):
                    equal(version_of(gateway.ports[i], *options), max(both, default=None))


@case(modes="full")
def services_are_spoken_to_in_the_versions_between_the_bounds():
    ca = Authority()
    own = ca.issue("localhost", "DNS:localhost,IP:127.0.0.1")
    bounds = [(None, None), (V2, V2), (V2, V3), (V3, V3)]
    versions = {V2: ssl.TLSVersion.TLSv1_2, V3: ssl.TLSVersion.TLSv1_3}
    backends, documents, wanted = [], [], {}
    for version, number in versions.items():
        tls = ca.server_tls(own)
        tls.minimum_version = tls.maximum_version = number
        backends.append(Backend(reply(200, "x"), tls=tls))
        for i, (low, high) in enumerate(bounds):
            name = f"s{i}-{version.replace('.', '-')}"
            config = {k: v for k, v in (("minversion", low), ("maxversion", high)) if v}
            documents += [api(name), service(name, backends[-1]),
                          binding(f"{name}-tls", "tls-outbound", {"trustedCA": ca.crt, **config}, target=name,
                                  kind="Service"),
                          binding(f"{name}-route", "route", {"destinationRef": {"name": name}}, target=name)]
            wanted[name] = 200 if (low or V2) <= version <= (high or V3) else 502
    with Gateway(documents) as gateway:
        for i, (name, status) in enumerate(wanted.items()):
            with rows(name):
                equal(gateway.get("/", port=gateway.ports[i]).status, status)


def weak(ca, name):
    return ca.issue(name, f"DNS:{name},IP:127.0.0.1", kind="rsa:1024")


@case
def keys_of_rsa_below_2048_bits_count_for_nothing():
    """Neither a port's own, nor a client's, nor a service's."""
    ca = Authority()
    good, bad = ca.issue("shop.test"), weak(ca, "localhost")
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.set_ciphers("DEFAULT:@SECLEVEL=0")
    theirs.load_cert_chain(bad.crt_path, bad.key_path)
    mine = ca.client_tls()
    mine.set_ciphers("DEFAULT:@SECLEVEL=0")
    mine.load_cert_chain(bad.crt_path, bad.key_path)
    origin = Backend(reply(200, "x"), tls=theirs)
    with Backend(reply(200, "x")) as backend, Gateway([
            https("own", backend, bad),
            https("clients", backend, good, clientCertificate="required", trustedCA=ca.crt),
            api("out"), service("up", origin),
            binding("up-tls", "tls-outbound", {"trustedCA": ca.crt}, target="up", kind="Service"),
            binding("route", "route", {"destinationRef": {"name": "up"}}, target="out")]) as gateway:
        message = "the certificate (crt) has a key that is too weak: RSA of 1024 bits, where RSA needs 2048 and EC 224"
        check(any(p["message"] == message for p in gateway.status()["problems"]), gateway.status()["problems"])
        try:
            with gateway.client(gateway.ports[1], tls=mine, server_name="shop.test") as client:
                client.get("/")
            raise AssertionError("the port takes a weak key of a client")
        except (ssl.SSLError, OSError, Closed):
            pass
        equal(gateway.get("/", port=gateway.ports[2]).status, 502)
        wait_for(lambda: "upstream_tls" in [r["reason"] for r in gateway.records_now()], "a record that says why")
        equal((backend.requests, origin.requests), ([], []))


main()
