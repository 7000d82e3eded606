#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Strict: one error refuses a whole configuration, by the option or by a document."""
from harness import *
from harness.documents import port_of, to_yaml

BROKEN = [{"policyRef": {"name": "no-such-policy"}, "config": {}}]
STRICT = configuration("strict", {"strict": True})


def broken(backend, **kwargs):
    return api("broken", backend, policies=BROKEN, **kwargs)


def refusals(gateway):
    return gateway.metrics()['sluice_reloads_total{result="refused"}']


def refuses_a_reload(gateway, backend, before):
    """A second API with an error changes nothing; without the error it serves."""
    generation = gateway.generation()
    gateway.write("more.yaml", [broken(backend)])
    wait_for(lambda: refusals(gateway) == 1, "the refusal")
    equal(gateway.generation(), generation)
    equal(gateway.get("/").text(), before)
    gateway.says("strict: a configuration with errors is refused as a whole")
    gateway.says("no-such-policy")
    more = api("more", backend)
    gateway.save("more.yaml", [more])
    equal(gateway.get("/", port=port_of(more)).text(), before)


@case
def an_option_refuses_a_reload_with_an_error():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)], options=["--strict"]) as gateway:
        refuses_a_reload(gateway, backend, "x")


@case
def a_document_refuses_a_reload_with_an_error():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend), STRICT]) as gateway:
        refuses_a_reload(gateway, backend, "x")


@case
def without_it_the_same_reload_costs_one_api():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        other = broken(backend)
        gateway.save("more.yaml", [other])
        equal(gateway.get("/").text(), "x")
        equal(gateway.get("/", port=port_of(other)).status, 503)


def ends_with(documents, options, code):
    gateway = Gateway(documents, options=options, wait=False)
    equal(gateway.process.wait(30), code, "exit code")
    text = gateway.error_text()
    contains(text, "no-such-policy")
    contains(text, "strict: nothing is served with errors")


@case
def a_first_start_with_an_error_ends():
    with Backend() as backend:
        ends_with([api("a", backend), broken(backend)], ["--strict"], 1)
        ends_with([api("a", backend), broken(backend), STRICT], [], 1)


@case
def a_port_that_is_taken_refuses_all():
    """What only a gateway can find counts, too."""
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)], options=["--strict"]) as gateway:
        generation = gateway.generation()
        loud = configuration("loud", {"logging": {"runtimeLogs": {"logLevel": "debug"}}})
        gateway.write("more.yaml", [api("taken", backend, port=backend.port), loud])
        wait_for(lambda: refusals(gateway) == 1, "the refusal")
        equal(gateway.generation(), generation)
        equal(gateway.get("/").text(), "x")
        equal(gateway.admin("GET", "/log-level").json()["level"], "info", "settings that came with it")
        gateway.save("more.yaml", [loud])
        equal(gateway.admin("GET", "/log-level").json()["level"], "debug")


@case
def check_counts_warnings_when_told_to():
    folder = scratch("warned")
    with open(f"{folder}/a.yaml", "w") as f:
        f.write(to_yaml([configuration("c", {"tracing": {}})]))
    equal(sluice("check", folder).returncode, 0)
    strict = sluice("check", "--strict", folder)
    equal(strict.returncode, 1)
    contains(strict.stderr, "0 errors, 1 warning")


main()
