#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TLS sessions go on where and while they may."""
import os
import signal
import socket
import ssl

from harness import *

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


class Visitor:
    """A client that comes back: it keeps its session."""

    def __init__(self, ca, version):
        self.tls, self.session = ca.client_tls(maximum=version), None

    def resumes(self, port, name="shop.test"):
        raw = socket.create_connection(("127.0.0.1", port), 10)
        with self.tls.wrap_socket(raw, server_hostname=name, session=self.session) as s:
            s.sendall(b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
            check(b" 200 " in s.recv(4096), "an answer")
            was_resumed, self.session = s.session_reused, s.session
        return was_resumed


def serving_pid(gateway):
    """Of whoever answers the admin socket; None while nobody does."""
    try:
        return gateway.status()["pid"]
    except (OSError, Closed, TimedOut):
        return None


def pair(certificate):
    return {"key": certificate.key, "crt": certificate.crt}


def https(name, backend, port, **config):
    return api(name, backend, port=port, scheme="https",
               policies=[{"policyRef": {"name": "tls"}, "config": config}])


@case
def sessions_outlive_reloads_crashes_and_upgrades():
    ca, port = Authority(), free_port()
    first, second = ca.issue("shop.test"), ca.issue("shop.test")
    with Backend(reply(200, "x")) as backend, Gateway(
            {"a.yaml": [https("a", backend, port, certificate=pair(first))]}) as gateway:
        visitors = [Visitor(ca, version) for version in VERSIONS]

        def come(expected, what):
            for visitor in visitors:
                with rows(f"{what}, {visitor.tls.maximum_version.name}"):
                    equal(visitor.resumes(port), expected)

        come(False, "the first visit")
        come(True, "the second visit")
        gateway.save("a.yaml", [https("a", backend, port, certificate=pair(second))])
        come(True, "after a reload")
        former = serving_pid(gateway)
        os.kill(former, signal.SIGKILL)
        former = wait_for(lambda: (p := serving_pid(gateway)) != former and p, "the next gateway", 30)
        come(True, "after a crash")
        gateway.signal(signal.SIGUSR2)
        wait_for(lambda: (p := serving_pid(gateway)) != former and p, "the upgraded gateway", 30)
        come(True, "after an upgrade")


@case
def sessions_are_of_one_port_and_one_name():
    ca = Authority()
    ports = [free_port(), free_port()]
    own = pair(ca.issue("shop.test", "DNS:shop.test,DNS:other.test"))
    names = [{"hosts": ["other.test"], "certificate": own}]
    with Backend(reply(200, "x")) as backend, Gateway(
            [https(name, backend, port, certificate=own, certificates=names)
             for name, port in zip("ab", ports)]):
        for version in VERSIONS:
            with rows(version.name):
                visitor = Visitor(ca, version)
                visitor.resumes(ports[0])
                equal(visitor.resumes(ports[1]), False, "another port")
                equal(visitor.resumes(ports[1]), True)
                equal(visitor.resumes(ports[1], "other.test"), False, "another name")


main()
