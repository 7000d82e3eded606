#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The life of the process: start, stop, crash, and that nothing is left behind."""
import os
import signal
import threading
import time

from harness import *
from harness.cases import BUILD


@case
def sigterm_lets_requests_end():
    go = threading.Event()

    def script(connection):
        connection.read_request()
        go.wait(20)
        connection.send(reply(200, "finished"))
        connection.pause(0.1)
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        wait_for(lambda: backend.requests, "the request")
        gateway.signal(signal.SIGTERM)
        gateway.says('"draining"')
        check(gateway.process.poll() is None, "ended with a request under way")
        go.set()
        equal(client.read().text(), "finished")
        equal(gateway.process.wait(10 * SCALE), 0)


@case
def a_second_sigterm_answers_503_to_what_waits():
    def script(connection):
        connection.read_request()
        connection.pause(60)
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        wait_for(lambda: backend.requests, "the request")
        gateway.signal(signal.SIGTERM)
        gateway.says('"draining"')  # two that wait are one
        gateway.signal(signal.SIGTERM)
        answer = client.read()
        equal((answer.status, answer.get("connection")), (503, "close"))
        check(client.is_closed(), "closed")
        equal(gateway.process.wait(10 * SCALE), 0)
        equal([r["reason"] for r in gateway.records_now()], ["shutdown"])


@case
def sigterm_ends_idle_connections_at_once():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        clients = [gateway.client() for _ in range(20)]
        for client in clients:
            equal(client.get("/").status, 200)
        began = time.monotonic()
        equal(gateway.stop(), 0)
        check(time.monotonic() - began < 8 * SCALE, f"took {time.monotonic() - began:.1f} s")
        for client in clients:
            check(client.is_closed(), "closed")


@case
def a_stopped_gateway_takes_no_connections():
    with Backend(reply(200, "x")) as backend:
        with Gateway([api("a", backend)]) as gateway:
            port = gateway.port
        check(not is_listening(port), "somebody still listens")


@case
def a_second_start_on_the_same_state_works():
    with Backend(reply(200, "x")) as backend:
        with Gateway([api("a", backend)]) as gateway:
            equal(gateway.stop(), 0)
            gateway.start()
            gateway.wait_until_ready()
            equal(gateway.get("/").status, 200)


@case
def no_descriptor_is_left_after_trouble():
    """Clients that vanish at every stage, upstreams that reset: the count comes back."""
    def script(connection):
        request = connection.read_request()
        if request and "reset" in request.target:
            connection.reset()
        elif request and "hang" in request.target:
            connection.pause(0.5)
        elif request:
            connection.send(reply(200, "x" * 1000))
            script(connection)
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway:
        for _ in range(3):
            gateway.get("/warm")
        before = gateway.descriptors()
        for i in range(60):
            client = gateway.client()
            stage = i % 6
            if stage >= 1:
                client.send("GET /hang HTTP/1.1\r\nho" if stage == 1 else
                            f"GET /{'reset' if stage == 2 else 'hang' if stage == 3 else 'ok'} "
                            "HTTP/1.1\r\nhost: h\r\n\r\n")
            if stage in (2, 5):
                client.read_head()
            client.reset() if i % 2 else client.close()
        wait_for(lambda: gateway.descriptors() <= before + 4,
                 f"descriptors back to {before}", 15)
        equal(gateway.get("/ok").status, 200)


@case(serial=True)
def memory_settles():
    """Ten thousand requests cost no memory that the first four thousand did not: those have been once
    through the ring of access records."""
    with Backend(reply(200, "x" * 1000)) as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        for _ in range(4000):
            client.get("/")
        before = gateway.memory_kib()
        for _ in range(6000):
            client.get("/")
        grown = gateway.memory_kib() - before
        if SCALE == 1:
            check(grown < 256, f"grew by {grown} KiB")


@case(modes="soak", serial=True, seconds=400)
def soak_mixed_load_for_minutes():
    def script(connection):
        while request := connection.read_request():
            if "reset" in request.target:
                return connection.reset()
            connection.send(reply(200, request.body or b"x" * 5000))
    with Backend(script) as backend, Gateway([api("a", backend)], workers=2) as gateway:
        stop, wrong, done = threading.Event(), [], [0]

        def work(seed):
            client = gateway.client()
            i = seed
            while not stop.is_set():
                i += 1
                try:
                    if i % 50 == 0:
                        client.send("GET /half HTT")
                        client.reset()
                        client = gateway.client()
                    elif i % 20 == 0:
                        one_of(client.get("/reset").status, (502,))
                    else:
                        body = bytes([i % 256]) * (i * 37 % 20000)
                        equal(client.request("POST", "/e", body=body).body, body or b"x" * 5000)
                    done[0] += 1
                except Exception as e:
                    wrong.append(repr(e))
                    client = gateway.client()
        threads = [threading.Thread(target=work, args=(i * 7,)) for i in range(8)]
        for t in threads:
            t.start()
        time.sleep(30)
        before = gateway.memory_kib()
        time.sleep(180)
        grown = gateway.memory_kib() - before
        stop.set()
        for t in threads:
            t.join(30)
        print(f"    {done[0]} requests, grew by {grown} KiB")
        equal(wrong[:5], [])
        check(grown < 2048, f"grew by {grown} KiB")


@case(seconds=240)
def a_start_without_enough_descriptors_says_so():
    """With each number of them it serves, or says why not and is tried again."""
    with Backend(reply(200, "x")) as backend:
        outcomes = set()
        for limit in (16, 32, 38, 44, 50, 56, 96):
            program = f"{scratch('limited')}/sluice"
            with open(program, "w") as f:
                f.write(f"#!/bin/sh\nulimit -n {limit}\nexec {BUILD}/bin/sluice \"$@\"\n")
            os.chmod(program, 0o755)
            gateway = Gateway([api("a", backend)], workers=8, program=program, wait=False)
            wait_for(lambda: gateway.process.poll() is not None or "serves: 1 APIs" in
                     (text := gateway.error_text()) or text.count("cannot start") > 1 or
                     text.count("is read again in") > 1, f"an outcome with {limit}", 30)
            text = gateway.error_text()
            ended, serves = gateway.process.poll() is not None, "serves: 1 APIs" in text
            outcomes.add("ends" if ended else "serves" if serves else "tries again")
            check("CHECK failed" not in text and "[err]" not in text, f"{limit}: {text}")
            if ended:
                contains(text, "files may be open")
            else:
                equal(gateway.stop(), 0, f"{limit}: {text}")
            gateway.errors.close()
        equal(outcomes, {"ends", "tries again", "serves"})


main()
