-- SPDX-License-Identifier: Apache-2.0
-- `upgrades` of an ApiInstance, the protocols that a request may switch to, and `upgradeOrigins`, whose scripts may
-- ask for it.
local address = require("sluice.address")
local nodes = require("sluice.nodes")

local upgrades = {}

local function check_token(text)
	if not text:match("^[%w!#$%%&'*+.^_`|~/-]+$") then
		return 'expected a protocol as in an Upgrade field, found "' .. text .. '"'
	end
	if text:lower():match("^h2c?$") then
		return "HTTP/2 is no upgrade here: its requests would pass by every policy"
	end
end

-- What browsers leave out.
local implied_ports = { http = ":80", https = ":443" }
local authorities = { http = true }

-- An origin as browsers send it; nil: it is none.
local function origin_of(text, host)
	local scheme, authority = text:match("^(%a[%w+.-]*)://([^/]+)$")
	local parsed = scheme and address.parse("http://" .. authority, authorities, host)
	if not parsed or parsed.host == "*" then
		return nil
	end
	scheme, authority = scheme:lower(), authority:lower()
	local implied = implied_ports[scheme]
	if implied and authority:sub(-#implied) == implied then
		authority = authority:sub(1, -#implied - 1)
	end
	return scheme .. "://" .. authority
end

local function check_origin(text, host)
	if text == "null" then
		return "any site can make a browser send null"
	end
	if not origin_of(text, host) then
		return 'expected an origin such as https://shop.example:8443, found "' .. text .. '"'
	end
end

upgrades.shape = { type = "list", of = { type = "string", check = check_token } }
upgrades.origins_shape = { type = "list", of = { type = "string", check = check_origin } }

-- What the plan says of them; defaults are left out.
function upgrades.put(out, spec, host)
	local origins = nodes.get(spec, "upgradeOrigins")
	nodes.put(out, "upgrades", nodes.get(spec, "upgrades"))
	if not nodes.is(origins, "list") then
		return
	end
	local list = nodes.list(origins)
	for i, origin in ipairs(origins) do
		list[i] = nodes.string(origin, nodes.is(origin, "string") and origin_of(origin.value, host) or "")
	end
	nodes.put(out, "upgradeOrigins", list)
end

return upgrades
