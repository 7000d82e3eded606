#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The three timeouts towards upstreams, wherever they may be said: a route's goes before a policy's, that before a
Configuration's, that before the environment's."""
import subprocess

from harness import *

SHORT, GAP, LONG = 0.3, 0.9, 60
VERSIONS = ("--http1.1", "--http2-prior-knowledge")
FIELDS = ("upstreamResponseSeconds", "streamIdleSeconds")


def pausing(connection):
    """/late: before the head; /gap: inside of the body."""
    while request := connection.read_request():
        if request.target.endswith("/late"):
            connection.pause(GAP)
        connection.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab")
        if request.target.endswith("/gap"):
            connection.pause(GAP)
        connection.send("cd")


def environment(seconds):
    return {"FLEX_UPSTREAM_RESPONSE_TIMEOUT_SECONDS": str(seconds),
            "FLEX_STREAM_IDLE_TIMEOUT_SECONDS": str(seconds)}


def settings(seconds):
    return configuration("timeouts", {"timeouts": {name: seconds for name in FIELDS}})


def policies(seconds):
    return [{"policyRef": {"name": name}, "config": {"timeout": seconds}}
            for name in ("response-timeout", "stream-idle-timeout")]


def routes(seconds):
    return [{"config": {"timeouts": {name: seconds for name in FIELDS}}}]


def by_policy(name, upstream, seconds, others, **where):
    """An API whose route is a policy."""
    config = {"destinationRef": {"name": "up"}, "timeouts": {n: seconds for n in FIELDS}}
    return [service("up", upstream), api(name, policies=policies(others) + [
        {"policyRef": {"name": "route"}, "config": config}], **where)]


def start(port, path, version):
    return subprocess.Popen(["curl", "-sS", version, "--max-time", str(30 * SCALE), "-w", " %{http_code}",
                             f"http://127.0.0.1:{port}{path}"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def outcomes(port, base):
    """What became of (late, gap), over both versions at once."""
    asked = [start(port, f"{base}/{path}", version) for version in VERSIONS for path in ("late", "gap")]
    told = []
    for process in asked:
        text, _ = process.communicate(timeout=40 * SCALE)
        told.append((process.returncode == 0, text))
    equal([t[0] for t in told[:2]], [t[0] for t in told[2:]], "the same over both versions")
    return told[:2]


def is_cut(port, base):
    (_, late), (gap_is_whole, gap) = outcomes(port, base)
    contains(late, "504")
    check(not gap_is_whole and gap.endswith("ab 200"), f"the body is cut: {gap!r}")


def is_whole(port, base):
    equal(outcomes(port, base), [(True, "abcd 200"), (True, "abcd 200")])


@case
def the_environment_is_the_last_to_be_asked():
    with Backend(pausing) as up, Gateway([api("a", up)], env=environment(SHORT)) as gateway:
        is_cut(gateway.port, "")
        reasons = sorted(r["reason"] for r in gateway.records(4))
        equal(reasons, ["upstream_idle"] * 2 + ["upstream_timeout"] * 2)


@case
def who_is_nearer_may_be_shorter():
    port = free_port()
    with Backend(pausing) as up:
        documents = [settings(LONG), api("a", up, port=port, base="/policy", policies=policies(SHORT)),
                     api("b", up, port=port, base="/route", policies=policies(LONG), routes=routes(SHORT)),
                     *by_policy("c", up, SHORT, LONG, port=port, base="/bound"), api("d", up, port=port, base="/none")]
        with Gateway(documents, env=environment(SHORT)) as gateway:
            for base in ("/policy", "/route", "/bound"):
                with rows(base):
                    is_cut(port, base)
            is_whole(port, "/none")


@case
def who_is_nearer_may_be_longer():
    port = free_port()
    with Backend(pausing) as up:
        documents = [settings(SHORT), api("a", up, port=port, base="/policy", policies=policies(LONG)),
                     api("b", up, port=port, base="/route", policies=policies(SHORT), routes=routes(LONG)),
                     *by_policy("c", up, LONG, SHORT, port=port, base="/bound"), api("d", up, port=port, base="/none")]
        with Gateway(documents, env=environment(LONG)) as gateway:
            for base in ("/policy", "/route", "/bound"):
                with rows(base):
                    is_whole(port, base)
            is_cut(port, "/none")


@case
def an_upstreams_silence_may_have_a_figure_of_its_own():
    own = configuration("limits", {"limits": {"upstreamIdleSeconds": SHORT}})
    with Backend(pausing) as up, Gateway([api("a", up, routes=routes(LONG)), own]) as gateway, \
            gateway.client() as client:
        client.send("GET /gap HTTP/1.1\r\nhost: h\r\n\r\n")
        equal(client.read_head().status, 200)
        client.reader.to_end()
        equal(gateway.records(1)[0]["reason"], "upstream_idle")


@case(modes="full", seconds=60)
def a_stream_that_moves_is_not_idle():
    def drips(connection):
        while connection.read_request():
            connection.send("HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\n")
            connection.send_slowly("x" * 60, 0.1)
    with Backend(drips) as up, Gateway([api("a", up, routes=routes(2.5 * SCALE))]) as gateway:
        for version in VERSIONS:
            with rows(version):
                text, _ = start(gateway.port, "/", version).communicate(timeout=40 * SCALE)
                equal(text, "x" * 60 + " 200")


# --- unused connections --------------------------------------------------------------------------


def closes(gateway, upstream):
    equal(gateway.get("/").status, 200)
    wait_for(lambda: not upstream.live, "the unused connection to be closed")


def keeps(gateway, upstream):
    """While another upstream takes longer than the shorter figure."""
    with Backend(pausing) as other, Client(other.port) as clock:
        equal(gateway.get("/").status, 200)
        equal(clock.get("/late").status, 200)
    equal(gateway.get("/").status, 200)
    equal(len(upstream.connections), 1)


@case
def unused_connections_are_kept_as_the_nearest_says():
    def env(seconds):
        return {"SLUICE_UPSTREAM_CONNECTION_IDLE_TIMEOUT_SECONDS": str(seconds)}

    def common(seconds):
        return [configuration("t", {"timeouts": {"upstreamConnectionIdleSeconds": seconds}})]

    def own(seconds):
        return [binding("b", "idle-timeout", {"timeout": seconds}, target="a-up", kind="Service")]
    table = [(closes, env(SHORT), []), (closes, env(LONG), common(SHORT)), (keeps, env(SHORT), common(LONG)),
             (closes, env(LONG), common(LONG) + own(SHORT)), (keeps, env(SHORT), common(SHORT) + own(LONG))]
    for judge, variables, more in table:
        with rows((judge.__name__, variables, more)), Backend(pausing) as up, \
                Gateway([api("a", up), *more], env=variables) as gateway:
            judge(gateway, up)


main()
