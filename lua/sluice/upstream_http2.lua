-- SPDX-License-Identifier: Apache-2.0
-- How a service is spoken to in HTTP/2: h2:// addresses, and https:// that may agree on it by ALPN. The same
-- fields for a Service and for a service inside of an ApiInstance.
local nodes = require("sluice.nodes")

local upstream_http2 = {}

local WINDOW_MIN, WINDOW_MAX = 65535, 16777216
local PING_SECONDS_MAX = 3600

upstream_http2.shape = {
	type = "map",
	fields = {
		maxConcurrentStreams = { type = "integer", min = 1, max = 1000 },
		initialWindowSize = { type = "integer", min = WINDOW_MIN, max = WINDOW_MAX },
		connectionWindowSize = { type = "integer", min = WINDOW_MIN, max = WINDOW_MAX },
		pingSeconds = { type = "number", min = 0, max = PING_SECONDS_MAX },
	},
}

-- What has to fit the addresses, once they are read.
function upstream_http2.check(target, spec, path, report, owner)
	local node = nodes.get(spec, "http2")
	if not node or not target.address then
		return
	end
	if target.address.scheme == "http" then
		report:error(node, path .. "http2", "the service is http://; HTTP/2 without TLS is h2://", owner,
			{ at_key = true })
	end
	local window, all = nodes.get(node, "initialWindowSize"), nodes.get(node, "connectionWindowSize")
	if nodes.is(window, "integer") and nodes.is(all, "integer") and all.value < window.value then
		report:error(all, path .. "http2.connectionWindowSize", "less than initialWindowSize", owner)
	end
end

-- Nothing where it is no number, which is told already.
local function milliseconds(node)
	if nodes.is(node, "integer") or nodes.is(node, "real") then
		return nodes.integer(node, math.floor(node.value * 1000 + 0.5))
	end
end

local function offers_h2(tls)
	for _, protocol in nodes.each(tls, "alpn") do
		if protocol.value == "h2" then
			return true
		end
	end
	return false
end

-- Nil where HTTP/1 is spoken. To be told when all that is bound to the service is known.
local function protocol_of(service)
	local scheme = service.address.scheme
	if scheme == "h2" then
		return "h2"
	end
	local may_agree = nodes.get(service.balancing, "http2") or offers_h2(service.tls)
	return scheme == "https" and may_agree and "alpn" or nil
end

-- gRPC has no form in HTTP/1: its checks would take out every endpoint.
local function check_service(service, report)
	local kind = nodes.get(nodes.get(service.balancing, "healthCheck"), "type")
	if nodes.is(kind, "string") and kind.value == "grpc" and service.address
		and not protocol_of(service) then
		report:error(kind, service.balancing_path .. "healthCheck.type",
			"grpc needs HTTP/2, and the service is spoken to in HTTP/1.1: it has to be h2://, or "
			.. "https:// with http2 or with a tls-outbound whose alpn has h2",
			service.inline_of or service)
	end
end

-- Behind all bindings.
function upstream_http2.check_bound(services, report)
	for _, service in ipairs(services) do
		if not service.is_ghost then
			check_service(service, report)
		end
	end
end

-- What a service's node has of all this: nothing, where HTTP/1 is spoken.
function upstream_http2.put(out, service)
	local node, protocol = nodes.get(service.balancing, "http2"), protocol_of(service)
	if not protocol then
		return
	end
	local at = node or service.address_node
	nodes.put(out, "protocol", nodes.string(at, protocol))
	nodes.put(out, "streamsMax", nodes.get(node, "maxConcurrentStreams"))
	nodes.put(out, "streamWindow", nodes.get(node, "initialWindowSize"))
	nodes.put(out, "connectionWindow", nodes.get(node, "connectionWindowSize"))
	nodes.put(out, "pingMs", milliseconds(nodes.get(node, "pingSeconds")))
end

return upstream_http2
