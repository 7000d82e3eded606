-- SPDX-License-Identifier: Apache-2.0
-- spec.dns of a Configuration: which name servers are asked for the addresses of services, and for how long their
-- answers count.
local limits = require("sluice.limits")
local nodes = require("sluice.nodes")
local schema = require("sluice.schema")

local dns = {}

local SERVERS_MAX = 8
local DAY_SECONDS = 86400

-- "ip", "ip:port", "[ip]:port"; nil: none of them.
local function parse_server(text, host)
	local ip, port = text:match("^%[([%x:.]+)%]:(%d+)$")
	if not ip then
		ip, port = text:match("^([%d.]+):(%d+)$")
	end
	ip, port = ip or text, tonumber(port or 53)
	local version = host.ip_version(ip)
	if version and port >= 1 and port <= 65535 then
		return (version == 6 and "[" .. ip .. "]" or ip) .. ":" .. string.format("%d", port)
	end
end

local function check_server(text, host)
	if not parse_server(text, host) then
		return 'expected an IP address, or address:port, found "' .. text .. '"'
	end
end

local function seconds(min, max)
	return { type = "number", min = min, max = max }
end

dns.shape = {
	type = "map",
	fields = {
		servers = {
			type = "list", min = 1,
			of = { type = "string", check = check_server },
		},
		timeoutSeconds = seconds(0.1, 60),
		retrySeconds = seconds(0.001, 3600),
		staleSeconds = seconds(0, DAY_SECONDS),
		minTtlSeconds = seconds(0, DAY_SECONDS),
		maxTtlSeconds = seconds(0, DAY_SECONDS),
	},
}

local names = { "timeoutSeconds", "retrySeconds", "staleSeconds", "minTtlSeconds", "maxTtlSeconds" }

local function check_count(node, path, report, resource)
	local list = nodes.get(node, "servers")
	if list and #list > SERVERS_MAX then
		report:error(list, path .. ".servers", "at most " .. SERVERS_MAX .. ", found " .. #list, resource)
		return false
	end
	return true
end

local function check_bounds(node, path, report, resource)
	local min, max = nodes.get(node, "minTtlSeconds"), nodes.get(node, "maxTtlSeconds")
	if min and min.value > (max and max.value or 3600) then
		report:error(min, path .. ".minTtlSeconds", "more than maxTtlSeconds, "
			.. string.format("%g", max and max.value or 3600) .. ", allows", resource)
		return false
	elseif max and not min and max.value < 1 then
		report:error(max, path .. ".maxTtlSeconds", "less than minTtlSeconds, 1, asks for", resource)
		return false
	end
	return true
end

-- With a mistake others would say where bytes go.
function dns.read_settings(settings, node, path, report, resource)
	if schema.check(report, resource, node, dns.shape, path)
		and check_count(node, path, report, resource)
		and check_bounds(node, path, report, resource) then
		settings.dns = node
	else
		resource.closes_all = true
	end
end

-- settings.dns of the plan; nil: the machine's servers, and the defaults.
function dns.node(settings, host)
	local node = settings.dns
	if not node then
		return nil
	end
	local out = nodes.map(node)
	local list = nodes.list(node)
	for _, server in nodes.each(node, "servers") do
		list[#list + 1] = nodes.string(server, parse_server(server.value, host))
	end
	nodes.put(out, "servers", list[1] and list)
	for _, name in ipairs(names) do
		limits.put(out, name, nodes.get(node, name))
	end
	return out
end

return dns
