-- SPDX-License-Identifier: Apache-2.0
-- How many clients may connect, and how much memory the gateway may have: parts of Configuration.
local limits = require("sluice.limits")
local nodes = require("sluice.nodes")

local overload = {}

local CONNECTIONS_MAX = 10000000
-- Less is a mistake in the unit: a gateway with nothing to serve has 8 MiB.
local MEMORY_MIN = 1024 * 1024
local MEMORY_MAX = 2 ^ 50

local names = { "connections", "connectionsPerListener", "connectionsPerAddress" }

-- Of spec.limits. 0 is no limit, except for the whole.
for i, name in ipairs(names) do
	limits.fields[name] = { type = "integer", min = i == 1 and 1 or 0, max = CONNECTIONS_MAX }
end

-- spec.overload.
overload.shape = {
	type = "map",
	fields = { memoryBytes = { type = "integer", min = MEMORY_MIN, max = MEMORY_MAX } },
}

local function put_integer(out, name, map, field)
	local node = nodes.get(map, name)
	local value = nodes.value(map, name, "integer")
	if value and value >= field.min and value <= field.max then
		nodes.put(out, name, node)
	end
end

function overload.read(settings, node)
	settings.overload = nodes.map(node)
	put_integer(settings.overload, "memoryBytes", node, overload.shape.fields.memoryBytes)
end

-- What they are in the plan's settings.
function overload.put(out, settings)
	local admission = nodes.map(settings.limits)
	for _, name in ipairs(names) do
		put_integer(admission, name, settings.limits, limits.fields[name])
	end
	nodes.put(out, "admission", #admission.keys > 0 and admission or nil)
	return nodes.put(out, "overload", settings.overload)
end

return overload
