#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A policy that crashes or hangs: who is named, who is quarantined, who goes on."""
import os
import signal
import time

from harness import *
from harness.cases import HOSTILE, SANITIZER
from harness.documents import port_of

# What a sanitizer would report is told to it as an abort.
FAULT = "abort" if SANITIZER else "null"


def hostile(**config):
    return {"policyRef": {"name": "hostile"}, "config": config}


def gateway_with(apis, *options, **kwargs):
    return Gateway(apis, options=["--plugins", HOSTILE, *options], **kwargs)


def provoke(gateway, how, port=None):
    """Sends the request that makes the policy misbehave; True when the connection was lost."""
    with gateway.client(port, timeout=60) as client:
        client.send(f"GET / HTTP/1.1\r\nhost: h\r\nx-hostile: {how}\r\n\r\n")
        try:
            client.read()
            return False
        except Closed:
            return True


def supervisor(gateway):
    """What it tells, once a gateway answers."""
    def ask():
        try:
            return gateway.status()["supervisor"]
        except (OSError, Closed, TimedOut):
            return None
    return wait_for(ask, "the admin socket")


def last_crash(gateway, count):
    status = wait_for(lambda: (s := supervisor(gateway))["crashes"] == count and s,
                      f"{count} crashes")
    return status["lastCrashes"][0]


CRASHES = {"null": (signal.SIGSEGV, "fault"), "divide": (signal.SIGFPE, "fault"),
           "abort": (signal.SIGABRT, "fault"), "stack": (signal.SIGSEGV, "fault"),
           "free-twice": (signal.SIGABRT, "fault"), "overflow": (signal.SIGABRT, "fault"),
           "trap": (signal.SIGTRAP, "fault"), "bus": (signal.SIGBUS, "fault"),
           "illegal": (signal.SIGILL, "fault"), "refused-call": (signal.SIGSYS, "fault"),
           "loop": (signal.SIGABRT, "hang"), "sleep": (signal.SIGABRT, "hang")}


def crash_names_its_binding(how):
    number, end = CRASHES[how]
    with Backend(reply(200, "x")) as backend:
        bad = api("bad", backend, policies=[hostile()])
        good = api("good", backend)
        with gateway_with([bad, good], "--crash-budget", "5", workers=2) as gateway:
            check(provoke(gateway, how), "the request was lost")
            crash = last_crash(gateway, 1)
            equal(crash["signal"], number)
            equal((crash["binding"], crash["callback"], crash["end"]),
                  ("default/bad:hostile", "request_head", end))
            equal(crash["exchangesLost"], 1)
            equal(gateway.get("/", port=port_of(good)).status, 200)
            equal(gateway.get("/", port=port_of(bad)).status, 200, "below the budget it serves")
            gateway.says("default/bad:hostile")


@case
def a_null_pointer_is_named():
    crash_names_its_binding(FAULT)


@case
def a_division_by_zero_is_named():
    if not SANITIZER:
        crash_names_its_binding("divide")


@case
def an_abort_is_named():
    crash_names_its_binding("abort")


@case
def a_stack_that_overflows_is_named():
    if not SANITIZER:
        crash_names_its_binding("stack")


@case
def memory_that_is_freed_twice_is_named():
    if not SANITIZER:
        crash_names_its_binding("free-twice")


@case
def memory_that_overflows_is_named():
    if not SANITIZER:
        crash_names_its_binding("overflow")


@case
def a_breakpoint_is_named():
    """Whose handler returns behind it: nothing would happen again by itself."""
    crash_names_its_binding("trap")


@case
def a_mapping_without_a_file_is_named():
    if not SANITIZER:
        crash_names_its_binding("bus")


@case
def an_illegal_instruction_is_named():
    if not SANITIZER:
        crash_names_its_binding("illegal")


@case
def a_call_that_the_sandbox_kills_for_is_named():
    if not SANITIZER:
        crash_names_its_binding("refused-call")


@case(seconds=120)
def an_endless_loop_is_ended_and_named():
    crash_names_its_binding("loop")


@case(seconds=120)
def a_callback_that_sleeps_is_ended_and_named():
    crash_names_its_binding("sleep")


@case
def a_callback_that_is_only_slow_is_left_alone():
    with Backend(reply(200, "x")) as backend, \
            gateway_with([api("a", backend, policies=[hostile()])]) as gateway:
        equal(gateway.get("/", {"x-hostile": "nap"}).status, 200)
        equal(supervisor(gateway)["crashes"], 0)


@case
def an_exit_is_followed_by_the_next_gateway():
    with Backend(reply(200, "x")) as backend, \
            gateway_with([api("a", backend, policies=[hostile()])]) as gateway:
        check(provoke(gateway, "exit"), "the request was lost")
        equal(last_crash(gateway, 1)["signal"], 0)
        equal(gateway.get("/").status, 200)


@case
def a_job_that_crashes_is_named_and_quarantined():
    with Backend(reply(200, "x")) as backend:
        bad, good = api("bad", backend, policies=[hostile()]), api("good", backend)
        with gateway_with([bad, good]) as gateway:
            held = crash_until_quarantined(gateway, port_of(bad), how=f"job:{FAULT}")
            equal([(q["binding"], q["callback"]) for q in held], [("default/bad:hostile", "job")])
            equal(gateway.get("/", port=port_of(bad)).status, 503)
            equal(gateway.get("/", port=port_of(good)).status, 200)


def crash_until_quarantined(gateway, port, times=3, how=FAULT):
    for i in range(times):
        check(provoke(gateway, how, port), f"crash {i}")
        last_crash(gateway, i + 1)
    return wait_for(lambda: supervisor(gateway)["quarantined"], "the quarantine")


@case
def a_binding_that_crashes_too_often_is_quarantined():
    with Backend(reply(200, "x")) as backend:
        bad = api("bad", backend, policies=[hostile()])
        other = api("other", backend, policies=[hostile()])
        with gateway_with([bad, other], workers=2) as gateway:
            held = crash_until_quarantined(gateway, port_of(bad))
            equal([(q["binding"], q["callback"]) for q in held],
                  [("default/bad:hostile", "request_head")])
            answer = gateway.get("/", {"x-hostile": "null"}, port=port_of(bad))
            equal(answer.status, 503)
            equal(gateway.records(1)[-1]["reason"], "quarantined")
            equal(gateway.get("/", port=port_of(other)).status, 200, "same policy, other binding")
            equal(gateway.metrics()["sluice_quarantined_bindings"], 1)
            states = {a["name"]: a["state"] for a in gateway.status()["apis"]}
            equal(states, {"default/bad": "unavailable", "default/other": "serving"})
            equal(supervisor(gateway)["crashes"], 3)


@case(seconds=120)
def a_plugin_that_crashes_in_many_bindings_is_quarantined_as_a_whole():
    """Ten thousand APIs of one broken plugin shall not take ten thousand crashes."""
    with Backend(reply(200, "x")) as backend:
        bad = [api(f"bad{i}", backend, policies=[hostile()]) for i in range(10)]
        good = api("good", backend)
        with gateway_with([*bad, good], "--crash-budget", "1") as gateway:
            for i in range(9):
                wait_for(lambda: provoke_or_wait(gateway, FAULT, port_of(bad[i])), f"crash {i}", 20)
                last_crash(gateway, i + 1)
            held = wait_for(lambda: len(q := supervisor(gateway)["quarantined"]) == 1 and q,
                            "the plugin's quarantine")
            equal(held[0]["binding"], "plugin:hostile")
            gateway.says("it is quarantined as a whole")
            wait_for(lambda: status_of(port_of(bad[9])) == 503, "the API that never crashed")
            equal(status_of(port_of(bad[0])), 503)
            equal(status_of(port_of(good)), 200)
            gateway.admin("POST", "/reload")
            equal(status_of(port_of(bad[9])), 503, "a reload does not open it")
            done = sluicectl("quarantine", "lift", "plugin:hostile", "--state", gateway.state)
            equal(done.returncode, 0, done.stderr)
            wait_for(lambda: status_of(port_of(bad[9])) == 200, "it serves again")


@case
def a_quarantine_is_lifted_by_hand():
    with Backend(reply(200, "x")) as backend, \
            gateway_with([api("bad", backend, policies=[hostile()])]) as gateway:
        crash_until_quarantined(gateway, gateway.port)
        equal(gateway.get("/").status, 503)
        where = ["--state", gateway.state]
        done = sluicectl("quarantine", "lift", "default/other:hostile", *where)
        equal(done.returncode, 1, "an unknown name")
        done = sluicectl("quarantine", "lift", "default/bad:hostile", *where)
        equal(done.returncode, 0, done.stderr)
        wait_for(lambda: gateway.get("/").status == 200, "it serves again")
        equal(supervisor(gateway)["quarantined"], [])


@case
def a_quarantine_ends_with_a_change_of_the_binding():
    with Backend(reply(200, "x")) as backend:
        port = free_port()
        files = {"a.yaml": [api("bad", backend, port=port, policies=[hostile()])]}
        with gateway_with(files) as gateway:
            crash_until_quarantined(gateway, port)
            equal(gateway.get("/", port=port).status, 503)
            # The gateway that came back may still be composing what stood there before.
            gateway.save("a.yaml", [api("bad", backend, port=port, policies=[hostile(note="new")])])
            equal(gateway.get("/", port=port).status, 200, "the quarantine is over")


@case
def a_policy_that_crashes_in_configure_costs_its_api_alone():
    with Backend(reply(200, "x")) as backend:
        bad = api("bad", backend, policies=[hostile(configure=FAULT)])
        good = api("good", backend)
        with gateway_with([bad, good]) as gateway:
            equal(gateway.get("/", port=port_of(good)).status, 200)
            equal(gateway.get("/", port=port_of(bad)).status, 503)
            crash = supervisor(gateway)["lastCrashes"][0]
            equal((crash["binding"], crash["callback"]), ("default/bad:hostile", "configure"))


@case
def a_plugin_that_crashes_when_it_is_loaded_costs_its_apis_alone():
    with Backend(reply(200, "x")) as backend:
        bad = api("bad", backend, policies=[hostile()])
        good = api("good", backend)
        with gateway_with([bad, good], env={"SLUICE_HOSTILE_LOAD": "abort"}) as gateway:
            equal(gateway.get("/", port=port_of(good)).status, 200)
            equal(gateway.get("/", port=port_of(bad)).status, 503)
            crash = supervisor(gateway)["lastCrashes"][0]
            equal((crash["binding"], crash["callback"]), ("plugin:hostile", "load"))


@case(modes="full", seconds=180)
def a_policy_that_computes_without_end_in_configure_costs_its_api_alone():
    configure_hangs("loop", "--crash-budget", "1")


@case(seconds=180)
def so_does_one_that_sleeps_while_the_gateway_starts():
    """Who does not say in time what it serves is ended, and whom it ran is accused."""
    configure_hangs("sleep", "--crash-budget", "1", "--start-seconds", "5")


def configure_hangs(how, *options):
    with Backend(reply(200, "x")) as backend:
        bad = api("bad", backend, policies=[hostile(configure=how)])
        good = api("good", backend)
        with gateway_with([bad, good], *options, wait=False) as gateway:
            wait_for(lambda: answers(port_of(good)) and source(gateway) == "folder",
                     "what is good", 150)
            status = supervisor(gateway)
            equal((status["lastCrashes"][0]["binding"], status["lastCrashes"][0]["callback"],
                   status["lastCrashes"][0]["end"]), ("default/bad:hostile", "configure", "hang"))
            equal([q["binding"] for q in status["quarantined"]], ["default/bad:hostile"])
            equal(status_of(port_of(good)), 200)
            equal(status_of(port_of(bad)), 503)


@case
def a_reload_that_crashes_the_gateway_is_followed_by_what_served_before():
    """A new binding that crashes in configure: the next gateway has what is good at once."""
    with Backend(reply(200, "x")) as backend:
        port = free_port()
        with gateway_with({"a.yaml": [api("good", backend, port=port)]}) as gateway:
            bad = api("bad", backend, policies=[hostile(configure="abort")])
            gateway.write("b.yaml", [bad])
            wait_for(lambda: supervisor(gateway)["quarantined"], "the quarantine")
            wait_for(lambda: gateway.is_answering(), "readiness")
            equal(gateway.get("/", port=port).status, 200)
            wait_for(lambda: status_of(port_of(bad)) == 503, "the folder's answer")


def source(gateway):
    """Where the plan that serves comes from; None while nobody answers."""
    try:
        return gateway.status()["plan"]["source"]
    except (OSError, Closed, TimedOut):
        return None


def gives_way(how, *options):
    """Nobody can be accused: after three crashes the last good configuration before it is served,
    until the folder changes."""
    with Backend(reply(200, "x")) as backend:
        port, bad_port = free_port(), free_port()
        with gateway_with({"a.yaml": [api("good", backend, port=port)]}, *options) as gateway:
            wait_for(lambda: gateway.metrics()["sluice_last_good_saves_total"] == 1, "a save")
            bad = api("bad", backend, port=bad_port, policies=[hostile()])
            gateway.save("b.yaml", [bad])
            for i in range(3):
                # The first served both configurations, and each that came later the second.
                warm = 3 + i if "--standby" in options else 0
                wait_for(lambda: gateway.error_text().count(" serves: ") >= warm, "a standby")
                wait_for(lambda: provoke_or_wait(gateway, how, bad_port), "a crash")
                crash = last_crash(gateway, i + 1)
                check("binding" not in crash, "nobody is accused")
            wait_for(lambda: source(gateway) == "lastGood", "the last good configuration")
            check(not answers(bad_port), "what crashes is not served")
            equal(gateway.get("/", port=port).status, 200)
            wait_for(lambda: "has crashed the gateway too often; the last good one" in
                     gateway.error_text(), "a reason in the log")
            wait_for(lambda: "has crashed the gateway too often" in
                     gateway.admin("GET", "/status").text(), "a reason in the status")
            gateway.save("b.yaml", [api("bad", backend, port=bad_port)])
            equal(gateway.get("/", port=bad_port).status, 200)


@case
def a_configuration_that_crashes_without_a_suspect_gives_way():
    gives_way("thread")


def crash_nobody(gateway, port, count, before):
    """So many crashes that accuse nobody, after `before`."""
    for i in range(count):
        wait_for(lambda: provoke_or_wait(gateway, "thread", port), f"crash {i}")
        last_crash(gateway, before + i + 1)


def prove(gateway):
    """Starts it with a crash window of a second, and waits until what serves has proved itself."""
    gateway.options += ["--crash-window", "1"]
    gateway.start()
    gateway.wait_until_ready()
    wait_for(lambda: gateway.status()["plan"].get("provenGeneration"), "a proof")
    equal(gateway.stop(), 0)
    del gateway.options[-2:]
    gateway.start()
    gateway.wait_until_ready()


@case
def edits_that_crash_one_after_the_other_do_not_cost_what_is_sound():
    with Backend(reply(200, "x")) as backend:
        port, first, second = free_port(), free_port(), free_port()
        files = {"a.yaml": [api("good", backend, port=port)]}
        with gateway_with(files, wait=False) as gateway:
            gateway.wait_until_ready()
            equal(gateway.stop(), 0)
            prove(gateway)
            gateway.save("b.yaml", [api("first", backend, port=first, policies=[hostile()])])
            crash_nobody(gateway, first, 2, 0)
            wait_for(lambda: answers(first), "the first edit")
            gateway.save("b.yaml", [api("second", backend, port=second, policies=[hostile()])])
            crash_nobody(gateway, second, 3, 2)
            wait_for(lambda: source(gateway) == "lastGood", "the last good configuration")
            equal(status_of(port), 200)
            check(not answers(first), "an edit that crashes is not served in another's place")
            check(not answers(second), "what crashes is not served")
            equal(gateway.metrics()["sluice_serves_last_good"], 1)
            probe = gateway.admin("GET", "/probes/readiness").json()
            contains(probe["reason"], "degraded: the folder's configuration has crashed")


@case
def an_operator_may_want_nothing_rather_than_an_older_configuration():
    with Backend(reply(200, "x")) as backend:
        port, bad_port = free_port(), free_port()
        closed = configuration("gateway", {"fallback": "closed"})
        files = {"a.yaml": [api("good", backend, port=port), closed]}
        with gateway_with(files) as gateway:
            wait_for(lambda: saves(gateway) == 1, "the first save")
            gateway.save("b.yaml", [api("bad", backend, port=bad_port, policies=[hostile()])])
            wait_for(lambda: saves(gateway) == 2, "the second save")
            crash_nobody(gateway, bad_port, 3, 0)
            wait_for(lambda: source(gateway) == "closed", "closed APIs")
            equal(status_of(port), 503)
            equal(status_of(bad_port), 503)
            equal(gateway.metrics()["sluice_serves_closed"], 1)
            equal(gateway.admin("GET", "/probes/readiness").status, 503)
            gateway.says("answers 503 (fallback: closed)")
            gateway.remove("b.yaml")
            wait_for(lambda: status_of(port) == 200, "the mended folder")
            equal(source(gateway), "folder")


@case
def so_does_one_with_which_the_gateway_exits():
    gives_way("exit")


@case
def so_does_one_that_sets_a_deadly_alarm():
    """Any thread may get it: nobody is accused."""
    gives_way("alarm")


@case
def who_stood_by_with_it_does_not_go_on():
    gives_way("thread", "--standby")


def saves(gateway):
    return gateway.metrics()["sluice_last_good_saves_total"]


def status_of(port):
    """None while nobody answers."""
    try:
        with Client(port) as client:
            return client.get("/").status
    except (OSError, Closed, TimedOut):
        return None


def answers(port):
    return status_of(port) == 200


def provoke_or_wait(gateway, how, port):
    try:
        return provoke(gateway, how, port)
    except OSError:
        return False


@case
def a_quarantine_holds_for_who_stands_by():
    with Backend(reply(200, "x")) as backend, \
            gateway_with([api("bad", backend, policies=[hostile()])], "--standby") as gateway:
        for i in range(3):
            wait_for(lambda: gateway.is_answering(), "readiness")
            check(provoke(gateway, FAULT), f"crash {i}")
            last_crash(gateway, i + 1)
        wait_for(lambda: supervisor(gateway)["quarantined"], "the quarantine")
        equal(gateway.get("/").status, 503)


@case
def a_gateway_takes_no_signal_that_is_the_supervisors():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        os.kill(gateway.status()["pid"], signal.SIGUSR2)
        wait_for(lambda: "SIGUSR2 is for the supervisor" in gateway.error_text(), "a word")
        equal(supervisor(gateway)["crashes"], 0)
        equal(gateway.get("/").status, 200)


@case
def a_signal_from_outside_accuses_nobody():
    with Backend(reply(200, "x")) as backend, \
            gateway_with([api("a", backend, policies=[hostile()])]) as gateway:
        for i in range(4):
            os.kill(gateway.status()["pid"], signal.SIGABRT if SANITIZER else signal.SIGSEGV)
            crash = last_crash(gateway, i + 1)
            check("binding" not in crash, "no suspect")
            wait_for(lambda: gateway.is_answering(), "readiness")
        equal(supervisor(gateway)["quarantined"], [])
        equal(gateway.get("/").status, 200)


@case
def one_that_follows_serves_without_its_logs():
    """Their folder is gone, or on a disk that is: no reason to refuse all requests."""
    logs = scratch("logs")
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend)], options=["--access-log", f"{logs}/access.log"]) as gateway:
        equal(gateway.get("/").status, 200)
        os.rename(logs, logs + "-gone")
        os.kill(gateway.status()["pid"], signal.SIGKILL)
        last_crash(gateway, 1)
        wait_for(lambda: answers(gateway.port), "the next gateway")
        gateway.says(f"cannot write {logs}/access.log: No such file or directory")
        os.rename(logs + "-gone", logs)


@case
def a_first_one_does_not_start_without_its_logs():
    with Backend(reply(200, "x")) as backend:
        gateway = Gateway([api("a", backend)], wait=False,
                          options=["--access-log", "/nonexistent/access.log"])
        check(gateway.process.wait(30) != 0, "it starts")
        gateway.says("cannot write /nonexistent/access.log")


main()
