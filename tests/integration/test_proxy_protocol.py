#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Connections that begin with a PROXY header, and those that should."""
import socket
import struct

from harness import *

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LINE = b"PROXY TCP4 203.0.113.9 198.51.100.1 4711 443\r\n"


def expecting(proxies=("127.0.0.0/8",), **more):
    return configuration("edge", {"proxyProtocol": {"enabled": True, "trustedProxies": list(proxies)},
                                  **more})


def binary(command, family, payload=b""):
    return SIGNATURE + bytes([0x20 | command, family]) + struct.pack("!H", len(payload)) + payload


def v4(source, port, records=b""):
    return binary(1, 0x11, socket.inet_aton(source) + socket.inet_aton("198.51.100.1")
                  + struct.pack("!HH", port, 443) + records)


def v6(source):
    return binary(1, 0x21, socket.inet_pton(socket.AF_INET6, source) * 2 + struct.pack("!HH", 1, 2))


@case
def tells_who_the_client_is():
    rows_ = (("version 1", LINE, "203.0.113.9"),
             ("version 1, IPv6", b"PROXY TCP6 2001:db8::9 2001:db8::1 1 2\r\n", "2001:db8::9"),
             ("version 1, nobody", b"PROXY UNKNOWN\r\n", "127.0.0.1"),
             ("version 2", v4("203.0.113.9", 4711), "203.0.113.9"),
             ("version 2, IPv6", v6("2001:db8::9"), "2001:db8::9"),
             ("version 2, more", v4("203.0.113.9", 1, b"\xee\x00\x03abc" * 100), "203.0.113.9"),
             ("version 2, the balancer itself", binary(0, 0), "127.0.0.1"))
    with Backend() as backend, Gateway([api("a", backend), expecting()]) as gateway:
        for name, header, client_address in rows_:
            with rows(name), gateway.client() as client:
                client.send(header)
                for _ in range(2):
                    equal(client.get("/", {"x-forwarded-for": "6.6.6.6"}).status, 200)
                    equal(backend.requests[-1].all("x-forwarded-for"), [client_address])
        equal([r["client"] for r in gateway.records(14)][::2], [c for _, _, c in rows_])


@case
def comes_in_any_pieces():
    request = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"
    with Backend() as backend, Gateway([api("a", backend), expecting()]) as gateway:
        for header in (LINE, v4("203.0.113.9", 4711, b"\x04\x00\x01x")):
            whole = header + request
            with gateway.client() as client:
                client.send_slowly(whole)
                equal(client.read().status, 200)
            for at in range(0, len(whole) + 1, 3):
                with gateway.client() as client:
                    client.send(whole[:at]).send(whole[at:])
                    equal(client.read().status, 200)
        equal({r.get("x-forwarded-for") for r in backend.requests}, {"203.0.113.9"})


@case
def comes_before_the_handshake():
    ca = Authority()
    certificate = ca.issue("shop.test")
    tls = {"policyRef": {"name": "tls"},
           "config": {"certificate": {"key": certificate.key, "crt": certificate.crt}}}
    with Backend() as backend, Gateway([api("a", backend, scheme="https", policies=[tls]),
                                        expecting()]) as gateway:
        with gateway.client() as client:
            client.send(LINE)
            client.sock = ca.client_tls().wrap_socket(client.sock, server_hostname="shop.test")
            client.reader.sock = client.sock
            equal(client.get("/").status, 200)
        equal(backend.requests[0].get("x-forwarded-for"), "203.0.113.9")
        equal(backend.requests[0].get("x-forwarded-proto"), "https")


@case
def closes_and_counts_everything_else():
    request = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"
    bad = (("no header", request), ("TLV behind the end", v4("1.1.1.1", 1, b"\x01\xff\xff")),
           ("a list of two", LINE[:-2] + b" 1\r\n" + request), ("too long", SIGNATURE + b"\x21\x11\xff\xff"),
           ("datagrams", binary(1, 0x12, bytes(12)) + request))
    with Backend() as backend, Gateway([api("a", backend), expecting()]) as gateway:
        for name, data in bad:
            with rows(name), gateway.client() as client:
                client.send(data)
                check(client.is_closed(), "served it")
        wait_for(lambda: gateway.metrics()["sluice_proxy_protocol_refused_total"] == len(bad), "the count")
        equal((backend.requests, gateway.records_now()), ([], []))


@case
def closes_peers_that_may_not_send_one():
    with Backend() as backend, Gateway([api("a", backend), expecting(["192.0.2.0/24"])]) as gateway:
        for data in (LINE, b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"):
            with gateway.client() as client:
                client.send(data)
                check(client.is_closed(), "served it")
        wait_for(lambda: gateway.metrics()["sluice_proxy_protocol_refused_total"] == 2, "the count")
        equal(backend.requests, [])


@case
def is_no_header_where_none_is_expected():
    for edge in ([], [configuration("edge", {"proxyProtocol": {"enabled": False}})]):
        with Backend() as backend, Gateway([api("a", backend), *edge]) as gateway:
            with gateway.client() as client:
                client.send(LINE + b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
                equal(client.reader.to_end(), b"")
            record = gateway.records(1)[0]
            equal((record["status"], record["reason"], record["detail"]),
                  (0, "bad_request", "not a request of HTTP"))
            equal(backend.requests, [])


@case
def goes_together_with_trusted_proxies():
    """A balancer that speaks for a proxy that forwards."""
    edge = expecting(clientAddress={"trustedProxies": ["203.0.113.0/24"]})
    with Backend() as backend, Gateway([api("a", backend), edge]) as gateway:
        for header, expected in ((LINE, "198.18.0.1"), (v4("6.6.6.6", 1), "6.6.6.6")):
            with gateway.client() as client:
                client.send(header)
                equal(client.get("/", {"x-forwarded-for": "198.18.0.1"}).status, 200)
        equal([r["client"] for r in gateway.records(2)], ["198.18.0.1", "6.6.6.6"])


@case
def stops_while_headers_are_awaited():
    with Backend() as backend, Gateway([api("a", backend), expecting()]) as gateway, \
            gateway.client() as client:
        client.send(LINE[:10])
        wait_for(lambda: gateway.metrics()["sluice_connections"] == 1, "the connection")
        equal(gateway.stop(), 0)
        check(client.is_closed(), "left open")


main()
