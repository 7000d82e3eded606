#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the metrics count, and that their text and their documentation are sound."""
import math
import re
import threading

from harness import *
from harness.cases import HOSTILE, TOP

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
LABEL = re.compile(rf'({NAME})="((?:[^"\\\n]|\\[\\n"])*)"(?:,|$)')
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}


class Family:
    def __init__(self, name, kind):
        self.name, self.kind = name, kind
        self.samples = {}  # (suffix, ((label, value), ...)): number

    def labels(self):
        return {name for _, labels in self.samples for name, _ in labels} - {"le"}


def parse_labels(text):
    labels, at = [], 0
    while at < len(text):
        m = LABEL.match(text, at)
        check(m, f"labels in {text!r}")
        labels.append((m[1], m[2]))
        at = m.end()
    equal(len({n for n, _ in labels}), len(labels), "labels once each")
    return tuple(labels)


def parse(text):
    """{name: Family} of the text format 0.0.4; what is not as it should be is an error."""
    families, family, helped = {}, None, None
    check(text.endswith("\n"), "the last line ends")
    for line in text.split("\n")[:-1]:
        if m := re.fullmatch(rf"# HELP ({NAME}) (\S.*)", line):
            check(m[1] not in families, f"{m[1]} is described once")
            helped = m[1]
        elif m := re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge|histogram)", line):
            equal(m[1], helped, "TYPE behind its HELP")
            family = families[m[1]] = Family(m[1], m[2])
        else:
            m = SAMPLE.fullmatch(line)
            check(m, f"a sample: {line!r}")
            suffix = m[1].removeprefix(family.name)
            check(m[1].startswith(family.name) and suffix in SUFFIXES[family.kind],
                  f"{line!r} belongs to {family.name}")
            key = (suffix, parse_labels(m[2] or ""))
            check(key not in family.samples, f"{line!r} once")
            family.samples[key] = float(m[3])
    return families


def check_histogram(family):
    rows_of = {}
    for (suffix, labels), value in family.samples.items():
        own = tuple(p for p in labels if p[0] != "le")
        row = rows_of.setdefault(own, {"buckets": []})
        if suffix == "_bucket":
            row["buckets"].append((float(dict(labels)["le"]), value))
        else:
            row[suffix] = value
    for own, row in rows_of.items():
        with rows(f"{family.name}{own}"):
            bounds = [le for le, _ in row["buckets"]]
            counts = [n for _, n in row["buckets"]]
            equal(bounds, sorted(set(bounds)), "bounds ascend")
            equal(counts, sorted(counts), "counts do not fall")
            equal(bounds[-1], math.inf)
            equal(row["_count"], counts[-1])
            check(row["_sum"] >= 0, "a sum")


def check_names(family):
    with rows(family.name):
        equal(family.kind == "counter", family.name.endswith("_total"), "counters end in _total")
        check(not re.search(r"_(ms|us|millis\w*|kb|mb|minutes|hours)(_total)?$", family.name),
              "base units")
        if family.kind == "histogram":
            check(family.name.endswith(("_seconds", "_bytes")), "its unit in its name")


def documented():
    """{name: (kind, labels)} of the table in docs/observability.md."""
    with open(f"{TOP}/docs/observability.md") as f:
        section = f.read().split("\n## Metrics\n")[1].split("\n## ")[0]
    table = {}
    for names, kind, labels in re.findall(r"^\| (`.*`) \| (\w+) \|(.*)\|$", section, re.M):
        words = set(re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", labels)))
        for name in re.findall(r"`([\w<>]+)`", names):
            check(name not in table, f"{name} is documented once")
            table[name] = (kind, words)
    return table


def busy_gateway(backend):
    """One in which every family has something to tell."""
    block = {"policyRef": {"name": "ip-blocklist"}, "config": {"ips": ["127.0.0.1"]}}
    threat = {"policyRef": {"name": "json-threat-protection"}, "config": {}}
    return Gateway([api("open", backend), api("shut", backend, policies=[block]),
                    api("checked", backend, policies=[threat]),
                    api("several", services={"up": balanced([backend])})], workers=2)




def samples_of(gateway, name):
    family = parse(gateway.admin("GET", "/metrics").text()).get(name)
    return {(s, *(f"{n}={v}" for n, v in labels)): value
            for (s, labels), value in family.samples.items()} if family else {}


@case
def the_text_is_sound_and_says_what_the_documentation_says():
    with Backend(reply(200, "x")) as backend, busy_gateway(backend) as gateway:
        for port, status in zip(gateway.ports, (200, 403, 200)):
            equal(gateway.get("/", port=port).status, status)
        wait_for(lambda: samples_of(gateway, "sluice_answers_total"), "the answer's count")
        wait_for(lambda: samples_of(gateway, "sluice_binding_runs_total"), "the bindings' runs")
        families = parse(gateway.admin("GET", "/metrics").text())
        table = documented()
        for family in families.values():
            check_names(family)
            if family.kind == "histogram":
                check_histogram(family)
            is_policy = re.fullmatch(r"sluice_policy_\w+_total", family.name)
            name = "sluice_policy_<name>_total" if is_policy else family.name
            with rows(family.name):
                check(name in table, "it is documented")
                equal((family.kind, family.labels() - {"version"}), table[name])
        exported = {f if not f.startswith("sluice_policy_") else "sluice_policy_<name>_total"
                    for f in families}
        # A cache's are there once a policy has opened one; tests/unit/services/test_cache.c reads them.
        missing = {name for name in table if name not in exported and not name.startswith("sluice_cache_")}
        equal(sorted(missing), [], "documented, but not exported")


@case
def services_count_what_they_answered():
    def script(connection):
        while request := connection.read_request():
            status = int(request.target.strip("/"))
            connection.send(reply(status, "x"))

    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway:
        with gateway.client() as client:
            for status in (200, 200, 201, 302, 404, 503):
                equal(client.get(f"/{status}").status, status)
        gateway.records(6)
        counts = samples_of(gateway, "sluice_service_requests_total")
        got = {code[5:]: value for (_, _, code), value in counts.items()}
        equal(got, {"none": 0, "1xx": 0, "2xx": 3, "3xx": 1, "4xx": 1, "5xx": 1})
        # So does what the client got, each request once.
        counts = samples_of(gateway, "sluice_requests_total")
        equal({code[5:]: value for (_, _, code), value in counts.items()}, got)
        equal(samples_of(gateway, "sluice_request_duration_seconds")["_count", "api=default/a"], 6)
        service = gateway.records(6)[0]["service"]
        at = f"service={service}"
        equal(samples_of(gateway, "sluice_service_first_byte_seconds")["_count", at], 6)
        equal(samples_of(gateway, "sluice_service_connect_seconds")["_count", at], 1)
        equal(samples_of(gateway, "sluice_service_connects_total")["", at], 1)
        equal(samples_of(gateway, "sluice_service_requests_active")["", at], 0)
        wait_for(lambda: samples_of(gateway, "sluice_service_connections_idle")["", at] == 1,
                 "the idle connection")
        # A reload that keeps the service keeps its counters.
        gateway.save("more.yaml", [api("b", backend)])
        equal(samples_of(gateway, "sluice_service_first_byte_seconds")["_count", at], 6)


@case
def what_is_under_way_shows():
    released = threading.Event()

    def script(connection):
        while connection.read_request():
            released.wait(30)
            connection.send(reply(200, "x"))

    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway:
        def gauge(name):
            return sum(samples_of(gateway, f"sluice_service_{name}").values())

        with gateway.client() as client:
            client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            wait_for(lambda: gauge("requests_active") == 1, "the request under way")
            wait_for(lambda: gauge("connections") == 1, "its connection")
            equal(gauge("connections_idle"), 0)
            released.set()
        wait_for(lambda: gauge("requests_active") == 0, "its end")


@case
def a_service_that_cannot_be_reached_counts_its_failures():
    with Gateway([api("a", f"http://127.0.0.1:{free_port()}")]) as gateway:
        for _ in range(3):
            equal(gateway.get("/").status, 503)
        gateway.records(3)
        equal(sum(samples_of(gateway, "sluice_service_connect_failures_total").values()), 3)
        none = [v for k, v in samples_of(gateway, "sluice_service_requests_total").items()
                if "code=none" in k]
        equal(none, [3])
        answers = wait_for(lambda: samples_of(gateway, "sluice_answers_total"), "the answers")
        equal(answers, {("", "api=default/a", "reason=upstream_refused", "policy="): 3})


def binding_counts(gateway, what):
    """{(policy, binding): number} of those that are not 0."""
    found = {}
    for (_, *labels), value in samples_of(gateway, f"sluice_binding_{what}").items():
        named = dict(label.split("=", 1) for label in labels)
        if value:
            found[named["policy"], named["binding"]] = value
    return found


def watched_api(backend):
    """An API with three policies, of which the second runs for /b alone, and the third does as
    x-hostile says."""
    return api("a", backend, policies=[
        {"policyRef": {"name": "ip-allowlist"}, "config": {"ips": ["127.0.0.1"]}},
        {"policyRef": {"name": "ip-blocklist"}, "config": {"ips": ["127.0.0.1"]},
         "rules": [{"path": "/b"}]},
        {"policyRef": {"name": "hostile"}, "config": {}}])


ALLOW, BLOCK, HOST = ((p, f"default/a:{p}") for p in ("ip-allowlist", "ip-blocklist", "hostile"))


@case
def bindings_count_what_they_did():
    with Backend(reply(200, "x")) as backend, \
            Gateway([watched_api(backend)], options=["--plugins", HOSTILE]) as gateway:
        for target, headers, status in [*[("/", (), 200)] * 5, ("/b", (), 403), ("/", (), 200),
                                        ("/", {"x-hostile": "fail"}, 503),
                                        ("/", {"x-hostile": "pause"}, 503)]:
            equal(gateway.get(target, headers).status, status)
        wait_for(lambda: binding_counts(gateway, "runs_total") == {ALLOW: 9, BLOCK: 1, HOST: 8},
                 "the runs")
        equal(binding_counts(gateway, "answers_total"), {BLOCK: 1})
        equal(binding_counts(gateway, "failures_total"), {HOST: 2})


@case
def some_requests_are_timed_binding_by_binding():
    with Backend(reply(200, "x")) as backend, \
            Gateway([watched_api(backend)], options=["--plugins", HOSTILE]) as gateway:
        def timed():
            found = samples_of(gateway, "sluice_binding_duration_seconds")
            return {n: found[n, "api=default/a", f"policy={HOST[0]}", f"binding={HOST[1]}"]
                    for n in ("_count", "_sum")} if found else {"_count": 0}

        sent = 0
        with gateway.client() as client:
            while timed()["_count"] == 0:
                for _ in range(127):  # of which one at least is timed
                    equal(client.get("/").status, 200)
                sent += 127
                gateway.records(sent)
        check(0 < timed()["_count"] < sent, "some of them")
        check(timed()["_sum"] < 10, "seconds")


def memory_of(gateway):
    return {labels[-1].removeprefix("binding=default/a:"): value for (_, *labels), value in
            samples_of(gateway, "sluice_binding_memory_bytes").items()}


@case
def what_bindings_hold_of_the_heap_is_told():
    def listing(count):
        ips = [f"10.{n // 250}.{n % 250}.1" for n in range(count)]
        return api("a", backend, policies=[{"policyRef": {"name": "ip-blocklist"}, "config": {"ips": ips}}])

    with Backend(reply(200, "x")) as backend, Gateway([listing(10)]) as gateway:
        few = memory_of(gateway)
        equal(list(few), ["ip-blocklist"])
        check(0 < few["ip-blocklist"] < 10000, f"ten addresses: {few}")
        changed = listing(5000)
        changed["spec"]["address"] = f"http://127.0.0.1:{gateway.port}/"
        gateway.save("gateway.yaml", [changed])
        wait_for(lambda: memory_of(gateway)["ip-blocklist"] > 5000, "5,000 addresses take more")
        changed["spec"]["policies"] = []
        gateway.save("gateway.yaml", [changed])
        wait_for(lambda: memory_of(gateway) == {}, "the binding is gone")


@case
def a_reload_keeps_what_bindings_counted():
    with Backend(reply(200, "x")) as backend, \
            Gateway([watched_api(backend)], options=["--plugins", HOSTILE]) as gateway:
        for _ in range(3):
            equal(gateway.get("/").status, 200)
        changed = watched_api(backend)
        changed["spec"]["address"] = f"http://127.0.0.1:{gateway.port}/"
        changed["spec"]["policies"][0]["config"]["ips"].append("127.0.0.2")
        gateway.save("gateway.yaml", [changed])
        equal(gateway.get("/").status, 200)
        wait_for(lambda: binding_counts(gateway, "runs_total") == {ALLOW: 4, HOST: 4},
                 "runs of both generations")


@case
def every_answer_of_its_own_has_its_reason():
    with Backend(reply(200, "x")) as backend, busy_gateway(backend) as gateway:
        opened, shut, *_ = gateway.ports
        gateway.get("/", port=opened)
        for _ in range(5):
            gateway.get("/", port=shut)
        gateway.send_raw(b"NOT HTTP\r\n\r\n", port=opened)
        expected = {("", "api=default/shut", "reason=ip_blocked", "policy=ip-blocklist"): 5,
                    ("", "api=", "reason=bad_request", "policy="): 1}
        wait_for(lambda: samples_of(gateway, "sluice_answers_total") == expected, f"{expected}")


main()
