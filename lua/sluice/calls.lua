-- SPDX-License-Identifier: Apache-2.0
-- TLS of the calls that policies make: defaultTLS.outboundPolicyCalls of a Configuration, for services by https://
-- that have no tls-outbound of their own. It is for calls alone: a service that requests of clients are
-- routed to as well is two in the plan, each with its connections.
--
-- Who calls and who routes is known of APIs that are composed with the others. Of those composed apart
-- (apart.lua): what they call is declared by shared bindings, and they route to nothing of it. Where one of the
-- others calls what they route to, they are composed with it.
local ghosts = require("sluice.ghosts")
local nodes = require("sluice.nodes")
local schema = require("sluice.schema")
local trust = require("sluice.trust")

local calls = {}

-- What is in it is checked by the schema of tls-outbound.
calls.shape = {
	type = "map",
	required = { "outboundPolicyCalls" },
	fields = { outboundPolicyCalls = { type = "object" } },
}

-- --- the settings -------------------------------------------------------------------------------

-- With a mistake it is unknown whom policies would believe.
function calls.read_settings(settings, node, path, report, resource)
	if not schema.check(report, resource, node, calls.shape, path) then
		resource.closes_all = true
		return
	end
	local config = nodes.get(node, "outboundPolicyCalls")
	settings.calls = { resource = resource, config = config,
		config_path = path .. ".outboundPolicyCalls" }
end

-- When Secrets are read: of the settings that `resource` has, if it has them, what the plan has.
function calls.link(resource, state)
	local binding = state.settings.calls
	if not binding or binding.resource ~= resource then
		return
	end
	binding.tls = trust.compile(binding, "what policies call", state)
	resource.closes_all = resource.closes_all or not binding.tls
end

-- --- composing apart ----------------------------------------------------------------------------

-- A binding of several APIs calls it.
function calls.declare(service, state)
	if service then
		state.called[service] = true
	end
end

local function may_take(service)
	return service.address.scheme == "https" and not service.tls
end

-- Whether an API that calls it may be composed apart.
function calls.is_declared(service, state)
	if not state.settings.calls then
		return true
	elseif service.is_ghost then
		ghosts.refuse({ service.inline_of })
	end
	return state.called[service] or not service.address or not may_take(service)
end

-- Whether an API that routes to it may: what takes nothing of the settings is one service for both.
function calls.is_routes_alone(service, state)
	return not state.settings.calls or not state.called[service] or not service.address
		or not may_take(service)
end

-- --- the plan -----------------------------------------------------------------------------------

local function each_way(api, fn)
	for _, route in ipairs(api.routes) do
		for _, destination in ipairs(route.destinations) do
			fn(destination)
		end
		if route.mirror then
			fn(route.mirror)
		end
	end
end

-- The services that routes lead to, and those that are called though no shared binding says so.
local function note_uses(state)
	local routed, undeclared = {}, {}
	for _, api in ipairs(state.found.ApiInstance.list) do
		for _, entry in ipairs(not api.is_ghost and api.chain or {}) do
			for _, target in ipairs(entry.targets) do
				undeclared[target.service] = not state.called[target.service] or nil
			end
		end
		if not api.is_ghost then
			each_way(api, function(way)
				routed[way.service] = true
			end)
		end
	end
	return routed, undeclared
end

local function refuse_routing_ghosts(service, state)
	local found = {}
	for _, api in ipairs(state.found.ApiInstance.list) do
		for _, id in ipairs(api.is_ghost and api.uses or {}) do
			found[#found + 1] = id == service.id and api or nil
		end
	end
	if found[1] then
		ghosts.refuse(found)
	end
end

-- What is left for routes; the service itself, whose id APIs that were composed apart know, is for calls.
local function split(service)
	local rest = {}
	for key, value in pairs(service) do
		rest[key] = value
	end
	rest.id, service.name = service.id .. "@routes", service.name .. "@calls"
	return rest
end

local function lead_routes(state, split_off)
	for _, api in ipairs(state.found.ApiInstance.list) do
		if not api.is_ghost then
			each_way(api, function(way)
				way.service = split_off[way.service] or way.service
			end)
		end
	end
end

-- Gives the settings to what is called, when all that is bound to services is known.
function calls.settle(state)
	local common = state.settings.calls and state.settings.calls.tls
	if not common then
		return
	end
	local routed, undeclared = note_uses(state)
	local split_off, list = {}, {}
	for _, service in ipairs(state.services.list) do
		local takes = not service.is_ghost and service.address and not service.duplicate_of
			and (service.is_anonymous or state.called[service] or undeclared[service])
			and may_take(service)
		if takes and undeclared[service] then
			refuse_routing_ghosts(service, state)
		end
		if takes and routed[service] then
			split_off[service] = split(service)
			list[#list + 1] = split_off[service]
		end
		if takes then
			service.tls = common
		end
		list[#list + 1] = service
	end
	state.services.list = list
	lead_routes(state, split_off)
end

return calls
