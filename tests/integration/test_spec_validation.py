#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An API is what its OpenAPI description says."""
from harness import *

SPEC = """
openapi: 3.0.3
info: {title: Pets, version: "1"}
paths:
  /pets:
    get:
      parameters:
        - {name: limit, in: query, schema: {type: integer, maximum: 100}}
    post:
      requestBody:
        required: true
        content:
          application/json: {schema: {$ref: '#/components/schemas/pet'}}
          application/octet-stream: {}
  /pets/{id}:
    get:
      parameters:
        - {name: id, in: path, required: true, schema: {type: integer}}
        - {name: x-trace, in: header, schema: {type: string, pattern: '^[a-f0-9]+$'}}
components:
  schemas:
    pet:
      type: object
      required: [id, name]
      properties:
        id: {type: integer, readOnly: true}
        name: {type: string, maxLength: 10}
        parent: {$ref: '#/components/schemas/pet'}
"""
JSON = {"content-type": "application/json"}


def described(**more):
    return {"policyRef": {"name": "spec-validation-flex"},
            "config": {"source": "inline", "spec": SPEC, "apiBasePath": "/v1", **more}}


@case
def requests_fit_or_never_reach_the_upstream():
    table = [
        ("GET", "/v1/pets?limit=5", {}, None, 200), ("GET", "/v1/pets?limit=500", {}, None, 400),
        ("GET", "/v1/pets/7", {}, None, 200), ("GET", "/v1/pets/seven", {}, None, 400),
        ("GET", "/v1/pets/7", {"x-trace": "zz"}, None, 400), ("GET", "/v1/cats", {}, None, 400),
        ("DELETE", "/v1/pets", {}, None, 400), ("POST", "/v1/pets", JSON, '{"name":"rex"}', 200),
        ("POST", "/v1/pets", JSON, '{"name":"rex","parent":{"name":5}}', 400),
        ("POST", "/v1/pets", JSON, "{", 400), ("POST", "/v1/pets", JSON, "", 400),
        ("POST", "/v1/pets", {"content-type": "text/plain"}, "rex", 400),
        ("POST", "/v1/pets", {}, '{"name":"rex"}', 400)]
    with Backend(echo) as backend, Gateway([api("a", backend, policies=[described()])]) as gateway:
        for method, target, headers, body, status in table:
            with rows(f"{method} {target} {body}"):
                answer = gateway.request(method, target, headers, body)
                equal(answer.status, status)
                if status == 400:
                    contains(answer.json()["error"], "does not fit the API's description")
        equal(len(backend.requests), len([row for row in table if row[4] == 200]))
        answer = gateway.request("POST", "/v1/pets", JSON, '{"name":"rex","parent":{"name":5}}')
        contains(answer.json()["error"], "body /parent/name (type)")
        check("5" not in answer.text(), "a value is quoted")
        equal(gateway.records(len(table) + 1)[1]["reason"], "spec_violation")


@case
def only_what_a_schema_is_about_is_held():
    body = "z" * (2 << 20)
    with Backend(echo) as backend, Gateway([api("a", backend, policies=[described()])]) as gateway:
        answer = gateway.request(
            "POST", "/v1/pets", {"content-type": "application/octet-stream"}, body, chunked=True)
        equal((answer.status, len(answer.body)), (200, len(body)))
        equal(gateway.request("POST", "/v1/pets", JSON, '{"name":"rex"}', chunked=True).status, 200)


@case
def what_does_not_block_is_logged():
    with Backend(echo) as backend, \
            Gateway([api("a", backend, policies=[described(blockOperation=False)])]) as gateway:
        equal(gateway.get("/v1/pets?limit=500").status, 200)
        equal(gateway.request("POST", "/v1/pets", JSON, "{}").text(), "{}")
        equal(len(backend.requests), 2)
        gateway.says('query parameter \\"limit\\" (maximum)')
        gateway.says("body (required)")


@case
def a_wrong_description_leaves_a_stub_and_says_where():
    wrong = described(spec=SPEC.replace("maxLength", "maxLenght"))
    with Backend(echo) as backend, \
            Gateway([api("a", backend, policies=[wrong])], wait=False) as gateway:
        wait_for(lambda: "maxLenght" in gateway.error_text(), "the error")
        gateway.says("#/components/schemas/pet/properties/name: unknown keyword")
        gateway.says("gateway.yaml:")


main()
