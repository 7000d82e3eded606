-- SPDX-License-Identifier: Apache-2.0
-- What a route says of the requests that take it, beside where they go: its timeouts, and what upstreams
-- see in Host. The same fields in the `config` of a route of an ApiInstance, and in the policies `route` and
-- `route-weighted`. They go before what holds for the API, the service and the gateway.
local limits = require("sluice.limits")
local nodes = require("sluice.nodes")
local outward = require("sluice.outward")

local terms = {}

terms.fields = {
	timeouts = {
		type = "map",
		fields = {
			upstreamResponseSeconds = limits.positive_seconds,
			streamIdleSeconds = limits.positive_seconds,
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

function terms.node(config, api, settings)
	local timeouts = nodes.get(config, "timeouts")
	local idle = milliseconds(timeouts, "streamIdleSeconds")
	local out = nodes.map(config)
	nodes.put(out, "responseTimeoutMs", milliseconds(timeouts, "upstreamResponseSeconds"))
	nodes.put(out, "streamIdleTimeoutMs", idle)
	nodes.put(out, "upstreamIdleMs", upstream_idle(idle, api, settings))
	nodes.put(out, "hostRewrite", nodes.get(config, "hostRewrite"))
	return nodes.put(out, "host", nodes.get(config, "host"))
end

return terms
