#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The admin socket, and what a gateway tells about itself."""
import os
import socket
import stat

from harness import *
from harness.documents import configuration


@case
def probes_tell_health():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        for probe in ("readiness", "liveness"):
            with rows(probe):
                equal(gateway.admin("GET", f"/probes/{probe}").status, 200)


@case
def the_socket_is_private():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        mode = os.stat(f"{gateway.state}/admin.sock").st_mode
        check(stat.S_ISSOCK(mode), "a socket")
        equal(stat.S_IMODE(mode) & 0o007, 0, "others may not")


@case
def status_names_apis_and_generation():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        status = gateway.status()
        check(status["generation"] >= 1, "a number")
        contains(str(status), "a")


@case
def status_tells_when_the_reading_began_of_what_serves():
    """Also of one that waited until another was over."""
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        def readings():
            return gateway.metrics()['sluice_reloads_total{result="accepted"}']
        wait_for(readings, "the first reading")
        for _ in range(3):
            before = readings()
            for _ in range(2):  # while one is under way, those that come are one
                equal(gateway.admin("POST", "/reload").status, 202)
            wait_for(lambda: readings() > before, "another reading")
            status = gateway.status()
            last = status["lastReload"]
            equal(sorted((status["started"], last["began"], last["time"])),
                  [status["started"], last["began"], last["time"]])
            check(last["tookMs"] <= (status["uptimeSeconds"] + 1) * 1000, f"it took {last['tookMs']} ms")


@case
def status_names_what_is_wrong():
    with Backend(reply(200, "x")) as backend:
        documents = {"good.yaml": [api("good", backend)], "bad.yaml": [api(
            "bad", backend, policies=[{"policyRef": {"name": "no-such-policy"}}])]}
        with Gateway(documents) as gateway:
            text = gateway.admin("GET", "/status").text()
            contains(text, "no-such-policy")


@case
def metrics_count_requests():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        before = gateway.metrics()
        for _ in range(7):
            gateway.get("/")

        def grown():
            now = gateway.metrics()
            return [k for k, v in now.items()
                    if k.startswith("sluice_") and "request" in k and v - before.get(k, 0) == 7]
        wait_for(grown, "a request counter that grew by 7")
        answer = gateway.admin("GET", "/metrics")
        contains(answer.get("content-type"), "text/plain")
        contains(answer.text(), "# TYPE ")


def level_of(gateway):
    return gateway.admin("GET", "/log-level").json()


@case
def the_log_level_changes_while_it_runs():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        equal(level_of(gateway), {"level": "info", "configured": "info"})
        done = sluicectl("log-level", "debug", "--for", "5m", "--state", gateway.state)
        equal(done.returncode, 0, done.stderr)
        log = gateway.status()["log"]
        equal((log["level"], log["configured"]), ("debug", "info"))
        contains(done.stdout, log["until"])
        # A reload has no say in it.
        gateway.save("more.yaml", [api("b", backend), {
            "apiVersion": "gateway.sluice.dev/v1", "kind": "Configuration", "metadata": {"name": "c"},
            "spec": {"logging": {"runtimeLogs": {"logLevel": "warn"}}}}])
        log = level_of(gateway)
        equal((log["level"], log["configured"]), ("debug", "warn"))
        done = sluicectl("log-level", "configured", "--state", gateway.state)
        equal(level_of(gateway), {"level": "warn", "configured": "warn"})
        wait_for(lambda: "the log's level is debug now" in gateway.error_text(), "a line in the log")


@case
def what_was_asked_for_a_time_ends_by_itself():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        equal(gateway.admin("PUT", "/log-level?level=error&seconds=1").json()["level"], "error")
        wait_for(lambda: level_of(gateway)["level"] == "info", "the configured level")


@case
def a_wrong_log_level_is_refused():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        for query in ("", "?level=loud", "?level=debug&seconds=0", "?level=debug&seconds=86401",
                      "?level=debug&seconds=5m", "?level=configured&seconds=5", "?level=debug&x=1",
                      "?level=debug&seconds=99999999999999999999"):
            with rows(query):
                answer = gateway.admin("PUT", "/log-level" + query)
                equal(answer.status, 400)
                check(answer.json()["error"], "says why")
        equal(level_of(gateway)["level"], "info")
        refused = gateway.admin("POST", "/log-level?level=debug")
        equal((refused.status, refused.get("allow")), (405, "GET, HEAD, PUT"))


@case
def unknown_paths_and_methods_are_refused():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        equal(gateway.admin("GET", "/nothing").status, 404)
        one_of(gateway.admin("GET", "/reload").status, (404, 405))
        one_of(gateway.admin("POST", "/status").status, (404, 405))


@case
def admin_answers_while_clients_hold_connections():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        held = [gateway.client() for _ in range(300)]
        for client in held:
            client.send("GET / HTTP/1.1\r\n")
        equal(gateway.admin("GET", "/probes/liveness").status, 200)
        for client in held:
            client.close()


@case
def access_records_have_every_field():
    with Backend(reply(200, "hello")) as backend, Gateway([api("shop", backend)]) as gateway:
        gateway.request("POST", "/p?q=1", body="12345")
        record = gateway.records(1)[0]
        expected = {"time", "requestId", "api", "method", "target", "path", "status", "reason", "client",
                    "service", "upstream", "bytesIn", "bytesOut", "durationMs", "upstreamMs"}
        equal(sorted(expected - set(record)), [], "missing fields")
        equal((record["method"], record["path"], record["status"]), ("POST", "/p", 200))
        contains(record["target"], "/p?q=1")
        contains(record["api"], "shop")
        contains(record["upstream"], str(backend.port))
        check(record["bytesIn"] >= 5 and record["bytesOut"] >= 5, "bytes")
        check(0 <= record["upstreamMs"] <= record["durationMs"] < 10000 * SCALE, "times")


@case
def metrics_may_have_a_port_of_their_own():
    probe, metrics = free_port(), free_port()

    def own(**ports):
        return [configuration("own", {name: {"address": "127.0.0.1", "port": port} for name, port in ports.items()})]
    with Backend(reply(200, "x")) as backend:
        document = api("a", backend)
        with Gateway({"a.yaml": [document], "own.yaml": own(probe=probe, metrics=metrics)}) as gateway:
            for port in (probe, metrics):
                contains(gateway.get("/metrics", port=port).text(), "sluice_requests_total")
                equal(gateway.get("/probes/liveness", port=port).status, 200)
                equal(gateway.get("/status", port=port).status, 404)
            gateway.save("own.yaml", own(probe=metrics, metrics=probe))
            for port in (probe, metrics):
                equal(gateway.get("/metrics", port=port).status, 200)
            gateway.save("own.yaml", own(metrics=metrics))
            equal(gateway.get("/metrics", port=metrics).status, 200)
            equal(socket.socket().connect_ex(("127.0.0.1", probe)) != 0, True)


main()
