-- SPDX-License-Identifier: Apache-2.0
local bodies = require("sluice.bodies")
local equal, tree = support.equal, support.tree

local host = {
	uses_payload = function(text)
		return text:find("payload", 1, true) ~= nil
	end,
}

local function contracts(config, more)
	local definition = { request_body = { mode = "none" }, response_body = { mode = "none" },
		when_payload = "buffer" }
	for key, value in pairs(more or {}) do
		definition[key] = value
	end
	local request, response = bodies.contracts(definition, tree(config), host)
	return { request and request.mode, response and response.mode, request and request.max }
end

equal(contracts({ a = "x" }), {})
equal(contracts({ a = { "#[payload.x]" } }), { "buffer", "buffer" })
equal(contracts({ a = "#[payload]" }, { when_payload = "none" }), {})
equal(contracts({ a = "x" }, { request_body = { mode = "stream", max = 5 } }), { "stream", nil, 5 })
equal(contracts({ a = "#[payload]" }, { when_payload = "observe", request_body = { mode = "stream" } }),
	{ "stream", "observe" })

-- Logging items say when they run.
local item = { message = "#[payload]", firstSection = true, secondSection = false }
equal(contracts({ items = { item } }), { "buffer" })
item = { message = "#[payload]", firstSection = false, secondSection = true }
equal(contracts({ items = { item } }), { nil, "buffer" })
item = { message = "#[payload]", firstSection = false, secondSection = false }
equal(contracts({ items = { item } }), {})

-- A definition may leave the choice to a member of the configuration.
local free = { request_body = { mode = "none", max = 9, from = "requestBody" } }
equal(contracts({ a = "x" }, free), {})
equal(contracts({ requestBody = { mode = "stream" } }, free), { "stream", nil, 9 })
equal(contracts({ requestBody = { mode = "buffer", maxBytes = 70 } }, free), { "buffer", nil, 70 })
equal(contracts({ requestBody = { mode = "none", maxBytes = 70 } }, free), {})
equal(contracts({ requestBody = { mode = "observe" }, e = "#[payload]" }, free), { "buffer", "buffer", 9 })
equal(contracts({ requestBody = { mode = "nonsense" } }, free), {})
equal(contracts({ requestBody = "stream" }, free), {})
