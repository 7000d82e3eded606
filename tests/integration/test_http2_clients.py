#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""nghttp and h2load, in clear text and by TLS, while the gateway is reloaded and upgraded: what was sent is answered whole,
and what fails was never sent, since a GOAWAY came first."""
import re
import signal
import subprocess
import threading

from harness import *
from harness.cases import SCALE, scratch
from harness.certificates import Authority

PARALLEL = 20


def serves_both(upstream):
    """An API in clear text and one by TLS."""
    own = Authority().issue("localhost")
    tls = [{"policyRef": {"name": "tls"}, "config": {"certificate": {"key": own.key, "crt": own.crt}}}]
    return [api("a", upstream), api("b", upstream, scheme="https", policies=tls)]


def urls(gateway):
    return [f"{scheme}://127.0.0.1:{port}/x" for scheme, port in zip(("http", "https"), gateway.ports)]


class Halves:
    """Answers with the second half once it may."""

    def __init__(self):
        self.go, self.begun = threading.Event(), threading.Semaphore(0)

    def __call__(self, connection):
        while connection.read_request():
            connection.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello")
            self.begun.release()
            self.go.wait(50 * SCALE)
            connection.send("world")


def upgrade(gateway, number):
    gateway.signal(signal.SIGUSR2)
    wait_for(lambda: gateway.is_answering() and gateway.status()["supervisor"]["upgrades"] == number,
             f"upgrade {number}", 60)


class Nghttp:
    """The program, with PARALLEL requests at once; what it tells of each frame comes as it does."""

    def __init__(self, url):
        self.process = subprocess.Popen(
            ["stdbuf", "-oL", "nghttp", "-nsvy", f"-m{PARALLEL}", "-t", str(50 * SCALE), url],
            stdout=subprocess.PIPE, text=True)

    def wait_for_goaway(self):
        check(any("recv GOAWAY" in line for line in self.process.stdout), "no GOAWAY")

    def end(self):
        """(status, bytes) of each request."""
        output, _ = self.process.communicate(timeout=60 * SCALE)
        equal(self.process.returncode, 0)
        return re.findall(r"^ *\d+ +\S+ +\S+ +\S+ +(\d+) +(\d+) /x$", output, re.M)


@case(serial=True)
def nghttp_has_every_answer_whole_when_its_gateway_is_followed_by_another():
    halves = Halves()
    with Backend(halves) as backend, Gateway(serves_both(backend)) as gateway:
        clients = [Nghttp(url) for url in urls(gateway)]
        for _ in range(2 * PARALLEL):
            check(halves.begun.acquire(timeout=30 * SCALE), "the first halves")
        gateway.signal(signal.SIGUSR2)
        for client in clients:
            client.wait_for_goaway()
        halves.go.set()
        equal([client.end() for client in clients], [[("200", "10")] * PARALLEL] * 2)
        equal({(r["status"], r["reason"]) for r in gateway.records(2 * PARALLEL)}, {(200, "ok")})


class H2Load:
    """The program, with 4 connections and 4 requests at a time on each, 200 a second on each."""
    CONNECTIONS, AT_A_TIME = 4, 4

    def __init__(self, url, requests):
        self.path = f"{scratch('h2load')}/log"
        self.process = subprocess.Popen(
            ["h2load", f"-c{self.CONNECTIONS}", f"-m{self.AT_A_TIME}", f"-n{requests}", "--rps=200",
             f"--log-file={self.path}", url], stdout=subprocess.DEVNULL)

    def is_over(self):
        return self.process.poll() is not None

    def end(self):
        """(answered by 200, never sent); its exit code is 0 whatever becomes of its requests."""
        equal(self.process.wait(60 * SCALE), 0)
        with open(self.path) as f:
            outcomes = [line.split("\t")[1] for line in f]
        equal(set(outcomes) - {"200", "-1"}, set())
        return outcomes.count("200"), outcomes.count("-1")


@case(modes="full", serial=True, seconds=120)
def h2load_does_not_notice_reloads():
    """Of policies and services, by a listener that stays."""
    with Backend(reply(200, "hello")) as backend, Backend(reply(200, "other")) as other:
        documents = serves_both(backend)
        with Gateway(documents, workers=2) as gateway:
            loads = [H2Load(url, 4000) for url in urls(gateway)]
            count = 0
            while not all(load.is_over() for load in loads):
                count += 1
                documents[0]["spec"]["services"]["up"]["address"] = (backend, other)[count % 2].address
                documents[1]["spec"]["services"]["up"]["address"] = (other, backend)[count % 2].address
                gateway.save("gateway.yaml", documents, 30)
            equal([load.end() for load in loads], [(4000, 0)] * 2)
            print(f"    {count} reloads")
            check(count >= 2, f"{count} reloads")
            equal({(r["status"], r["reason"]) for r in gateway.records(8000)}, {(200, "ok")})


@case(modes="full", serial=True, seconds=120)
def h2load_is_answered_whatever_it_has_sent_before_an_upgrade():
    """It ends by the GOAWAY; what it was about to send then, one for each place, is all that it misses."""
    sent = 0
    with Backend(reply(200, "hello")) as backend, Gateway(serves_both(backend), workers=2) as gateway:
        for number in range(1, 4):
            before = len(gateway.records_now())
            loads = [H2Load(url, 10 ** 6) for url in urls(gateway)]
            wait_for(lambda: len(gateway.records_now()) > before + 400, "requests", 60)
            upgrade(gateway, number)
            for load in loads:
                whole, unsent = load.end()
                sent += whole
                check(unsent <= load.CONNECTIONS * load.AT_A_TIME, f"{unsent} were not sent")
        gateway.stop()
        records = gateway.records_now()
        equal({(r["status"], r["reason"]) for r in records}, {(200, "ok")})
        equal((len(records), len(backend.requests)), (sent, sent), "records, requests at the origin")
        print(f"    {sent} requests")


main()
