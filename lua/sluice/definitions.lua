-- SPDX-License-Identifier: Apache-2.0
-- Policy definitions: of the plugins, from their ELF notes, and of the built-ins.
--
-- Schemas are closed: an object that declares properties takes no others unless it says so, since a
-- mistyped setting that is ignored is a setting that is not in force.
local nodes = require("sluice.nodes")
local diagnose = require("sluice.diagnose")
local schema = require("sluice.schema")
local targets = require("sluice.targets")

local definitions = {}

definitions.stages = {
	"edge", "authn", "authz", "validate", "quota", "cache", "transform", "route", "observe",
}

-- As the gateway takes them from a plugin's descriptor; the version is a part of a pack's name, too.
local WORD_BYTES_MAX = 64
local NAME = "^[a-z0-9._-]+$"
local VERSION = "^[%w][%w.+_-]*$"

local function word(form, expected)
	local function check(text)
		if #text > WORD_BYTES_MAX then
			return "has at most " .. WORD_BYTES_MAX .. " characters"
		end
		if not text:match(form) then
			return "expected " .. expected .. ', found "' .. text .. '"'
		end
	end
	return { type = "string", check = check, form = form, max = WORD_BYTES_MAX }
end

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
				name = word(NAME, 'small letters, digits, ".", "_" and "-"'),
				title = { type = "string" },
				description = { type = "string" },
				version = word(VERSION, "a version such as 1.0.0"),
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

-- --- what a schema says wrong --------------------------------------------------------------------

local function unescape(token)
	return (token:gsub("~1", "/"):gsub("~0", "~"))
end

-- The node at a JSON pointer, "#/properties/a", and its path; nil where none is, as for references.
local function at_pointer(node, pointer, path)
	for token in pointer:gmatch("/([^/]*)") do
		local name = unescape(token)
		local index = node.type == "list" and tonumber(name)
		node = index and node[index + 1] or nodes.get(node, name)
		if not node then
			return nil
		end
		path = index and path .. "[" .. name .. "]" or path .. "." .. name
	end
	return node, path
end

-- `message` begins with the place in the schema, as core/json writes it.
local function tell_schema(configuration, message, report, owner)
	local pointer, sentence = message:match("^#(.-): (.*)$")
	local node, path
	if pointer then
		node, path = at_pointer(configuration, pointer, "spec.configuration")
	end
	if not node then
		return report:error(configuration, "spec.configuration", message, owner)
	end
	local keyword = sentence:match('^unknown keyword "(.-)"')
	local member = keyword and nodes.get(node, keyword)
	if member then
		return report:error(member, path .. "." .. keyword, sentence, owner, { at_key = true })
	end
	report:error(node, path, sentence, owner)
end

-- A default that its own schema refuses would come to the policy as if somebody had checked it.
local function check_defaults(definition, configuration, report, owner)
	for _, wrong in ipairs(report.host.schema_defaults(definition.schema)) do
		local node, path = at_pointer(configuration, wrong.pointer:sub(2), "spec.configuration")
		local inner = wrong.path ~= "" and wrong.path .. ": " or ""
		report:error(node or configuration, path or "spec.configuration",
			"does not fit its own schema: " .. inner .. wrong.message, owner)
		definition.broken = true
	end
end

local function names_of(configuration)
	local names = {}
	for name in nodes.pairs(nodes.get(configuration, "properties")) do
		names[#names + 1] = name
	end
	return names
end

-- What the definition says of members that its schema does not know is a slip of the pen. What is no name
-- is told elsewhere.
local function check_member(node, path, configuration, report, owner)
	local properties = nodes.get(configuration, "properties")
	if not nodes.is(node, "string") or not properties or nodes.get(properties, node.value)
		or nodes.get(configuration, "patternProperties") then
		return true
	end
	report:error(node, path, 'there is no property "' .. node.value .. '"'
		.. report:nearest(node.value, names_of(configuration)), owner)
	return false
end

-- Of a closed object that has to have what it must not have, there is none.
local function check_required(node, path, report, owner)
	local properties, ok = nodes.get(node, "properties"), true
	local more = nodes.get(node, "additionalProperties")
	local is_open = more and more.value ~= false or nodes.get(node, "patternProperties")
	for i, name in nodes.each(node, "required") do
		if properties and not is_open then
			ok = check_member(name, path .. ".required[" .. i - 1 .. "]", node, report, owner) and ok
		end
	end
	for name, member in nodes.pairs(properties) do
		ok = check_required(member, path .. ".properties." .. name, report, owner) and ok
	end
	local items = nodes.get(node, "items")
	return (not items or check_required(items, path .. ".items", report, owner)) and ok
end

local function check_type(configuration, report, owner)
	local type = nodes.get(configuration, "type")
	if not nodes.is(type, "string") or type.value == "object" then
		return true
	end
	report:error(type, "spec.configuration.type", 'expected "object", which every configuration is, found "'
		.. type.value .. '"', owner)
	return false
end

local function check_members(spec, configuration, report, owner)
	local ok = check_type(configuration, report, owner)
	ok = check_required(configuration, "spec.configuration", report, owner) and ok
	for _, key in ipairs({ "requestBody", "responseBody" }) do
		local from = nodes.get(nodes.get(spec, key), "from")
		ok = check_member(from, "spec." .. key .. ".from", configuration, report, owner) and ok
	end
	for i, name in nodes.each(spec, "literal") do
		ok = check_member(name, "spec.literal[" .. i - 1 .. "]", configuration, report, owner) and ok
	end
	return ok
end

-- --- reading -------------------------------------------------------------------------------------

local function read_one(root, plugin, report)
	local owner = {}
	for _, mistake in ipairs(root.mistakes or {}) do
		report:error(mistake, "", mistake.message, owner)
	end
	local head, spec = nodes.get(root, "metadata"), nodes.get(root, "spec")
	local definition = {
		node = root,
		plugin = plugin,
		name = nodes.text(head, "name"),
		name_node = nodes.get(head, "name"),
		version = nodes.text(head, "version"),
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
	if compiled then
		check_defaults(definition, configuration, report, owner)
	else
		tell_schema(configuration, message, report, owner)
	end
	if not check_members(spec, configuration, report, owner) or not compiled then
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
	if first and first.plugin and first.plugin == definition.plugin then
		first.broken = true -- nobody can say which of them the code means
		report:error(definition.name_node, "metadata.name", 'policy "' .. name
			.. '" is defined twice; first at ' .. diagnose.place(first.name_node), {})
		return
	end
	if first then
		report:warning(definition.name_node, "metadata.name", 'policy "' .. name .. '" is provided twice; '
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

-- What is wrong with one plugin's definitions by themselves: composition with nothing but that plugin.
-- What is a warning there, as another one is taken for it, is an error here: it would never run.
function definitions.judge(input, host)
	local report = diagnose.new(host)
	definitions.load(host.builtins, input.plugins, report)
	local findings = report:finish()
	for _, finding in ipairs(findings) do
		finding.severity = "error"
	end
	return findings
end

return definitions
