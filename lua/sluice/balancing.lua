-- SPDX-License-Identifier: Apache-2.0
-- What stands beside or in place of a service's address: several endpoints, and how requests are shared
-- among them. The same fields for a Service and for a service inside of an ApiInstance.
local limits = require("sluice.limits")
local nodes = require("sluice.nodes")
local sticky = require("sluice.sticky")

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
local threshold = { type = "integer", min = 1, max = 1000 }
local statuses = { type = "list", of = { type = "integer", min = 100, max = 599 }, min = 1 }
local STATUSES_MAX = 16

-- As requests have it, with a query or without.
local function check_target(text)
	if not text:match("^/[%w%-._~!$&'()*+,;=:@/%%?]*$") then
		return 'expected a path that starts with "/", found "' .. text .. '"'
	end
end

local function check_authority(text)
	if not text:match("^[%w%-._~%[%]:]+$") then
		return 'expected a host, found "' .. text .. '"'
	end
end

local function check_grpc_service(text)
	if #text > 100 or not text:match("^[%w_.]+$") then
		return 'expected the name of a gRPC service of at most 100 bytes, found "' .. text .. '"'
	end
end
local percent = { type = "integer", min = 0, max = 100 }

local function check_key(text, host)
	local ok, message = host.expression(text)
	if not ok then
		return "expected an expression such as #[attributes.headers['x-user']] (" .. message .. ")"
	end
	if host.uses_payload(text) then
		return "an endpoint is chosen before the body has come: payload cannot be told"
	end
end

local safe = { GET = true, HEAD = true, OPTIONS = true, TRACE = true }
local idempotent = { GET = true, HEAD = true, OPTIONS = true, TRACE = true, PUT = true, DELETE = true }

local function check_method(text)
	if not idempotent[text] then
		return 'expected one of GET, HEAD, OPTIONS, TRACE, PUT, DELETE, found "' .. text
			.. '": what may have been processed is not sent again with another method'
	end
end

balancing.fields = {
	discovery = { type = "string", enum = { "addresses", "srv" } },
	endpoints = { type = "list", of = endpoint, min = 1 },
	loadBalancing = {
		type = "map",
		fields = {
			algorithm = { type = "string", enum = { "roundRobin", "random", "leastRequest",
				"ringHash", "maglev" } },
			slowStartSeconds = seconds,
			hashOn = { type = "string", check = check_key },
			sticky = sticky.shape,
		},
	},
	retries = {
		type = "map",
		fields = {
			attempts = { type = "integer", min = 1, max = 10 },
			on = { type = "list", of = { type = "string", enum = { "connectFailure", "reset",
				"refusedStream", "timeout", "5xx", "gatewayError" } }, min = 1 },
			statuses = statuses,
			methods = { type = "list", of = { type = "string", check = check_method }, min = 1 },
			perTryTimeoutSeconds = seconds,
			hedgeAfterSeconds = seconds,
			backOffSeconds = seconds,
			maxBackOffSeconds = seconds,
			budgetPercent = percent,
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
	healthCheck = {
		type = "map",
		fields = {
			type = { type = "string", enum = { "http", "tcp", "grpc" } },
			path = { type = "string", check = check_target },
			host = { type = "string", check = check_authority },
			grpcService = { type = "string", check = check_grpc_service },
			intervalSeconds = seconds,
			timeoutSeconds = seconds,
			healthyThreshold = threshold,
			unhealthyThreshold = threshold,
			expectedStatuses = statuses,
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

local only_of = { path = "http", expectedStatuses = "http", grpcService = "grpc" }

local by_key = { ringHash = true, maglev = true }

local function check_balancing(spec, path, report, owner)
	local map = nodes.get(spec, "loadBalancing")
	local algorithm, key = nodes.get(map, "algorithm"), nodes.get(map, "hashOn")
	local name = algorithm and algorithm.value or "roundRobin"
	if by_key[name] and not key then
		report:error(algorithm, path .. "loadBalancing.algorithm",
			name .. " needs hashOn, what the same endpoint is chosen by", owner)
	elseif key and not by_key[name] then
		report:error(key, path .. "loadBalancing.hashOn", "only ringHash and maglev choose by a key",
			owner, { at_key = true })
	end
end

-- statuses have no limit of their own in a shape.
local function check_count(map, name, path, report, owner)
	local list = nodes.get(map, name)
	if nodes.is(list, "list") and #list > STATUSES_MAX then
		report:error(list, path .. "." .. name, "at most " .. STATUSES_MAX .. " statuses", owner)
	end
end

local function check_health(spec, path, report, owner)
	local check = nodes.get(spec, "healthCheck")
	local kind = nodes.text(check, "type") or "http"
	for name, of in pairs(only_of) do
		local node = nodes.get(check, name)
		if node and kind ~= of then
			report:error(node, path .. "healthCheck." .. name, "checks of type " .. kind
				.. " have none", owner, { at_key = true })
		end
	end
	check_count(check, "expectedStatuses", path .. "healthCheck", report, owner)
end

local function check_discovery(target, spec, path, report, owner)
	local node = nodes.get(spec, "discovery")
	local message
	if not node or target.broken then
		return
	elseif nodes.get(spec, "endpoints") then
		message = "goes with an address; a service with endpoints has these and no others"
	elseif target.address.unix or report.host.ip_version(target.address.host) then
		message = "there is no name in the address, and nothing to find"
	elseif node.value == "srv" and target.address.has_port then
		message = "of an address without a port; SRV records say the ports"
	end
	if message then
		report:error(node, path .. "discovery", message, owner, { at_key = true })
		target.broken = true
	end
end

-- Whether nobody else could be chosen.
local function is_alone(target, spec)
	return target.address and #(target.endpoints or {}) < 2 and not nodes.get(spec, "discovery")
end

local function number_of(map, key)
	return nodes.value(map, key, "integer") or nodes.value(map, key, "number")
end

-- Why no request would be hedged; nil: some are.
local function never_hedged(target, spec, retries)
	local methods = nodes.get(retries, "methods")
	local one_try, hedge = number_of(retries, "perTryTimeoutSeconds"), number_of(retries, "hedgeAfterSeconds")
	if is_alone(target, spec) then
		return "there is no other endpoint to ask"
	elseif number_of(retries, "attempts") == 1 then
		return "attempts: 1 leaves no second one"
	elseif one_try and hedge and one_try <= hedge then
		return "perTryTimeoutSeconds is over before"
	end
	for _, method in ipairs(nodes.is(methods, "list") and methods or {}) do
		if safe[method.value] then
			return nil
		end
	end
	return methods and "GET, HEAD, OPTIONS and TRACE alone are hedged, and none of them is among methods"
end

local function check_hedge(target, spec, path, report, owner)
	local retries = nodes.get(spec, "retries")
	local hedge = nodes.get(retries, "hedgeAfterSeconds")
	local why = hedge and never_hedged(target, spec, retries)
	if why then
		report:warning(hedge, path .. "retries.hedgeAfterSeconds", "without effect: " .. why, owner,
			{ at_key = true })
	end
end

-- What would be without effect.
local function check_use(target, spec, path, report, owner)
	local outliers = nodes.get(spec, "outlierDetection")
	if outliers and is_alone(target, spec) then
		report:warning(outliers, path .. "outlierDetection",
			"without effect: the only endpoint of a service is never passed over", owner,
			{ at_key = true })
	end
	check_hedge(target, spec, path, report, owner)
	local cookie = nodes.get(nodes.get(spec, "loadBalancing"), "sticky")
	if nodes.is(cookie, "map") then
		target.sticky_path = path .. "loadBalancing.sticky."
		sticky.check(cookie, path .. "loadBalancing.sticky.", is_alone(target, spec), report, owner)
	end
end

-- Its address or its endpoints, and what concerns them. `path`: what stands before the names, with
-- its dot. read_address: kinds/service.lua's.
function balancing.read(target, spec, path, report, owner, read_address)
	local single, several = nodes.get(spec, "address"), nodes.get(spec, "endpoints")
	target.balancing, target.balancing_path = spec, path
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
		if target.address and nodes.get(spec, "healthCheck") and not nodes.get(spec, "discovery") then -- as one endpoint it can be out
			target.endpoints = { { address = target.address, node = single } }
		end
	else
		report:error(spec, (path:gsub("%.$", "")), 'missing field "address"', owner)
		target.broken = true
	end
	check_discovery(target, spec, path, report, owner)
	check_use(target, spec, path, report, owner)
	check_balancing(spec, path, report, owner)
	check_health(spec, path, report, owner)
	check_count(nodes.get(spec, "retries"), "statuses", path .. "retries", report, owner)
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
	local list = nodes.list(nodes.get(service.balancing, "endpoints") or service.address_node)
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
		local is_number = node.type == "integer" or node.type == "real"
		if is_number or not key:match("Seconds$") then -- a mistake was told already
			limits.put(out, key, node)
		end
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
	nodes.put(out, "discovery", nodes.get(spec, "discovery"))
	local balancing_node = nodes.get(spec, "loadBalancing")
	nodes.put(out, "algorithm", nodes.get(balancing_node, "algorithm"))
	nodes.put(out, "slowStartMs", nodes.get(plain(balancing_node), "slowStartMs"))
	nodes.put(out, "hashOn", nodes.get(balancing_node, "hashOn"))
	nodes.put(out, "sticky", sticky.node(nodes.get(balancing_node, "sticky"), service.sticky_key))
	nodes.put(out, "retries", plain(nodes.get(spec, "retries")))
	nodes.put(out, "healthCheck", plain(nodes.get(spec, "healthCheck")))
	nodes.put(out, "outlierDetection", plain(nodes.get(spec, "outlierDetection")))
end

return balancing
