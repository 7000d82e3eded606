-- SPDX-License-Identifier: Apache-2.0
-- spec.http2 of a Configuration: HTTP/2 with clients.
local limits = require("sluice.limits")
local nodes = require("sluice.nodes")

local http2 = {}

-- What a connection may have on its way to us: of a stream, and of all of them.
local WINDOW_MIN = 16384
local WINDOW_MAX = 16777216

local numbers = {
	maxConcurrentStreams = { type = "integer", min = 1, max = 1000 },
	initialWindowSize = { type = "integer", min = WINDOW_MIN, max = WINDOW_MAX },
	initialConnectionWindowSize = { type = "integer", min = 65535, max = WINDOW_MAX },
}
local names = { "maxConcurrentStreams", "initialWindowSize", "initialConnectionWindowSize" }

-- What a connection may cost beyond its requests (core/http/h2_session.h); at fewer than these, clients
-- that mean well would meet them.
local budgets = {
	resets = { type = "integer", min = 10, max = 1000000 },
	resetsPerSecond = { type = "integer", min = 0, max = 1000000 },
	prematureResetsPercent = { type = "integer", min = 1, max = 100 },
	prematureResetsMinimum = { type = "integer", min = 10, max = 500 },
	glitches = { type = "integer", min = 50, max = 1000000 },
	glitchesPerSecond = { type = "integer", min = 0, max = 1000000 },
	continuations = { type = "integer", min = 1, max = 1000 },
	settingsEntries = { type = "integer", min = 10, max = 1000 },
	unsentAcks = { type = "integer", min = 10, max = 100000 },
}
local budget_names = {
	"resets", "resetsPerSecond", "prematureResetsPercent", "prematureResetsMinimum", "glitches",
	"glitchesPerSecond", "continuations", "settingsEntries", "unsentAcks",
}

http2.shape = {
	type = "map",
	fields = {
		enabled = { type = "boolean" },
		windowStallSeconds = limits.seconds(0),
		budgets = { type = "map", fields = budgets },
	},
}
for name, field in pairs(numbers) do
	http2.shape.fields[name] = field
end

function http2.read(settings, node, path, report, resource)
	settings.http2 = node
	local stream = nodes.value(node, "initialWindowSize", "integer")
	local all = nodes.value(node, "initialConnectionWindowSize", "integer")
	if stream and all and stream > all then
		report:error(nodes.get(node, "initialWindowSize"), path .. ".initialWindowSize",
			"more than initialConnectionWindowSize, " .. string.format("%.0f", all) .. ", allows",
			resource)
	end
end

local function put_numbers(out, node, fields, order)
	for _, name in ipairs(order) do
		nodes.put(out, name, limits.usable(nodes.get(node, name), fields[name]))
	end
end

local function budgets_node(node)
	if not nodes.is(node, "map") then
		return nil
	end
	local out = nodes.map(node)
	put_numbers(out, node, budgets, budget_names)
	return out
end

-- settings.http2 of the plan; nil: the defaults.
function http2.node(settings)
	local node = settings.http2
	if not node then
		return nil
	end
	local out = nodes.map(node)
	nodes.put(out, "enabled", nodes.is(nodes.get(node, "enabled"), "boolean")
		and nodes.get(node, "enabled") or nil)
	put_numbers(out, node, numbers, names)
	nodes.put(out, "budgets", budgets_node(nodes.get(node, "budgets")))
	local stall = limits.usable(nodes.get(node, "windowStallSeconds"),
		http2.shape.fields.windowStallSeconds)
	nodes.put(out, "windowStallMs", stall and limits.milliseconds(stall))
	return out
end

return http2
