#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The last good configuration: kept on disk, served when the folder gives none, and said so."""
import glob
import os
import shutil
import socket

from harness import *
from harness.gateway import BUILD

BROKEN = {"policyRef": {"name": "no-such-policy"}, "config": {}}


def without_compiler():
    """The gateway's programs in a folder where sluice-compile cannot be run."""
    folder = scratch("program")
    for name in ("sluice", "sluice-gateway", "sluice-compile"):
        shutil.copy(f"{BUILD}/bin/{name}", f"{folder}/{name}")
    os.chmod(f"{folder}/sluice-compile", 0o644)
    return f"{folder}/sluice"


def bring_compiler(program):
    os.chmod(f"{os.path.dirname(program)}/sluice-compile", 0o755)


def saved(gateway, count=1):
    return gateway.metrics()["sluice_last_good_saves_total"] >= count


def restart(gateway, program):
    equal(gateway.stop(), 0)
    gateway.program = program
    gateway.start()
    gateway.wait_until_ready()


@case
def serves_it_when_nothing_compiles_and_the_folder_again_when_it_does():
    program = without_compiler()
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        equal(gateway.status()["plan"]["source"], "folder")
        wait_for(lambda: saved(gateway), "the save")
        restart(gateway, program)
        equal(gateway.get("/").text(), "x")
        status = gateway.status()
        equal(status["plan"]["source"], "lastGood")
        check(status["plan"]["saved"].endswith("Z"), status["plan"])
        contains(status["lastReload"]["error"], "cannot run")
        probe = gateway.admin("GET", "/probes/readiness")
        equal((probe.status, probe.json()["ready"]), (200, True))
        contains(probe.json()["reason"], "degraded")
        equal(gateway.metrics()["sluice_serves_last_good"], 1)
        gateway.says("the last good configuration is served instead, saved at 2")
        bring_compiler(program) # no file of the folder changes: it is read again by itself
        wait_for(lambda: gateway.status()["plan"]["source"] == "folder", "the folder")
        check("reason" not in gateway.admin("GET", "/probes/readiness").json(), "still degraded")
        equal(gateway.metrics()["sluice_serves_last_good"], 0)
        equal(gateway.get("/").text(), "x")


@case
def a_damaged_slot_gives_way_to_the_older_one():
    program = without_compiler()
    with Backend(reply(200, "one")) as one, Backend(reply(200, "two")) as two:
        port = free_port()
        with Gateway({"a.yaml": [api("a", one, port=port)]}) as gateway:
            wait_for(lambda: saved(gateway), "the save")
            before = set(glob.glob(f"{gateway.state}/plans/*"))
            gateway.save("a.yaml", [api("a", two, port=port)])
            wait_for(lambda: saved(gateway, 2), "the second save")
            newest, = set(glob.glob(f"{gateway.state}/plans/*")) - before
            equal(os.stat(newest).st_mode & 0o777, 0o600)
            equal(gateway.stop(), 0)
            with open(newest, "r+b") as f:
                f.seek(100)
                byte = f.read(1)
                f.seek(100)
                f.write(bytes([byte[0] ^ 1]))
            restart(gateway, program)
            equal(gateway.get("/", port=port).text(), "one")
            gateway.says("is skipped: its digest is wrong")


@case
def a_mistake_in_the_folder_is_not_kept():
    program = without_compiler()
    with Backend(reply(200, "x")) as backend:
        port = free_port()
        with Gateway({"a.yaml": [api("a", backend, port=port)]}) as gateway:
            wait_for(lambda: saved(gateway), "the save")
            gateway.save("a.yaml", [api("a", backend, port=port, policies=[BROKEN])])
            equal(gateway.get("/", port=port).status, 503)
            gateway.says("is not kept as the last good one: it closes default/a")
            restart(gateway, program)
            equal(gateway.get("/", port=port).text(), "x")


@case
def a_new_api_with_a_mistake_does_not_hinder_what_is_kept():
    program = without_compiler()
    with Backend(reply(200, "one")) as one, Backend(reply(200, "two")) as two:
        port = free_port()
        with Gateway({"a.yaml": [api("a", one, port=port)]}) as gateway:
            wait_for(lambda: saved(gateway), "the save")
            gateway.save("a.yaml", [api("a", two, port=port), api("b", one, policies=[BROKEN])])
            wait_for(lambda: saved(gateway, 2), "the second save")
            restart(gateway, program)
            equal(gateway.get("/", port=port).text(), "two")


@case
def a_folder_that_cannot_be_read_whole_gives_way_to_it():
    with Backend(reply(200, "x")) as backend, Gateway({"a.yaml": [api("a", backend)]}) as gateway:
        port = gateway.port
        wait_for(lambda: saved(gateway), "the save")
        equal(gateway.stop(), 0)
        os.symlink("/nowhere/at/all.yaml", f"{gateway.config}/b.yaml")
        gateway.start()
        gateway.wait_until_ready()
        equal(gateway.get("/", port=port).text(), "x")
        equal(gateway.status()["plan"]["source"], "lastGood")
        gateway.remove("b.yaml")
        wait_for(lambda: gateway.status()["plan"]["source"] == "folder", "the folder")



@case
def it_is_closed_where_the_operator_wants_nothing_older():
    program = without_compiler()
    with Backend(reply(200, "x")) as backend:
        port = free_port()
        closed = configuration("gateway", {"fallback": "closed"})
        with Gateway({"a.yaml": [api("a", backend, port=port), closed]}) as gateway:
            wait_for(lambda: saved(gateway), "the save")
            equal(gateway.stop(), 0)
            gateway.program = program
            gateway.start()
            wait_for(lambda: is_closed(gateway), "the closed APIs")
            equal(gateway.get("/", port=port).status, 503)
            probe = gateway.admin("GET", "/probes/readiness")
            equal((probe.status, probe.json()["reason"]), (503, "degraded: no API serves"))
            bring_compiler(program)
            wait_for(lambda: gateway.status()["plan"]["source"] == "folder", "the folder")
            equal(gateway.get("/", port=port).text(), "x")


def is_closed(gateway):
    try:
        return gateway.status()["plan"]["source"] == "closed"
    except (OSError, Closed, TimedOut):
        return False


@case
def what_may_pass_is_tried_again():
    """Each time after twice the time, and the status says when."""
    program = without_compiler()
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend)], program=program, wait=False) as gateway:
        wait_for(lambda: tried_again(gateway), "a retry", 20)
        status = gateway.status()["lastReload"]
        check(status["failuresInARow"] >= 2, status)
        gateway.says("the configuration is read again in 1 s")
        gateway.says("the configuration is read again in 2 s")
        bring_compiler(program)
        wait_for(lambda: gateway.is_answering(), "an API", 20)
        status = gateway.status()["lastReload"]
        check("nextRetry" not in status and "failuresInARow" not in status, status)
        equal(gateway.get("/").text(), "x")


def tried_again(gateway):
    try:
        return gateway.metrics()["sluice_reload_retries_total"] >= 1 and \
            "nextRetry" in gateway.status()["lastReload"]
    except (OSError, Closed, TimedOut):
        return False


@case
def a_port_that_is_taken_is_had_once_it_is_free():
    with Backend(reply(200, "x")) as backend:
        port = free_port()
        holder = socket.socket()
        holder.bind(("127.0.0.1", port))
        holder.listen()
        with Gateway([api("a", backend), api("b", backend, port=port)]) as gateway:
            gateway.says(f"cannot listen on 127.0.0.1:{port}")
            equal(gateway.get("/").text(), "x")
            holder.close()
            wait_for(lambda: len(gateway.status()["listeners"]) == 2, "the other port", 20)
            equal(gateway.get("/", port=port).text(), "x")


@case
def a_gateway_without_either_says_why():
    program = without_compiler()
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend)], program=program, wait=False) as gateway:
        wait_for(lambda: "cannot be read: cannot run" in gateway.error_text(), "the reason")
        probe = gateway.admin("GET", "/probes/readiness")
        equal((probe.status, probe.json()["reason"]), (503, "no configuration serves yet"))


@case
def a_state_folder_that_takes_no_plan_is_told_and_serves_all_the_same():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        equal(gateway.stop(), 0)
        shutil.rmtree(f"{gateway.state}/plans")
        open(f"{gateway.state}/plans", "w").close()
        gateway.start()
        gateway.wait_until_ready()
        wait_for(lambda: gateway.metrics()["sluice_last_good_save_failures_total"] == 1,
                 "the failure")
        equal(gateway.status()["plan"]["isSaveFailing"], True)
        equal(gateway.get("/").status, 200)


main()
