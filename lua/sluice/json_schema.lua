-- SPDX-License-Identifier: Apache-2.0
-- JSON Schemas of every kind and of every policy's configuration, for editors and for pipelines without a
-- gateway: made from the shapes and the definitions that documents are checked with.
--
-- They say less than the check does: that a text has a form (an address, a regular expression), that a name
-- refers to something, that two values fit each other, is any text, any name, any value to them.
local definitions = require("sluice.definitions")
local descriptions = require("sluice.descriptions")
local diagnose = require("sluice.diagnose")
local documents = require("sluice.documents")
local draft7 = require("sluice.draft7")
local errors = require("sluice.errors")
local limits = require("sluice.limits")
local nodes = require("sluice.nodes")
local rules = require("sluice.rules")
local vendor = require("sluice.vendor")
local api_instance = require("sluice.kinds.api_instance")
local balancing = require("sluice.balancing")
local configuration = require("sluice.kinds.configuration")
local upstream_http2 = require("sluice.upstream_http2")

local json_schema = {}

local shapes = {
	ApiInstance = api_instance.shape,
	Service = require("sluice.kinds.service").shape,
	PolicyBinding = require("sluice.kinds.policy_binding").shape,
	Extension = require("sluice.kinds.extension").shape,
	Configuration = configuration.shape,
	Secret = require("sluice.kinds.secret").shape,
	Contract = require("sluice.kinds.contract").shape,
}

-- Shapes that stand in several places are described once.
local shared = {
	[rules.shape.of] = "rules",
	[balancing.fields.endpoints] = "endpoints",
	[balancing.fields.loadBalancing] = "loadBalancing",
	[balancing.fields.retries] = "retries",
	[balancing.fields.healthCheck] = "healthCheck",
	[balancing.fields.outlierDetection] = "outlierDetection",
	[upstream_http2.shape] = "upstreamHttp2",
	[errors.shape] = "errors",
	[configuration.listener_shape] = "listener",
	[limits.shape] = "limits",
	[limits.api_shape] = "limits",
	[api_instance.policy_ref_shape] = "policyRef",
	[documents.envelope.fields.metadata] = "metadata",
}

-- --- building -----------------------------------------------------------------------------------

-- A Lua value as a node; a table with `[1]` is a list, another one a map in the order of its keys.
local function node_of(value)
	if type(value) == "table" and not value.type then
		if value[1] ~= nil then
			local list = nodes.list(nil)
			for i, element in ipairs(value) do
				list[i] = node_of(element)
			end
			return list
		end
		local names, map = {}, nodes.map(nil)
		for name in pairs(value) do
			names[#names + 1] = name
		end
		table.sort(names)
		for _, name in ipairs(names) do
			nodes.put(map, name, node_of(value[name]))
		end
		return map
	elseif type(value) == "number" then
		return value == math.floor(value) and nodes.integer(nil, value) or { type = "real", value = value }
	elseif type(value) == "boolean" then
		return nodes.boolean(nil, value)
	elseif type(value) == "string" then
		return nodes.string(nil, value)
	end
	return value
end

local function object(...)
	local out = nodes.map(nil)
	local pairs_of = { ... }
	for i = 1, select("#", ...), 2 do
		if pairs_of[i + 1] ~= nil then
			nodes.put(out, pairs_of[i], node_of(pairs_of[i + 1]))
		end
	end
	return out
end

local function ref(name)
	return object("$ref", "#/definitions/" .. name)
end

local function sorted_names(map)
	local names = {}
	for name in pairs(map) do
		names[#names + 1] = name
	end
	table.sort(names)
	return names
end

-- --- shapes -------------------------------------------------------------------------------------

local Writer = {}
Writer.__index = Writer

local convert = {}

function Writer:describe(out, place)
	local found = descriptions.fields[place]
	self.places[#self.places + 1] = place
	if not found then
		return
	end
	local default = found[2]
	if default == nil and not place:find("routes[]", 1, true) then -- without a word of a route the API's holds
		default = self.host.limit_default(place:match("([^.]+)$"))
	end
	nodes.put(out, "description", node_of(found[1]))
	nodes.put(out, "$comment", vendor.has_field(place) and node_of("vendor") or nil)
	nodes.put(out, "default", node_of(default))
end

-- What a shape says, described as `place`.
function Writer:shape(shape, place)
	local out = nodes.map(nil)
	while shape.type == "any" and shape.of do
		shape = shape.of
	end
	self:describe(out, place)
	if convert[shape.type] then
		convert[shape.type](self, out, shape, shared[shape] or place)
	end
	return out
end

function convert.map(w, out, shape, place)
	local properties = nodes.map(nil)
	for _, name in ipairs(sorted_names(shape.fields)) do
		nodes.put(properties, name, w:shape(shape.fields[name], place .. "." .. name))
	end
	nodes.put(out, "type", node_of("object"))
	nodes.put(out, "required", shape.required and node_of(shape.required))
	nodes.put(out, "properties", properties)
	nodes.put(out, "additionalProperties", node_of(false))
end

function convert.dictionary(w, out, shape, place)
	nodes.put(out, "type", node_of("object"))
	nodes.put(out, "additionalProperties", w:shape(shape.of, place .. ".*"))
end

function convert.object(_, out)
	nodes.put(out, "type", node_of("object"))
end

function convert.list(w, out, shape, place)
	nodes.put(out, "type", node_of("array"))
	nodes.put(out, "minItems", node_of(shape.min))
	nodes.put(out, "items", w:shape(shape.of, place .. "[]"))
end

-- Of Lua's patterns in shapes, %w is the only one that others write differently.
function convert.string(_, out, shape)
	nodes.put(out, "type", node_of("string"))
	nodes.put(out, "enum", shape.enum and node_of(shape.enum))
	nodes.put(out, "minLength", not shape.empty and not shape.enum and node_of(1) or nil)
	nodes.put(out, "maxLength", node_of(shape.max))
	nodes.put(out, "pattern", shape.form and node_of((shape.form:gsub("%%w", "A-Za-z0-9"))))
end

function convert.integer(_, out, shape)
	nodes.put(out, "type", node_of(shape.type))
	nodes.put(out, "minimum", node_of(shape.min))
	nodes.put(out, "maximum", node_of(shape.max))
end

convert.number = convert.integer

function convert.boolean(_, out)
	nodes.put(out, "type", node_of("boolean"))
end

-- --- policies -----------------------------------------------------------------------------------

local function policy_place(name)
	return "policy." .. name
end

-- The configuration of a policy, with its title.
local function policy_schema(definition, defs)
	local name = definition.name
	local spec = nodes.get(definition.node, "spec")
	local head = nodes.get(definition.node, "metadata")
	local made = draft7.convert(definitions.close(nodes.get(spec, "configuration")),
		policy_place(name) .. ".", defs)
	local out = object("title", nodes.text(head, "title") or name, "description",
		nodes.text(head, "description"))
	for key, member in nodes.pairs(made) do
		nodes.put(out, key, member)
	end
	return out
end

-- Of an object with policyRef and config: what config is by policyRef.name.
local function config_by_name(found)
	local out = nodes.list(nil)
	for _, name in ipairs(found.names) do
		local definition = found.by_name[name]
		if not definition.broken then
			local is_named = object("required", { "policyRef" }, "properties", object("policyRef", object(
				"required", { "name" }, "properties", object("name", object("enum", { name, name .. "-flex" })))))
			local configuration_node = nodes.get(nodes.get(definition.node, "spec"), "configuration")
			local needs = nodes.get(configuration_node, "required")
			out[#out + 1] = object("if", is_named, "then", object(
				"required", needs and #needs > 0 and { "config" } or nil,
				"properties", object("config", ref(policy_place(name)))))
		end
	end
	return out
end

-- Completions: the names that are there, and any other.
local function offer_names(schema, found)
	local name = nodes.get(nodes.get(nodes.get(nodes.get(schema, "properties"), "policyRef"),
		"properties"), "name")
	local plain = {}
	for _, each in ipairs(found.names) do
		plain[#plain + 1] = each
	end
	nodes.put(name, "anyOf", node_of({ object("enum", plain), object("minLength", 1) }))
end

local function bind_policies(schema, found)
	offer_names(schema, found)
	nodes.put(schema, "allOf", config_by_name(found))
end

-- --- kinds --------------------------------------------------------------------------------------

-- What a target needs depends on its kind.
local function target_by_kind(spec)
	local target = nodes.get(nodes.get(spec, "properties"), "targetRef")
	local is_named = object("required", { "kind" }, "properties",
		object("kind", object("const", "Selector")))
	local is_meant = object("required", { "selector" }, "not", object("required", { "kind" }))
	nodes.put(target, "if", object("anyOf", { is_named, is_meant }))
	nodes.put(target, "then", object("required", { "selector" }, "properties", object("name", false)))
	nodes.put(target, "else", object("required", { "name" }, "properties", object("selector", false)))
end

local adjust = {}

local function below(schema, ...)
	for _, name in ipairs({ ... }) do
		schema = nodes.get(nodes.get(schema, "properties"), name)
	end
	return schema
end

-- Settings that are those of tls-outbound.
local function be_outbound(schema)
	nodes.put(schema, "allOf", node_of({ ref(policy_place("tls-outbound")) }))
end

-- A service has an address or endpoints.
function adjust.Service(spec)
	be_outbound(below(spec, "forwardProxy", "tls"))
	nodes.put(spec, "oneOf", node_of({ object("required", { "address" }),
		object("required", { "endpoints" }) }))
end

function adjust.ApiInstance(spec, found)
	local properties = nodes.get(spec, "properties")
	bind_policies(nodes.get(nodes.get(properties, "policies"), "items"), found)
	adjust.Service(nodes.get(nodes.get(properties, "services"), "additionalProperties"))
end

function adjust.PolicyBinding(spec, found)
	bind_policies(spec, found)
	target_by_kind(spec)
end

function adjust.Configuration(spec)
	be_outbound(below(spec, "defaultTLS", "outboundPolicyCalls"))
	be_outbound(below(spec, "forwardProxy", "https", "tls"))
	be_outbound(below(spec, "sharedStorage", "redis", "tls"))
end

function adjust.Secret(spec)
	nodes.put(spec, "anyOf", node_of({ object("required", { "tls" }), object("required", { "data" }) }))
end

local function kind_schema(w, kind, found)
	local envelope = documents.envelope
	local out = object("title", kind, "description", descriptions.kinds[kind])
	local spec = w:shape(shapes[kind], kind)
	if adjust[kind] then
		adjust[kind](spec, found)
	end
	local properties = nodes.map(nil)
	for _, name in ipairs(envelope.required) do
		nodes.put(properties, name, w:shape(envelope.fields[name], "document." .. name))
	end
	nodes.put(nodes.get(properties, "kind"), "enum", node_of({ kind }))
	nodes.put(properties, "spec", spec)
	nodes.put(out, "type", node_of("object"))
	nodes.put(out, "required", node_of(envelope.required))
	nodes.put(out, "properties", properties)
	return nodes.put(out, "additionalProperties", node_of(false))
end

-- --- files --------------------------------------------------------------------------------------

local function with_head(schema, defs)
	local out = object("$schema", "http://json-schema.org/draft-07/schema#")
	for key, member in nodes.pairs(schema) do
		nodes.put(out, key, member)
	end
	return nodes.put(out, "definitions", #defs.keys > 0 and defs or nil)
end

local function put_policies(defs, found, names)
	draft7.references(defs)
	for _, name in ipairs(names) do
		if not found.by_name[name].broken then
			nodes.put(defs, policy_place(name), policy_schema(found.by_name[name], defs))
		end
	end
end

-- Any document: its kind says which.
local function whole(w, found)
	local defs, by_kind = nodes.map(nil), nodes.list(nil)
	put_policies(defs, found, found.names)
	for i, kind in ipairs(documents.kinds) do
		nodes.put(defs, kind, kind_schema(w, kind, found))
		by_kind[i] = object("if", object("required", { "kind" }, "properties",
			object("kind", object("const", kind))), "then", ref(kind))
	end
	return with_head(object(
		"title", "Sluice",
		"description", "A document of a gateway's configuration.",
		"type", "object",
		"required", documents.envelope.required,
		"properties", object(
			"apiVersion", w:shape(documents.envelope.fields.apiVersion, "document.apiVersion"),
			"kind", w:shape(documents.envelope.fields.kind, "document.kind")),
		"allOf", by_kind), defs)
end

local function one_kind(w, kind, found)
	local defs = nodes.map(nil)
	if kind == "ApiInstance" or kind == "PolicyBinding" then
		put_policies(defs, found, found.names)
	elseif kind == "Configuration" or kind == "Service" then
		put_policies(defs, found, { "tls-outbound" })
	end
	return with_head(kind_schema(w, kind, found), defs)
end

local function one_policy(definition)
	local defs = nodes.map(nil)
	draft7.references(defs)
	return with_head(policy_schema(definition, defs), defs)
end

local function names_of(found)
	local names = { "sluice" }
	for _, kind in ipairs(documents.kinds) do
		names[#names + 1] = kind
	end
	for _, name in ipairs(found.names) do
		if not found.by_name[name].broken then
			names[#names + 1] = "policies/" .. name
		end
	end
	return names
end

-- The names of all schemas, as a list; with a name, that schema. nil and a message when there is none.
function json_schema.make(found, name, host)
	local w = setmetatable({ host = host, places = {} }, Writer)
	local plain = name and name:gsub("^policies/", "")
	if not name then
		return node_of(names_of(found)), w.places
	elseif name == "sluice" then
		return whole(w, found), w.places
	elseif shapes[name] then
		return one_kind(w, name, found), w.places
	end
	local definition = found.by_name[plain] or found.by_name[(plain:gsub("%-flex$", ""))]
	if definition and not definition.broken then
		return one_policy(definition), w.places
	end
	local near = host.nearest(name, names_of(found)) or host.nearest("policies/" .. name, names_of(found))
	return nil, 'no kind and no policy "' .. name .. '"'
		.. (near and '; did you mean "' .. near:gsub("^policies/", "") .. '"?' or "")
end

function json_schema.run(input, host)
	local report = diagnose.new(host)
	local found = definitions.load(host.builtins, input.plugins, report)
	table.sort(found.names)
	local made, message = json_schema.make(found, input.name, host)
	return made, made and "" or message, report:finish()
end

return json_schema
