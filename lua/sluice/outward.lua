-- SPDX-License-Identifier: Apache-2.0
-- How requests go out to a service: under which name. The same fields for a Service and for a service
-- inside of an ApiInstance.
local address = require("sluice.address")
local nodes = require("sluice.nodes")

local outward = {}

local authorities = { http = true, shown = "a host, or host:port" }

-- What Host may say: a name or an address, with a port or without.
local function check_authority(text, host)
	local parsed = not text:find("[/@]") and address.parse("http://" .. text, authorities, host)
	if parsed and parsed.host ~= "*" and parsed.host ~= "" then
		return nil
	end
	return 'expected a host, or host:port, found "' .. text .. '"'
end

outward.fields = {
	hostRewrite = { type = "string", enum = { "service", "keep", "literal" } },
	host = { type = "string", check = check_authority, max = 255 },
}

-- `path`: what stands before the names, with its dot.
function outward.read(target, spec, path, report, owner)
	local rewrite, host = nodes.get(spec, "hostRewrite"), nodes.get(spec, "host")
	local is_literal = nodes.is(rewrite, "string") and rewrite.value == "literal"
	target.outward = spec
	if is_literal and not host then
		report:error(rewrite, path .. "hostRewrite", 'a literal needs "host" beside it', owner)
		target.broken = true
	elseif host and not is_literal then
		report:error(host, path .. "host", "means something with hostRewrite: literal alone", owner,
			{ at_key = true })
		target.broken = true
	end
end

-- What a service's node has of it.
function outward.put(out, service, settings)
	local spec = service.outward
	local rewrite = nodes.get(spec, "hostRewrite")
	local keeps = settings.rewrite_host == false
	if nodes.is(rewrite, "string") then
		keeps = rewrite.value == "keep"
	end
	if keeps then
		nodes.put(out, "rewriteHost", nodes.boolean(rewrite or service.address_node, false))
	end
	nodes.put(out, "authority", nodes.get(spec, "host"))
end

return outward
