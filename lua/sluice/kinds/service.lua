-- SPDX-License-Identifier: Apache-2.0
-- Service: an upstream and its address.
local nodes = require("sluice.nodes")
local address = require("sluice.address")
local balancing = require("sluice.balancing")
local outward = require("sluice.outward")
local schema = require("sluice.schema")
local sticky = require("sluice.sticky")
local upstream_http2 = require("sluice.upstream_http2")

local service = {}

service.address_shape = { type = "string" }

-- Those of a service, wherever it is declared; one of `address` and `endpoints` has to be there.
service.fields = { address = service.address_shape, http2 = upstream_http2.shape }
for _, part in ipairs({ balancing, outward }) do
	for name, field in pairs(part.fields) do
		service.fields[name] = field
	end
end

service.shape = { type = "map", fields = service.fields }

local schemes = { http = true, https = true, h2 = true, unix = true,
	shown = "http://host:port, https://host:port or h2://host:port" }

-- Fills in what the address says. `owner` is the resource that mistakes belong to.
function service.read_address(target, node, path, report, owner)
	if not nodes.is(node, "string") then
		target.broken = true
		return
	end
	local parsed, message = address.parse(node.value, schemes, report.host)
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

-- `path`: what stands before the names of the fields, with its dot.
function service.read_parts(target, spec, path, report, owner)
	balancing.read(target, spec, path, report, owner, service.read_address)
	outward.read(target, spec, path, report, owner)
	upstream_http2.check(target, spec, path, report, owner)
end

function service.read(resource, report)
	schema.check(report, resource, resource.spec, service.shape, "spec")
	service.read_parts(resource, resource.spec, "spec.", report, resource)
end

-- When Secrets are read: what refers to them.
function service.link(target, state)
	outward.link(target, state)
	sticky.link(target, state)
end

return service
