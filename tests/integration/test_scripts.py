#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Users' scripts: what they bind is in force, what they refuse is closed, and a broken one opens nothing."""
from harness import *

LOGIN = """
for _, api in ipairs(sluice.apis()) do
	if not api:has_stage("authn") then
		api:bind({ policyRef = { name = "http-basic-authentication" },
			config = { username = "ann", password = "secret" } })
	end
end
"""

REFUSAL = """
for _, api in ipairs(sluice.apis()) do
	if api.labels.tier ~= "public" then
		api:refuse("only public APIs may be deployed here")
	end
end
"""


def status_at(port):
    try:
        with Client(port) as client:
            return client.get("/").status
    except (OSError, Closed, TimedOut):
        return None


@case
def what_a_script_binds_is_in_force():
    with Backend(reply(200, "x")) as backend:
        with Gateway({"a.yaml": [api("a", backend)], "login.lua": LOGIN}) as gateway:
            equal(gateway.get("/").status, 401)
            equal(gateway.get("/", headers=[("Authorization", "Basic YW5uOnNlY3JldA==")]).status, 200)
            gateway.remove("login.lua")
            wait_for(lambda: gateway.get("/").status == 200, "an API without the script's policy")


@case
def what_a_script_refuses_is_closed():
    with Backend(reply(200, "x")) as backend:
        with Gateway({"a.yaml": [api("a", backend)]}) as gateway:
            equal(gateway.get("/").status, 200)
            gateway.write("house.lua", REFUSAL)
            wait_for(lambda: gateway.get("/").status == 503, "the refusal")
            problem = gateway.status()["problems"][0]
            equal((problem["file"], problem["line"]), ("a.yaml", problem["line"]))
            check("(refused by house.lua:4)" in problem["message"], problem["message"])


@case
def a_broken_script_leaves_what_served_before():
    with Backend(reply(200, "x")) as backend:
        with Gateway({"a.yaml": [api("a", backend)], "login.lua": LOGIN}) as gateway:
            generation = gateway.status()["generation"]
            gateway.write("login.lua", LOGIN.replace("end\n", "", 1))
            wait_for(lambda: gateway.status()["errors"] > 0, "the mistake")
            problem = gateway.status()["problems"][0]
            equal(problem["file"], "login.lua")
            equal(gateway.status()["generation"], generation)
            equal(gateway.get("/").status, 401)


@case
def a_broken_script_opens_nothing_at_the_first_start():
    with Backend(reply(200, "x")) as backend:
        with Gateway({"a.yaml": [api("a", backend)], "login.lua": "while true do end"},
                     wait=False) as gateway:
            wait_for(lambda: status_at(gateway.port) == 503, "the stub")
            check("too many steps" in gateway.status()["problems"][0]["message"], "the message")


main()
