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

-- Alone, what another one would be taken for is a mistake; and so is what stands twice, to everybody.
local function judge(...)
	local found = definitions.judge({ plugins = { { name = "p", documents = { ... } } } },
		setmetatable({ builtins = { definition("route") } }, { __index = support.host }))
	local out = {}
	for i, finding in ipairs(found) do
		equal(finding.severity, "error")
		out[i] = finding.path .. ": " .. finding.message
	end
	return out
end

equal(judge(definition("a")), {})
equal(judge(definition("route")), { 'metadata.name: policy "route" is provided twice; that of f.yaml is taken' })
equal(judge(definition("a"), definition("a")), {
	'metadata.name: policy "a" is defined twice; first at f.yaml:1' })
found = load({ { name = "p", documents = { definition("a"), definition("a") } } })
equal(found.by_name.a.broken, true)

-- What a schema says wrong has its place in it; of names that begin like pointers, too.
local function of_schema(properties)
	return judge(definition("a", { configuration = { type = "object", properties = properties } }))
end

equal(of_schema({ x = { maximun = 1 } }), {
	'spec.configuration.properties.x.maximun: unknown keyword "maximun"; did you mean "maximum"?' })
equal(of_schema({ ["x/y"] = { anyOf = { { type = "strin" } } } }), {
	"spec.configuration.properties.x/y.anyOf[0].type: expected null, boolean, integer, number, string, array or "
		.. "object" })
equal(of_schema({ ["x: y"] = { type = 1 } })[1]:match("^spec.configuration: #/properties/x: y/type: ") ~= nil, true)
equal(of_schema({ x = { type = "object", properties = { y = { type = "integer", default = 1.5 } } } }), {
	"spec.configuration.properties.x.properties.y.default: does not fit its own schema: expected an integer, found "
		.. "the number 1.5" })
equal(judge(definition("a", { literal = { "sript" }, configuration = { properties = { script = {} } } })), {
	'spec.literal[0]: there is no property "sript"; did you mean "script"?' })

-- What is no name at all is told, too, and ends nothing.
for _, wrong in ipairs({ true, 1.5, { 1 }, { a = 1 } }) do
	equal(#judge(definition("a", { literal = { wrong } })) > 0, true)
	equal(#judge(definition("a", { configuration = { properties = { x = {} }, required = { wrong } } })) > 0, true)
end
