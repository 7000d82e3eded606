#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A policy that uses the host's calls as it may not: it is refused, and nobody else notices."""
import re

from harness import *
from harness.cases import HOSTILE, SANITIZER, TOP
from harness.documents import port_of



def codes():
    with open(f"{TOP}/sdk/include/sluice/sluice.h") as f:
        return {name: int(value) for name, value in
                re.findall(r"(SLUICE_E_\w+) = (-?\d+)", f.read())}


CODES = codes()
WRONG = CODES["SLUICE_E_WRONG_CALLBACK"]
STALE = CODES["SLUICE_E_STALE"]


def hostile(**config):
    return {"policyRef": {"name": "hostile"}, "config": config}


class Misuse:
    """A gateway with an API whose policy is told what to do, and another one beside it."""

    def __init__(self):
        self.backend = Backend(reply(200, "x"))
        self.bad = api("bad", self.backend, policies=[hostile()])
        self.good = api("good", self.backend)
        self.gateway = Gateway({"bad.yaml": [self.bad], "good.yaml": [self.good]},
                               options=["--plugins", HOSTILE])
        self.gateway.ports = [port_of(self.bad), port_of(self.good)]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        try:
            if error[0] is None:
                equal(self.gateway.get("/", port=port_of(self.good)).status, 200, "the other API")
                equal(self.gateway.get("/").status, 200, "the same API")
                equal(self.gateway.status()["supervisor"]["crashes"], 0, "crashes")
        finally:
            self.gateway.__exit__(*error)
            self.backend.stop()

    def tell(self, how):
        return self.gateway.get("/", {"x-hostile": how})


@case
def memory_of_an_instance_has_an_end():
    if SANITIZER:  # which reports what this policy leaves behind
        return
    with Misuse() as m:
        megabytes = int(m.tell("leak").text())
        check(240 <= megabytes <= 256, f"{megabytes} MiB")
        equal(m.tell("leak").text(), "0", "nothing is left")
        m.gateway.save("bad.yaml", [api("bad", m.backend, port=port_of(m.bad),
                                        policies=[hostile(note="new")])])
        wait_for(lambda: "release left" in m.gateway.error_text(), "the warning")
        m.gateway.says("default/bad:hostile")


@case
def memory_of_an_exchange_has_an_end():
    with Misuse() as m:
        for _ in range(3):
            one_of(m.tell("leak-of-exchange").status, (200, 503))
        before = m.gateway.memory_kib()
        for _ in range(50):
            m.tell("leak-of-exchange")
        # A sanitizer keeps for a while what is freed.
        check(SANITIZER or m.gateway.memory_kib() - before < 4096, "it stays")


@case
def another_thread_is_refused():
    with Misuse() as m:
        equal(m.tell("wrong-thread").text(), f"{WRONG} {WRONG} {WRONG} 0 0 1")


@case
def a_second_resume_is_stale():
    with Misuse() as m:
        equal(m.tell("resume-twice").text(), f"resumed, again {STALE}")
        equal(m.tell("resume-last").text(), f"{STALE}", "of an exchange that is over")
        equal(m.tell("resume-nothing").text(), f"{STALE} {STALE}", "what never was a token")


@case
def a_second_pause_is_refused():
    with Misuse() as m:
        equal(m.tell("pause-twice").text(), "1 0")


@case
def a_pause_that_nobody_waits_for_is_over():
    with Misuse() as m:
        equal(m.tell("pause-and-go").text(), "x", "it went on")
        equal(m.tell("resume-last").text(), f"{STALE}")


@case
def waiting_for_nothing_fails():
    with Misuse() as m:
        equal(m.tell("wait-for-nothing").status, 503)
        equal(m.gateway.records(1)[-1]["reason"], "policy_failed")


@case
def an_exchange_is_none_after_its_end():
    with Misuse() as m:
        equal(m.tell("remember").text(), "x")
        # One that is under way takes the place of the former, so that the next is another.
        with m.gateway.client() as other:
            other.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\n")
            wait_for(lambda: m.gateway.status()["exchanges"] >= 1, "an exchange under way")
            one_of(m.tell("use-after-end").text(), (f"{WRONG} {WRONG} 0", "same"))
            other.send("12345")
            equal(other.read().text(), "x")


@case
def the_last_answer_counts():
    with Misuse() as m:
        answer = m.tell("answer-twice")
        equal((answer.status, answer.text()), (202, "second"))


@case
def an_answer_without_the_verdict_is_dropped():
    with Misuse() as m:
        answer = m.tell("answer-and-go")
        equal((answer.status, answer.text()), (200, "x"))


@case
def the_verdict_without_an_answer_fails():
    with Misuse() as m:
        equal(m.tell("answer-without").status, 503)


@case
def a_verdict_that_is_none_fails():
    with Misuse() as m:
        equal(m.tell("any-verdict").status, 503)


main()
