-- SPDX-License-Identifier: Apache-2.0
-- Policies that only set up the core: a definition in builtins/, and here what they do to an API or a
-- service. `targets`: what they may be bound to; `has_rules`: whether rules mean anything to them.
local nodes = require("sluice.nodes")
local api_instance = require("sluice.kinds.api_instance")
local rules = require("sluice.rules")
local terms = require("sluice.terms")
local tls = require("sluice.tls")

local builtins = {}

local function milliseconds(config)
	local node = nodes.get(config, "timeout")
	return nodes.integer(node, math.floor(node.value * 1000 + 0.5))
end

-- One of a kind on a target: the first by order stands, another is a mistake.
local function set_once(target, key, value, binding, report)
	if target[key] then
		report:error(binding.ref, binding.path .. ".policyRef", "bound twice to " .. target.id,
			binding.resource)
		return
	end
	target[key] = value
end

builtins["response-timeout"] = {
	targets = "ApiInstance",
	apply = function(api, binding, config, state)
		set_once(api, "response_timeout", milliseconds(config), binding, state.report)
	end,
}

builtins["stream-idle-timeout"] = {
	targets = "ApiInstance",
	apply = function(api, binding, config, state)
		set_once(api, "stream_idle_timeout", milliseconds(config), binding, state.report)
	end,
}

builtins["idle-timeout"] = {
	targets = "Service",
	apply = function(service, binding, config, state)
		set_once(service, "idle_timeout", milliseconds(config), binding, state.report)
	end,
}

builtins["circuit-breaker"] = {
	targets = "Service",
	apply = function(service, binding, config, state)
		local thresholds = nodes.get(config, "thresholds")
		set_once(service, "thresholds", thresholds, binding, state.report)
	end,
}

builtins["access-block"] = {
	targets = "ApiInstance",
	apply = function(api, binding, config, state)
		set_once(api, "blocked", nodes.boolean(binding.ref, true), binding, state.report)
	end,
}

builtins.tls = {
	targets = "ApiInstance",
	apply = function(api, binding, config, state)
		local settings = tls.inbound(binding, config, state.found.Secret, state.report)
		if api.address and api.address.scheme == "http" then
			state.report:error(binding.ref, binding.path .. ".policyRef", "the address of " .. api.id
				.. " is http://; tls needs https://", binding.resource, { apis = { api } })
		end
		set_once(api, "tls", { settings = settings, binding = binding }, binding, state.report)
	end,
}

builtins["tls-outbound"] = {
	targets = "Service",
	apply = function(service, binding, config, state)
		local settings = tls.outbound(binding, config, state.found.Secret, state.report)
		if service.address and service.address.scheme == "http" then
			state.report:error(binding.ref, binding.path .. ".policyRef", "the address of "
				.. service.id .. " is http://; tls-outbound needs https:// or h2://", binding.resource)
		end
		set_once(service, "tls", settings or nodes.map(binding.ref), binding, state.report)
	end,
}

-- --- routes -------------------------------------------------------------------------------------

local function destination(binding, config, path, state)
	local path_node = nodes.get(config, "destinationPath")
	local text = path_node and path_node.value or ""
	local message = text ~= "" and api_instance.path_shape.check(text, state.host)
	if message then
		state.report:error(path_node, path .. ".destinationPath", message, binding.resource)
	end
	local service = terms.find_service(nodes.get(config, "destinationRef"),
		path .. ".destinationRef", binding.resource, state)
	return service and not message and {
		node = config,
		service = service,
		weight = nodes.get(config, "weight"),
		path = api_instance.destination_path(path_node, state.host),
	}
end

local function add_route(api, binding, config, destinations, state)
	local route = {
		name = binding.id,
		node = binding.ref,
		binding = binding,
		rules = binding.read_rules,
		terms = terms.read(config, binding.path .. ".config.", state.report, binding.resource),
		terms_path = binding.path .. ".config.",
		destinations = destinations,
	}
	terms.link(route, binding.resource, state)
	api.bound_routes[#api.bound_routes + 1] = route
end

builtins.route = {
	targets = "ApiInstance",
	has_rules = true,
	apply = function(api, binding, config, state)
		local found = destination(binding, config, binding.path .. ".config", state)
		if found then
			add_route(api, binding, config, { found }, state)
		end
	end,
}

builtins["route-weighted"] = {
	targets = "ApiInstance",
	has_rules = true,
	apply = function(api, binding, config, state)
		local destinations = {}
		for i, node in nodes.each(config, "routes") do
			local path = binding.path .. ".config.routes[" .. i - 1 .. "]"
			destinations[#destinations + 1] = destination(binding, node, path, state) or nil
		end
		if #destinations > 0 then
			add_route(api, binding, config, destinations, state)
		end
	end,
}

-- Rules that a built-in does not look at would be a condition that is not in force.
function builtins.check_rules(builtin, binding, report)
	binding.read_rules = rules.read(binding.rules, binding.path .. ".rules", report,
		binding.resource)
	if #binding.read_rules > 0 and not builtin.has_rules then
		report:error(binding.rules, binding.path .. ".rules", "this policy has no rules: it applies "
			.. "to every request", binding.resource, { at_key = true })
	end
end

return builtins
