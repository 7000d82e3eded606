-- SPDX-License-Identifier: Apache-2.0
-- spec.limits of a Configuration and of an ApiInstance: how much, how long and how slow a message may
-- be. What is known only once the API is, may be set by it; what it does not say the gateway's does.
--
-- Before documents come the environment's variables, by the vendor's names and by ours; before them
-- the defaults of core/plan/plan_limits.h.
local nodes = require("sluice.nodes")

local limits = {}

local SECONDS_MAX = 2000000
local MOST = 9007199254740992 -- 2^53: beyond it numbers are not exact

local function count(min, max)
	return { type = "integer", min = min, max = max }
end

local function seconds(min)
	return { type = "number", min = min, max = SECONDS_MAX }
end

-- 0 switches off what has no `min` of its own.
local of_api = {
	requestBodyBytes = count(0, MOST),
	bufferedBodyBytes = count(1024, 268435456),
	responseHeadBytes = count(1024, 262144),
	responseHeadFields = count(16, 1024),
	interimResponses = count(0, 100),
	requestSeconds = seconds(0),
	requestBodyBytesPerSecond = count(0, 1000000000),
	requestBodyGraceSeconds = seconds(0.001),
	responseBytesPerSecond = count(0, 1000000000),
	responseGraceSeconds = seconds(0.001),
	responseStallSeconds = seconds(0.001),
	upstreamIdleSeconds = seconds(0),
	websocketFrameBytes = count(125, MOST),
	websocketMessageBytes = count(125, MOST),
	websocketMessagesPerSecond = count(0, 1000000),
	websocketPingSeconds = seconds(0),
}

-- Known before any API is.
local of_connections = {
	targetBytes = count(256, 65536),
	headBytes = count(1024, 262144),
	headFields = count(16, 1024),
	fieldNameBytes = count(16, 4096),
	fieldValueBytes = count(256, 262144),
	trailerBytes = count(0, 65536),
	trailerFields = count(0, 1024),
	chunkExtensionBytes = count(0, 65536),
	headSeconds = seconds(0.001),
	tlsHandshakeSeconds = seconds(0.001),
	keepAliveIdleSeconds = seconds(0.001),
	keepAliveMaxAgeSeconds = seconds(0),
	keepAliveRequests = count(1, 1000000000),
}

-- Of services, whoever asks.
local of_services = { upstreamConnectSeconds = seconds(0.001) }

-- In the order in which `explain` and plans show them.
local api_names = {
	"requestBodyBytes", "bufferedBodyBytes", "responseHeadBytes", "responseHeadFields",
	"interimResponses", "requestSeconds", "requestBodyBytesPerSecond", "requestBodyGraceSeconds",
	"responseBytesPerSecond", "responseGraceSeconds", "responseStallSeconds", "upstreamIdleSeconds",
	"websocketFrameBytes", "websocketMessageBytes", "websocketMessagesPerSecond", "websocketPingSeconds",
}
local connection_names = {
	"targetBytes", "headBytes", "headFields", "fieldNameBytes", "fieldValueBytes", "trailerBytes",
	"trailerFields", "chunkExtensionBytes", "headSeconds", "tlsHandshakeSeconds",
	"keepAliveIdleSeconds", "keepAliveMaxAgeSeconds", "keepAliveRequests",
}

-- The fields of the whole gateway's; others add theirs.
limits.fields = {}
for _, group in ipairs({ of_api, of_connections, of_services }) do
	for name, field in pairs(group) do
		limits.fields[name] = field
	end
end
limits.shape = { type = "map", fields = limits.fields }
limits.positive_seconds = seconds(0.001)
limits.seconds = seconds
limits.api_shape = { type = "map", fields = of_api }

local function is_number(node)
	return node and (node.type == "integer" or node.type == "real")
end

local function milliseconds(node)
	return nodes.integer(node, math.floor(node.value * 1000 + 0.5))
end

-- A value that was told to be wrong has no effect: what held before it does.
local function usable(node, field)
	local is_usable = is_number(node) and node.value >= field.min and node.value <= field.max
		and (field.type == "number" or node.type == "integer")
	return is_usable and node or nil
end

limits.usable = usable
limits.milliseconds = milliseconds

-- As the plan has it: seconds become milliseconds, and so does the name.
function limits.put(out, name, node)
	local stem = name:match("^(.*)Seconds$")
	if not node then
		return
	end
	if stem then
		nodes.put(out, stem .. "Ms", milliseconds(node))
	else
		nodes.put(out, name, node)
	end
end

local function filled(out)
	return #out.keys > 0 and out or nil
end

-- --- what parts of the whole contradict ---------------------------------------------------------

local function check_parts(map, path, report, resource)
	local head = nodes.get(map, "headBytes")
	for _, name in ipairs({ "targetBytes", "fieldNameBytes", "fieldValueBytes", "trailerBytes" }) do
		local part = nodes.get(map, name)
		if is_number(head) and is_number(part) and part.value > head.value then
			report:error(part, path .. "." .. name, "more than headBytes, "
				.. string.format("%.0f", head.value) .. ", allows", resource)
		end
	end
end

-- --- the environment ----------------------------------------------------------------------------

local variables = {
	{ "CONNECTION_IDLE_TIMEOUT_SECONDS", "keepAliveIdleSeconds" },
	{ "STREAM_IDLE_TIMEOUT_SECONDS", "streamIdleSeconds" },
	{ "UPSTREAM_CONNECTION_IDLE_TIMEOUT_SECONDS", "upstreamConnectionIdleSeconds" },
	{ "UPSTREAM_RESPONSE_TIMEOUT_SECONDS", "upstreamResponseSeconds" },
	{ "REWRITE_HOST_HEADER", "rewriteHostHeader" },
	{ "REMOVE_SERVER_HEADER", "removeServer" },
	{ "PRESERVE_EXTERNAL_REQUEST_ID", "preserveRequestId" },
}

local is_boolean = { rewriteHostHeader = true, removeServer = true, preserveRequestId = true }

local truth = { ["true"] = true, ["1"] = true, ["false"] = false, ["0"] = false }

-- A node that stands in no file; nil and what was expected.
local function parse(name, text)
	if is_boolean[name] then
		if truth[text:lower()] == nil then
			return nil, "true or false"
		end
		return nodes.boolean(nil, truth[text:lower()])
	end
	local number = text:match("^%d+%.?%d*$") and tonumber(text)
	if not number or number < 0.001 or number > SECONDS_MAX then
		return nil, "a number of seconds from 0.001 to " .. SECONDS_MAX
	end
	return { type = "real", value = number }
end

local function read_variable(host, suffix)
	for _, prefix in ipairs({ "SLUICE_", "FLEX_" }) do
		local text = host.getenv(prefix .. suffix)
		if text and text ~= "" then
			return prefix .. suffix, text
		end
	end
end

-- Name in the YAML -> node, of what the environment sets. Wrong values are told and have no effect.
function limits.environment(host, report)
	local found = {}
	for _, variable in ipairs(variables) do
		local name, text = read_variable(host, variable[1])
		if name then
			local node, expected = parse(variable[2], text)
			if node then
				found[variable[2]] = node
			else
				report:error({ file = "environment" }, name, "expected " .. expected .. ', found "'
					.. text .. '"; the default holds')
			end
		end
	end
	return found
end

-- --- from documents to the plan -----------------------------------------------------------------

-- The Configuration's member `limits`.
function limits.read(settings, node, path, report, resource)
	settings.limits = node
	check_parts(node, path, report, resource)
end

-- A member of `timeouts`, else the environment's.
function limits.timeout(settings, name)
	return usable(nodes.get(settings.timeouts, name), limits.positive_seconds)
		or settings.environment[name]
end

-- The same in milliseconds, for the plan; nil: the default.
function limits.timeout_ms(settings, name)
	local node = limits.timeout(settings, name)
	return node and milliseconds(node)
end

-- settings.limits of the plan.
function limits.connections_node(settings)
	local out = nodes.map(settings.limits)
	for _, name in ipairs(connection_names) do
		limits.put(out, name, usable(nodes.get(settings.limits, name), limits.fields[name])
			or settings.environment[name])
	end
	return filled(out)
end

function limits.connect_timeout(settings)
	local node = usable(nodes.get(settings.limits, "upstreamConnectSeconds"),
		of_services.upstreamConnectSeconds)
	return node and milliseconds(node)
end

-- Whoever set how long an exchange may stand still meant the upstream's silence, too.
local function inherited(api, settings, name)
	if name == "upstreamIdleSeconds"
		and (api.stream_idle_timeout or limits.timeout(settings, "streamIdleSeconds")) then
		return nodes.integer(api.stream_idle_timeout or nodes.get(settings.timeouts,
			"streamIdleSeconds"), 0)
	end
	if name == "bufferedBodyBytes" then
		return usable(settings.buffered_body_bytes, of_api.bufferedBodyBytes)
	end
end

-- api.limits of the plan: what it says itself, else what holds for all.
function limits.api_node(api, settings)
	local own = nodes.get(api.spec, "limits")
	local out = nodes.map(own or settings.limits)
	for _, name in ipairs(api_names) do
		limits.put(out, name, usable(nodes.get(own, name), of_api[name])
			or usable(nodes.get(settings.limits, name), of_api[name])
			or inherited(api, settings, name))
	end
	return filled(out)
end

return limits
