#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The policy client-id-enforcement between real parties: curl, contracts that come and go, and what records show."""
import subprocess

from harness import *
from harness.documents import document

HEADER = {"clientSecretExpression": "#[attributes.headers['client_secret']]"}
BASIC = {"credentialsOriginHasHttpBasicAuthenticationHeader": "httpBasicAuthenticationHeader"}
SECRET = "canary-4711-secret"


def enforced(config):
    return {"policyRef": {"name": "client-id-enforcement-flex"}, "config": config}


def contract(name, client_id="shop", secret=SECRET, api="a"):
    return document("Contract", name, {
        "apiId": api, "client": {"id": client_id, "name": "The shop", "secret": secret}})


@case
def curl_comes_with_id_and_secret():
    who = {"policyRef": {"name": "header-injection"}, "config": {"inboundHeaders": [
        {"key": "x-client", "value": "#[authentication.clientId ++ '/' ++ authentication.clientName]"}]}}
    with Backend(reply(200, "x")) as backend, Gateway([
            api("a", backend, policies=[enforced(BASIC), who]), contract("c")]) as gateway:
        for user, status in ((f"shop:{SECRET}", "200"), ("shop:other", "401"), (f"other:{SECRET}", "401")):
            done = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-u", user,
                       f"http://127.0.0.1:{gateway.port}/"], stdout=subprocess.PIPE, text=True, timeout=20)
            equal(done.stdout, status, user)
        equal(backend.requests[0].get("x-client"), "shop/The shop")
        equal(len(backend.requests), 1)
        equal([r["reason"] for r in gateway.records(3)][1:], ["client_unknown"] * 2)
        equal(gateway.records(3)[0]["clientId"], "shop")


@case
def a_contract_that_goes_is_refused_and_one_that_comes_passes():
    headers = {"client_id": "shop", "client_secret": SECRET}
    with Backend() as backend, Gateway({"api.yaml": [api("a", backend, policies=[enforced(HEADER)])]}) as gateway:
        equal(gateway.get("/", headers).status, 401)
        gateway.write("contract.yaml", [contract("c")])
        wait_for(lambda: gateway.get("/", headers).status == 200, "the contract")
        gateway.write("contract.yaml", [contract("c", secret="another-secret")])
        wait_for(lambda: gateway.get("/", headers).status == 401, "its new secret")
        gateway.remove("contract.yaml")
        wait_for(lambda: gateway.get("/", {**headers, "client_secret": "another-secret"}).status == 401,
                 "its end")


@case
def nothing_that_is_written_shows_a_secret():
    texts = {"queryParams['key']": "/?key=" + SECRET, 'queryParams[ "key" ]': "/?key=" + SECRET,
             "queryParams.key": "/?a=1&key=" + SECRET}
    with Backend() as backend:
        documents = [api(f"a{i}", backend, policies=[enforced({
            "clientIdExpression": "#[attributes.headers['client_id']]",
            "clientSecretExpression": f"#[attributes.{text}]"})]) for i, text in enumerate(texts)]
        with Gateway(documents + [contract("c", api="a0")], options=["--log-level", "debug"]) as gateway:
            for port, target in zip(gateway.ports, texts.values()):
                gateway.get(target, {"client_id": "shop"}, port=port)
            equal({r["target"].split("key=")[1] for r in gateway.records(3)}, {"***"})
            equal([r["status"] for r in gateway.records(3)], [200, 401, 401])
            check(SECRET not in gateway.error_text(), "the log has a secret")


@case
def ten_thousand_contracts():
    contracts = [contract(f"c{i}", client_id=f"client-{i}", secret=f"secret-{i}") for i in range(10000)]
    with Backend() as backend, Gateway({
            "api.yaml": [api("a", backend, policies=[enforced(HEADER)])], "contracts.yaml": contracts}) as gateway:
        for i in (0, 4711, 9999):
            equal(gateway.get("/", {"client_id": f"client-{i}", "client_secret": f"secret-{i}"}).status, 200)
        equal(gateway.get("/", {"client_id": "client-1", "client_secret": "secret-2"}).status, 401)


main()
