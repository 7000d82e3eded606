#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scripts of the operator's in a gateway: what they decide, what becomes of the wrong ones, and their reload."""
import json

from harness import *
from harness.cases import TOP
from harness.gateway import PLUGINS


def script(text, **more):
    return {"policyRef": {"name": "lua-script"}, "config": {"script": text, **more}}


TENANTS = """
function request_head(request)
  local zone = config.zones[request.headers:get("x-tenant") or ""]
  if not zone then respond(403, {["x-why"] = "tenant"}, "no", "unknown_tenant") end
  request.headers:set("x-zone", zone)
end
function response_head(request, response)
  response.headers:set("x-script", VERSION)
end
"""


@case
def decides_and_changes_and_is_reloaded():
    def document(version):
        text = TENANTS.replace("VERSION", f'"{version}"')
        return api("a", backend, port=port, policies=[script(text, config={"zones": {"blue": "eu"}})])
    port = free_port()
    with Backend(reply(200, "x")) as backend, Gateway([document("one")], workers=2) as gateway:
        got = gateway.get("/", {"x-tenant": "blue"})
        equal((got.status, got.get("x-script")), (200, "one"))
        equal(backend.requests[0].get("x-zone"), "eu")
        got = gateway.get("/", {"x-tenant": "red"})
        equal((got.status, got.get("x-why"), got.text()), (403, "tenant", "no"))
        equal({r["reason"] for r in gateway.records(2)}, {"ok", "unknown_tenant"})
        gateway.save("gateway.yaml", [document("two")])
        equal(gateway.get("/", {"x-tenant": "blue"}).get("x-script"), "two")


JUDGED = """
function request_head(request)
  local answers = {}
  local function ask(target)
    return function()
      local answer, why = http.request{target = target, method = "POST", path = "/judge?a=1",
        headers = {["x-path"] = request.path}, body = "about it", timeout_ms = 5000}
      return answer and answer.status .. answer.body .. tostring(answer.headers["x-judge"]) or "none"
    end
  end
  local one, other = all{ask("one"), ask("other")}
  request.headers:set("x-judged", one .. " " .. other)
end
"""


@case
def asks_services_of_its_own():
    with Backend(reply(200, "x")) as backend, Backend(reply(204, "", {"X-Judge": "ann"})) as judge:
        targets = {"one": f"http://127.0.0.1:{judge.port}/v1", "other": f"http://127.0.0.1:{free_port()}"}
        with Gateway([api("a", backend, policies=[script(JUDGED, targets=targets)])]) as gateway:
            for _ in range(2):
                equal(gateway.get("/thing").status, 200)
            equal(backend.requests[1].get("x-judged"), "204ann none")
            asked = judge.requests[0]
            equal((asked.method, asked.target, asked.get("x-path"), asked.text()),
                  ("POST", "/v1/judge?a=1", "/thing", "about it"))


def guide(part):
    """The script of docs/sdk/lua.md that has this in it."""
    with open(f"{TOP}/docs/sdk/lua.md") as f:
        return next(b.split("```")[0] for b in f.read().split("```lua\n")[1:] if part in b.split("```")[0])


@case
def the_guides_judge_decides():
    def judge_by_path(connection):
        while request := connection.read_request():
            path = json.loads(request.text())["path"]
            if path == "/silent":
                return connection.reset()
            connection.send(reply(204 if path == "/fine" else 403))
    with Backend(reply(200, "x")) as backend, Backend(judge_by_path) as judge:
        policies = [script(guide("http.request"), targets={"judge": f"http://127.0.0.1:{judge.port}"})]
        with Gateway([api("a", backend, policies=policies)]) as gateway:
            equal([gateway.get(path).status for path in ("/fine", "/other", "/silent")], [200, 403, 503])
            gateway.says("nobody judges: ")


@case
def what_has_no_end_denies_and_others_go_on():
    text = """function request_head(request)
      if request.path == "/evil" then while true do pcall(error) end end
      if request.path == "/more" then local t = {} while true do t[#t + 1] = ("x"):rep(99999) .. #t end end
    end"""
    with Backend(reply(200, "x")) as backend, Gateway(
            [api("a", backend, policies=[script(text, memoryBytes=2097152)])]) as gateway:
        pid = gateway.pid()
        for path in ("/evil", "/more", "/evil"):
            equal(gateway.get(path).status, 503)
            equal(gateway.get("/").status, 200)
        equal(gateway.pid(), pid)


@case
def a_mistake_is_placed_and_closes_its_api():
    with Backend(reply(200, "x")) as backend:
        documents = [api("bad", backend, policies=[script("function log(\nend")]), api("good", backend)]
        with Gateway(documents) as gateway:
            equal(gateway.get("/", port=gateway.ports[0]).status, 503)
            equal(gateway.get("/", port=gateway.ports[1]).status, 200)
            done = sluice("check", gateway.config, "--plugins", PLUGINS)
            equal(done.returncode, 1)
            contains(done.stdout + done.stderr, ": config.script: script:2: ")


main()
