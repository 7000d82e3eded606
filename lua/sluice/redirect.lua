-- SPDX-License-Identifier: Apache-2.0
-- `redirect` of an ApiInstance: requests that did not come by https are sent there.
local address = require("sluice.address")
local nodes = require("sluice.nodes")
local schema = require("sluice.schema")

local redirect = {}

local schemes = { https = true, shown = "a host" }

-- Where it sends to is the operator's, never taken from a request's path or query.
local function check_host(text, host)
	local parsed, message = address.parse("https://" .. text, schemes, host)
	if parsed and (parsed.has_port or parsed.path ~= "" or parsed.host == "*") then
		message = 'expected a host without a port, found "' .. text .. '"'
	end
	return message
end

redirect.shape = {
	type = "map",
	fields = {
		scheme = { type = "string", enum = { "https" } },
		host = { type = "string", check = check_host },
		port = { type = "integer", min = 1, max = 65535 },
		status = { type = "integer", min = 300, max = 399 },
	},
}

local statuses = { [301] = true, [302] = true, [307] = true, [308] = true }

-- The plan's form of `node`, or nil when it has a mistake; the report says which.
function redirect.read(node, path, report, api)
	if not node or not schema.check(report, api, node, redirect.shape, path) then
		return nil
	end
	local status = nodes.get(node, "status")
	if status and not statuses[status.value] then
		report:error(status, path .. ".status", "expected 301, 302, 307 or 308, found "
			.. status.value, api)
		return nil
	end
	if api.address and api.address.scheme == "https" then
		report:error(node, path, "the address is https already; a redirect is for http", api,
			{ at_key = true })
		return nil
	end
	local out = nodes.map(node)
	nodes.put(out, "host", nodes.get(node, "host"))
	nodes.put(out, "port", nodes.get(node, "port"))
	return nodes.put(out, "status", status)
end

return redirect
