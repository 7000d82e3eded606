-- SPDX-License-Identifier: Apache-2.0
-- The users' scripts: what they see of the configuration, and carrying out what they ask for.
--
-- Each runs in a state of its own (core/config/script.c) and gets copies; it sees what the scripts
-- before it did. A script that fails may be one that adds a login: the plan is incomplete then.
local nodes = require("sluice.nodes")
local bind = require("sluice.bind")
local order = require("sluice.order")
local rules = require("sluice.rules")
local schema = require("sluice.schema")
local api_instance = require("sluice.kinds.api_instance")
local vendor = require("sluice.vendor")

local scripts = {}

local shape = {
	type = "map",
	required = { "policyRef" },
	fields = {
		policyRef = api_instance.policy_ref_shape,
		config = { type = "object" },
		order = { type = "integer", min = -2147483648, max = 2147483646 },
		rules = rules.shape,
	},
}

-- Scripts come after all documents.
local INDEX_FIRST = 1e9

-- --- what a script sees ---------------------------------------------------------------------------

local function plain(node)
	if node == nil or node.type == "null" then
		return nil
	end
	local out = {}
	if node.type == "list" then
		for i, element in ipairs(node) do
			out[i] = plain(element)
		end
	elseif node.type == "map" then
		for key, member in nodes.pairs(node) do
			out[key] = plain(member)
		end
	else
		return node.value
	end
	return out
end

local function policy_view(entry)
	local binding = entry.binding
	local at = binding.node or binding
	return { id = entry.id, policy = entry.policy, stage = entry.stage, order = binding.order,
		source = binding.source, file = at.file, line = at.line,
		binding = binding.source ~= "inline" and binding.resource.name or nil }
end

local function service_view(service)
	local address = service.address or {}
	return { id = service.id, name = service.name, namespace = service.namespace,
		scheme = address.scheme, host = address.host, port = address.port, unix = address.unix }
end

local function services_of(api)
	local found, seen = {}, {}
	local function add(service)
		if not seen[service] then
			seen[service] = true
			found[#found + 1] = service_view(service)
		end
	end
	for _, routes in ipairs({ api.inline_routes, api.bound_routes }) do
		for _, route in ipairs(routes) do
			for _, destination in ipairs(route.destinations) do
				add(destination.service)
			end
			if route.mirror then
				add(route.mirror.service)
			end
		end
	end
	return found
end

local function api_view(api)
	local address = api.address or {}
	local view = { id = api.id, name = api.name, namespace = api.namespace, labels = {},
		address = nodes.text(api.spec, "address"), scheme = address.scheme, host = address.host,
		port = address.port, base_path = api.base_path, file = api.file, line = api.line,
		policies = {}, services = services_of(api), builtins = api.builtins }
	for key, value in pairs(api.labels) do
		view.labels[key] = value
	end
	for i, entry in ipairs(order.sorted(api.entries)) do
		view.policies[i] = policy_view(entry)
	end
	return view
end

local function find_entry(api, id)
	for _, entry in ipairs(api.entries) do
		if entry.id == id then
			return entry
		end
	end
end

local function sorted_apis(state)
	local apis, index = {}, {}
	for _, api in ipairs(state.found.ApiInstance.list) do
		if not api.duplicate_of then
			apis[#apis + 1] = api
		end
	end
	table.sort(apis, function(a, b)
		return a.id < b.id
	end)
	for i, api in ipairs(apis) do
		index[api.id] = i
	end
	return apis, index
end

local function world_of(state)
	local apis, index = sorted_apis(state)
	local world = { count = #apis }
	function world.api(i)
		return api_view(apis[i])
	end
	function world.index(name)
		return index[name] or index["default/" .. name]
	end
	function world.config(i, id)
		local entry = find_entry(apis[i], id)
		return plain(entry and entry.binding.config) or {}
	end
	function world.stage(policy)
		local definition = state.definitions.by_name[vendor.plain_name(policy)]
		return definition and definition.stage
	end
	return world, apis
end

-- --- what it asks for -----------------------------------------------------------------------------

local function place(node, file)
	node.file, node.column = file, 1
	if node.type == "list" then
		for _, element in ipairs(node) do
			place(element, file)
		end
	elseif node.type == "map" then
		for _, member in pairs(node.members) do
			place(member, file)
		end
	end
	return node
end

local function at_line(script, action)
	return { file = script.file, line = action.line, column = 1 }
end

local function by(script, action)
	return script.file .. ":" .. action.line
end

local apply = {}

function apply.bind(action, script, api, state)
	local node = place(action.node, script.file)
	local resource = { kind = "Script", id = script.file, name = script.file,
		namespace = api.namespace, file = script.file, line = action.line, column = 1, node = node,
		apis = { api }, index = INDEX_FIRST + script.number, spec = node }
	if not schema.check(state.report, resource, node, shape, "bind") then
		return
	end
	bind.attach_to_api(api, {
		source = "script",
		resource = resource,
		node = node,
		path = "bind",
		ref = nodes.get(node, "policyRef"),
		config = nodes.get(node, "config"),
		rules = nodes.get(node, "rules"),
		order = nodes.value(node, "order", "integer") or 50,
		position = action.number,
	}, state)
end

-- A selector's binding belongs to many APIs: this one gets a copy.
function apply.order(action, script, api)
	local entry = find_entry(api, action.id)
	local copy = {}
	for key, value in pairs(entry.binding) do
		copy[key] = value
	end
	copy.order, copy.ordered_by = action.value, at_line(script, action)
	entry.binding = copy
end

local function place_of(action, api)
	local entry = action.id and find_entry(api, action.id)
	if entry then
		return entry.binding.ref, entry.binding.path
	end
	return nodes.get(nodes.get(api.node, "metadata"), "name") or api, "metadata.name"
end

function apply.refuse(action, script, api, state)
	local at, path = place_of(action, api)
	state.report:error(at, path, action.value .. " (refused by " .. by(script, action) .. ")", api,
		{ apis = { api } })
end

function apply.warn(action, script, api, state)
	local at, path = place_of(action, api)
	state.report:warning(at, path, action.value .. " (" .. by(script, action) .. ")", api,
		{ apis = { api } })
end

local function service_place(action, state)
	local service = state.services.by_id[action.service]
	return service.address_node or service, service.inline_of or service
end

function apply.refuse_service(action, script, _, state)
	local at, owner = service_place(action, state)
	state.report:error(at, "address", action.value .. " (refused by " .. by(script, action) .. ")",
		owner)
end

function apply.warn_service(action, script, _, state)
	local at, owner = service_place(action, state)
	state.report:warning(at, "address", action.value .. " (" .. by(script, action) .. ")", owner)
end

function apply.note(action, script, _, state)
	state.report:warning(at_line(script, action), "", action.value)
end

-- --- all ----------------------------------------------------------------------------------------

local function fail(script, line, message, state)
	state.is_incomplete = true
	state.report:error({ file = script.file, line = line, column = 1 }, "",
		"the script fails, and nobody knows what it would have bound: " .. message, nil,
		{ apis = state.found.ApiInstance.list })
end

local function run(script, state)
	local world, apis = world_of(state)
	local actions, message, line = state.host.run_script(script.file, script.text, world)
	if not actions then
		return fail(script, line, message, state)
	end
	for number, action in ipairs(actions) do
		action.number = number
		apply[action.kind](action, script, apis[action.api], state)
	end
end

-- In the order of their paths; `list` has {file, text}.
function scripts.run(list, state)
	for number, script in ipairs(list or {}) do
		script.number = number
		run(script, state)
	end
end

return scripts
