-- SPDX-License-Identifier: Apache-2.0
-- Composing APIs apart: each file that holds nothing but ApiInstances, against what all of them share
-- (definitions, bindings, services, secrets, settings), so that only one file's trees are in memory.
--
-- What becomes of a file is kept only where nothing at all is to be said about it: then it depends on
-- its own text and on what is shared, and on no other API. Whoever is bound a tls, has a policy that
-- did not compile, or is part of a warning that is told once, is composed with the others.
local bind = require("sluice.bind")
local calls = require("sluice.calls")
local diagnose = require("sluice.diagnose")
local documents = require("sluice.documents")
local ghosts = require("sluice.ghosts")
local order = require("sluice.order")
local outward = require("sluice.outward")
local plan = require("sluice.plan")
local upstream_http2 = require("sluice.upstream_http2")
local api_instance = require("sluice.kinds.api_instance")
local service = require("sluice.kinds.service")

local apart = {}

-- --- what is shared -----------------------------------------------------------------------------

local function add_target(map, id, binding)
	map[id] = map[id] or {}
	table.insert(map[id], binding)
end

local function index_bindings(world)
	world.selectors, world.of_api, world.of_service = {}, {}, {}
	for i, binding in ipairs(world.found.PolicyBinding.list) do
		binding.number = i
		if binding.target_kind == "Selector" then
			table.insert(world.selectors, binding)
		elseif binding.target_name then
			local map = binding.target_kind == "Service" and world.of_service or world.of_api
			add_target(map, bind.target_id(binding), binding)
		end
	end
end

-- `state` is that of a composition without any API (compose.lua).
function apart.world(state)
	local world = { host = state.host, settings = state.settings, definitions = state.definitions,
		found = state.found, services = state.services.by_id, called = state.called }
	world.service_index = { __index = world.services }
	index_bindings(world)
	return world
end

-- --- one file -----------------------------------------------------------------------------------

local function new_state(world, found)
	local own = { host = world.host, report = diagnose.new(world.host), ties = {},
		settings = world.settings, definitions = world.definitions, found = {},
		services = { list = {}, by_id = setmetatable({}, world.service_index) },
		called = world.called }
	for _, kind in ipairs(documents.kinds) do
		own.found[kind] = world.found[kind]
	end
	own.found.ApiInstance = found.ApiInstance
	return own
end

-- False: something is to be said.
local function take_services(state, api)
	for _, made in ipairs(api.inline_services) do
		service.link(made, state)
		if state.services.by_id[made.id] or not made.address then
			return false
		end
		state.services.by_id[made.id] = made
		table.insert(state.services.list, made)
	end
	return true
end

local function by_number(a, b)
	return a.number < b.number
end

-- The shared bindings that concern an API or its services, each with its target, in their order.
local function attach_shared(world, api, state)
	local found, targets = {}, {}
	for _, binding in ipairs(world.selectors) do
		if bind.is_selected(api, binding) then
			found[#found + 1], targets[binding] = binding, api
		end
	end
	for _, binding in ipairs(world.of_api[api.id] or {}) do
		found[#found + 1], targets[binding] = binding, api
	end
	for _, made in ipairs(api.inline_services) do
		for _, binding in ipairs(world.of_service[made.id] or {}) do
			found[#found + 1], targets[binding] = binding, made
		end
	end
	table.sort(found, by_number)
	for _, binding in ipairs(found) do
		if targets[binding] == api then
			bind.attach_to_api(api, binding, state)
		else
			bind.attach_to_service(targets[binding], binding, state)
		end
		if not binding.compiled then
			return false
		end
	end
	return true
end

-- False: it has a mistake.
local function add_use(uses, service)
	if service.broken or service.duplicate_of or not service.address then
		return false
	end
	if not uses.seen[service] then
		uses.seen[service] = true
		uses[#uses + 1] = service.id
	end
	return true
end

-- Of a route. False: what is said of add_use, or others call it otherwise.
local function add_way(uses, service, state)
	return calls.is_routes_alone(service, state) and add_use(uses, service)
end

-- The services of its policies and its routes; nil: one of them has to be seen with the others.
local function uses_of(api, state)
	local uses = { seen = {} }
	for _, entry in ipairs(api.chain) do
		for _, target in ipairs(entry.targets) do
			if not add_use(uses, target.service) then
				return nil
			end
		end
	end
	for _, route in ipairs(api.routes) do
		for _, destination in ipairs(route.destinations) do
			if not add_way(uses, destination.service, state) then
				return nil
			end
		end
		if route.mirror and not add_way(uses, route.mirror.service, state) then
			return nil
		end
	end
	return uses
end

-- The plugins and their policies that a chain names, as one text.
local function plugins_of(state)
	local names = {}
	for _, used in ipairs(state.plugins.list) do
		names[#names + 1] = used.plugin.path
		for _, policy in ipairs(used.policies) do
			names[#names + 1] = policy.value
		end
		names[#names + 1] = ""
	end
	return table.concat(names, "\n")
end

-- Their files are to be watched, which only who reads them can say; other things from outside change without
-- a change of the document.
local function is_of_more(api)
	for _, made in ipairs(api.inline_services) do
		if made.tls or made.has_foreign_key or not outward.is_of_document(made) then
			return true
		end
	end
	return false
end

local function compose_api(world, api, state)
	if api.broken or not api.address or not take_services(state, api) then
		return false
	end
	bind.attach_inline(api, state)
	if not attach_shared(world, api, state) then
		return false
	end
	upstream_http2.check_bound(api.inline_services, state.report)
	api.chain = order.chain(api.entries, state)
	api.routes = order.routes(api, state)
	plan.check_api(api, state)
	api.uses = uses_of(api, state)
	return api.uses ~= nil and not api.tls and not is_of_more(api) and not state.is_remarkable
		and #state.report.findings == 0
end

-- One row of the part for an API of it.
local function keep(api, state)
	local services = {}
	for i, made in ipairs(api.inline_services) do
		services[i] = { made = made,
			fragment = state.host.fragment(plan.service_node(made, state.settings)) }
	end
	state.plugins = { list = {}, by_path = {} }
	local fragment = state.host.fragment(plan.api_node(api, state))
	return ghosts.summary(api, services, fragment, api.uses, plugins_of(state))
end

-- The summaries of a file's APIs, whose fragments the host has then; or nil.
function apart.compose(world, roots)
	local report = diagnose.new(world.host)
	local found = documents.read(roots, report)
	local apis = found.ApiInstance.list
	if #report.findings > 0 or #apis ~= #roots then
		return nil
	end
	local state = new_state(world, found)
	for _, api in ipairs(apis) do
		api_instance.read(api, state.report)
		if not compose_api(world, api, state) then
			return nil
		end
	end
	local rows = {}
	for i, api in ipairs(apis) do
		rows[i] = keep(api, state)
	end
	return rows
end

return apart
