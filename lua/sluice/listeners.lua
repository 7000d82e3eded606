-- SPDX-License-Identifier: Apache-2.0
-- One listener for each address and port; what APIs on it have to agree on.
local nodes = require("sluice.nodes")
local diagnose = require("sluice.diagnose")

local listeners = {}

local function group_by_address(apis)
	local groups, by_key = {}, {}
	for _, api in ipairs(apis) do
		if api.address and not api.duplicate_of then
			local key = api.address.host .. "|" .. api.address.port
			local group = by_key[key]
			if not group then
				group = { node = api.address_node, host = api.address.host, port = api.address.port,
					scheme = api.address.scheme, first = api, apis = {} }
				by_key[key] = group
				groups[#groups + 1] = group
			end
			group.apis[#group.apis + 1] = api
		end
	end
	return groups
end

local function shown(group)
	local host = group.host:find(":", 1, true) and "[" .. group.host .. "]" or group.host
	return host .. ":" .. group.port
end

local function check_schemes(group, report)
	for _, api in ipairs(group.apis) do
		if api.address.scheme ~= group.scheme then
			report:error(api.address_node, "spec.address", "port " .. shown(group) .. " is "
				.. group.scheme .. " for " .. group.first.id .. " ("
				.. diagnose.place(group.first.address_node) .. ")", api, { apis = group.apis })
			group.is_mixed = true
		end
	end
end

-- TLS is of the port: one API's policy serves them all, two have to say the same.
local function choose_tls(group, report)
	for _, api in ipairs(group.apis) do
		local own = api.tls
		if own and not own.settings then
			group.tls_mistake = own
		elseif own and not group.tls_of then
			group.tls, group.tls_of = own.settings, own
		elseif own and not nodes.equal(own.settings, group.tls) then
			report:error(own.binding.ref, own.binding.path .. ".policyRef", "the TLS of port "
				.. shown(group) .. " is set differently at "
				.. diagnose.place(group.tls_of.binding.ref), own.binding.resource,
				{ apis = group.apis })
		end
	end
end

local function tell_missing_tls(group, report)
	for _, api in ipairs(group.apis) do
		local message = "an https address needs the policy tls"
		if group.tls_mistake then
			message = "the tls policy of this port has a mistake ("
				.. diagnose.place(group.tls_mistake.binding.ref) .. ")"
		end
		if not (group.tls_mistake and api.broken) then
			report:error(api.address_node, "spec.address", message, api)
		end
	end
end

-- Longer base paths win; the same one twice is a mistake of both.
local function check_base_paths(group, report)
	local by_path = {}
	for _, api in ipairs(group.apis) do
		local first = by_path[api.base_path]
		if first then
			report:error(api.address_node, "spec.address", string.format(
				'base path "%s" on port %s is that of %s already (%s)',
				api.base_path == "" and "/" or api.base_path, shown(group), first.id,
				diagnose.place(first.address_node)), api, { apis = { first, api } })
			api.listener = -1
		else
			by_path[api.base_path] = api
		end
	end
end

local wildcard = { ["0.0.0.0"] = true, ["::"] = true }

-- Of two hosts at one port: "::" takes IPv4, too.
local function overlap(a, b)
	if a == b or a == "::" or b == "::" then
		return true
	end
	local has_four = not a:find(":", 1, true) and not b:find(":", 1, true)
	return has_four and (wildcard[a] or wildcard[b]) or false
end

-- A port that another one takes as well could not be had: who comes later has none.
local function check_overlap(group, by_port, report)
	for _, other in ipairs(by_port[group.port] or {}) do
		if overlap(group.host, other.host) then
			report:error(group.node, "spec.address", shown(group)
				.. " cannot be listened on beside " .. shown(other) .. ", the port of "
				.. other.first.id .. " (" .. diagnose.place(other.node) .. ")", group.first,
				{ apis = group.apis })
			return false
		end
	end
	by_port[group.port] = by_port[group.port] or {}
	table.insert(by_port[group.port], group)
	return true
end

-- The gateway's own ports: /probes and /metrics.
local function check_own_port(state, name, default_port)
	local node = state.settings[name]
	if not node or nodes.value(node, "enabled", "boolean") == false then
		return
	end
	local host = nodes.text(node, "address") or "0.0.0.0"
	host = state.host.canonical_ip(host) or host
	local port = nodes.value(node, "port", "integer") or default_port
	if not port then
		state.report:error(node, "spec." .. name, 'missing field "port"', nil, { at_key = true })
		return
	end
	for _, group in ipairs(state.listeners) do
		if group.port == port and overlap(group.host, host) then
			state.report:error(node, "spec." .. name, "port " .. port .. " is that of "
				.. group.first.id .. " (" .. diagnose.place(group.node) .. ")", nil,
				{ at_key = true })
		end
	end
	return { node = node, host = host, port = port }
end

-- One that both have is one listener.
local function check_own_ports(state)
	local probe = check_own_port(state, "probe", 3000)
	local metrics = check_own_port(state, "metrics")
	if probe and metrics and probe.port == metrics.port and probe.host ~= metrics.host
		and overlap(probe.host, metrics.host) then
		state.report:error(metrics.node, "spec.metrics", "port " .. metrics.port
			.. " is that of spec.probe (" .. diagnose.place(probe.node) .. ")", nil,
			{ at_key = true })
	end
end

-- Of ports whose APIs agree: {host, port, scheme, first, node}.
function listeners.take(state, ports)
	local by_port = {}
	state.listeners = ports
	for _, group in ipairs(ports) do
		group.apis = {}
		check_overlap(group, by_port, state.report)
	end
	check_own_ports(state)
end

-- state.listeners, and api.listener for those that are on one.
function listeners.build(state)
	state.listeners = {}
	local by_port = {}
	for _, group in ipairs(group_by_address(state.found.ApiInstance.list)) do
		check_schemes(group, state.report)
		if group.scheme == "https" then
			choose_tls(group, state.report)
			if not group.tls then
				tell_missing_tls(group, state.report)
			end
		end
		check_base_paths(group, state.report)
		if not check_overlap(group, by_port, state.report) then
			for _, api in ipairs(group.apis) do
				api.listener = -1
			end
		elseif group.scheme == "http" or group.tls then
			local index = #state.listeners
			state.listeners[index + 1] = group
			for _, api in ipairs(group.apis) do
				api.listener = api.listener or index
			end
		end
	end
	check_own_ports(state)
end

return listeners
