-- SPDX-License-Identifier: Apache-2.0
local definitions = require("sluice.definitions")
local equal, tree, plain = support.equal, support.tree, support.plain

local function closed(value)
	return plain(definitions.close(tree(value)))
end

-- Objects that declare properties take no others, at every level; those that say otherwise do.
local a = closed({ type = "object", properties = { x = { type = "object", properties = { y = {} } },
	z = { type = "array", items = { properties = { w = {} } } } } })
equal(a.additionalProperties, false)
equal(a.properties.x.additionalProperties, false)
equal(a.properties.z.items.additionalProperties, false)
equal(closed({ properties = { x = {} }, additionalProperties = true }).additionalProperties, true)
equal(closed({ type = "object" }).additionalProperties, nil)

-- What looks at the same object again is left open; alternatives that stand alone are closed.
local b = closed({ properties = { x = {} }, allOf = { { properties = { x = {} } } },
	["if"] = { properties = { x = {} } }, oneOf = { { properties = { x = {} } } } })
equal(b.allOf[1].additionalProperties, nil)
equal(b["if"].additionalProperties, nil)
equal(b.oneOf[1].additionalProperties, nil)
equal(closed({ oneOf = { { properties = { x = {} } } } }).oneOf[1].additionalProperties, false)

local function definition(name, more)
	local spec = { stage = "quota", configuration = { type = "object" } }
	for key, value in pairs(more or {}) do
		spec[key] = value
	end
	return tree({ apiVersion = "gateway.sluice.dev/v1", kind = "PolicyDefinition",
		metadata = { name = name }, spec = spec })
end

local function load(plugins)
	local report = support.report()
	return definitions.load({ definition("route") }, plugins, report),
		support.messages(report)
end

local found, messages = load({ { name = "p", documents = { definition("a"), definition("b") } } })
equal(messages, {})
equal(found.names, { "route", "a", "b" })
equal(found.by_name.b.plugin.name, "p")
equal(found.by_name.route.plugin, nil)

-- The first stands.
found, messages = load({ { name = "p", documents = { definition("a") } },
	{ name = "q", documents = { definition("a"), definition("route") } } })
equal(found.by_name.a.plugin.name, "p")
equal(#messages, 2)

-- A definition with a mistake is known, and known to be broken.
found, messages = load({ { name = "p", documents = { definition("a", { stage = "quotas" }) } } })
equal(found.by_name.a.broken, true)
equal(messages[1]:match('did you mean "quota"') ~= nil, true)
