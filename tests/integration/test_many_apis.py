#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Edits of one API among many, under load: what is asked is answered, by what was saved last or the
one before; what did not change goes on; and memory stays where it is."""
import functools
import random

from harness import *

LIMIT = {"policyRef": {"name": "rate-limiting"}, "config": {
    "rateLimits": [{"maximumRequests": 1000000000, "timePeriodInMilliseconds": 60000}]}}


def header(edition):
    return {"policyRef": {"name": "header-injection"}, "config": {
        "outboundHeaders": [{"key": "x-edition", "value": str(edition)}]}}


class Apis:
    """`count` APIs, a file and two policies each, on one port; the edition that each was saved with."""

    def __init__(self, count, backend):
        self.backend, self.port = backend, free_port()
        self.saved = [0] * count
        self.files = {self.file(i): [self.document(i)] for i in range(count)}

    def file(self, i):
        return f"{i % 10}/api-{i}.yaml"

    def document(self, i):
        return api(f"api-{i}", self.backend, port=self.port, base=f"/api-{i}",
                   policies=[header(self.saved[i]), LIMIT])

    def edit(self, gateway, i):
        self.saved[i] += 1
        gateway.write(self.file(i), [self.document(i)])
        return self.saved[i]


class Asker:
    """A client that keeps its connection for as long as the gateway does."""

    def __init__(self, port):
        self.port, self.client = port, None

    def get(self, target):
        self.client = self.client or Client(self.port)
        answer = self.client.get(target)
        if (answer.get("connection") or "").lower() == "close":
            self.close()
        return answer

    def close(self):
        if self.client:
            self.client.close()
        self.client = None


class Load(Crowd):
    """Clients that ask for APIs in turn; whatever is no whole 200 of an edition that was saved, and
    not older than what the API has answered with before, is a failure."""

    def __init__(self, apis, clients):
        super().__init__([functools.partial(self.run, n) for n in range(clients)])
        self.apis, self.failures, self.done = apis, [], [0] * clients

    def run(self, n):
        seen, r, client = {}, random.Random(n), Asker(self.apis.port)
        while not self.stop.is_set():
            i = r.randrange(len(self.apis.saved))
            try:
                answer = client.get(f"/api-{i}/")
            except (OSError, Closed, TimedOut) as e:
                self.failures.append(f"api-{i}: {e!r}")
                client.close()
                continue
            edition = int(answer.get("x-edition") or -1)
            if answer.status != 200 or not seen.get(i, 0) <= edition <= self.apis.saved[i]:
                self.failures.append(f"api-{i}: {answer.status}, edition {edition}")
            seen[i] = edition
            self.done[n] += 1
        client.close()


def storm(count, edits, settled, patience):
    """Memory is compared from the edit `settled` on: pools and connections have grown by then."""
    r = random.Random(count)
    with Backend(reply(200, "x")) as backend:
        apis = Apis(count, backend)
        with Gateway(apis.files, workers=2, wait=False) as gateway:
            wait_for(lambda: gateway.is_answering() and gateway.status()["state"] == "serving",
                     "all APIs", patience)
            client = Asker(apis.port)
            with Load(apis, 4) as load:
                for n in range(1, edits + 1):
                    i = r.randrange(count)
                    edition = apis.edit(gateway, i)
                    wait_for(lambda: client.get(f"/api-{i}/").get("x-edition") == str(edition),
                             f"edition {edition} of api-{i}", patience)
                    if n == settled:
                        before, descriptors = gateway.memory_kib(), gateway.descriptors()
                grown = gateway.memory_kib() - before
                more = gateway.descriptors() - descriptors
            client.close()
            equal(load.failures[:5], [])
            check(min(load.done) > edits, f"clients were served {load.done} times")
            check(gateway.generation() > edits, "each edit was a generation")
            print(f"    {sum(load.done)} answers; {before} KiB, then {grown:+} KiB; "
                  f"{descriptors} descriptors, then {more:+}")
            if SCALE == 1:
                check(grown < 4096 + before // 10, f"grew by {grown} KiB of {before}")


@case(seconds=240)
def edits_among_many_apis_lose_no_request():
    storm(60, 20, 5, 60)


@case(modes="full", serial=True, seconds=1200)
def sixty_edits_among_a_thousand_apis():
    storm(1000, 60, 20, 120)


@case(modes="soak", serial=True, seconds=3600)
def two_hundred_edits_among_two_thousand_apis():
    storm(2000, 200, 50, 120)


main()
