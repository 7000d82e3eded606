-- SPDX-License-Identifier: Apache-2.0
-- Configuration: settings of the gateway as a whole, one concern in each document.
--
-- What is known but absent here is a warning when it only observes or tunes. What decides who may pass,
-- where bytes go or whether they are encrypted closes every API: a gateway that ignored it would be
-- open.
local nodes = require("sluice.nodes")
local calls = require("sluice.calls")
local diagnose = require("sluice.diagnose")
local dns = require("sluice.dns")
local edge = require("sluice.edge")
local http2 = require("sluice.http2")
local limits = require("sluice.limits")
local outward = require("sluice.outward")
local overload = require("sluice.overload")
local schema = require("sluice.schema")
local storage = require("sluice.storage")

local configuration = {}

local object = { type = "object" } -- not looked into
local seconds = limits.positive_seconds
local port = { type = "integer", min = 1, max = 65535 }

local function check_ip(text, host)
	if not host.ip_version(text) then
		return 'expected an IP address, found "' .. text .. '"'
	end
end

configuration.listener_shape = {
	type = "map",
	fields = {
		enabled = { type = "boolean" },
		address = { type = "string", check = check_ip },
		port = port,
	},
}

local output = {
	type = "map",
	required = { "name", "type" },
	fields = {
		name = { type = "string" },
		type = { type = "string" },
		parameters = { type = "object" },
	},
}

local names = { type = "list", of = { type = "string" } }

local limit = { type = "integer", min = 1, max = 1000000 }

-- Values of the vendor's levels and ours; "fatal" says as little as "error".
local levels = { debug = "debug", info = "info", warn = "warn", error = "error", fatal = "error" }

local shapes = {
	logging = {
		type = "map",
		fields = {
			outputs = { type = "list", of = output },
			runtimeLogs = {
				type = "map",
				fields = {
					logLevel = {
						type = "string", enum = { "debug", "info", "warn", "error", "fatal" },
					},
					outputs = names,
				},
			},
			accessLogs = { type = "map", fields = { outputs = names } },
		},
	},
	probe = configuration.listener_shape,
	metrics = configuration.listener_shape,
	timeouts = {
		type = "map",
		fields = {
			streamIdleSeconds = seconds,
			upstreamResponseSeconds = seconds,
			upstreamConnectionIdleSeconds = seconds,
		},
	},
	circuitBreaker = {
		type = "map",
		required = { "thresholds" },
		fields = {
			thresholds = {
				type = "map",
				fields = {
					maxConnections = limit,
					maxPendingRequests = limit,
					maxRequests = limit,
					maxRetries = limit,
					maxConnectionPools = limit,
				},
			},
		},
	},
	routing = { type = "map", fields = { rewriteHostHeader = { type = "boolean" } } },
	overload = overload.shape,
	http2 = http2.shape,
	strict = { type = "boolean" },
	fallback = { type = "string", enum = { "lastGood", "closed" } },
	tracing = object,
	sharedStorage = { type = "any", of = storage.shape },
	resourceLimits = object,
	connectionBufferLimits = {
		type = "map",
		fields = { global = limits.fields.bufferedBodyBytes },
	},
	limits = limits.shape,
	platformConnection = object,
	outputs = object,
	forwardProxy = { type = "any", of = outward.proxy_shape },
	dns = { type = "any", of = dns.shape },
	defaultTLS = { type = "any", of = calls.shape },
}

for key, member in pairs(edge.members) do
	shapes[key] = member
end

configuration.shape = { type = "map", fields = shapes }

local only_tunes = {
	tracing = "traces are not written",
	resourceLimits = "the numbers of APIs and policies are not limited by it",
	platformConnection = "the vendor's control plane is not used",
	outputs = "the vendor's control plane is not used",
}

local unsupported = "not supported by this version: "

local readers = {}

function readers.logging(settings, node, path, report, resource)
	local runtime = nodes.get(node, "runtimeLogs")
	local level = nodes.get(runtime, "logLevel")
	if nodes.is(level, "string") and levels[level.value] then
		settings.log_level = nodes.string(level, levels[level.value])
	end
	local outputs = nodes.get(node, "outputs") or nodes.get(node, "accessLogs")
		or nodes.get(runtime, "outputs")
	if outputs then
		report:warning(outputs, path, unsupported .. "logs go to standard error and to "
			.. "--access-log alone", resource, { at_key = true })
	end
end

local function read_listener(name)
	return function(settings, node)
		settings[name] = node
	end
end

readers.probe = read_listener("probe")
readers.metrics = read_listener("metrics")

readers.overload = overload.read
readers.http2 = http2.read

function readers.timeouts(settings, node)
	settings.timeouts = node
end

function readers.circuitBreaker(settings, node)
	settings.thresholds = nodes.get(node, "thresholds")
end

readers.limits = limits.read

function readers.connectionBufferLimits(settings, node)
	settings.buffered_body_bytes = nodes.get(node, "global")
end

function readers.routing(settings, node)
	local rewrites = nodes.value(node, "rewriteHostHeader", "boolean")
	if rewrites ~= nil then -- it goes before the environment's
		settings.rewrite_host = rewrites
	end
end

local function read_member(settings, key, node, resource, report)
	local path = "spec." .. key
	local first = settings.places[key]
	if first then
		report:error(node, path, "set twice; first at " .. diagnose.place(first), resource,
			{ at_key = true })
		return
	end
	settings.places[key] = node
	if only_tunes[key] then
		report:warning(node, path, unsupported .. only_tunes[key], resource, { at_key = true })
	elseif key == "strict" then
		settings.is_strict = node.value ~= false -- with a mistake, too: it is to be refused
	elseif key == "fallback" then
		settings.fallback = node
	elseif key == "forwardProxy" then
		outward.read_settings(settings, node, path, report, resource)
	elseif key == "defaultTLS" then
		calls.read_settings(settings, node, path, report, resource)
	elseif key == "sharedStorage" then
		storage.read_settings(settings, node, path, resource)
	elseif key == "dns" then
		dns.read_settings(settings, node, path, report, resource)
	elseif edge.read(settings, key, node, path, report, resource) then
		return
	elseif readers[key] and node.type == "map" then
		readers[key](settings, node, path, report, resource)
	end
end

function configuration.settings(host, report)
	local environment = limits.environment(host, report)
	local rewrites = environment.rewriteHostHeader
	return {
		places = {},
		environment = environment,
		rewrite_host = rewrites and rewrites.value,
		edge = {},
	}
end

-- Adds what the document sets to `settings`.
function configuration.read(resource, report, settings)
	schema.check(report, resource, resource.spec, configuration.shape, "spec")
	for key, node in nodes.pairs(resource.spec) do
		read_member(settings, key, node, resource, report)
	end
end

return configuration
