#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Services that policies call: sluice.http/1, over real sockets."""
import threading

from harness import *
from harness.cases import CALLOUT
from harness.documents import document
from harness.gateway import write_atomically

PLUGINS = ["--plugins", CALLOUT]
REFUSED = 'sluice_reloads_total{result="refused"}'


def calls(*services, **config):
    return {"policyRef": {"name": "callout"}, "config": {"services": list(services), **config}}


def called(backend, at=-1):
    """What the policy told the upstream."""
    return backend.requests[at].all("x-called")


@case
def calls_services_in_parallel_and_takes_answers_in_order():
    """The first answers only when the second has been asked."""
    asked = threading.Event()

    def slow(connection):
        while connection.read_request():
            check(asked.wait(10 * SCALE), "the second service was asked meanwhile")
            connection.send(reply(200, "first", {"X-Kind": "slow"}))

    def quick(connection):
        while connection.read_request():
            asked.set()
            connection.send("HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n")
            connection.send(reply(404, "second"))
    with Backend(slow) as one, Backend(quick) as two, Backend() as up, Gateway([
            service("one", one.address + "/v1"),
            api("a", services={"up": {"address": up.address}, "two": {"address": two.address}},
                policies=[calls("one", "two", path="/check//x/../y?full=1")])],
            options=PLUGINS) as gateway:
        equal(gateway.get("/").status, 200)
        equal(called(up), ["200 slow first", "404  second"])
        equal([one.requests[0].target, two.requests[0].target],
              ["/v1/check/y?full=1", "/check/y?full=1"])
        equal(one.requests[0].get("host"), one.authority)
        equal(one.requests[0].get("x-request-id"), up.requests[0].get("x-request-id"))
        metrics = gateway.metrics()
        for name in ("default/one", "default/a-two"):
            labels = [key for key in metrics if "sluice_service_requests_total" in key
                      and f'"{name}"' in key and metrics[key]]
            equal(len(labels), 1, f"{name}: {labels}")


@case
def keeps_connections_and_sends_bodies():
    with Backend() as other, Backend() as up, Gateway([
            api("a", up, policies=[calls(other.address + "/in", method="POST", body="tell me")])],
            options=PLUGINS) as gateway:
        for _ in range(3):
            equal(gateway.get("/").status, 200)
            equal(called(up), ["200  tell me"])
        equal([r.method for r in other.requests], ["POST"] * 3)
        equal(other.requests[0].get("content-length"), "7")
        equal(len(other.connections), 1)


@case
def says_why_there_is_no_answer():
    def cut(connection):
        connection.read_request()
        connection.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
        connection.close()

    def silent(connection):
        connection.read_request()
        connection.read_request()

    def garbage(connection):
        connection.read_request()
        connection.send("no HTTP at all\r\n\r\n")
        connection.close()
    closed = free_port()
    with Backend(cut) as a, Backend(silent) as b, Backend(garbage) as c, \
            Backend(reply(200, "x" * 5000)) as d, Backend() as up, Gateway([
                api("a", up, policies=[calls(
                    a.address, b.address, c.address, d.address, f"http://127.0.0.1:{closed}",
                    "http://no-such-host.invalid", timeout="500ms", bytes=1000)])],
                options=PLUGINS) as gateway:
        equal(gateway.get("/").status, 200)
        told = called(up)
        equal([text.split()[0] for text in told], ["-9", "-10", "-9", "-4", "-9", "-9"], told)
        for text, part in zip(told, (a.address, b.address, "service", "larger than", "refused",
                                     "could not be resolved")):
            contains(text, part)


@case
def a_service_has_its_tls_and_an_address_the_systems():
    ca = Authority()
    tls = ca.server_tls(ca.issue("localhost", san="DNS:localhost,IP:127.0.0.1"))
    with Backend(reply(200, "safe"), tls=tls) as other, Backend() as up, Gateway([
            service("other", other),
            binding("tls", "tls-outbound", {"trustedCA": ca.crt}, target="other", kind="Service"),
            api("a", up, policies=[calls("other", other.address)])], options=PLUGINS) as gateway:
        equal(gateway.get("/").status, 200)
        told = called(up)
        equal(told[0], "200  safe")
        equal(told[1].split()[0], "-9")
        wait_for(lambda: other.problems, "the service sees that its certificate is refused")
        other.problems.clear()


def default_tls(**settings):
    return configuration("tls-of-calls", {"defaultTLS": {"outboundPolicyCalls": settings}})


def asks_for_certificate(ca, seen):
    """A service that notes whose certificate it was shown; without one there is no connection."""
    def note_and_answer(connection):
        while connection.read_request():
            seen.append(dict(connection.sock.getpeercert()["subject"][0])["commonName"])
            connection.send(reply(200, "safe"))
    tls = ca.server_tls(ca.issue("localhost", san="IP:127.0.0.1"), require_client=True)
    return Backend(note_and_answer, tls=tls)


@case
def calls_have_the_default_tls_and_routes_do_not():
    """Of one Service that both call and route to, each has its own connections."""
    ca, folder, seen = Authority(), scratch("default-tls"), []
    mine = ca.issue("gateway")
    with open(f"{folder}/ca.crt", "w") as f:
        f.write(ca.crt)
    with asks_for_certificate(ca, seen) as other, Backend() as up, Gateway([
            document("Secret", "mine", {"tls": {"crt": mine.crt, "key": mine.key}}),
            default_tls(trustedCA="${file:%s/ca.crt}" % folder, certificate={"secretRef": {"name": "mine"}}),
            service("both", other), service("called", other),
            api("a", up, policies=[calls("both", "called", other.address, timeout="60s")]),
            api("b"), binding("to-both", "route", {"destinationRef": {"name": "both"}}, target="b")],
            options=PLUGINS) as gateway:
        for _ in range(2):
            equal(gateway.get("/", port=gateway.ports[0]).status, 200)
            equal(called(up), ["200  safe"] * 3)
        equal(seen, ["gateway"] * 6)
        equal(len(other.connections), 3, "connections of the calls")
        equal(gateway.get("/", port=gateway.ports[1]).status, 502)
        equal(gateway.records(3)[-1]["reason"], "upstream_tls")
        counted = [key for key in gateway.metrics() if "sluice_service_requests_total" in key]
        for name in ("default/both", "default/both@calls", "default/called"):
            check(any(f'"{name}"' in key for key in counted), name)
        other.problems.clear()


@case
def a_services_own_tls_goes_before_the_default():
    ca, other = Authority(), Authority("Other CA")
    tls = ca.server_tls(ca.issue("localhost", san="IP:127.0.0.1"))
    with Backend(reply(200, "safe"), tls=tls) as one, Backend() as up, Gateway([
            default_tls(trustedCA=other.crt), service("own", one), service("none", one),
            binding("tls", "tls-outbound", {"trustedCA": ca.crt}, target="own", kind="Service"),
            api("a", up, policies=[calls("own", "none")])], options=PLUGINS) as gateway:
        equal(gateway.get("/").status, 200)
        equal([text.split()[0] for text in called(up)], ["200", "-9"])
        wait_for(lambda: one.problems, "the service sees that its certificate is refused")
        one.problems.clear()


@case
def without_validation_whoever_answers_is_believed_and_that_is_told():
    ca = Authority()
    with Backend(reply(200, "whoever"), tls=ca.server_tls(ca.issue("wrong.test"))) as other, \
            Backend() as up, Gateway([api("a", up, policies=[calls(other.address)]),
                                      default_tls(skipValidation=True)], options=PLUGINS) as gateway:
        equal(gateway.get("/").status, 200)
        equal(called(up), ["200  whoever"])
        gateway.says("whoever answers is believed")


@case
def a_default_tls_that_changes_is_for_the_next_call():
    ca, other = Authority(), Authority("Other CA")
    tls = ca.server_tls(ca.issue("localhost", san="IP:127.0.0.1"))
    with Backend(reply(200, "safe"), tls=tls) as one, Backend() as up, Gateway({
            "a.yaml": [service("one", one), api("a", up, policies=[calls("one")])],
            "tls.yaml": [default_tls(trustedCA=other.crt)]}, options=PLUGINS) as gateway:
        def is_told(status):
            equal(gateway.get("/").status, 200)
            equal(called(up)[0].split()[0], status)

        def is_refused():
            is_told("-9")
            wait_for(lambda: one.problems, "the service sees that its certificate is refused")
            one.problems.clear()
        is_refused()
        gateway.save("tls.yaml", [default_tls(trustedCA=ca.crt)])
        is_told("200")
        gateway.save("tls.yaml", [default_tls(trustedCA=other.crt)])
        is_refused()


@case
def a_default_tls_whose_file_is_half_written_stays_what_it_was():
    """And so does all that serves; once the file is whole, it is for the next call."""
    ca, other = Authority(), Authority("Other CA")
    path = f"{scratch('default-tls')}/ca.crt"
    write_atomically(path, ca.crt)
    tls = ca.server_tls(ca.issue("localhost", san="IP:127.0.0.1"))
    with Backend(reply(200, "safe"), tls=tls) as one, Backend() as up, Gateway({
            "a.yaml": [service("one", one), api("a", up, policies=[calls("one", timeout="60s")])],
            "tls.yaml": [default_tls(trustedCA="${file:%s}" % path)]}, options=PLUGINS) as gateway:
        def is_told(status):
            equal(gateway.get("/").status, 200)
            equal(called(up)[0].split()[0], status)
        is_told("200")
        generation = gateway.generation()
        for part in (other.crt[:len(other.crt) // 2], ""):
            refused = gateway.metrics()[REFUSED]
            write_atomically(path, part)
            wait_for(lambda: gateway.metrics()[REFUSED] > refused, "the refusal")
            is_told("200")
            equal(gateway.generation(), generation)
        write_atomically(path, other.crt)
        wait_for(lambda: gateway.generation() > generation, "a new generation")
        is_told("-9")
        wait_for(lambda: one.problems, "the service sees that its certificate is refused")
        one.problems.clear()


@case
def a_connection_that_was_closed_meanwhile_costs_no_request():
    """As of the proxy's own requests: what is idempotent is sent again, once."""
    served = []

    def script(connection):
        connection.read_request()
        served.append(1)
        connection.send(reply(200, "x"))
        if len(served) > 1:
            connection.read_request()
        else:
            connection.read_head()
            connection.reset()
    with Backend(script) as other, Backend() as up, Gateway(
            [api("a", up, policies=[calls(other.address)])], options=PLUGINS) as gateway:
        for _ in range(2):
            equal(gateway.get("/").status, 200)
            equal(called(up), ["200  x"])


@case
def what_may_have_had_an_effect_is_not_called_again():
    """A kept connection dies with the second call: the bytes that came back, and how often that call was sent."""
    for method, came, sent in (("GET", "", 2), ("PUT", "", 2), ("POST", "", 1), ("PATCH", "", 1), ("GET", "HTTP/1.1 2", 1)):
        def script(connection):
            is_first = len(other.connections) == 1
            connection.read_request()
            connection.send(reply(200, "x"))
            if is_first and connection.read_request():
                connection.send(came)
                connection.half_close()
            connection.read_head()
        body = "" if method == "GET" else "once"
        with rows((method, came)), Backend(script) as other, Backend() as up, Gateway(
                [api("a", up, policies=[calls(other.address, method=method, body=body)])], options=PLUGINS) as gateway:
            for _ in range(2):
                equal(gateway.get("/").status, 200)
            equal(called(up) == ["200  x"], sent == 2, str(called(up)))
            equal([(r.method, r.body) for r in other.requests], [(method, body.encode())] * (1 + sent))


@case
def a_client_that_leaves_takes_its_calls_along():
    ended = threading.Event()

    def script(connection):
        connection.read_request()
        if not connection.read_request():
            ended.set()
    with Backend(script) as other, Backend() as up, Gateway(
            [api("a", up, policies=[calls(other.address, timeout="60s")])],
            options=PLUGINS) as gateway:
        with gateway.client() as client:
            client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
            wait_for(lambda: other.requests, "the service is asked")
            client.reset()
        check(ended.wait(10 * SCALE), "the call's connection was closed")
        equal(up.requests, [])


@case
def a_changed_service_is_followed_and_what_is_under_way_ends():
    held, go_on = threading.Event(), threading.Event()

    def script(connection):
        connection.read_request()
        held.set()
        go_on.wait(10 * SCALE)
        connection.send(reply(200, "old"))
    with Backend(script) as old, Backend(reply(200, "new")) as new, Backend() as up:
        documents = [service("other", old), api("a", up, policies=[calls("other")])]
        with Gateway(documents, options=PLUGINS) as gateway:
            first = threading.Thread(target=gateway.get, args=("/",))
            first.start()
            check(held.wait(10 * SCALE), "the old one is asked")
            gateway.save("gateway.yaml", [service("other", new), documents[1]])
            equal(gateway.get("/").status, 200)
            equal(called(up), ["200  new"])
            go_on.set()
            first.join()
            equal(called(up), ["200  old"])


@case
def an_instance_calls_when_its_worker_starts():
    with Backend(reply(200, "keys")) as other, Backend() as up, Gateway(
            [api("a", up, policies=[calls(other.address, path="/keys", start=True)])],
            options=PLUGINS) as gateway:
        wait_for(lambda: gateway.get("/").status == 200 and called(up) == ["0 200 keys"], "the answer")
        equal(other.requests[0].target, "/keys")


@case
def explain_names_what_is_called():
    with Gateway([api("a", "http://127.0.0.1:9", policies=[calls("http://127.0.0.1:8/v1")])],
                 options=PLUGINS) as gateway:
        shown = sluice("explain", gateway.config, "--api", "a", *PLUGINS).stdout
        contains(shown if isinstance(shown, str) else shown.decode(), "calls http://127.0.0.1:8/v1")


main()
