-- SPDX-License-Identifier: Apache-2.0
-- From documents to the plan, step by step; no step looks outside of what it is given.
--
-- With thousands of files, APIs are composed apart first (apart.lua), and the whole is made of what
-- that left. It is the same plan, byte by byte; what cannot be made so is composed as a whole.
local apart = require("sluice.apart")
local bind = require("sluice.bind")
local calls = require("sluice.calls")
local storage = require("sluice.storage")
local definitions = require("sluice.definitions")
local diagnose = require("sluice.diagnose")
local documents = require("sluice.documents")
local ghosts = require("sluice.ghosts")
local listeners = require("sluice.listeners")
local order = require("sluice.order")
local outward = require("sluice.outward")
local plan = require("sluice.plan")
local scripts = require("sluice.scripts")
local surveyed = require("sluice.surveyed")
local upstream_http2 = require("sluice.upstream_http2")
local api_instance = require("sluice.kinds.api_instance")
local configuration = require("sluice.kinds.configuration")
local contract = require("sluice.kinds.contract")
local extension = require("sluice.kinds.extension")
local policy_binding = require("sluice.kinds.policy_binding")
local secret = require("sluice.kinds.secret")
local service = require("sluice.kinds.service")

local compose = {}

local readers = {
	ApiInstance = api_instance.read,
	Service = service.read,
	PolicyBinding = policy_binding.read,
	Extension = extension.read,
	Secret = secret.read,
	Contract = contract.read,
}

local function read_kinds(state)
	for _, kind in ipairs(documents.kinds) do
		for _, resource in ipairs(readers[kind] and state.found[kind].list or {}) do
			if not resource.is_ghost then
				readers[kind](resource, state.report)
			end
		end
	end
	for _, resource in ipairs(state.found.Configuration.list) do
		configuration.read(resource, state.report, state.settings)
		calls.link(resource, state)
		outward.link_settings(resource, state)
		storage.link(resource, state)
		if resource.closes_all then
			resource.apis = state.found.ApiInstance.list
			state.closes_all = true
		end
	end
end

local function add_service(made, state)
	local services, report = state.services, state.report
	local first = services.by_id[made.id]
	local owner = made.inline_of or made
	if owner.duplicate_of then -- told already
		made.duplicate_of = first or made
	elseif first then
		report:error(made, "spec.services", 'the name of this service, "' .. made.id
			.. '", is taken by ' .. diagnose.place(first), owner)
		made.duplicate_of = first
	end
	services.by_id[made.id] = first or made
	services.list[#services.list + 1] = made
	service.link(made, state)
end

-- Services of their own, those that shared bindings call by their address, and those that stand inside of APIs.
local function collect_services(state)
	state.services, state.called = { list = {}, by_id = {} }, {}
	for _, made in ipairs(state.found.Service.list) do
		add_service(made, state)
	end
	for _, binding in ipairs(state.found.PolicyBinding.list) do
		bind.declare_targets(binding, state)
	end
	for _, api in ipairs(state.found.ApiInstance.list) do
		for _, made in ipairs(api.inline_services) do
			add_service(made, state)
		end
	end
end

local function note_user(api, service, seen)
	local users = service.apis
	if not seen[users] then
		seen[users] = true
		users[#users + 1] = api
	end
end

-- A mistake of a service is one of the APIs that use it.
local function note_users(state)
	for _, api in ipairs(state.found.ApiInstance.list) do
		local seen = {}
		for _, entry in ipairs(not api.is_ghost and api.chain or {}) do
			for _, target in ipairs(entry.targets) do
				note_user(api, target.service, seen)
			end
		end
		for _, route in ipairs(not api.is_ghost and api.routes or {}) do
			for _, destination in ipairs(route.destinations) do
				note_user(api, destination.service, seen)
			end
			if route.mirror then
				note_user(api, route.mirror.service, seen)
			end
		end
		for _, id in ipairs(api.is_ghost and api.uses or {}) do
			local service = state.services.by_id[id]
			if not service or not service.address then -- it was another's, which is no more
				ghosts.refuse({ api })
			end
			note_user(api, service, seen)
		end
	end
end

-- What a binding without a target was perhaps meant for.
local function note_meant(state)
	for _, binding in ipairs(state.found.PolicyBinding.list) do
		for _, target in ipairs(binding.meant or {}) do
			for _, api in ipairs(target.apis) do
				binding.apis[#binding.apis + 1] = api
			end
		end
	end
end

local function arrange(state)
	for _, api in ipairs(state.found.ApiInstance.list) do
		if not api.is_ghost then
			api.chain = order.chain(api.entries, state)
			api.routes = order.routes(api, state)
		end
	end
end

-- --- the whole ----------------------------------------------------------------------------------

local function load_definitions(input, host)
	local report = diagnose.new(host)
	local found = definitions.load(host.builtins, input.plugins, report)
	found.findings = report.findings
	return found
end

local function new_state(host, known)
	local report = diagnose.new(host)
	local state = { report = report, host = host, ties = {}, definitions = known,
		settings = configuration.settings(host, report) }
	for _, finding in ipairs(known.findings) do
		report.findings[#report.findings + 1] = finding
	end
	return state
end

local function compose_whole(input, roots, state)
	state.found, state.is_incomplete = documents.read(roots, state.report)
	read_kinds(state)
	collect_services(state)
	bind.run(state)
	upstream_http2.check_bound(state.services.list, state.report)
	contract.link(state)
	scripts.run(input.scripts, state)
	arrange(state)
	note_users(state)
	note_meant(state)
	listeners.build(state)
	plan.check(state)
	local findings = state.report:finish()
	state.is_strict = input.strict or state.settings.is_strict
	return plan.build(state), findings, state.is_incomplete == true
end

local function append(list, more)
	for _, each in ipairs(more or {}) do
		list[#list + 1] = each
	end
end

-- All documents in their order; of what is in `kept`, ghosts.
local function read_all(input, kept)
	local roots = {}
	input.begin()
	for i = 1, input.count do
		if kept[i] then
			for _, row in ipairs(input.rows(i)) do
				roots[#roots + 1] = ghosts.read(row, i)
			end
		else
			local first = #roots + 1
			append(roots, input.read(i))
			for n = first, next(kept) and input.is_apart[i] and #roots or 0 do
				roots[n].is_taken_for_api = true
			end
		end
	end
	return roots
end

-- Which files have rows of summaries, by their number; and whether all that may hold APIs have.
local function compose_apart(input, host, known)
	local state, roots, kept = new_state(host, known), {}, {}
	for i = 1, input.count do
		local shared = input.is_apart[i] and {} or input.try(i)
		if not shared then -- who can say what else it holds
			return kept
		end
		append(roots, shared)
	end
	state.found = documents.read(roots, state.report)
	read_kinds(state)
	collect_services(state)
	if state.closes_all then
		return kept
	end
	local is_all = not state.found.ApiInstance.list[1]
	local world = apart.world(state)
	for i = 1, input.count do
		if input.is_apart[i] then
			kept[i] = input.has_rows(i)
			local own = not kept[i] and input.try(i)
			local rows = own and apart.compose(world, own)
			if not kept[i] then
				input.keep(i, rows)
				kept[i] = rows and true
			end
			is_all = is_all and kept[i]
		end
	end
	return kept, is_all
end

-- Where every API was composed apart and they agree: nothing is made of them here. Or nil.
local function compose_surveyed(input, host, known)
	local state, roots = new_state(host, known), {}
	input.begin()
	for i = 1, input.count do
		append(roots, not input.is_apart[i] and input.read(i))
	end
	state.found, state.is_incomplete = documents.read(roots, state.report)
	read_kinds(state)
	collect_services(state)
	if not surveyed.take(input, state) then
		return nil
	end
	upstream_http2.check_bound(state.services.list, state.report)
	if state.report.findings[1] then
		return nil
	end
	state.is_strict = input.strict or state.settings.is_strict
	return plan.build(state)
end

local function compose_all(input, host, known, kept)
	return compose_whole(input, input.documents or read_all(input, kept), new_state(host, known))
end

-- How often ghosts are read whole after all, before everything is.
local ATTEMPTS_MAX = 2

-- plan, findings, and whether something could not be given its place.
function compose.run(input, host)
	local known = load_definitions(input, host)
	local kept, is_all
	if input.is_apart then
		kept, is_all = compose_apart(input, host, known)
	end
	local whole = is_all and compose_surveyed(input, host, known)
	if whole then
		return whole, {}, false
	end
	for _ = 1, kept and ATTEMPTS_MAX or 0 do
		local ok, made, findings, is_incomplete = pcall(compose_all, input, host, known, kept)
		if ok then
			return made, findings, is_incomplete
		end
		if type(made) ~= "table" or not made.is_refusal then
			error(made, 0)
		end
		if not made.parts then
			break
		end
		for _, part in ipairs(made.parts) do
			kept[part] = nil
		end
	end
	return compose_all(input, host, known, {})
end

return compose
