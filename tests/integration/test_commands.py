#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an operator asks before and beside a running gateway: check, explain, version, help."""
import json
import os

from harness import *
from harness.documents import to_yaml


def folder(files):
    path = scratch("config")
    for name, content in files.items():
        with open(os.path.join(path, name), "w") as f:
            f.write(to_yaml(content))
    return path


SHOP = """\
apiVersion: gateway.sluice.dev/v1
kind: ApiInstance
metadata:
  name: shop
spec:
  address: http://127.0.0.1:8081/shop
  services:
    catalog:
      address: http://127.0.0.1:9090
      routes:
        - config: {destinationPath: /v2}
          rules:
            - path: /items(/.*)
  policies:
    - policyRef:
        name: rate-limiting
      config:
        rateLimits:
          - maximumRequests: 100
            timePeriodInMilliseconds: 60000
"""


def check_folder(path, *more):
    from harness.gateway import PLUGINS as plugins
    return sluice("check", *more, path, "--plugins", plugins)


@case
def a_good_folder_passes():
    done = check_folder(folder({"shop.yaml": SHOP}))
    equal((done.returncode, done.stderr), (0, ""))


@case
def mistakes_are_named_with_position_and_nearest_name():
    table = [
        ("maximumRequests", "maximumRequest", ":19:", 'did you mean "maximumRequests"'),
        ("kind: ApiInstance", "kind: ApiInstanse", ":2:", 'did you mean "ApiInstance"'),
        ("address: http://127.0.0.1:8081/shop", "adress: http://127.0.0.1:8081/shop", ":6:",
         'did you mean "address"'),
        ("name: rate-limiting", "name: rate-limitting", ":16:", 'did you mean "rate-limiting"'),
        ("timePeriodInMilliseconds: 60000", "timePeriodInMilliseconds: soon", ":20:", "integer"),
        ("path: /items(/.*)", "path: /items((/.*)", ":13:", "path"),
    ]
    for good, bad, position, hint in table:
        with rows(bad):
            path = folder({"shop.yaml": SHOP.replace(good, bad, 1)})
            done = check_folder(path)
            text = done.stdout + done.stderr
            equal(done.returncode, 1)
            contains(text, "shop.yaml" + position)
            contains(text, hint)


@case
def all_mistakes_come_at_once():
    bad = SHOP.replace("maximumRequests", "maximumRequest").replace("destinationPath", "destinationPth")
    done = check_folder(folder({"shop.yaml": bad}))
    text = done.stdout + done.stderr
    contains(text, "maximumRequest")
    contains(text, "destinationPth")


@case
def dangling_references_and_unknown_fields_are_errors():
    with_target = to_yaml([binding("b", "rate-limiting", {"rateLimits": [
        {"maximumRequests": 1, "timePeriodInMilliseconds": 1000}]}, target="shopp")])
    done = check_folder(folder({"shop.yaml": SHOP, "b.yaml": with_target}))
    equal(done.returncode, 1)
    contains(done.stdout + done.stderr, "shopp")


@case
def single_files_can_be_checked():
    path = folder({"shop.yaml": SHOP})
    equal(check_folder(f"{path}/shop.yaml").returncode, 0)
    equal(check_folder(f"{path}/absent.yaml").returncode != 0, True)


@case
def explain_shows_the_chain_and_where_a_request_goes():
    from harness.gateway import PLUGINS as plugins
    path = folder({"shop.yaml": SHOP})
    done = sluice("explain", path, "--api", "shop", "--plugins", plugins)
    equal(done.returncode, 0, done.stderr)
    contains(done.stdout, "rate-limiting")
    contains(done.stdout, "shop.yaml:")
    done = sluice("explain", path, "--api", "shop", "--plugins", plugins,
                  "--request", "GET /shop/items/7")
    equal(done.returncode, 0, done.stderr)
    contains(done.stdout, "/v2/7")
    contains(done.stdout, "catalog")
    done = sluice("explain", path, "--api", "shpo", "--plugins", plugins)
    equal(done.returncode != 0, True)
    contains(done.stdout + done.stderr, "shop")


@case
def explain_judges_rules_by_header():
    from harness.gateway import PLUGINS as plugins
    text = SHOP.replace("            - path: /items(/.*)\n",
                        "            - path: /items(/.*)\n              headers: {x-beta: on}\n")
    path = folder({"shop.yaml": text})
    ask = ["explain", path, "--api", "shop", "--plugins", plugins, "--request", "GET /shop/items/7"]
    contains(sluice(*ask, "--header", "x-beta: on").stdout, "/v2/7")
    check("/v2/7" not in sluice(*ask).stdout, "the rule does not match")


@case
def version_and_help_are_there():
    done = sluice("version")
    equal(done.returncode, 0)
    check(any(c.isdigit() for c in done.stdout), "a number")
    for command in ([], ["run"], ["check"], ["explain"]):
        with rows(" ".join(command) or "sluice"):
            done = sluice(*command, "--help")
            equal(done.returncode, 0)
            contains(done.stdout.lower(), "usage")


@case
def help_is_there_while_a_gateway_runs():
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        done = sluice("run", "--state", gateway.state, "--help")
        equal(done.returncode, 0)
        contains(done.stdout, "usage: sluice run")


@case
def wrong_command_lines_are_refused_with_a_hint():
    for args in (["rnu"], ["run"], ["run", "--confg", "x"], ["run", "--config"],
                 ["run", "--config", "x", "--workers", "none"], ["check"]):
        with rows(" ".join(args)):
            done = sluice(*args)
            check(done.returncode not in (0, -6, -11), f"exit code {done.returncode}")
            check(done.stderr.strip(), "a message")


@case
def a_config_folder_that_is_absent_is_an_error():
    done = sluice("run", "--config", "/nonexistent/sluice", "--state", scratch("state"))
    check(done.returncode not in (0, -6, -11), f"exit code {done.returncode}")
    contains(done.stderr, "/nonexistent/sluice")


@case
def sluicectl_asks_a_running_gateway():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        where = ["--state", gateway.state]
        for check_name in ("readiness", "liveness"):
            with rows(check_name):
                equal(sluicectl("probe", f"--check={check_name}", *where).returncode, 0)
        status = sluicectl("status", "--json", *where)
        equal(status.returncode, 0, status.stderr)
        contains(json.dumps(json.loads(status.stdout)), "generation")
        equal(sluicectl("status", *where).returncode, 0)
        gateway.get("/")
        contains(sluicectl("metrics", *where).stdout, "sluice_")
        contains(json.dumps(json.loads(sluicectl("dump", *where).stdout)), "127.0.0.1")
        equal(sluicectl("reload", *where).returncode, 0)
    done = sluicectl("probe", *where)
    check(done.returncode != 0 and done.stderr.strip(), "no gateway, no health")


main()
