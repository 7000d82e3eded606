-- SPDX-License-Identifier: Apache-2.0
-- Service: an upstream and its address.
local nodes = require("sluice.nodes")
local address = require("sluice.address")
local schema = require("sluice.schema")

local service = {}

service.address_shape = { type = "string" }

service.shape = {
	type = "map",
	required = { "address" },
	fields = { address = service.address_shape },
}

local schemes = { http = true, https = true, h2 = true, unix = true,
	shown = "http://host:port or https://host:port" }

-- Fills in what the address says. `owner` is the resource that mistakes belong to.
function service.read_address(target, node, path, report, owner)
	if not nodes.is(node, "string") then
		target.broken = true
		return
	end
	local parsed, message = address.parse(node.value, schemes, report.host)
	if parsed and parsed.scheme == "h2" then
		parsed, message = nil, "HTTP/2 upstreams are not supported by this version"
	end
	if parsed and parsed.host == "*" then
		parsed, message = nil, '"*" is no host name'
	end
	local prefix
	if parsed then
		prefix, message = address.base_path(parsed.path, report.host)
	end
	if not prefix then
		report:error(node, path, message, owner)
		target.broken = true
		return
	end
	target.address, target.address_node, target.prefix = parsed, node, prefix
end

function service.read(resource, report)
	schema.check(report, resource, resource.spec, service.shape, "spec")
	service.read_address(resource, nodes.get(resource.spec, "address"), "spec.address", report,
		resource)
end

return service
