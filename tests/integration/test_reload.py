#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A save is live in under a second, loses no request, and a bad file costs only its own API."""
import os
import resource
import shutil
import signal
import threading
import time

from harness import *
from harness.cases import HOSTILE

LIMIT = {"policyRef": {"name": "rate-limiting"}, "config": {
    "rateLimits": [{"maximumRequests": 5, "timePeriodInMilliseconds": 600000}]}}


@case
def a_save_is_live_in_under_a_second():
    with Backend(reply(200, "one")) as one, Backend(reply(200, "two")) as two:
        port, took = free_port(), []
        with Gateway({"a.yaml": [api("a", one, port=port)]}) as gateway:
            for i in range(6):
                target = (two, one)[i % 2]
                gateway.write("a.yaml", [api("a", target, port=port)])
                began = time.monotonic()
                wait_for(lambda: gateway.get("/").text() == ("two", "one")[i % 2], "the new upstream")
                took.append(time.monotonic() - began)
            check(min(took) < 1.0 * SCALE, f"they took {took} s")


@case
def files_come_and_go():
    with Backend(reply(200, "x")) as backend:
        second = api("b", backend)
        with Gateway({"a.yaml": [api("a", backend)]}) as gateway:
            from harness.documents import port_of
            gateway.write("deep/er/b.yaml", [second])
            wait_for(lambda: answers(port_of(second)), "the new listener")
            gateway.remove("deep/er/b.yaml")
            wait_for(lambda: not answers(port_of(second)), "the end of the listener")
            equal(gateway.get("/").status, 200)


def answers(port):
    try:
        with Client(port) as client:
            return client.get("/").status == 200
    except (OSError, Closed, TimedOut):
        return False


class Load(Crowd):
    """Clients that keep asking; every answer that is not a whole 200 is a failure."""

    def __init__(self, port, keep_alive, closing):
        super().__init__(keep_alive * [self.keep_alive] + closing * [self.closing])
        self.port = port
        self.done, self.failures, self.closed_politely = [0, 0], [], 0

    def keep_alive(self):
        client = Client(self.port)
        while not self.stop.is_set():
            try:
                answer = client.get("/k")
            except (OSError, Closed, TimedOut) as e:
                self.failures.append(f"keep-alive after {self.done[0]}: {e!r}")
                client = Client(self.port)
                continue
            self.judge(answer, 0)
            if (answer.get("connection") or "").lower() == "close":
                self.closed_politely += 1
                client.close()
                client = Client(self.port)
            time.sleep(0.002)
        client.close()

    def closing(self):
        while not self.stop.is_set():
            try:
                with Client(self.port) as client:
                    self.judge(client.get("/n", {"connection": "close"}), 1)
            except (OSError, Closed, TimedOut) as e:
                self.failures.append(f"new connection after {self.done[1]}: {e!r}")
            time.sleep(0.002)

    def judge(self, answer, kind):
        if answer.status == 200:
            self.done[kind] += 1
        else:
            self.failures.append(f"status {answer.status}")


def storm(reloads, pause):
    with Backend(reply(200, "one")) as one, Backend(reply(200, "two")) as two:
        port = free_port()
        documents = [[api("a", b, port=port)] for b in (one, two)]
        with Gateway({"a.yaml": documents[0]}, workers=2) as gateway:
            before = gateway.generation()
            descriptors = None
            with Load(port, 8, 2) as load:
                for i in range(reloads):
                    gateway.write("a.yaml", documents[(i + 1) % 2])
                    gateway.admin("POST", "/reload")
                    time.sleep(pause)
                    if i == reloads // 5:
                        descriptors = gateway.descriptors()
                # A slow machine folds saves together: it gets more of them.
                while gateway.generation() - before < reloads // 4 and i < 10 * reloads:
                    i += 1
                    gateway.write("a.yaml", documents[(i + 1) % 2])
                    gateway.admin("POST", "/reload")
                    time.sleep(pause)
                time.sleep(0.3)
            print(f"    {reloads} reloads: {load.done[0]} keep-alive and {load.done[1]} new, "
                  f"{len(load.failures)} failed, {gateway.generation() - before} generations")
            equal(load.failures[:5], [])
            check(load.done[0] > reloads and load.done[1] > reloads // 2, "too little load")
            check(gateway.generation() - before >= reloads // 4, "too few generations")
            check(gateway.descriptors() < descriptors + 40, "descriptors leak")


@case
def connections_of_a_service_that_is_gone_are_let_go():
    """Those without a request at once, the other one behind its answer."""
    go = threading.Event()

    def script(connection):
        while request := connection.read_request():
            if request.target == "/hold":
                go.wait(30 * SCALE)
            connection.send(reply(200, "old"))
    document = api("a", "http://127.0.0.1:1")
    up = document["spec"]["services"]["up"]
    with Backend(script) as old, Backend(reply(200, "new")) as new:
        up["address"] = old.address
        with Gateway({"a.yaml": [document]}) as gateway, gateway.client() as busy:
            busy.send("GET /hold HTTP/1.1\r\nhost: h\r\n\r\n")
            wait_for(lambda: old.requests, "the request that is held")
            equal(gateway.get("/").text(), "old")
            equal(len(old.live), 2)
            up["address"] = new.address
            gateway.save("a.yaml", [document])
            wait_for(lambda: len(old.live) == 1, "the idle connection to be closed")
            equal(gateway.get("/").text(), "new")
            go.set()
            equal(busy.read().text(), "old")
            wait_for(lambda: not old.live, "the busy one to be closed, too")


@case
def what_waits_for_a_connection_outlives_the_edge_that_it_passed():
    """Its own fields were written by a generation that is freed meanwhile."""
    goes_on = threading.Event()

    def held(connection):
        while connection.read_request():
            goes_on.wait(30 * SCALE)
            connection.send(reply(200, "x"))

    def documents(backend, served, name):
        breaker = binding("b", "circuit-breaker", {"thresholds": {
            "maxConnections": 1, "maxPendingRequests": 1}}, target="a-up", kind="Service")
        return {"a.yaml": [served, breaker],
                "edge.yaml": [configuration("edge", {"headers": {"viaName": name}})]}
    with Backend(held) as backend:
        served = api("a", backend)
        with Gateway(documents(backend, served, "the-first")) as gateway, \
                gateway.client() as first, gateway.client() as second:
            first.send("GET /1 HTTP/1.1\r\nhost: h\r\n\r\n")
            wait_for(lambda: backend.requests, "the one that holds the connection")
            second.send("GET /2 HTTP/1.1\r\nhost: h\r\n\r\n")
            wait_for(lambda: gateway.get("/3").status == 503, "the one that waits")
            for i in range(4):
                before = gateway.generation()
                gateway.write("edge.yaml", documents(backend, served, f"number-{i}")["edge.yaml"])
                wait_for(lambda: gateway.generation() > before, "the next generation")
            goes_on.set()
            equal([first.read().status, second.read().status], [200, 200])
            equal([r.get("via") for r in backend.requests], ["1.1 the-first"] * 2)


@case(serial=True, seconds=120)
def reloads_under_load_lose_nothing():
    storm(100, 0.05)


@case
def unchanged_bindings_keep_their_counters():
    with Backend(reply(200, "x")) as backend:
        port = free_port()
        limited = [api("a", backend, port=port, policies=[LIMIT])]
        with Gateway({"a.yaml": limited, "b.yaml": [api("b", backend)]}) as gateway:
            equal([gateway.get("/", port=port).status for _ in range(3)], [200] * 3)
            gateway.save("b.yaml", [api("b", backend, base="/moved")])
            equal([gateway.get("/", port=port).status for _ in range(4)], [200, 200, 429, 429])
            changed = {**LIMIT, "config": {"rateLimits": [
                {"maximumRequests": 50, "timePeriodInMilliseconds": 600000}]}}
            gateway.save("a.yaml", [api("a", backend, port=port, policies=[changed])])
            equal(gateway.get("/", port=port).status, 200)


@case
def a_bad_file_closes_its_api_and_keeps_the_others():
    with Backend(reply(200, "x")) as backend:
        port, bad_port = free_port(), free_port()
        bad = api("bad", backend, port=bad_port)
        with Gateway({"good.yaml": [api("good", backend, port=port)], "bad.yaml": [bad]}) as gateway:
            equal(gateway.get("/", port=bad_port).status, 200)
            broken = api("bad", backend, port=bad_port, policies=[
                {**LIMIT, "config": {"rateLimits": [{"maximumRequest": 5}]}}])
            gateway.write("bad.yaml", [broken])
            wait_for(lambda: gateway.get("/", port=bad_port).status == 503, "the stub")
            answer = gateway.get("/", port=bad_port)
            equal(sorted(answer.json()), ["error", "requestId"])
            equal(gateway.get("/", port=port).status, 200)
            wait_for(lambda: "maximumRequest" in gateway.error_text(), "the message in the log")
            gateway.says(r'did you mean \"maximumRequests\"')
            gateway.says("bad.yaml:")
            gateway.write("bad.yaml", [bad])
            wait_for(lambda: gateway.get("/", port=bad_port).status == 200, "the mended API")


@case
def a_file_that_is_no_yaml_keeps_what_it_served():
    with Backend(reply(200, "x")) as backend:
        port = free_port()
        with Gateway({"a.yaml": [api("a", backend, port=port)],
                      "b.yaml": [api("b", backend)]}) as gateway:
            gateway.write("b.yaml", "kind: [unclosed\n  - x: {")
            wait_for(lambda: "b.yaml:" in gateway.error_text(), "the message in the log")
            equal(gateway.get("/", port=port).status, 200)


@case
def an_api_never_loses_a_policy_to_a_broken_file():
    """The binding that protects the API stands in the file that breaks."""
    from harness.documents import binding
    login = binding("login", "http-basic-authentication", {"username": "a", "password": "b"},
                    target="a")
    with Backend(reply(200, "x")) as backend:
        with Gateway({"a.yaml": [api("a", backend)], "login.yaml": [login]}) as gateway:
            equal(gateway.get("/").status, 401)
            gateway.write("login.yaml", "kind: PolicyBinding\n  - [")
            wait_for(lambda: "login.yaml:" in gateway.error_text(), "the message in the log")
            time.sleep(0.3)
            equal(gateway.get("/").status, 401)
            port = gateway.port
            equal(gateway.stop(), 0)
            gateway.start()
            wait_for(lambda: status_at(port) is not None, "the port")
            equal(status_at(port), 401, "the last good one has the policy")
            equal(gateway.stop(), 0)
            shutil.rmtree(f"{gateway.state}/plans")
            gateway.start()
            wait_for(lambda: status_at(port) is not None, "the port")
            equal(status_at(port), 503, "nothing was ever good: closed")
            gateway.write("login.yaml", [login])
            wait_for(lambda: status_at(port) == 401, "the API with its policy")


PASSWORD = {"username": "a", "password": "b"}
MARK = {"policyRef": {"name": "header-injection"}, "config": {"outboundHeaders": [{"key": "x-mark", "value": "m"}]}}
LOGIN = {"policyRef": {"name": "http-basic-authentication"}, "config": PASSWORD}


def editions(backend, other, port):
    """Of three files, each a way to ask for the password, or to say so wrongly: {file: documents}."""
    from harness.documents import binding
    bound = binding("login", "http-basic-authentication", PASSWORD, target="a")
    bound_wrongly = binding("login", "http-basic-authentication", {"user": "a"}, target="a")
    chosen = binding("login", "http-basic-authentication", PASSWORD, selector={"tier": "x"})
    labels = {"tier": "x"}

    def plain(policies=None, upstream=backend):
        return [api("a", upstream, port=port, policies=policies, labels=labels)]
    return [
        {"a.yaml": plain([LOGIN])},
        {"a.yaml": plain([MARK, LOGIN], other)},
        {"a.yaml": plain(), "login.yaml": [bound]},
        {"a.yaml": plain([MARK]), "login.yaml": [bound]},
        {"a.yaml": plain([MARK]), "login.yaml": [bound_wrongly]},
        {"a.yaml": plain([MARK]), "login.yaml": "kind: PolicyBinding\n  - ["},
        {"a.yaml": plain([MARK]), "login.yaml": [bound], "extra.yaml": [api("b", other, port=port, base="/b")]},
        {"a.yaml": plain([MARK], other), "login.yaml": [chosen]},
        {"a.yaml": plain([MARK]), "login.yaml": [chosen], "extra.yaml": "kind: [unclosed"},
        {"a.yaml": plain(), "login.yaml": [chosen]},
        {"a.yaml": "kind: [unclosed", "login.yaml": [chosen]},
    ]


class Knocker(threading.Thread):
    """Asks without the password, now on a connection that it keeps, now on a new one."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.seen, self.stop = port, set(), threading.Event()
        self.asked = 0

    def run(self):
        client = Client(self.port)
        while not self.stop.is_set():
            try:
                self.seen.add(client.get("/a/secret").status)
                self.asked += 1
                if self.asked % 7:
                    continue
            except (OSError, Closed, TimedOut):
                pass
            client.close()
            client = Client(self.port)
        client.close()


@case(seconds=120)
def a_guard_that_changes_never_stands_open():
    """By whatever the login is bound, moved and mistaken, save after save: nobody comes in without the
    password."""
    with Backend(reply(200, "x")) as backend, Backend(reply(200, "x")) as other:
        port = free_port()
        rounds = editions(backend, other, port)
        with Gateway(rounds[0], workers=2) as gateway:
            knockers = [Knocker(port) for _ in range(3)]
            for k in knockers:
                k.start()
            before, key = rounds[0], {"authorization": "Basic YTpi"}
            for edition in rounds[1:] * 2 + rounds[:1]:
                read = reloads_of(gateway)
                # The new file before the old one goes, as somebody careful would.
                for name in sorted(edition, reverse=True):
                    gateway.write(name, edition[name])
                for name in set(before) - set(edition):
                    gateway.remove(name)
                before = edition
                gateway.admin("POST", "/reload")
                wait_for(lambda: reloads_of(gateway) > read, "the reading")
            wait_for(lambda: gateway.get("/a", key, port=port).status == 200, "the first one again")
            for k in knockers:
                k.stop.set()
            for k in knockers:
                k.join(30)
                check(k.asked > 20, f"asked {k.asked} times")
                equal(k.seen - {401, 503}, set(), "let in")
            equal([r.target for b in (backend, other) for r in b.requests if "secret" in r.target], [])


def reloads_of(gateway):
    return sum(v for k, v in gateway.metrics().items() if k.startswith("sluice_reloads_total"))


@case
def half_written_files_are_never_loaded():
    """A writer that is not careful: appends in pieces, with pauses shorter than a user's."""
    with Backend(reply(200, "x")) as backend:
        from harness.documents import to_yaml
        port, other = free_port(), free_port()
        with Gateway({"a.yaml": [api("a", backend, port=port)]}) as gateway:
            text = to_yaml([api(f"b{i}", backend, port=other, base=f"/b{i}") for i in range(20)])
            path = os.path.join(gateway.config, "b.yaml")
            with open(path, "w") as f:
                for at in range(0, len(text), 400):
                    f.write(text[at:at + 400])
                    f.flush()
                    time.sleep(0.005)
            wait_for(lambda: answers_at(other, "/b19/"), "the whole file")
            equal(gateway.get("/", port=port).status, 200)


def answers_at(port, target):
    try:
        with Client(port) as client:
            return client.get(target).status == 200
    except (OSError, Closed, TimedOut):
        return False


@case
def understands_swapped_links():
    """Kubernetes: the files are links into ..data, a link that is swapped."""
    with Backend(reply(200, "one")) as one, Backend(reply(200, "two")) as two:
        from harness.documents import to_yaml
        port = free_port()
        with Gateway({"keep.yaml": [api("keep", one)]}) as gateway:
            config = gateway.config

            def publish(version, backend):
                os.mkdir(f"{config}/..{version}")
                with open(f"{config}/..{version}/a.yaml", "w") as f:
                    f.write(to_yaml([api("a", backend, port=port)]))
                os.symlink(f"..{version}", f"{config}/..data_tmp")
                os.rename(f"{config}/..data_tmp", f"{config}/..data")
            publish("v1", one)
            os.symlink("..data/a.yaml", f"{config}/a.yaml")
            wait_for(lambda: text_at(port) == "one", "version 1")
            publish("v2", two)
            wait_for(lambda: text_at(port) == "two", "version 2")


def text_at(port):
    try:
        with Client(port) as client:
            return client.get("/").text()
    except (OSError, Closed, TimedOut):
        return None


@case
def an_exchange_ends_on_the_configuration_it_began_with():
    go = threading.Event()

    def script(connection):
        connection.read_request()
        connection.send("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nslow")
        go.wait(20)
        connection.send("-one")
        connection.pause(0.1)
    with Backend(script) as one, Backend(reply(200, "two")) as two:
        port = free_port()
        with Gateway({"a.yaml": [api("a", one, port=port)]}) as gateway, gateway.client() as client:
            client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
            client.read_head()
            equal(client.reader.exactly(4), b"slow")
            gateway.save("a.yaml", [api("a", two, port=port)])
            equal(gateway.get("/").text(), "two")
            go.set()
            equal(client.reader.exactly(4), b"-one")


@case
def what_is_refused_leaves_no_port_open():
    """A socket that nobody accepts on would keep its clients waiting."""
    wanted = free_port()
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        gateway.write("more.yaml", [api("b", backend, port=wanted),
                                    api("taken", backend, port=backend.port)])
        wait_for(lambda: "cannot listen on" in gateway.error_text(), "the refusal")
        wait_for(lambda: not is_listening(wanted), "the end of the port")
        gateway.save("more.yaml", [api("b", backend, port=wanted)])
        equal(gateway.get("/", port=wanted).status, 200)


@case
def a_reload_without_descriptors_is_refused():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        pid = gateway.pid()
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limits[1]))
        gateway.signal(signal.SIGHUP)
        wait_for(lambda: "cannot run" in gateway.error_text(), "the reason")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        gateway.save("more.yaml", [api("b", backend, base="/b")])
        equal((gateway.get("/b").status, gateway.pid()), (200, pid))


@case
def serves_stubs_when_nothing_was_ever_good():
    with Backend(reply(200, "x")) as backend:
        bad = api("a", backend, policies=[{"policyRef": {"name": "no-such"}}])
        with Gateway([bad], wait=False) as gateway:
            wait_for(lambda: status_at(gateway.port) == 503, "the stub")


def status_at(port):
    try:
        with Client(port) as client:
            return client.get("/").status
    except (OSError, Closed, TimedOut):
        return None


@case
def a_plugin_that_comes_or_changes_is_live_by_itself():
    folder = scratch("plugins")
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend, policies=[{"policyRef": {"name": "hostile"}}])],
                    options=["--plugins", folder], wait=False) as gateway:
        wait_for(lambda: gateway.is_answering("/probes/liveness") and gateway.generation() > 0, "a gateway")
        equal(gateway.get("/").status, 503, "its policy is not there")
        generation = gateway.generation()
        with open(f"{folder}/notes.txt", "w") as f:
            f.write("no plugin")
        shutil.copy(f"{HOSTILE}/hostile.so", f"{folder}/.hostile.new")
        os.rename(f"{folder}/.hostile.new", f"{folder}/hostile.so")
        wait_for(lambda: gateway.get("/").status == 200, "the policy")
        equal(gateway.generation(), generation + 1, "read once")
        with open(f"{folder}/hostile.so", "ab") as f:
            f.write(b"another digest")
        wait_for(lambda: gateway.generation() == generation + 2, "its next version")
        equal(gateway.get("/").status, 200)


main()
