-- SPDX-License-Identifier: Apache-2.0
-- From documents to the plan, step by step; no step looks outside of what it is given.
local bind = require("sluice.bind")
local definitions = require("sluice.definitions")
local diagnose = require("sluice.diagnose")
local documents = require("sluice.documents")
local listeners = require("sluice.listeners")
local order = require("sluice.order")
local plan = require("sluice.plan")
local scripts = require("sluice.scripts")
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
			readers[kind](resource, state.report)
		end
	end
	for _, resource in ipairs(state.found.Configuration.list) do
		configuration.read(resource, state.report, state.settings)
		if resource.closes_all then
			resource.apis = state.found.ApiInstance.list
		end
	end
end

local function add_service(services, made, report)
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
end

-- Services of their own, and those that stand inside of APIs.
local function collect_services(state)
	local services = { list = {}, by_id = {} }
	for _, made in ipairs(state.found.Service.list) do
		add_service(services, made, state.report)
	end
	for _, api in ipairs(state.found.ApiInstance.list) do
		for _, made in ipairs(api.inline_services) do
			add_service(services, made, state.report)
		end
	end
	state.services = services
end

-- A mistake of a service is one of the APIs that use it.
local function note_users(state)
	for _, api in ipairs(state.found.ApiInstance.list) do
		local seen = {}
		for _, route in ipairs(api.routes) do
			for _, destination in ipairs(route.destinations) do
				local users = destination.service.apis
				if not seen[users] then
					seen[users] = true
					users[#users + 1] = api
				end
			end
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
		api.chain = order.chain(api.entries, state)
		api.routes = order.routes(api, state)
	end
end

-- plan, findings, and whether something could not be given its place.
function compose.run(input, host)
	local report = diagnose.new(host)
	local state = { report = report, host = host, ties = {},
		settings = configuration.settings(host, report) }
	state.definitions = definitions.load(host.builtins, input.plugins, report)
	state.found, state.is_incomplete = documents.read(input.documents, report)
	read_kinds(state)
	collect_services(state)
	bind.run(state)
	for _, resource in ipairs(state.found.Contract.list) do
		contract.link(resource, state.found, report)
	end
	scripts.run(input.scripts, state)
	arrange(state)
	note_users(state)
	note_meant(state)
	listeners.build(state)
	plan.check(state)
	local findings = report:finish()
	state.is_strict = input.strict or state.settings.is_strict
	return plan.build(state), findings, state.is_incomplete == true
end

return compose
