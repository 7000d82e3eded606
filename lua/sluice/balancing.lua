-- SPDX-License-Identifier: Apache-2.0
-- What stands beside or in place of a service's address: several endpoints, and how requests are shared
-- among them. The same fields for a Service and for a service inside of an ApiInstance.
local limits = require("sluice.limits")
local nodes = require("sluice.nodes")

local balancing = {}

local ENDPOINTS_MAX = 250

local endpoint = {
	type = "map",
	required = { "address" },
	fields = {
		address = { type = "string" },
		weight = { type = "integer", min = 1, max = 1000 },
	},
}

local seconds = limits.positive_seconds
local percent = { type = "integer", min = 0, max = 100 }

balancing.fields = {
	endpoints = { type = "list", of = endpoint, min = 1 },
	loadBalancing = {
		type = "map",
		fields = {
			algorithm = { type = "string", enum = { "roundRobin", "random", "leastRequest" } },
		},
	},
	outlierDetection = {
		type = "map",
		fields = {
			consecutiveFailures = { type = "integer", min = 1, max = 1000000 },
			intervalSeconds = seconds,
			baseEjectionSeconds = seconds,
			maxEjectionSeconds = seconds,
			maxEjectionPercent = percent,
			minHealthyPercent = percent,
		},
	},
}

-- --- endpoints ----------------------------------------------------------------------------------

local function same_place(a, b)
	return a.host:lower() == b.host:lower() and a.port == b.port and a.unix == b.unix
end

-- What one endpoint may not be beside those before it.
local function conflict(parsed, prefix, target)
	local first = target.endpoints[1]
	if not first then
		return nil
	end
	if first.address.scheme ~= parsed.scheme then
		return "all endpoints of a service have the same scheme; the first has " .. first.address.scheme
	end
	if target.prefix ~= prefix then
		return 'all endpoints of a service have the same path; the first has "' .. target.prefix .. '"'
	end
	for i, other in ipairs(target.endpoints) do
		if same_place(other.address, parsed) then
			return "the same address as endpoints[" .. i - 1 .. "]"
		end
	end
end

local function read_endpoint(target, node, path, report, owner, read_address)
	local found = {}
	read_address(found, nodes.get(node, "address"), path .. ".address", report, owner)
	if not found.address then
		target.broken = true
		return
	end
	local message = conflict(found.address, found.prefix, target)
	if message then
		report:error(found.address_node, path .. ".address", message, owner)
		target.broken = true
		return
	end
	if #target.endpoints == 0 then
		target.address, target.address_node, target.prefix =
			found.address, found.address_node, found.prefix
	end
	table.insert(target.endpoints,
		{ address = found.address, node = node, weight = nodes.get(node, "weight") })
end

local function read_endpoints(target, spec, path, report, owner, read_address)
	local list = nodes.get(spec, "endpoints")
	if #list > ENDPOINTS_MAX then
		report:error(list, path .. "endpoints", string.format(
			"%d endpoints; a service has at most %d", #list, ENDPOINTS_MAX), owner)
		target.broken = true
		return
	end
	target.endpoints = {}
	for i, node in ipairs(list) do
		read_endpoint(target, node, path .. "endpoints[" .. i - 1 .. "]", report, owner,
			read_address)
	end
	if target.broken then
		target.address = nil -- one that would be asked more than it was meant to
	end
end

-- --- from documents -----------------------------------------------------------------------------

-- What would be without effect.
local function check_use(target, spec, path, report, owner)
	local outliers = nodes.get(spec, "outlierDetection")
	if outliers and target.address and #(target.endpoints or {}) < 2 then
		report:warning(outliers, path .. "outlierDetection",
			"without effect: the only endpoint of a service is never passed over", owner,
			{ at_key = true })
	end
end

-- Its address or its endpoints, and what concerns them. `path`: what stands before the names, with
-- its dot. read_address: kinds/service.lua's.
function balancing.read(target, spec, path, report, owner, read_address)
	local single, several = nodes.get(spec, "address"), nodes.get(spec, "endpoints")
	target.balancing = spec
	if single and several then
		report:error(several, path .. "endpoints", "a service has an address or endpoints, not both",
			owner, { at_key = true })
		target.broken = true
	elseif nodes.is(several, "list") then
		read_endpoints(target, spec, path, report, owner, read_address)
	elseif several then
		target.broken = true -- told already
	elseif single then
		read_address(target, single, path .. "address", report, owner)
	else
		report:error(spec, (path:gsub("%.$", "")), 'missing field "address"', owner)
		target.broken = true
	end
	check_use(target, spec, path, report, owner)
end

-- --- to the plan --------------------------------------------------------------------------------

local function endpoint_node(entry)
	local at, parsed = entry.node, entry.address
	local out = nodes.map(at)
	nodes.put(out, "host", nodes.string(at, parsed.host))
	nodes.put(out, "port", nodes.integer(at, parsed.port))
	nodes.put(out, "unix", parsed.unix and nodes.string(at, parsed.unix))
	return nodes.put(out, "weight", entry.weight)
end

local function endpoints_node(service)
	local list = nodes.list(nodes.get(service.balancing, "endpoints"))
	for i, entry in ipairs(service.endpoints) do
		list[i] = endpoint_node(entry)
	end
	return list
end

-- A map of documents as the plan has it, where durations are in milliseconds; nil for nil.
local function plain(map)
	if not nodes.is(map, "map") then
		return nil
	end
	local out = nodes.map(map)
	for key, node in nodes.pairs(map) do
		limits.put(out, key, node)
	end
	return out
end

-- What a service's node has of all this.
function balancing.put(out, service)
	local spec = service.balancing
	if not spec then -- made of an address alone
		return
	end
	nodes.put(out, "endpoints", service.endpoints and endpoints_node(service))
	nodes.put(out, "algorithm", nodes.get(nodes.get(spec, "loadBalancing"), "algorithm"))
	nodes.put(out, "outlierDetection", plain(nodes.get(spec, "outlierDetection")))
end

return balancing
