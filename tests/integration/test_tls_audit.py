#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an auditor's tool (testssl.sh) finds about a port with a certificate of RSA and one of EC."""
import json
import subprocess

from harness import *

# What it says about the certificates and the answers of this test, not about the gateway. Nothing else
# may be LOW or worse.
STATED = {
    "cert_trust": "the name of the test's certificate is not the address that is asked",
    "cert_chain_of_trust": "the authority is made for the test",
    "cert_notAfter": "the certificates are made for two days",
    "cert_serialNumberLen": "the test's authority counts from 1",
    "cert_expirationStatus": "the certificates are made for two days",
    "cert_revocation": "the test's authority has no server for lists, and no OCSP server",
    "DNS_CAArecord": "an address has no DNS records",
    "HSTS": "fields of answers are the API's",
    "security_headers": "fields of answers are the API's",
}
BAD = ("LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL")


def found(port):
    """The findings of one run, as {id: (severity, text)}."""
    path = f"{scratch('audit')}/found.json"
    subprocess.run(["testssl", "--quiet", "--color", "0", "--warnings", "off", "--jsonfile", path,
                    f"127.0.0.1:{port}"], stdin=subprocess.DEVNULL, capture_output=True, timeout=1500)
    with open(path) as f:
        return {x["id"]: (x["severity"], x["finding"]) for x in json.load(f)}


def is_stated(name):
    return any(name == stated or name.startswith(f"{stated} ") for stated in STATED)


@case(modes="full", seconds=1600)
def an_audit_finds_nothing():
    ca = Authority()
    pair = lambda kind: {"key": (c := ca.issue("localhost", kind=kind)).key, "crt": c.crt}
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend, scheme="https", policies=[
            {"policyRef": {"name": "tls"}, "config": {
                "certificate": pair("ec"), "certificates": [{"certificate": pair("rsa")}]}}])]) as gateway:
        all_found = found(gateway.port)
    for name in ("TLS1_2", "TLS1_3", "secure_client_renego", "heartbleed", "ROBOT", "ticketbleed"):
        check(name in all_found, f"{name} was looked at")
    bad = {name: what for name, what in all_found.items() if what[0] in BAD and not is_stated(name)}
    equal(bad, {})


main()
