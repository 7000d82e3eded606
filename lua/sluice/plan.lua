-- SPDX-License-Identifier: Apache-2.0
-- The plan (docs/plan.md) from what was read, bound and ordered.
local balancing = require("sluice.balancing")
local calls = require("sluice.calls")
local contract = require("sluice.kinds.contract")
local dns = require("sluice.dns")
local storage = require("sluice.storage")
local edge = require("sluice.edge")
local http2 = require("sluice.http2")
local limits = require("sluice.limits")
local nodes = require("sluice.nodes")
local overload = require("sluice.overload")
local outward = require("sluice.outward")
local paths = require("sluice.paths")
local terms = require("sluice.terms")
local upgrades = require("sluice.upgrades")
local upstream_http2 = require("sluice.upstream_http2")

local plan = {}

local BINDINGS_MAX = 64

-- --- plugins ------------------------------------------------------------------------------------

-- Only those that a binding uses, numbered by their first use.
local function use_plugin(plugin, policy, state)
	local used = state.plugins.by_path[plugin.path]
	if not used then
		used = { plugin = plugin, index = #state.plugins.list, policies = {}, names = {},
			versions = nodes.map(nil) }
		state.plugins.by_path[plugin.path] = used
		state.plugins.list[#state.plugins.list + 1] = used
	end
	if not used.names[policy] then
		used.names[policy] = true
		used.policies[#used.policies + 1] = nodes.string(nil, policy)
		local definition = state.definitions.by_name[policy]
		local version = definition and definition.version
		nodes.put(used.versions, policy, version and nodes.string(nil, version))
	end
end

-- As the chains of a ghost did.
local function use_plugins_of(ghost, state)
	if state.ghosts_plugins[ghost.plugins] then
		return
	end
	state.ghosts_plugins[ghost.plugins] = true
	local plugin
	for name in (ghost.plugins .. "\n"):gmatch("([^\n]*)\n") do
		if name == "" then
			plugin = nil
		elseif plugin then
			use_plugin(plugin, name, state)
		else
			plugin = state.definitions.plugin_by_path[name]
		end
	end
end

local function plugins_node(state)
	local list = nodes.list(nil)
	for i, used in ipairs(state.plugins.list) do
		local out = nodes.map(nil)
		nodes.put(out, "name", nodes.string(nil, used.plugin.name))
		nodes.put(out, "path", nodes.string(nil, used.plugin.path))
		nodes.put(out, "sha256", nodes.string(nil, used.plugin.sha256))
		nodes.put(out, "abi", used.plugin.abi and nodes.string(nil, used.plugin.abi))
		nodes.put(out, "policies", nodes.list(nil, used.policies))
		nodes.put(out, "versions", #used.versions.keys > 0 and used.versions or nil)
		list[i] = out
	end
	return list
end

-- --- services -----------------------------------------------------------------------------------

function plan.service_node(service, settings)
	local at, address = service.address_node, service.address
	local thresholds = service.thresholds or settings.thresholds
	local out = nodes.map(service)
	nodes.put(out, "name", nodes.string(at, service.name))
	nodes.put(out, "namespace", nodes.string(at, service.namespace))
	nodes.put(out, "scheme", nodes.string(at, address.scheme))
	nodes.put(out, "host", nodes.string(at, address.host))
	nodes.put(out, "port", nodes.integer(at, address.port))
	nodes.put(out, "unix", address.unix and nodes.string(at, address.unix))
	nodes.put(out, "path", service.prefix ~= "" and nodes.string(at, service.prefix) or nil)
	outward.put(out, service, settings)
	nodes.put(out, "responseTimeoutMs", limits.timeout_ms(settings, "upstreamResponseSeconds"))
	nodes.put(out, "idleTimeoutMs", service.idle_timeout
		or limits.timeout_ms(settings, "upstreamConnectionIdleSeconds"))
	nodes.put(out, "streamIdleTimeoutMs", limits.timeout_ms(settings, "streamIdleSeconds"))
	nodes.put(out, "connectTimeoutMs", limits.connect_timeout(settings))
	nodes.put(out, "maxConnections", nodes.get(thresholds, "maxConnections"))
	nodes.put(out, "maxPending", nodes.get(thresholds, "maxPendingRequests"))
	nodes.put(out, "maxRequests", nodes.get(thresholds, "maxRequests"))
	nodes.put(out, "maxRetries", nodes.get(thresholds, "maxRetries"))
	balancing.put(out, service)
	upstream_http2.put(out, service)
	return nodes.put(out, "tls", service.tls)
end

-- What a ghost is in the plan.
local function fragment_node(ghost)
	return { type = "fragment", part = ghost.part, number = ghost.fragment }
end

-- Services without a usable address are left out; who uses them is a stub.
local function services_node(state)
	local list = nodes.list(nil)
	for _, service in ipairs(state.services.list) do
		if service.address and not service.duplicate_of then
			state.targets.service[service.id] = #list
			list[#list + 1] = service.is_ghost and fragment_node(service)
				or plan.service_node(service, state.settings)
		end
	end
	return list
end

-- --- APIs ---------------------------------------------------------------------------------------

local function body_node(contract)
	if not contract then
		return nil
	end
	local out = nodes.map(nil)
	nodes.put(out, "mode", nodes.string(nil, contract.mode))
	return nodes.put(out, "max", contract.max and nodes.integer(nil, contract.max))
end

local function strings(at, values)
	local list = nodes.list(at)
	for i, value in ipairs(values) do
		list[i] = nodes.string(at, value)
	end
	return list
end

local function target_node(target)
	local out = nodes.map(target.node)
	nodes.put(out, "text", nodes.string(target.node, target.text))
	nodes.put(out, "service", nodes.target(target.node, target.service.id))
	return nodes.put(out, "path", target.path ~= "" and nodes.string(target.node, target.path) or nil)
end

-- Services that cannot be used are left out: their mistakes make the API a stub.
local function targets_node(entry)
	local list = nodes.list(entry.binding.node)
	for _, target in ipairs(entry.targets) do
		if target.service.address and not target.service.duplicate_of then
			list[#list + 1] = target_node(target)
		end
	end
	return #list > 0 and list or nil
end

local function entry_node(entry, state)
	local binding, compiled = entry.binding, entry.compiled
	local at = binding.node
	local out = nodes.map(at)
	nodes.put(out, "id", nodes.string(at, entry.id))
	nodes.put(out, "policy", nodes.string(binding.ref, entry.policy))
	use_plugin(compiled.definition.plugin, entry.policy, state)
	nodes.put(out, "plugin", nodes.target(at, compiled.definition.plugin.path))
	nodes.put(out, "config", compiled.config)
	nodes.put(out, "targets", targets_node(entry))
	nodes.put(out, "rules", binding.read_rules)
	local changed = binding.ordered_by
	nodes.put(out, "order", nodes.integer(changed or at, binding.order))
	nodes.put(out, "orderedBy", changed and nodes.string(changed, changed.file .. ":" .. changed.line))
	nodes.put(out, "source", nodes.string(at, binding.source))
	nodes.put(out, "stage", nodes.string(at, entry.stage))
	if binding.source == "binding" or binding.source == "selector" then
		nodes.put(out, "labels", binding.resource.labels_node)
	end
	nodes.put(out, "requestBody", body_node(compiled.request_body))
	nodes.put(out, "responseBody", body_node(compiled.response_body))
	if #compiled.secrets > 0 then
		nodes.put(out, "secrets", strings(at, compiled.secrets))
	end
	return out
end

local function destination_node(destination)
	local service = destination.service
	local out = nodes.map(destination.node)
	nodes.put(out, "service", nodes.target(destination.node, service.id))
	nodes.put(out, "weight", destination.weight)
	if destination.path ~= "" then
		nodes.put(out, "destinationPath", nodes.string(destination.node, destination.path))
	end
	return out
end

local function route_node(route, api, state)
	local out = nodes.map(route.node)
	nodes.put(out, "name", nodes.string(route.node, route.name))
	nodes.put(out, "rules", route.rules)
	nodes.put(out, "order", nodes.integer(route.node, route.binding.order))
	nodes.put(out, "terms", route.terms and terms.node(route.terms, api, state.settings))
	local destinations = nodes.list(route.node)
	for _, destination in ipairs(route.destinations) do
		if destination.service.address and not destination.service.duplicate_of then
			destinations[#destinations + 1] = destination_node(destination)
		end
	end
	nodes.put(out, "destinations", destinations)
	return nodes.put(out, "mirrors", terms.mirrors_node(route.mirror)), #destinations
end

local function routes_node(api, state)
	local list = nodes.list(api.node)
	for _, route in ipairs(api.routes) do
		local out, count = route_node(route, api, state)
		if count > 0 then
			list[#list + 1] = out
		end
	end
	return list
end

local function chain_node(api, state)
	local list = nodes.list(api.node)
	for i, entry in ipairs(api.chain) do
		if i <= BINDINGS_MAX then
			list[i] = entry_node(entry, state)
		end
	end
	return list
end

local function labels_node(api)
	local out = nodes.map(api.labels_node or api.node)
	for key, node in nodes.pairs(api.labels_node) do
		nodes.put(out, key, node)
	end
	return out
end

-- For targets.
local function listener_key(address)
	return address.host .. "|" .. address.port
end

-- Until it is known who else is on a port, every API has its listener.
local function listener_node(api, at, state)
	if state.targets and (api.listener or -1) < 0 then
		return nodes.integer(at, -1)
	end
	return nodes.target(at, listener_key(api.address))
end

function plan.api_node(api, state)
	local out = nodes.map(api)
	local at = api.address_node or api
	nodes.put(out, "name", nodes.string(api, api.name))
	nodes.put(out, "namespace", nodes.string(api, api.namespace))
	nodes.put(out, "labels", labels_node(api))
	nodes.put(out, "listener", listener_node(api, at, state))
	nodes.put(out, "basePath", nodes.string(at, api.base_path or ""))
	nodes.put(out, "address", nodes.string(at, nodes.text(api.spec, "address") or ""))
	nodes.put(out, "responseTimeoutMs", api.response_timeout)
	nodes.put(out, "streamIdleTimeoutMs", api.stream_idle_timeout
		or limits.timeout_ms(state.settings, "streamIdleSeconds"))
	nodes.put(out, "limits", limits.api_node(api, state.settings))
	nodes.put(out, "blocked", api.blocked)
	nodes.put(out, "redirect", api.redirect)
	nodes.put(out, "errors", api.errors)
	paths.put(out, api.spec)
	upgrades.put(out, api.spec, state.host)
	nodes.put(out, "chain", chain_node(api, state))
	nodes.put(out, "routes", routes_node(api, state))
	if api.error then
		local message = nodes.string(api.error.at, api.error.message)
		nodes.put(out, "error", nodes.put(nodes.map(api.error.at), "message", message))
	end
	return out
end

-- --- the rest -----------------------------------------------------------------------------------

local function listeners_node(state)
	local list = nodes.list(nil)
	for i, listener in ipairs(state.listeners) do
		state.targets.listener[listener_key(listener)] = i - 1
		local out = nodes.map(listener.node)
		nodes.put(out, "address", nodes.string(listener.node, listener.host))
		nodes.put(out, "port", nodes.integer(listener.node, listener.port))
		list[i] = nodes.put(out, "tls", listener.tls)
	end
	return list
end

local function probe_node(node)
	if not node then
		return nil
	end
	local out = nodes.map(node)
	nodes.put(out, "enabled", nodes.get(node, "enabled") or nodes.boolean(node, true))
	nodes.put(out, "address", nodes.get(node, "address"))
	return nodes.put(out, "port", nodes.get(node, "port"))
end

local function settings_node(settings, host)
	local out = nodes.map(nil)
	nodes.put(out, "logLevel", settings.log_level)
	nodes.put(out, "probe", probe_node(settings.probe))
	nodes.put(out, "metrics", probe_node(settings.metrics))
	nodes.put(out, "limits", limits.connections_node(settings))
	nodes.put(out, "http2", http2.node(settings))
	overload.put(out, settings)
	nodes.put(out, "timeouts", settings.timeouts)
	nodes.put(out, "dns", dns.node(settings, host))
	nodes.put(out, "storage", storage.node(settings))
	return nodes.put(out, "edge", edge.node(settings))
end

-- Mistakes that only show in the whole of an API.
function plan.check_api(api, state)
	if #api.chain > BINDINGS_MAX then
		state.report:error(api, "spec.policies", string.format(
			"%d policies are bound to it; a chain has at most %d", #api.chain, BINDINGS_MAX), api)
	end
	if #api.inline_routes == 0 and not api.has_route and not api.broken and not api.redirect then
		state.report:warning(api, "spec.services",
			"no services and no route: every request that no policy answers gets 404", api)
	end
end

function plan.check(state)
	for _, api in ipairs(state.found.ApiInstance.list) do
		if not api.is_ghost then
			plan.check_api(api, state)
		end
	end
end

local function apis_node(state)
	local apis = nodes.list(nil)
	for _, names in ipairs(state.survey and state.survey.plugins or {}) do
		use_plugins_of({ plugins = names }, state)
	end
	for _, api in ipairs(state.found.ApiInstance.list) do
		if api.is_ghost then
			use_plugins_of(api, state)
			apis[#apis + 1] = fragment_node(api)
		elseif not api.duplicate_of then
			apis[#apis + 1] = plan.api_node(api, state)
		end
	end
	return apis
end

-- After report:finish(), which says which APIs are stubs. `targets`: the numbers that nodes.target
-- stands for.
function plan.build(state)
	state.plugins = { list = {}, by_path = {} }
	state.targets = { service = {}, listener = {}, plugin = {} }
	state.ghosts_plugins = {}
	calls.settle(state)
	local services = services_node(state)
	local listeners = listeners_node(state)
	local apis = apis_node(state)
	for path, used in pairs(state.plugins.by_path) do
		state.targets.plugin[path] = used.index
	end
	local out = nodes.map(nil)
	out.targets = state.targets
	out.is_surveyed = state.survey ~= nil
	nodes.put(out, "version", nodes.integer(nil, 1))
	nodes.put(out, "strict", state.is_strict and nodes.boolean(nil, true) or nil)
	nodes.put(out, "fallback", state.settings.fallback)
	nodes.put(out, "plugins", plugins_node(state))
	nodes.put(out, "services", services)
	nodes.put(out, "listeners", listeners)
	nodes.put(out, "apis", apis)
	nodes.put(out, "contracts", contract.list_node(state))
	return nodes.put(out, "settings", settings_node(state.settings, state.report.host))
end

return plan
