#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Endpoints that keep failing are passed over for a while, but never too many of them."""
from contextlib import ExitStack

from harness import *

DETECTION = {"consecutiveFailures": 3, "baseEjectionSeconds": 60}


class Fleet(ExitStack):
    """Backends a, b, ... that answer with their names and with `status[name]`; 0: a reset."""

    def __init__(self, count):
        super().__init__()
        self.status = {}
        self.backends = [self.enter_context(Backend(self.script_of("abcd"[i]))) for i in range(count)]

    def script_of(self, name):
        def script(connection):
            while connection.read_request():
                status = self.status.get(name, 200)
                if not status:
                    return connection.reset()
                connection.send(reply(status, name))
        return script


def gateway_of(fleet, detection, more=(), **options):
    upstreams = [*fleet.backends, *more]
    return Gateway([api("a", services={"up": balanced(upstreams, outlierDetection=detection)})],
                   **options)


def statuses(gateway, count):
    return [gateway.get("/").status for _ in range(count)]


def endpoints(gateway):
    return gateway.status()["services"][0]["endpoints"]


@case
def who_answers_5xx_in_a_row_is_passed_over():
    with Fleet(2) as fleet, gateway_of(fleet, DETECTION) as gateway:
        fleet.status["a"] = 500
        equal(statuses(gateway, 10).count(500), 3)
        out, well = endpoints(gateway)
        equal((out["available"], well["available"]), (False, True))
        equal([(e["state"], e["requests"], e["failures"]) for e in (out, well)],
              [("ejected", 3, 3), ("healthy", 7, 0)])
        check(50 < out["ejectedForSeconds"] <= 60, f"for {out['ejectedForSeconds']} s")
        metrics = gateway.metrics()
        equal(metrics['sluice_service_ejections_total{service="default/a-up"}'], 1)
        healthy = [metrics[f'sluice_upstream_endpoint_healthy{{service="default/a-up",endpoint="{b.authority}"}}']
                   for b in fleet.backends]
        equal(healthy, [0, 1])
        labels = f'service="default/a-up",endpoint="{fleet.backends[0].authority}"'
        equal([metrics[f"sluice_upstream_endpoint_{name}_total{{{labels}}}"] for name in ("requests", "failures")], [3, 3])
        contains(gateway.error_text(), f'"endpoint":"{fleet.backends[0].authority}"')


@case
def so_is_who_resets_and_who_refuses():
    with Fleet(2) as fleet, gateway_of(fleet, DETECTION, [f"http://127.0.0.1:{free_port()}"]) as gateway:
        fleet.status["a"] = 0
        seen = statuses(gateway, 9)
        equal((seen.count(502), seen.count(503), seen.count(200)), (3, 3, 3))
        # At most half of three may be out: the second one stays.
        equal([e["available"] for e in endpoints(gateway)].count(False), 1)


@case
def a_success_between_them_starts_the_count_again():
    with Fleet(2) as fleet, gateway_of(fleet, DETECTION) as gateway:
        for _ in range(3):
            fleet.status["a"] = 500
            statuses(gateway, 4)
            fleet.status["a"] = 200
            statuses(gateway, 2)
        equal([e["available"] for e in endpoints(gateway)], [True, True])


@case
def it_comes_back_in_time():
    detection = {"consecutiveFailures": 2, "baseEjectionSeconds": 0.3}
    with Fleet(2) as fleet, gateway_of(fleet, detection) as gateway:
        fleet.status["a"] = 503
        wait_for(lambda: not endpoints(gateway)[0]["available"] or gateway.get("/") and False,
                 "the ejection")
        fleet.status["a"] = 200
        wait_for(lambda: gateway.get("/").text() == "a", "the way back")


@case
def ejections_outlive_a_reload_and_hold_for_all_workers():
    with Fleet(2) as fleet:
        documents = [api("a", services={"up": balanced(
            fleet.backends, outlierDetection=DETECTION)})]
        with Gateway({"a.yaml": documents, "b.yaml": [api("b", fleet.backends[1])]},
                     workers=2) as gateway:
            fleet.status["a"] = 500
            wait_for(lambda: gateway.get("/", port=gateway.ports[0]) and
                     not endpoints(gateway)[0]["available"], "the ejection")
            gateway.save("b.yaml", [api("b", fleet.backends[1], base="/moved")])
            check(not endpoints(gateway)[0]["available"], "still out")
            equal(statuses(gateway, 12), 12 * [200])


main()
