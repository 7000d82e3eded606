#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every probe of tests/probes: what the client is told, what an origin gets to see, byte by byte, and
that the next client gets its own answer. Each probe goes whole, and cut in two: at a few places, in
the full mode at each byte."""
from harness import *
from harness.cases import MODE
from harness.documents import port_of
from harness.probes import RecordingOrigin, Runner, file_names, positions, read_probes

# The APIs that probes name, by what stands in their spec.
APIS = {
    "default": {},
    "slashes": {"paths": {"encodedSlash": "keep"}},
    "no-parameters": {"paths": {"parameters": "reject"}},
    "strip-parameters": {"paths": {"parameters": "strip"}},
    "lower": {"paths": {"case": "lower"}},
}


def documents(origin):
    made = []
    for name, spec in APIS.items():
        document = api(name, origin)
        document["spec"].update(spec)
        made.append(document)
    return made


def run_file(name):
    probes = read_probes(name)
    with RecordingOrigin() as origin:
        apis = documents(origin)
        barrier = api("barrier")
        with Gateway(apis + [barrier]) as gateway:
            ports = {a["metadata"]["name"]: port_of(a) for a in apis}
            runner = Runner(gateway, origin, ports, port_of(barrier))
            for probe in probes:
                with rows(f"{probe.place}: {probe.name}"):
                    runner.run(probe)
                for cut in positions(probe, MODE == "full"):
                    with rows(f"{probe.place}: {probe.name}, cut at {cut}"):
                        runner.run(probe, cut)
        equal(len(origin.whole), runner.forwarded + runner.follow_ups, "whole requests in the end")


def make_case(name):
    def run():
        run_file(name)
    run.__name__ = f"probes_{name.replace('-', '_')}"
    case(run, modes="quick full", seconds=300)


@case
def there_are_probes_of_every_kind():
    names = file_names()
    probes = [p for name in names for p in read_probes(name)]
    check(len(probes) >= 400, f"{len(probes)} probes")
    refs = {r for p in probes for r in p.refs}
    wanted = [f"SM{n}" for n in range(1, 26)] + [f"PA{n}" for n in range(1, 8)] \
        + ["HD1", "HD2", "HD4", "HD9", "UP3"]
    equal([w for w in wanted if w not in refs], [], "kinds without a probe")
    equal(len({(p.place.split(":")[0], p.name) for p in probes}), len(probes), "names are unique")


for _name in file_names():
    make_case(_name)

main()
