-- SPDX-License-Identifier: Apache-2.0
-- What a route says of the requests that take it, beside where they go: its timeouts, what upstreams see in
-- Host, and who gets copies. The same fields in the `config` of a route of an ApiInstance, and in the policies `route` and
-- `route-weighted`. They go before what holds for the API, the service and the gateway.
local limits = require("sluice.limits")
local nodes = require("sluice.nodes")
local outward = require("sluice.outward")

local terms = {}

terms.reference_shape = {
	type = "map",
	required = { "name" },
	fields = {
		kind = { type = "string", enum = { "Service" } },
		name = { type = "string" },
		namespace = { type = "string" },
	},
}

terms.fields = {
	timeouts = {
		type = "map",
		fields = {
			upstreamResponseSeconds = limits.positive_seconds,
			streamIdleSeconds = limits.positive_seconds,
		},
	},
	mirror = {
		type = "map",
		required = { "destinationRef" },
		fields = {
			destinationRef = terms.reference_shape,
			percent = { type = "number", min = 0, max = 100 },
		},
	},
}
for name, field in pairs(outward.host_fields) do
	terms.fields[name] = field
end

-- Of a policy's configuration a schema has only looked at the types.
local function check_host_text(config, path, report, owner)
	local host = nodes.get(config, "host")
	local message = nodes.is(host, "string") and outward.host_fields.host.check(host.value, report.host)
	if message then
		report:error(host, path .. "host", message, owner)
	end
	return not message
end

-- `path`: what stands before the names, with its dot. nil: it says nothing of the kind.
function terms.read(config, path, report, owner, is_checked)
	if not config then
		return nil
	end
	outward.check_host(config, path, report, owner)
	if not is_checked then
		check_host_text(config, path, report, owner)
	end
	for name in pairs(terms.fields) do
		if nodes.get(config, name) then
			return config
		end
	end
end

-- A name that another namespace has is not the mistake: the namespace is.
local function refuse_service(ref, name, path, owner, state)
	local names, spaces, inline = {}, {}, nil
	for _, other in ipairs(state.services.list) do
		names[#names + 1] = other.name
		if other.name == name then
			spaces[#spaces + 1] = other.namespace
		elseif other.name == owner.name .. "-" .. name and other.namespace == owner.namespace then
			inline = other.name
		end
	end
	local space = nodes.text(ref, "namespace") or owner.namespace
	local message = 'no Service "' .. name .. '"'
	if #spaces > 0 then
		local at = nodes.get(ref, "namespace")
		table.sort(spaces)
		message = message .. ' in namespace "' .. space .. '"; there is one in "' .. table.concat(spaces, '", "') .. '"'
		return state.report:error(at or nodes.get(ref, "name"), path .. (at and ".namespace" or ".name"), message, owner)
	end
	local hint = inline and '; did you mean "' .. inline .. '"?' or state.report:nearest(name, names)
	state.report:error(nodes.get(ref, "name"), path .. ".name", message .. hint, owner)
end

-- The Service that a reference means, for the documents of `owner`; else the report says so.
function terms.find_service(ref, path, owner, state)
	local name = nodes.text(ref, "name")
	local id = (nodes.text(ref, "namespace") or owner.namespace) .. "/" .. (name or "")
	local service = state.services.by_id[id]
	if service or not name then
		return service
	end
	refuse_service(ref, name, path, owner, state)
end

-- Once all services are known: who gets copies of the route's requests.
function terms.link(route, owner, state)
	local mirror = nodes.get(route.terms, "mirror")
	if nodes.is(mirror, "map") then
		local service = terms.find_service(nodes.get(mirror, "destinationRef"),
			route.terms_path .. "mirror.destinationRef", owner, state)
		route.mirror = service and { node = mirror, service = service }
	end
end

-- --- to the plan --------------------------------------------------------------------------------

local function milliseconds(timeouts, name)
	local node = limits.usable(nodes.get(timeouts, name), limits.positive_seconds)
	return node and limits.milliseconds(node)
end

-- The upstream's silence has a figure of its own only where somebody gave it one (limits.lua).
local function upstream_idle(idle, api, settings)
	local function says(map)
		return nodes.get(map, "upstreamIdleSeconds") ~= nil
	end
	local is_said = says(nodes.get(api.spec, "limits")) or says(settings.limits)
	return idle and not is_said and nodes.integer(idle, 0) or nil
end

-- nil: it leads to a mirror alone.
function terms.node(config, api, settings)
	local timeouts = nodes.get(config, "timeouts")
	local idle = milliseconds(timeouts, "streamIdleSeconds")
	local out = nodes.map(config)
	nodes.put(out, "responseTimeoutMs", milliseconds(timeouts, "upstreamResponseSeconds"))
	nodes.put(out, "streamIdleTimeoutMs", idle)
	nodes.put(out, "upstreamIdleMs", upstream_idle(idle, api, settings))
	nodes.put(out, "hostRewrite", nodes.get(config, "hostRewrite"))
	nodes.put(out, "host", nodes.get(config, "host"))
	return #out.keys > 0 and out or nil
end

-- A list, as all that leads to services is one.
function terms.mirrors_node(mirror)
	if not mirror or not mirror.service.address or mirror.service.duplicate_of then
		return nil
	end
	local percent = limits.usable(nodes.get(mirror.node, "percent"), terms.fields.mirror.fields.percent)
	local out = nodes.map(mirror.node)
	nodes.put(out, "service", nodes.target(mirror.node, mirror.service.id))
	nodes.put(out, "millionths", percent
		and nodes.integer(percent, math.floor(percent.value * 10000 + 0.5)))
	return nodes.list(mirror.node, { out })
end

return terms
