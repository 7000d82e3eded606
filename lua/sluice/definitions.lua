-- SPDX-License-Identifier: Apache-2.0
-- Policy definitions: of the plugins, from their ELF notes, and of the built-ins.
--
-- Schemas are closed: an object that declares properties takes no others unless it says so, since a
-- mistyped setting that is ignored is a setting that is not in force.
local nodes = require("sluice.nodes")
local documents = require("sluice.documents")
local schema = require("sluice.schema")
local targets = require("sluice.targets")

local definitions = {}

definitions.stages = {
	"edge", "authn", "authz", "validate", "quota", "cache", "transform", "route", "observe",
}

local mode = { type = "string", enum = { "none", "observe", "stream", "buffer" } }

local body = {
	type = "map",
	required = { "mode" },
	fields = { mode = mode, max = { type = "integer", min = 1 }, from = { type = "string" } },
}

local shape = {
	type = "map",
	required = { "apiVersion", "kind", "metadata", "spec" },
	fields = {
		apiVersion = { type = "string", enum = { "gateway.sluice.dev/v1" } },
		kind = { type = "string", enum = { "PolicyDefinition" } },
		metadata = {
			type = "map",
			required = { "name" },
			fields = {
				name = documents.name_shape,
				title = { type = "string" },
				description = { type = "string" },
				version = { type = "string" },
			},
		},
		spec = {
			type = "map",
			required = { "stage", "configuration" },
			fields = {
				stage = { type = "string", enum = definitions.stages },
				requestBody = body,
				responseBody = body,
				bodyWhenPayload = mode,
				literal = { type = "list", of = { type = "string" } },
				configuration = { type = "object" },
			},
		},
	},
}

-- Sub-schemas that describe another value; those that describe the same one (allOf, if, ...) see the
-- members that their parent declares, and must not refuse them.
local nested_maps = { properties = true, patternProperties = true, ["$defs"] = true,
	definitions = true }
local nested = { items = true, additionalProperties = true, contains = true }
local alternatives = { oneOf = true, anyOf = true, prefixItems = true }

local close

local function close_each(map)
	local out = nodes.map(map)
	for key, member in nodes.pairs(map) do
		nodes.put(out, key, close(member))
	end
	return out
end

local function close_elements(list)
	local out = nodes.list(list)
	for i, element in ipairs(list) do
		out[i] = close(element)
	end
	return out
end

close = function(node)
	if node.type ~= "map" then
		return node
	end
	local out = nodes.map(node)
	local has_properties = nodes.is(node.members.properties, "map")
	for key, member in nodes.pairs(node) do
		if nested_maps[key] and member.type == "map" then
			member = close_each(member)
		elseif nested[key] then
			member = close(member)
		elseif alternatives[key] and member.type == "list"
			and (key == "prefixItems" or not has_properties) then
			member = close_elements(member)
		end
		nodes.put(out, key, member)
	end
	if has_properties and not out.members.additionalProperties then
		nodes.put(out, "additionalProperties", nodes.boolean(node, false))
	end
	return out
end

definitions.close = close

local function read_body(spec, key)
	local node = nodes.get(spec, key)
	return { mode = nodes.text(node, "mode") or "none", max = nodes.value(node, "max", "integer"),
		from = nodes.text(node, "from") }
end

-- The names of the configuration's members whose dollars are their own.
local function read_literal(spec)
	local set = {}
	for _, name in ipairs(nodes.get(spec, "literal") or {}) do
		if name.type == "string" then
			set[name.value] = true
		end
	end
	return set
end

local function read_one(root, plugin, report)
	local owner = {}
	for _, mistake in ipairs(root.mistakes or {}) do
		report:error(mistake, "", mistake.message, owner)
	end
	local spec = nodes.get(root, "spec")
	local definition = {
		node = root,
		plugin = plugin,
		name = nodes.text(nodes.get(root, "metadata"), "name"),
		stage = nodes.text(spec, "stage") or "edge",
		request_body = read_body(spec, "requestBody"),
		response_body = read_body(spec, "responseBody"),
		when_payload = nodes.text(spec, "bodyWhenPayload") or "none",
		literal = read_literal(spec),
	}
	if not schema.check(report, owner, root, shape, "") or root.mistakes then
		definition.broken = true
		return definition
	end
	local configuration = nodes.get(spec, "configuration")
	definition.names_services = targets.are_in(configuration)
	local compiled, message = report.host.schema(close(configuration))
	definition.schema = compiled
	if not compiled then
		report:error(configuration, "spec.configuration", message, owner)
		definition.broken = true
	end
	return definition
end

local function add(found, definition, report)
	local name = definition.name
	if not name then
		return
	end
	local first = found.by_name[name]
	if first then
		report:warning(definition.node, "metadata.name", 'policy "' .. name .. '" is provided twice; '
			.. "that of " .. first.node.file .. " is taken")
		return
	end
	found.by_name[name] = definition
	found.names[#found.names + 1] = name
end

-- {by_name, names, plugin_by_path}. Built-ins come first: no plugin can take their names.
function definitions.load(builtins, plugins, report)
	local found = { by_name = {}, names = {}, plugin_by_path = {} }
	for _, root in ipairs(builtins) do
		add(found, read_one(root, nil, report), report)
	end
	for _, plugin in ipairs(plugins) do
		found.plugin_by_path[plugin.path or ""] = plugin
		for _, root in ipairs(plugin.documents) do
			add(found, read_one(root, plugin, report), report)
		end
	end
	return found
end

return definitions
