#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a mistake costs: in a folder beside three good APIs, in a certificate, at a port, in a file that is
written at this moment; and that `check`, which loads policies as the gateway does, says so before."""
import json
import os
import platform
import re
import socket
import ssl
import subprocess
import threading

from harness import *
from harness.cases import BUILD, HOSTILE, SANITIZER
from harness.documents import document, port_of, to_yaml
from harness.gateway import PLUGINS

PLACE = re.compile(r"^[^ :]+\.yaml:\d+:\d+: ")


def check_documents(documents, *options, plugins=PLUGINS, env=None):
    folder = scratch("checked")
    with open(f"{folder}/a.yaml", "w") as f:
        f.write(to_yaml(documents))
    return sluice("check", *options, "--plugins", plugins, folder, env=env)


def policy(name, **config):
    return {"policyRef": {"name": name}, "config": config}


# --- check loads what the gateway loads ------------------------------------------------------------

DESCRIPTION = 'openapi: 3.0.0\ninfo: {title: t, version: "1"}\npaths: {/a: {get: {parameters: [{in: nowhere}]}}}\n'


@case
def check_finds_what_only_configure_finds():
    documents = [api("a", "http://127.0.0.1:9", policies=[policy("spec-validation", spec=DESCRIPTION)])]
    done = check_documents(documents)
    equal(done.returncode, 1)
    contains(done.stderr, "expected path, query, header or cookie")
    contains(done.stderr, "policy spec-validation refused its configuration")
    for line in done.stderr.splitlines()[:-1]:
        check(PLACE.match(line), f"no place: {line}")
    found = json.loads(check_documents(documents, "--json").stdout)
    equal(found["errors"], 2)
    equal({f["subject"] for f in found["findings"]}, {"default/a"})
    # What the schema says is all there is without it.
    done = check_documents(documents, "--no-load")
    equal((done.returncode, done.stderr), (0, ""))


@case
def check_says_whose_configure_ends_it():
    # A sanitizer ends the program at a null pointer by itself, with a report of its own.
    for how in ("abort",) if SANITIZER else ("null", "abort", "stack"):
        with rows(how):
            done = check_documents([api("a", "http://127.0.0.1:9", policies=[policy("hostile", configure=how)])],
                                   plugins=HOSTILE)
            equal(done.returncode, 1)
            contains(done.stderr, "default/a:hostile: this binding crashed the program that tried it")


@case(seconds=120)
def check_says_that_one_of_very_many_ends_it():
    """So many bindings have names in the program that tries them; the last one is behind those."""
    documents = [api(f"a{i}", "http://127.0.0.1:9", port=8081, base=f"/a{i}", policies=[policy("hostile")] * 64)
                 for i in range(256)]
    documents.append(api("last", "http://127.0.0.1:9", port=8081, base="/last",
                         policies=[policy("hostile", configure="abort")]))
    done = check_documents(documents, plugins=HOSTILE)
    equal(done.returncode, 1)
    contains(done.stderr, "plugin:hostile: this plugin, or a binding of it behind the first 16384, crashed the program that tried it")


def checked_with(how, *options, **more):
    documents = [api("a", "http://127.0.0.1:9", policies=[policy("hostile", configure=how)])]
    return check_documents(documents, *options, plugins=HOSTILE, **more)


@case
def check_hears_findings_alone():
    """What a policy prints goes where messages go."""
    done = checked_with("chatter")
    equal(done.returncode, 0, done.stderr[-300:])
    contains(done.stderr, "what a policy prints")
    equal(json.loads(checked_with("chatter", "--json").stdout)["errors"], 0)


@case
def check_lets_nobody_out():
    if SANITIZER:
        return  # their runtimes do what the fences deny
    before = set(os.listdir("."))
    for how in ("file", "fork", "kill"):
        with rows(how):
            done = checked_with(how, env={"SLUICE_SANDBOX": "on"})
            equal((done.returncode, done.stderr), (0, ""))
    equal(set(os.listdir(".")) - before, set())


@case(modes="full", seconds=120)
def check_waits_for_nobody():
    for how, why in (("sleep", "default/a:hostile: this binding was still being tried after 20 s"),
                     ("outlast", "sluice-gateway did not answer in time")):
        with rows(how):
            done = checked_with(how)
            equal(done.returncode, 1)
            contains(done.stderr, why)


@case
def check_opens_nothing():
    """The port is free for it to take, and taken it is no mistake of the configuration."""
    with Backend() as backend:
        done = check_documents([api("a", backend, port=backend.port)])
        equal((done.returncode, done.stderr), (0, ""))
        equal(backend.connections, [])


# --- certificates ----------------------------------------------------------------------------------


def openssl(*args, stdin=None):
    done = subprocess.run(["openssl", *args], input=stdin, capture_output=True, text=True, check=True)
    return done.stdout


def self_signed(*key):
    folder = scratch("own")
    openssl("req", "-x509", "-newkey", *key, "-nodes", "-days", "2", "-subj", "/CN=own", "-keyout", f"{folder}/key",
            "-out", f"{folder}/crt", "-addext", "basicConstraints=CA:FALSE")
    with open(f"{folder}/crt") as crt, open(f"{folder}/key") as k:
        return crt.read(), k.read()


def not_yet_valid(ca):
    folder = scratch("later")
    with open(f"{folder}/conf", "w") as f:
        f.write(f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index\nserial={folder}/serial\nnew_certs_dir={folder}\n"
                "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
    open(f"{folder}/index", "w").close()
    with open(f"{folder}/serial", "w") as f:
        f.write("01\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=later", "-keyout",
            f"{folder}/key", "-out", f"{folder}/csr")
    openssl("ca", "-batch", "-config", f"{folder}/conf", "-in", f"{folder}/csr", "-out", f"{folder}/crt", "-notext",
            "-startdate", "20400101000000Z", "-enddate", "20410101000000Z", "-cert", ca.crt_path, "-keyfile",
            ca.key_path)
    with open(f"{folder}/crt") as crt, open(f"{folder}/key") as key:
        return crt.read(), key.read()


def certificate_table():
    """name, config of tls, what is said of it"""
    ca, other = Authority(), Authority("Other CA")
    leaf, second = ca.issue("a.test"), ca.issue("b.test")
    locked = openssl("pkcs8", "-topk8", "-passout", "pass:right", stdin=leaf.key)
    weak_crt, weak_key = self_signed("rsa:1024")
    own_crt, _ = self_signed("rsa:2048")
    old = ca.issue("a.test", days=0)
    later_crt, later_key = not_yet_valid(ca)
    clients = {"requireClientCertificate": True}
    garbage = "-----BEGIN CERTIFICATE-----\nno base64 at all\n-----END CERTIFICATE-----\n"

    def pair(crt, key, **more):
        return {"certificate": {"crt": crt, "key": key, **more.pop("of_it", {})}, **more}
    errors = [
        ("another key", pair(leaf.crt, second.key), "the private key does not match the certificate"),
        ("the authority first", pair(ca.crt + leaf.crt, leaf.key), "the leaf comes before those who vouch for it"),
        ("an encrypted key", pair(leaf.crt, locked), "is encrypted, and there is no keyPassphrase"),
        ("a wrong passphrase", pair(leaf.crt, locked, of_it={"keyPassphrase": "wrong"}), "with this keyPassphrase"),
        ("a weak key", pair(weak_crt, weak_key), "the certificate (crt) has a key that is too weak: RSA of 1024 bits"),
        ("garbage", pair(garbage, leaf.key), "the certificate (crt) cannot be used"),
        ("a garbled key", pair(leaf.crt, leaf.key.replace("M", "*")), "the private key (key) cannot be used"),
        ("no PEM", pair("hello", leaf.key), "expected PEM text with -----BEGIN CERTIFICATE-----"),
        ("garbled authorities", pair(leaf.crt, leaf.key, trustedCA=garbage, **clients), "trustedCA cannot be used"),
        ("a folder", pair("${file:/}", leaf.key), "file /: Is a directory"),
        ("no file", pair("${file:none.pem}", leaf.key), "file none.pem: No such file or directory"),
    ]
    warnings = [
        ("expired", pair(old.crt, old.key), "certificate 1 (/CN=a.test) has expired: 20"),
        ("not yet valid", pair(later_crt, later_key), "is not valid before 2040-01-01T00:00:00Z"),
        ("another's authority", pair(leaf.crt + other.crt, leaf.key),
         "certificate 2 (/CN=Other CA) did not issue the one before it"),
        ("no authority", pair(leaf.crt, leaf.key, trustedCA=own_crt, **clients),
         "certificate 1 (/CN=own) is no authority (basicConstraints): it vouches for itself alone"),
        ("another's leaf", pair(leaf.crt, leaf.key, trustedCA=second.crt, **clients),
         "certificate 1 (/CN=b.test) is no authority (basicConstraints): it vouches for nobody"),
        ("good", pair(leaf.crt + ca.crt, leaf.key, trustedCA=ca.crt, **clients), ""),
        ("unlocked", pair(leaf.crt, locked, of_it={"keyPassphrase": "right"}), ""),
    ]
    return errors, warnings


def told(text, message):
    """The line that says it has a place, and no key is in it."""
    lines = [line for line in text.splitlines() if message in line]
    check(lines, f"{message!r} is not in {text!r}")
    check(PLACE.match(lines[0]), f"no place: {lines[0]}")
    check("BEGIN" not in text.replace("-----BEGIN CERTIFICATE-----", ""), f"shows too much: {text}")


@case(seconds=120)
def every_mistake_of_a_certificate_is_told_before():
    errors, warnings = certificate_table()
    for name, config, message in errors:
        with rows(name):
            done = check_documents([api("a", "http://127.0.0.1:9", scheme="https", policies=[policy("tls", **config)])])
            equal(done.returncode, 1)
            told(done.stderr, message)
    for name, config, message in warnings:
        with rows(name):
            done = check_documents([api("a", "http://127.0.0.1:9", scheme="https", policies=[policy("tls", **config)])])
            equal(done.returncode, 0)
            if message:
                told(done.stderr, message)
            else:
                equal(done.stderr, "")


def speaks_tls(port):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    try:
        with Client(("127.0.0.1", port), tls=tls) as client:
            return client.get("/").status
    except (OSError, Closed):
        return None


@case
def a_certificate_costs_its_port_alone():
    ca = Authority()
    leaf, old = ca.issue("a.test"), ca.issue("a.test", days=0)

    def secure(crt, key, port):
        return [api("secure", backend, scheme="https", port=port,
                    policies=[policy("tls", certificate={"crt": crt, "key": key})])]
    with Backend(reply(200, "x")) as backend:
        port = free_port()
        with Gateway({"good.yaml": [api("good", backend)], "tls.yaml": secure(leaf.crt, old.key, port)}) as gateway:
            gateway.ports = gateway.ports[:1]
            equal(gateway.get("/").text(), "x")
            equal(speaks_tls(port), None)
            gateway.says("the private key does not match the certificate")
            gateway.save("tls.yaml", secure(old.crt, old.key, port))
            equal(speaks_tls(port), 200)
            gateway.says("has expired")
            generation, refused = gateway.generation(), gateway.metrics()['sluice_reloads_total{result="refused"}']
            gateway.write("tls.yaml", secure(leaf.crt, old.key, port))
            wait_for(lambda: gateway.metrics()['sluice_reloads_total{result="refused"}'] > refused, "the refusal")
            equal(gateway.generation(), generation)
            equal(speaks_tls(port), 200)


# --- blast radius ----------------------------------------------------------------------------------

BAD = "bad"


def bad_api(up, port, **spec):
    return [document("ApiInstance", BAD, {"address": f"http://127.0.0.1:{port}",
                                          "services": {"up": {"address": up}}, **spec})]


def with_binding(up, port, name="login", config=None, target=None, **spec):
    config = {"username": "u", "password": "p"} if config is None else config
    return bad_api(up, port) + [document("PolicyBinding", "b", {
        "targetRef": target or {"name": BAD}, "policyRef": {"name": name}, "config": config, **spec})]


LIMIT = {"rateLimits": [{"maximumRequests": 1, "timePeriodInMilliseconds": 1000}]}
BASIC = "http-basic-authentication"
def says(gateway, since, message):
    """In the log, behind the first `since` characters; lines are written by a thread of their own."""
    wait_for(lambda: message in gateway.error_text()[since:].replace('\\"', '"'), f"the log to say: {message}")


# name, what stands in the folder besides, a part of what is said
CLOSED = [
    ("an unknown field", lambda up, p: bad_api(up, p, polices=[]), 'did you mean "policies"?'),
    ("null", lambda up, p: bad_api(up, p, policies=None), "expected a list"),
    ("a policy that is not there", lambda up, p: with_binding(up, p, "no-such-policy"), "unknown policy"),
    ("a policy of the vendor's", lambda up, p: with_binding(up, p, "ldap-authentication"), "is not available"),
    ("a mistyped policy", lambda up, p: with_binding(up, p, "rate-limitting", LIMIT), 'did you mean "rate-limiting"?'),
    ("a mistyped setting", lambda up, p: with_binding(up, p, BASIC, {"usrname": "u", "password": "p"}), "usrname"),
    ("a missing setting", lambda up, p: with_binding(up, p, BASIC, {"username": "u"}), 'missing field "password"'),
    ("a setting out of range", lambda up, p: with_binding(up, p, "response-timeout", {"timeout": -1}), "timeout"),
    ("a setting of another type", lambda up, p: with_binding(up, p, "rate-limiting", {"rateLimits": 7}), "rateLimits"),
    ("an expression", lambda up, p: with_binding(up, p, "rate-limiting", {**LIMIT, "keySelector": "#[1 +]"}),
     "keySelector"),
    ("a variable that is not set", lambda up, p: with_binding(up, p, BASIC, {"username": "$NO_SUCH_ONE", "password": "p"}),
     "NO_SUCH_ONE"),
    ("a secret that is not there", lambda up, p: with_binding(up, p, BASIC,
                                                             {"username": "u", "password": "${secret:none.x}"}),
     'no Secret "none"'),
    ("what only configure finds", lambda up, p: with_binding(up, p, "spec-validation", {"spec": DESCRIPTION}),
     "expected path, query, header or cookie"),
    ("a mistyped target", lambda up, p: with_binding(up, p, BASIC, target={"name": "bda"}), 'no ApiInstance "bda"'),
    ("a mistyped kind of target", lambda up, p: with_binding(up, p, BASIC, target={"kind": "ApiInstanc", "name": BAD}),
     "ApiInstanc"),
    ("an order out of range", lambda up, p: with_binding(up, p, BASIC, order="first"), "expected an integer"),
    ("a rule's pattern", lambda up, p: with_binding(up, p, BASIC, rules=[{"path": "/(a"}]), "rules[0].path"),
    ("a service's address", lambda up, p: bad_api("ftp://h", p), "expected http://host:port"),
    ("a route's service", lambda up, p: with_binding(up, p, "route", {"destinationRef": {"name": "none"}}),
     'no Service "none"'),
    ("declared twice", lambda up, p: bad_api(up, p) + bad_api(up, p), "is declared twice"),
    ("tls on http", lambda up, p: with_binding(up, p, "tls", {"certificate": {"crt": "x", "key": "y"}}), "tls"),
    ("a limit", lambda up, p: bad_api(up, p, limits={"requestSeconds": -1}), "requestSeconds"),
    ("an error page", lambda up, p: bad_api(up, p, errors={"9xx": {"text": "x"}}), "9xx"),
    ("a kind that is missing", lambda up, p: [{k: v for k, v in bad_api(up, p)[0].items() if k != "kind"}],
     "this looks like kind: ApiInstance"),
    ("a kind that is mistyped", lambda up, p: [{**bad_api(up, p)[0], "kind": "ApiInstanse"}],
     'did you mean "ApiInstance"?'),
    ("a version that is none", lambda up, p: [{**bad_api(up, p)[0], "apiVersion": "v1"}], "apiVersion"),
]
KEPT = [
    ("half of a file", b"apiVersion: gateway.sluice.dev/v1\nkind: {"),
    ("no YAML", b"a: b: c\n"),
    ("not UTF-8", b"a: \xff\n"),
]


def three_good(backend):
    return [api(f"good{i}", backend) for i in range(3)]


def all_good(gateway, good):
    for one in good:
        equal(gateway.get("/", port=port_of(one)).status, 200, one["metadata"]["name"])


def of_check(documents):
    done = check_documents(documents)
    equal(done.returncode, 1, "exit code of check")
    return done.stderr


@case(seconds=240)
def a_mistake_costs_one_api_of_four():
    with Backend(reply(200, "x")) as backend:
        good = three_good(backend)
        with Gateway({"good.yaml": good}) as gateway:
            for name, make, message in CLOSED:
                with rows(name):
                    port = free_port()
                    documents = make(backend.address, port)
                    contains(of_check(documents), message)
                    said = len(gateway.error_text())
                    gateway.save("bad.yaml", documents)
                    all_good(gateway, good)
                    equal(gateway.get("/", port=port).status, 503)
                    status = gateway.status()
                    check(status["errors"] > 0, "status counts errors")
                    check(any(message in p["message"] or message in p["path"] for p in status["problems"]),
                          f"status: {status['problems']}")
                    stubs = [a["name"] for a in status["apis"] if "error" in a]
                    equal({n.split("/")[-1] for n in stubs}, {BAD})
                    equal(gateway.metrics()["sluice_config_errors"], status["errors"])
                    says(gateway, said, message)
            equal(len(backend.problems), 0)


@case
def what_cannot_be_read_leaves_all_as_it_was():
    with Backend(reply(200, "x")) as backend:
        good = three_good(backend)
        with Gateway({"good.yaml": good}) as gateway:
            for name, text in KEPT:
                with rows(name):
                    generation = gateway.generation()
                    refused = gateway.metrics()['sluice_reloads_total{result="refused"}']
                    said = len(gateway.error_text())
                    with open(f"{gateway.config}/bad.yaml", "wb") as f:
                        f.write(text)
                    wait_for(lambda: gateway.metrics()['sluice_reloads_total{result="refused"}'] > refused, "the refusal")
                    equal(gateway.generation(), generation)
                    all_good(gateway, good)
                    says(gateway, said, "bad.yaml:")
            # It is made whole: it serves.
            more = api("more", backend)
            gateway.save("bad.yaml", [more])
            equal(gateway.get("/", port=port_of(more)).status, 200)


@case(seconds=120)
def strict_refuses_the_whole_for_each():
    with Backend(reply(200, "x")) as backend:
        good = three_good(backend)
        with Gateway({"good.yaml": good}, options=["--strict"]) as gateway:
            generation = gateway.generation()
            for name, make, message in CLOSED[::4]:
                with rows(name):
                    port = free_port()
                    refused = gateway.metrics()['sluice_reloads_total{result="refused"}']
                    said = len(gateway.error_text())
                    gateway.write("bad.yaml", make(backend.address, port))
                    wait_for(lambda: gateway.metrics()['sluice_reloads_total{result="refused"}'] > refused, "the refusal")
                    equal(gateway.generation(), generation)
                    says(gateway, said, message)
                    all_good(gateway, good)
                    check(socket.socket().connect_ex(("127.0.0.1", port)) != 0, "the port is open")


# --- ports -----------------------------------------------------------------------------------------


def taken():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen()
    return s


# A program that is run where every socket of IPv6 is refused, as by a kernel without it.
WITHOUT_IPV6 = """#!/usr/bin/env python3
import ctypes, os, struct, sys
LOAD, IS, RETURN = 0x20, 0x15, 0x06
def op(code, k, jt=0, jf=0): return struct.pack("HBBI", code, jt, jf, k)
steps = [op(LOAD, 4), op(IS, 0xC000003E, 0, 5), op(LOAD, 0), op(IS, 41, 0, 3), op(LOAD, 16),
         op(IS, 10, 0, 1), op(RETURN, 0x00050000 | 97), op(RETURN, 0x7FFF0000)]
filters = ctypes.create_string_buffer(b"".join(steps))
program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(filters))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, program, 0, 0) != 0:
    sys.exit("no filter")
os.execv(PROGRAM, [PROGRAM, *sys.argv[1:]])
"""


@case
def an_address_of_ipv6_where_there_is_none():
    if platform.machine() != "x86_64":
        return
    program = f"{scratch('without-ipv6')}/sluice"
    with open(program, "w") as f:
        f.write(WITHOUT_IPV6.replace("PROGRAM", repr(f"{BUILD}/bin/sluice")))
    os.chmod(program, 0o755)
    with Backend(reply(200, "x")) as backend:
        good, six = api("good", backend), api("six", backend, host="::")
        message = ("six.yaml:8:14: spec.address: cannot listen on [::]:"
                   f"{port_of(six)}: IPv6 is switched off on this machine")
        with rows("at the start"), \
                Gateway({"good.yaml": [good], "six.yaml": [six]}, program=program) as gateway:
            gateway.says(message)
            equal(gateway.get("/", port=port_of(good)).status, 200)
        with rows("at a reload"), Gateway([good], program=program) as gateway:
            gateway.write("six.yaml", [six])
            wait_for(lambda: message in gateway.error_text(), "the refusal")
            equal(gateway.get("/", port=port_of(good)).status, 200)


@case
def a_port_that_cannot_be_had():
    with Backend(reply(200, "x")) as backend, taken() as holder:
        port = holder.getsockname()[1]
        table = [("taken", api("bad", backend, port=port), f"cannot listen on 127.0.0.1:{port}: "),
                 ("not of this host", api("bad", backend, host="192.0.2.1", port=port),
                  f"cannot listen on 192.0.2.1:{port}: ")]
        for name, one, message in table:
            with rows(name + ", at the start"):
                good = api("good", backend)
                with Gateway({"good.yaml": [good], "bad.yaml": [one]}) as gateway:
                    equal(gateway.get("/", port=port_of(good)).status, 200)
                    gateway.says(message)
            with rows(name + ", at a reload"):
                with Gateway([good]) as gateway:
                    generation = gateway.generation()
                    gateway.write("bad.yaml", [one])
                    wait_for(lambda: gateway.metrics()['sluice_reloads_total{result="refused"}'] >= 1, "the refusal")
                    wait_for(lambda: message in gateway.error_text(), "the log")
                    equal((gateway.generation(), gateway.get("/").status), (generation, 200))


# --- files that are being written ------------------------------------------------------------------


def bodies(n):
    return reply(200, str(n))


class Steady:
    """A client that asks an API again and again while the folder changes, and expects its answer."""

    def __init__(self, gateway, one):
        self.gateway, self.port = gateway, port_of(one)
        self.answers, self.is_over = [], False
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.is_over:
            try:
                self.answers.append(self.gateway.get("/", port=self.port).status)
            except (OSError, Closed, TimedOut) as e:
                self.answers.append(repr(e))

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join()
        check(self.answers, "it was asked")
        equal(set(self.answers), {200}, "answers meanwhile")


def answers(gateway, text):
    try:
        return gateway.get("/").text() == text
    except OSError: # its port comes with its generation
        return False


@case
def saves_of_every_kind_lose_nothing():
    """A file that is moved away and written anew, and one that is cut off and grows."""
    with Backend(bodies(1)) as one, Backend(bodies(2)) as two:
        port = free_port()
        first, second = to_yaml([api("a", one, port=port)]), to_yaml([api("a", two, port=port)])
        steady = api("steady", one)
        with Gateway({"steady.yaml": [steady]}) as gateway, Steady(gateway, steady):
            gateway.ports = [port]
            gateway.write("api.yaml", first)
            wait_for(lambda: gateway.generation() > 1 and answers(gateway, "1"), "the first")
            # Moved away and written anew, as vim does with backupcopy=no.
            os.rename(f"{gateway.config}/api.yaml", f"{gateway.config}/api.yaml~")
            with open(f"{gateway.config}/api.yaml", "w") as f:
                f.write(second)
            os.unlink(f"{gateway.config}/api.yaml~")
            wait_for(lambda: answers(gateway, "2"), "the second")
            # Truncated and half there: what serves goes on until it is whole.
            refused = gateway.metrics()['sluice_reloads_total{result="refused"}']
            with open(f"{gateway.config}/api.yaml", "w") as f:
                f.write(first[:len(first) // 2])
                f.flush()
                wait_for(lambda: gateway.metrics()['sluice_reloads_total{result="refused"}'] > refused, "the refusal")
                equal(gateway.get("/").text(), "2")
                f.write(first[len(first) // 2:])
            wait_for(lambda: answers(gateway, "1"), "the whole file")


@case
def a_swapped_link_is_one_change():
    with Backend(bodies(1)) as one, Backend(bodies(2)) as two:
        port = free_port()
        steady = api("steady", one)
        with Gateway({"steady.yaml": [steady]}) as gateway, Steady(gateway, steady):
            gateway.ports = [port]
            for n, backend in ((1, one), (2, two)):
                os.mkdir(f"{gateway.config}/..v{n}")
                with open(f"{gateway.config}/..v{n}/api.yaml", "w") as f:
                    f.write(to_yaml([api("a", backend, port=port)]))
            os.symlink("..v1", f"{gateway.config}/..data")
            os.symlink("..data/api.yaml", f"{gateway.config}/api.yaml")
            wait_for(lambda: gateway.generation() > 1 and answers(gateway, "1"), "the first")
            os.symlink("..v2", f"{gateway.config}/..data_tmp")
            os.rename(f"{gateway.config}/..data_tmp", f"{gateway.config}/..data")
            wait_for(lambda: answers(gateway, "2"), "the second")
            equal(gateway.metrics()['sluice_reloads_total{result="refused"}'], 0)


@case
def a_folder_that_is_replaced():
    with Backend(bodies(1)) as one, Backend(bodies(2)) as two:
        first, second = api("a", one), api("b", two)
        with Gateway([first]) as gateway:
            os.mkdir(gateway.config + ".new")
            with open(gateway.config + ".new/b.yaml", "w") as f:
                f.write(to_yaml([first, second]))
            with Steady(gateway, first):
                os.rename(gateway.config, gateway.config + ".old")
                os.rename(gateway.config + ".new", gateway.config)
                wait_for(lambda: gateway.generation() > 1, "the new folder", 30)
            equal(gateway.get("/", port=port_of(second)).text(), "2")


@case
def a_link_to_nothing_and_a_name_that_is_no_text():
    with Backend(bodies(1)) as backend:
        good = api("a", backend)
        with Gateway([good]) as gateway:
            generation = gateway.generation()
            os.symlink("gone.yaml.target", f"{gateway.config}/gone.yaml")
            wait_for(lambda: gateway.metrics()['sluice_reloads_total{result="refused"}'] >= 1, "the refusal")
            gateway.says("gone.yaml")
            equal((gateway.generation(), gateway.get("/").text()), (generation, "1"))
            os.unlink(f"{gateway.config}/gone.yaml")
            more = api("b", backend)
            with open(os.fsencode(gateway.config) + b"/\xff.yaml", "w") as f:
                f.write(to_yaml([more]))
            wait_for(lambda: gateway.generation() > generation and any(
                a["name"].endswith("b") for a in gateway.status()["apis"]), "the other file")
            equal(gateway.get("/", port=port_of(more)).text(), "1")


main()
