#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Jobs of policies: exchanges that wait for them, and what becomes of them when nobody does."""
from harness import *
from harness.cases import HOSTILE
from harness.documents import port_of


def hostile(**config):
    return {"policyRef": {"name": "hostile"}, "config": config}


def gateway_with(apis, *options, **kwargs):
    return Gateway(apis, options=["--plugins", HOSTILE, *options], **kwargs)


def ask(client, job):
    client.send(f"GET / HTTP/1.1\r\nhost: h\r\nx-hostile: job:{job}\r\n\r\n")


@case
def exchanges_wait_for_their_jobs_and_others_do_not():
    """More jobs than threads, on one worker: it answers others meanwhile."""
    with Backend(reply(200, "x")) as backend, \
            gateway_with([api("a", backend, policies=[hostile()])]) as gateway:
        clients = [gateway.client() for _ in range(12)]
        for client in clients:
            ask(client, "nap")
        equal(gateway.get("/").text(), "x")
        check(not any(client.reader.raw for client in clients), "none of them is answered yet")
        for client in clients:
            equal(client.read().text(), "done: nap")
            client.close()


@case
def a_job_outlives_a_reload_of_its_binding():
    with Backend(reply(200, "x")) as backend:
        port = free_port()
        with gateway_with({"a.yaml": [api("a", backend, port=port, policies=[hostile()])]}) as gateway:
            with gateway.client(port) as waiting, gateway.client(port) as leaving:
                ask(waiting, "nap")
                ask(leaving, "nap")
                equal(gateway.get("/", port=port).status, 200, "both have begun")
                leaving.reset()
                gateway.save("a.yaml", [api("a", backend, port=port,
                                            policies=[hostile(note="new")])])
                equal(gateway.get("/", port=port).status, 200)
                equal(waiting.read().text(), "done: nap")
            wait_for(lambda: "a job was dropped" in gateway.error_text(), "the other's end")
            equal(gateway.error_text().count("a job was dropped"), 1)
            equal(gateway.status()["supervisor"]["crashes"], 0)


@case
def a_gateway_stops_with_a_job_under_way():
    with Backend(reply(200, "x")) as backend, \
            gateway_with([api("a", backend, policies=[hostile()])], "--drain-seconds", "0") as gateway:
        with gateway.client() as client:
            ask(client, "doze")
            equal(gateway.get("/").status, 200, "it has begun")
            gateway.stop()
            gateway.says("a job was dropped")


main()
