#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every allocation and every system call fails once: nothing crashes without a word, nothing hangs, no
descriptor stays, no API loses its policies, and what comes next is served as before.

The full mode takes a sample of each scene. The soak mode takes every call with every error; of the
allocations of a start, which are more than all others together, every tenth or so."""
import errno
import os
import random
import signal
import ssl
import time

from harness import *
from harness.cases import MODE, SANITIZER
from harness.documents import port_of, to_yaml
from harness.faults import ERRORS, Faults

BODY = bytes(range(256)) * 40
BROKEN = (OSError, Closed, TimedOut, ssl.SSLError)
KINDS = [k for k in ERRORS if k != "allocate"]


def spread(count, wanted):
    """`wanted` numbers from 1 to `count`, each part of it with its share; all of them for None."""
    if wanted is None or count <= wanted:
        return list(range(1, count + 1))
    step = count / wanted
    return sorted({int(i * step) + random.randrange(max(1, int(step))) + 1 for i in range(wanted)})


def guarded(value):
    """Policies of the API: whoever has no password is refused, and each answer says that they ran."""
    return [{"policyRef": {"name": "http-basic-authentication"},
             "config": {"username": "u", "password": "p"}},
            {"policyRef": {"name": "header-injection"}, "config": {
                "outboundHeaders": [{"key": "x-chain", "value": value}]}}]


LOGIN = {"authorization": "Basic dTpw"}


class Scene:
    """A gateway whose calls can fail, with an API in clear text and one with TLS."""

    def __init__(self, may_die=False):
        self.may_die = may_die
        self.faults, self.backend, self.authority = Faults(), Backend(echo), Authority()
        self.certificate = self.authority.issue("shop.test")
        self.port, self.tls_port, self.round = free_port(), free_port(), 0
        # Each death is one too many for the budget of an ordinary minute.
        self.options = ["--crash-budget", "1000", "--drain-seconds", "2"]
        self.gateway = Gateway({"a.yaml": self.documents()}, options=self.options, wait=False,
                               env=self.faults.environment())
        self.deaths = self.deaths_explained()
        self.crashes = self.words = 0

    def documents(self):
        tls = {"policyRef": {"name": "tls"}, "config": {"certificate": {
            "key": self.certificate.key, "crt": self.certificate.crt}}}
        return to_yaml([api("a", self.backend, port=self.port, policies=guarded(str(self.round))),
                        api("t", self.backend, port=self.tls_port, scheme="https",
                            policies=[tls, *guarded(str(self.round))])])

    def __enter__(self):
        self.gateway.wait_until_ready()
        return self

    def __exit__(self, kind, *_):
        self.faults.disarm()
        if kind is None and self.may_die:
            equal(self.gateway.stop(), 0)
            self.gateway.errors.close()
        else:
            self.gateway.__exit__(kind, *_)
        self.backend.stop()

    # --- what clients do; an error of theirs is one that may happen ---
    def client(self, tls=False):
        if not tls:
            return Client(self.port, timeout=8)
        return Client(self.tls_port, timeout=8, tls=self.authority.client_tls(),
                      server_name="shop.test")

    def judge(self, answer, body=b""):
        """Whole and right with its chain, or a refusal."""
        if answer.status == 200:
            check(answer.has("x-chain"), "an answer without its policies")
            equal(answer.body, body, "another body")
        else:
            one_of(answer.status, (400, 401, 408, 500, 502, 503, 504), "status")
        return answer.status

    def plain(self):
        with self.client() as client:
            for _ in range(2):
                self.judge(client.get("/x", LOGIN))

    def without_password(self):
        with self.client() as client:
            check(client.get("/x").status != 200, "let in without a password")

    def post(self):
        with self.client() as client:
            self.judge(client.request("POST", "/x", LOGIN, BODY, chunked=True), BODY)

    def handshake(self):
        with self.client(tls=True) as client:
            self.judge(client.get("/x", LOGIN))

    def settle(self, what, seconds=4):
        """Waits for it, but not for ever: it may be what fails."""
        end = time.monotonic() + seconds * SCALE
        while time.monotonic() < end:
            try:
                if what():
                    return True
            except BROKEN:
                pass
            time.sleep(0.02)
        return False

    def reload(self):
        before = self.gateway.metrics()
        self.round += 1
        self.gateway.write("a.yaml", self.documents())
        self.gateway.admin("POST", "/reload")

        def is_over():
            now = self.gateway.metrics()
            return any(now[k] != before[k] for k in now if k.startswith("sluice_reloads_total"))
        self.settle(is_over)
        # What has been put into service is saved by another thread.
        self.settle(lambda: any(
            self.gateway.metrics()[k] != before[k] for k in
            ("sluice_last_good_saves_total", "sluice_last_good_save_failures_total")), 1)

    def rotate(self):
        os.rename(self.gateway.log_path, self.gateway.log_path + ".1")
        self.gateway.signal(signal.SIGUSR1)
        self.plain()
        self.settle(lambda: os.path.exists(self.gateway.log_path), 3)

    # --- what has to hold after each ---
    def deaths_explained(self):
        """A gateway that has no memory may end, and says so; one that starts may also miss something
        else without which it cannot be."""
        text = self.gateway.error_text()
        return text.count("out of memory: ") + (
            text.count("CHECK failed: ") + text.count("cannot start ") if self.may_die else 0)

    def serves(self, tls=False):
        with self.client(tls) as client:
            answer = client.get("/x", LOGIN)
            return answer.status == 200 and answer.get("x-chain") == str(self.round)

    def explain_deaths(self, kind):
        crashes = self.gateway.status()["supervisor"]["crashes"]
        deaths = self.deaths_explained()
        unexplained = (crashes - self.crashes) - (deaths - self.deaths)
        died = crashes > self.crashes
        self.crashes, self.deaths = crashes, deaths
        check(unexplained <= 0 and (kind == "allocate" or self.may_die or not died),
              f"the gateway died: {self.gateway.error_text()[-3000:]}")
        return died

    def recover(self, kind, reloads=False):
        if reloads:
            check(self.settle(lambda: self.gateway.admin("POST", "/reload").status == 202, 15),
                  "no reload")
        check(self.settle(self.gateway.is_answering, 15), "it is not ready")
        check(self.settle(self.serves, 15), f"the API is not served as it stands:\n"
              f"{self.gateway.error_text()[-3000:]}")
        # OpenSSL takes for missing what it once could not load, for want of memory, until the next start.
        without_tls = kind == "allocate" and " tls: " in self.gateway.error_text()[self.words:]
        check(self.settle(lambda: self.serves(tls=True), 10) or without_tls, "nor with TLS")
        self.without_password()
        return self.explain_deaths(kind)

    def descriptors(self):
        return self.gateway.descriptors() - int(
            self.gateway.metrics()["sluice_upstream_connections_idle"])


def sweep_scene(scene, name, kinds, wanted, warm=2):
    """Counts the calls of a scene and lets them fail, one each time."""
    run, faults = getattr(scene, name), scene.faults
    for _ in range(warm):
        run()
    faults.arm()
    run()
    counts = faults.disarm()
    scene.recover("none")
    before = scene.descriptors()
    done = deaths = 0
    for kind in kinds:
        for number in spread(counts[kind], wanted):
            errors = ERRORS[kind] if MODE == "soak" else [random.choice(ERRORS[kind])]
            for error in errors:
                with rows(f"{name}: {kind} {number} of {counts[kind]}: {errno.errorcode[error]}"):
                    faults.arm(kind, number, error)
                    try:
                        run()
                    except BROKEN:
                        pass
                    faults.disarm()
                    deaths += scene.recover(kind, name == "reload")
                done += 1
    left = wait_for(lambda: (d := scene.descriptors()) <= before + 2 and d or None,
                    f"descriptors back to {before}, not {scene.descriptors()}", 15)
    print(f"    {name}: {done} faults, {deaths} ends for want of memory, {left - before:+} "
          f"descriptors; calls {({k: n for k, n in counts.items() if n})}")


SCENES = {"plain": 2, "post": 2, "handshake": 2, "reload": 1, "rotate": 1}


def print_seed():
    seed = random.randrange(1 << 30)
    random.seed(seed)
    print(f"    seed {seed}")


def sweep(kinds, wanted=None):
    if SANITIZER:  # its allocator has to be the first one
        return
    print_seed()
    for name, share in SCENES.items():
        with rows(name), Scene() as scene:
            sweep_scene(scene, name, kinds, wanted and wanted * share)


@case(modes="full", serial=True, seconds=600)
def allocations_that_fail_cost_no_more_than_a_request():
    sweep(["allocate"], 8)


@case(modes="full", serial=True, seconds=600)
def system_calls_that_fail_cost_no_more_than_a_request():
    sweep(KINDS, 1)


@case(modes="soak", serial=True, seconds=14400)
def soak_every_allocation_fails_once():
    sweep(["allocate"])


@case(modes="soak", serial=True, seconds=14400)
def soak_every_system_call_fails_once():
    sweep(KINDS)


def starts(scene, kind, number, error):
    """It comes up, at the latest with the next gateway, or ends and says why."""
    scene.faults.arm(kind, number, error)
    scene.words = len(scene.gateway.error_text())
    scene.deaths = scene.deaths_explained()
    scene.gateway.start()

    def is_settled():
        return scene.gateway.process.poll() is not None or is_up(scene)
    wait_for(is_settled, f"neither an end nor a start:\n{scene.gateway.error_text()[-3000:]}", 30)
    scene.faults.disarm()
    if scene.gateway.process.poll() is not None:
        one_of(scene.gateway.process.returncode, (1, 2), "exit code")
        return False
    scene.crashes = 0  # of a new supervisor
    # What could not be read or stored has closed its API; once it can, it serves.
    scene.recover(kind, reloads=True)
    return True


def is_up(scene):
    try:
        return scene.gateway.status()["generation"] > 0
    except BROKEN:
        return False


def sweep_start(kinds, wanted):
    with Scene(may_die=True) as scene:
        equal(scene.gateway.stop(), 0)
        check(starts(scene, "none", 0, 0), "a start without a fault")
        equal(scene.gateway.stop(), 0)
        scene.faults.arm()
        scene.gateway.start()
        wait_for(lambda: is_up(scene) and scene.serves(), "a start")
        counts, done, refused = scene.faults.disarm(), 0, 0
        for kind in kinds:
            for number in spread(counts[kind], wanted):
                for error in ERRORS[kind] if MODE == "soak" else [random.choice(ERRORS[kind])]:
                    with rows(f"start: {kind} {number} of {counts[kind]}: {errno.errorcode[error]}"):
                        if scene.gateway.process.poll() is None:
                            equal(scene.gateway.stop(), 0, "end")
                        words = len(scene.gateway.error_text())
                        if not starts(scene, kind, number, error):
                            refused += 1
                            why = scene.gateway.error_text()[words:]
                            contains(why, "sluice", "it ended without a word")
                    done += 1
        if scene.gateway.process.poll() is not None:
            scene.gateway.start()
            scene.gateway.wait_until_ready()
        print(f"    start: {done} faults, {refused} starts refused; calls "
              f"{({k: n for k, n in counts.items() if n})}")


@case(modes="full", serial=True, seconds=600)
def a_start_with_a_fault_serves_or_says_why():
    if not SANITIZER:
        print_seed()
        sweep_start(list(ERRORS), 2)


@case(modes="soak", serial=True, seconds=14400)
def soak_a_start_with_any_fault_serves_or_says_why():
    if not SANITIZER:
        print_seed()
        sweep_start(KINDS, None)
        sweep_start(["allocate"], 1600)


main()
