#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A name with several addresses, or with SRV records: each is an endpoint, and they come and go."""
import threading
from contextlib import ExitStack

from harness import *
from harness.documents import port_of

HOSTS = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"]
QUICK = {"minTtlSeconds": 0, "maxTtlSeconds": 0, "retrySeconds": 0.1}  # asked for again ten times a second


def script_of(name):
    def script(connection):
        while request := connection.read_request():
            if request.target == "/who":
                connection.send(reply(200, request.get("host")))
            connection.send(reply(200, name))
    return script


class Fleet(ExitStack):
    """Backends a, b, c, d at one port of four addresses, and a name server that has up.test."""

    def __init__(self, *first, script_of=script_of):
        super().__init__()
        self.backends = [Backend(script_of("a"), host=HOSTS[0])]
        for name, host in zip("bcd", HOSTS[1:]):
            self.backends.append(Backend(script_of(name), host=host, port=self.backends[0].port))
        for backend in self.backends:
            self.enter_context(backend)
        self.names = self.enter_context(NameServer())
        self.has(*(first or "ab"))

    def has(self, *names):
        """From now on the name has the addresses of these."""
        self.names.set(up_test=Answer(*(HOSTS["abcd".index(n)] for n in names)))

    def service(self, **fields):
        return {"address": f"http://up.test:{self.backends[0].port}", "discovery": "addresses", **fields}

    def documents(self, **fields):
        dns = configuration("names", {"dns": {"servers": [self.names.address], **QUICK}})
        return [api("a", services={"up": self.service(**fields)}), dns]


def endpoints(gateway):
    return [e["name"].split(":")[0] for e in gateway.status()["services"][0]["endpoints"]
            if e["state"] != "draining"]


def wait_endpoints(gateway, *names):
    expected = sorted(HOSTS["abcd".index(n)] for n in names)
    wait_for(lambda: sorted(endpoints(gateway)) == expected, f"{expected}")


def answers(gateway, count, headers=()):
    with gateway.client() as client:
        return "".join(client.get("/", headers).text() for _ in range(count))


def answers_each(gateway, users):
    """Of a request of each, who is a header."""
    with gateway.client() as client:
        return "".join(client.get("/", user).text() for user in users)


@case
def every_address_is_an_endpoint():
    with Fleet("a", "b", "c") as fleet, Gateway(fleet.documents()) as gateway:
        wait_endpoints(gateway, "a", "b", "c")
        got = answers(gateway, 9)
        equal((sorted(got[:3]), got[3:6], got[6:]), (["a", "b", "c"], got[:3], got[:3]))
        # They are spoken to by the name.
        equal({r.get("host") for b in fleet.backends for r in b.requests}, {f"up.test:{fleet.backends[0].port}"})
        equal(fleet.backends[3].requests, [])


@case
def the_first_requests_do_not_wait_for_it():
    """A reload brings a service that nobody has asked for yet; what comes meanwhile is answered."""
    with Fleet("a", "b") as fleet, Backend(reply(200, "x")) as other:
        documents = fleet.documents()
        port = port_of(documents[0])
        with Gateway([api("a", other, port=port), documents[1]]) as gateway:
            gateway.save("gateway.yaml", documents)
            equal({gateway.get("/").status for _ in range(10)}, {200})


class LateAnswer(Answer):
    """Comes when `go` is set."""

    def __init__(self, *values):
        super().__init__(*values)
        self.go = threading.Event()

    def to(self, *message):
        self.go.wait(30 * SCALE)
        return super().to(*message)


@case
def who_was_asked_by_the_name_alone_is_not_hedged():
    """Which of the endpoints has it nobody can say."""
    released = threading.Event()

    def slow(connection):
        while connection.read_request():
            released.wait(30 * SCALE)
            connection.send(reply(200, "a"))
    late = LateAnswer(HOSTS[0], HOSTS[1])
    with Fleet(script_of=lambda name: slow if name == "a" else script_of(name)) as fleet:
        fleet.names.set(up_test=late)
        with Gateway(fleet.documents(retries={"hedgeAfterSeconds": 0.1}), workers=1) as gateway, \
                gateway.client() as client:
            client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
            wait_for(lambda: gateway.metrics()['sluice_service_requests_active{service="default/a-up"}'] == 1,
                     "the request")
            late.go.set()
            wait_for(lambda: fleet.backends[0].requests, "the request to have gone out by the name")
            wait_endpoints(gateway, "a", "b")
            # One of them begins at a, and has a second one: of the first that would have come before.
            equal([gateway.get("/").text() for _ in range(2)], ["b", "b"])
            equal(gateway.metrics()['sluice_service_hedges_total{service="default/a-up"}'], 1)
            released.set()
            equal(client.read().text(), "a")


@case
def addresses_come_and_go():
    with Fleet("a", "b") as fleet, Gateway(fleet.documents()) as gateway:
        wait_endpoints(gateway, "a", "b")
        equal(set(answers(gateway, 6)), {"a", "b"})
        fleet.has("b", "c", "d")
        wait_endpoints(gateway, "b", "c", "d")
        equal(set(answers(gateway, 9)), {"b", "c", "d"})
        equal(len(fleet.backends[1].connections), 1)
        # What is idle of the one that has gone closes.
        wait_for(lambda: not fleet.backends[0].live, "the end of its connections")
        fleet.has("a")
        wait_endpoints(gateway, "a")
        equal(set(answers(gateway, 4)), {"a"})


@case
def what_is_under_way_at_one_that_goes_ends_well():
    released = []

    def held(name):
        def script(connection):
            while connection.read_request():
                connection.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n" + name)
                wait_for(lambda: released, "the end of the test", 30)
                connection.send(name)
        return script
    with Fleet("a", script_of=lambda name: held(name) if name == "a" else script_of(name)) as fleet, \
            Gateway(fleet.documents()) as gateway, gateway.client() as client:
        wait_endpoints(gateway, "a")
        client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        wait_for(lambda: fleet.backends[0].requests, "the request")
        fleet.has("b")
        wait_endpoints(gateway, "b")
        equal(set(answers(gateway, 4)), {"b"})
        gone = next(e for e in gateway.status()["services"][0]["endpoints"] if e["name"].startswith(HOSTS[0]))
        equal((gone["state"], gone["active"], gone["available"]), ("draining", 1, False))
        released.append(True)
        equal(client.read().text(), "aa")


@case
def a_name_that_is_gone_leaves_nobody_and_comes_back():
    with Fleet("a", "b") as fleet, Gateway(fleet.documents()) as gateway:
        wait_endpoints(gateway, "a", "b")
        fleet.names.set(up_test=Answer(code=NXDOMAIN))
        wait_endpoints(gateway)
        equal(gateway.get("/").status, 503)
        equal(gateway.records(1)[-1]["reason"], "upstream_unresolved")
        fleet.has("b")
        wait_endpoints(gateway, "b")
        equal(set(answers(gateway, 2)), {"b"})


@case
def what_was_known_serves_while_name_servers_fail():
    with Fleet("a", "b") as fleet, Gateway(fleet.documents()) as gateway:
        wait_endpoints(gateway, "a", "b")
        fleet.names.set(up_test=Answer(code=SERVFAIL))
        seen = len(fleet.names.asked)
        wait_for(lambda: len(fleet.names.asked) > seen + 4, "questions that fail")
        equal(set(answers(gateway, 4)), {"a", "b"})


@case
def health_and_ejections_are_of_those_that_stay():
    ill = {"a"}

    def script(name):
        def serve(connection):
            while connection.read_request():
                connection.send(reply(500 if name in ill else 200, name))
        return serve
    outliers = {"consecutiveFailures": 1, "baseEjectionSeconds": 60}
    with Fleet("a", "b", "c", script_of=script) as fleet, \
            Gateway(fleet.documents(outlierDetection=outliers)) as gateway:
        wait_endpoints(gateway, "a", "b", "c")
        answers(gateway, 3)
        equal(set(answers(gateway, 6)), {"b", "c"})
        ill.clear()
        fleet.has("a", "b", "d")
        wait_endpoints(gateway, "a", "b", "d")
        equal(set(answers(gateway, 6)), {"b", "d"})


@case
def checks_ask_those_that_are_there():
    ill = {"c"}

    def script(name):
        def serve(connection):
            while request := connection.read_request():
                is_ill = request.target == "/health" and name in ill
                connection.send(reply(500 if is_ill else 200, name))
        return serve
    check = {"path": "/health", "intervalSeconds": 0.05, "healthyThreshold": 1, "unhealthyThreshold": 1}
    with Fleet("a", "b", script_of=script) as fleet, Gateway(fleet.documents(healthCheck=check)) as gateway:
        wait_endpoints(gateway, "a", "b")
        fleet.has("a", "c")
        wait_for(lambda: [e["available"] for e in sorted(
            gateway.status()["services"][0]["endpoints"], key=lambda e: e["name"])] == [True, False], "c is ill")
        equal(set(answers(gateway, 4)), {"a"})
        ill.clear()
        wait_for(lambda: set(answers(gateway, 4)) == {"a", "c"}, "c is well")


@case
def keys_and_cookies_keep_their_endpoint():
    balancing = {"algorithm": "ringHash", "hashOn": "#[attributes.headers['x-user']]"}
    for name, fields in (("keys", balancing), ("cookies", {"sticky": {"cookie": "up"}})):
        with rows(name), Fleet("a", "b", "c") as fleet, \
                Gateway(fleet.documents(loadBalancing=fields)) as gateway:
            wait_endpoints(gateway, "a", "b", "c")
            users = [{"x-user": str(n)} for n in range(120)] if name == "keys" else [
                {"cookie": gateway.get("/").get("set-cookie").split(";")[0]} for _ in range(6)]
            of = answers_each(gateway, users)
            equal(set(of), {"a", "b", "c"})
            fleet.has("a", "c")
            wait_endpoints(gateway, "a", "c")
            again = answers_each(gateway, users)
            moved = sum(x not in ("b", y) for x, y in zip(of, again))
            # Two share the ring's thousand points: one in six of the other keys moves, of 80. Without a ring,
            # half would.
            check(moved <= (27 if name == "keys" else 0), f"{moved} of others moved")
            check("b" not in again, "nobody goes where nobody is")
            fleet.has("a", "b", "c")
            wait_endpoints(gateway, "a", "b", "c")
            equal(answers_each(gateway, users), of)


@case
def a_reload_keeps_what_was_found():
    with Fleet("a", "b") as fleet, Backend() as other:
        documents = fleet.documents()
        with Gateway({"a.yaml": documents, "b.yaml": [api("b", other)]}) as gateway:
            wait_endpoints(gateway, "a", "b")
            answers(gateway, 4)
            gateway.save("b.yaml", [api("b", other, base="/moved")])
            equal(set(answers(gateway, 4)), {"a", "b"})
            equal([len(b.connections) for b in fleet.backends[:2]], [1, 1])
            gateway.save("a.yaml", [api("a", other), documents[1]])
            wait_for(lambda: not any(b.live for b in fleet.backends), "the end of their connections")


@case
def a_name_is_asked_for_while_no_slot_is_free():
    """In all of them something is under way at addresses that have gone."""
    def hosts(n):
        return [f"127.0.2.{32 * n + k + 1}" for k in range(32)]

    def held(connection):
        while request := connection.read_request():
            if request.target == "/held":
                return connection.read_request()
            connection.send(reply(200, "x"))

    def is_at(n):
        return sorted(endpoints(gateway)) == sorted(hosts(n))
    with NameServer() as names, Backend(held, host="0.0.0.0") as backend, ExitStack() as clients:
        names.set(up_test=Answer(*hosts(0)))
        dns = configuration("names", {"dns": {"servers": [names.address], **QUICK}})
        services = {"up": {"address": f"http://up.test:{backend.port}", "discovery": "addresses"}}
        gateway = clients.enter_context(Gateway([api("a", services=services), dns], workers=1))
        for n in range(2):
            names.set(up_test=Answer(*hosts(n)))
            wait_for(lambda: is_at(n), "the addresses")
            for _ in range(32):
                client = gateway.client().send("GET /held HTTP/1.1\r\nhost: h\r\n\r\n")
                clients.callback(client.reset)
            wait_for(lambda: len(backend.requests) == 32 * n + 32, "requests at all of them")
        names.set(up_test=Answer(*hosts(2)))
        # The last one serves on until another has found room.
        wait_for(lambda: len(endpoints(gateway)) == 1, "the others to be gone")
        check(set(endpoints(gateway)) < set(hosts(1)), "who stays")
        names.set(up_test=Answer(*hosts(0)))
        wait_for(lambda: is_at(0), "the first to be back")
        equal(gateway.get("/").text(), "x")


RECORDS = "_http._tcp.up.test"


class Targets(ExitStack):
    """Backends a, b, c, d, each at a port of its own, and a name server that has SRV records for them."""

    def __init__(self, *first, script_of=script_of):
        super().__init__()
        self.backends = {name: self.enter_context(Backend(script_of(name))) for name in "abcd"}
        self.names = self.enter_context(NameServer())
        for name in self.backends:
            self.names.put(f"{name}.test", "127.0.0.1")
        self.has(*first)

    def has(self, *records, ttl=60):
        """From now on there are these: (name, priority, weight), or a name."""
        self.names.put(RECORDS, Answer(*(self.record(*r) for r in records), ttl=ttl))

    def record(self, name, priority=0, weight=1):
        return Service(f"{name}.test", self.backends[name].port, priority, weight)

    def service(self, **fields):
        return {"address": f"http://{RECORDS}", "discovery": "srv", **fields}

    def documents(self, bounds=QUICK, **fields):
        dns = configuration("names", {"dns": {"servers": [self.names.address], **bounds}})
        return [api("a", services={"up": self.service(**fields)}), dns]

    def wait(self, gateway, *names):
        expected = sorted(f"127.0.0.1:{self.backends[n].port}" for n in names)
        wait_for(lambda: sorted(e["name"] for e in gateway.status()["services"][0]["endpoints"]
                                if e["state"] != "draining") == expected, f"{expected}")

    def shares(self, gateway):
        """What `status` says of those that may be asked: (priority, weight)."""
        names = {f"127.0.0.1:{backend.port}": name for name, backend in self.backends.items()}
        return {names[e["name"]]: (e["priority"], e["weight"]) for e in gateway.status()["services"][0]["endpoints"]
                if e["state"] != "draining"}


@case
def records_tell_ports_and_weights():
    with Targets(("a", 0, 3), ("b", 0, 1)) as targets, Gateway(targets.documents(), workers=1) as gateway:
        targets.wait(gateway, "a", "b")
        got = answers(gateway, 8)
        equal((got.count("a"), got.count("b")), (6, 2))
        # They are spoken to by the name of the service, not by their own.
        equal({r.get("host") for b in targets.backends.values() for r in b.requests}, {"up.test"})
        equal(targets.shares(gateway), {"a": (0, 1000), "b": (0, 333)})
        targets.has(("b", 0, 5), ("c", 0, 5), ("d", 7, 1))
        targets.wait(gateway, "b", "c", "d")
        wait_for(lambda: targets.shares(gateway) == {"b": (0, 1000), "c": (0, 1000), "d": (7, 1000)}, "other weights")
        got = answers(gateway, 8)
        equal((got.count("b"), got.count("c")), (4, 4))


@case
def records_are_asked_for_before_the_first_request_goes_anywhere():
    with Targets("a") as targets, Backend(reply(200, "x")) as other:
        documents = targets.documents()
        port = port_of(documents[0])
        with Gateway([api("a", other, port=port), documents[1]]) as gateway:
            gateway.save("gateway.yaml", documents)
            equal({gateway.get("/").text() for _ in range(10)}, {"a"})


@case
def a_priority_serves_when_none_of_a_lower_one_can():
    ill = set()

    def script(name):
        def serve(connection):
            while request := connection.read_request():
                is_ill = request.target == "/health" and name in ill
                connection.send(reply(500 if is_ill else 200, name))
        return serve
    check = {"path": "/health", "intervalSeconds": 0.05, "healthyThreshold": 1, "unhealthyThreshold": 1}
    for algorithm in ("roundRobin", "random", "leastRequest"):
        with rows(algorithm), Targets(("c", 20), ("a", 10), ("b", 10), script_of=script) as targets, \
                Gateway(targets.documents(healthCheck=check, loadBalancing={"algorithm": algorithm})) as gateway:
            targets.wait(gateway, "a", "b", "c")
            wait_for(lambda: set(answers(gateway, 20)) == {"a", "b"}, "both of the first")
            equal("c" in answers(gateway, 20), False)
            ill.add("a")
            wait_for(lambda: set(answers(gateway, 8)) == {"b"}, "b alone")
            ill.add("b")
            wait_for(lambda: set(answers(gateway, 8)) == {"c"}, "the next priority")
            ill.clear()
            wait_for(lambda: set(answers(gateway, 20)) == {"a", "b"}, "the first again")


@case
def a_retry_goes_on_to_the_next_priority():
    with Targets(("a", 1), ("b", 2)) as targets:
        refused = Service("a.test", free_port(), 1, 1)
        targets.names.put(RECORDS, Answer(refused, targets.record("b", 2)))
        with Gateway(targets.documents(retries={"attempts": 2})) as gateway:
            wait_for(lambda: len(gateway.status()["services"][0]["endpoints"]) == 2, "both")
            equal(set(answers(gateway, 4)), {"b"})


@case
def records_are_kept_for_their_time():
    """What has a long one is not asked for again while what has none is."""
    with Targets() as targets:
        targets.has("a", "b", ttl=3600)
        targets.names.put("a.test", Answer("127.0.0.1", ttl=0))
        with Gateway(targets.documents(bounds={"minTtlSeconds": 0})) as gateway:
            wait_for(lambda: targets.names.count("a.test") > 3, "questions for the address")
            asked = [q for q in targets.names.asked if q[0] != "a.test"]
            check(asked.count((RECORDS, SRV)) <= 3, "each thread asks once at most")
            targets.wait(gateway, "a", "b")


@case
def records_serve_on_while_name_servers_fail_and_end_with_the_name():
    with Targets("a", "b") as targets, Gateway(targets.documents()) as gateway:
        targets.wait(gateway, "a", "b")
        for answer in (Answer(code=SERVFAIL), Answer(Service("a b.test", 1))):
            targets.names.put(RECORDS, answer)
            seen = targets.names.count(RECORDS, SRV)
            wait_for(lambda: targets.names.count(RECORDS, SRV) > seen + 3, "questions that fail")
            equal(set(answers(gateway, 4)), {"a", "b"})
        targets.names.put(RECORDS, Answer(Service("", 80)))  # RFC 2782: decidedly nobody
        targets.wait(gateway)
        equal(gateway.get("/").status, 503)
        equal(gateway.records(9)[-1]["reason"], "upstream_unresolved")
        targets.has("c")
        targets.wait(gateway, "c")
        equal(set(answers(gateway, 2)), {"c"})


@case
def a_target_without_an_address_is_passed_over():
    with Targets("a", "b") as targets:
        targets.names.put("a.test", Answer(code=NXDOMAIN))
        with Gateway(targets.documents()) as gateway:
            targets.wait(gateway, "b")
            equal(set(answers(gateway, 3)), {"b"})
            targets.names.put("a.test", "127.0.0.1")
            targets.wait(gateway, "a", "b")


@case(modes="full", seconds=120)
def more_addresses_than_slots_come_one_after_the_other():
    """Slots change hands, while requests are under way."""
    with ExitStack() as stack:
        first = stack.enter_context(Backend(reply(200, "x"), host="127.0.1.1"))
        backends = [first] + [stack.enter_context(Backend(reply(200, "x"), host=f"127.0.1.{n}", port=first.port))
                              for n in range(2, 100)]
        names = stack.enter_context(NameServer())
        dns = configuration("names", {"dns": {"servers": [names.address], **QUICK}})
        services = {"up": {"address": f"http://up.test:{first.port}", "discovery": "addresses",
                           "loadBalancing": {"algorithm": "maglev", "hashOn": "#[attributes.headers['x-user']]",
                                             "sticky": {"cookie": "up"}}}}
        names.set(up_test=Answer("127.0.1.1"))
        gateway = stack.enter_context(Gateway([api("a", services=services), dns], workers=2))
        for n in range(0, 96, 3):
            names.set(up_test=Answer(*(f"127.0.1.{k}" for k in range(n + 1, n + 4))))
            before = len(names.asked)
            while len(names.asked) < before + 3:
                for user in range(20):
                    equal(gateway.get("/", {"x-user": str(user)}).status, 200)
        wait_for(lambda: len(gateway.status()["services"][0]["endpoints"]) == 3, "the last three")


main()
