-- SPDX-License-Identifier: Apache-2.0
-- loadBalancing.sticky: a cookie that keeps a client at its endpoint.
local configs = require("sluice.configs")
local nodes = require("sluice.nodes")
local substitute = require("sluice.substitute")
local trust = require("sluice.trust")

local sticky = {}

local AGE_MAX = 34560000 -- 400 days: browsers keep none for longer

local function check_name(text)
	if #text > 100 or not text:match("^[%w!#$%%&'*+.^_`|~-]+$") then
		return 'expected the name of a cookie, of at most 100 bytes, found "' .. text .. '"'
	end
end

local function check_path(text)
	if #text > 255 or not text:match("^/[%w%-._~!$&'()*+,=:@/%%]*$") then
		return 'expected a path that starts with "/", found "' .. text .. '"'
	end
end

local function check_whole_key(text)
	if #text < 16 or #text > 255 then
		return "expected a key of 16 to 255 bytes, found one of " .. #text
	end
end

-- What is yet to be put in is checked then.
local function check_key(text)
	return not substitute.is_reference(text) and check_whole_key(text) or nil
end

sticky.shape = {
	type = "map",
	required = { "cookie" },
	fields = {
		cookie = { type = "string", check = check_name, max = 100 },
		ttlSeconds = { type = "integer", min = 1, max = AGE_MAX },
		path = { type = "string", check = check_path, max = 255 },
		secure = { type = "boolean" },
		httpOnly = { type = "boolean" },
		sameSite = { type = "string", enum = { "strict", "lax", "none" } },
		key = { type = "string", check = check_key, max = 255 },
	},
}

-- What browsers drop without a word: so says RFC 6265bis 4.1.2.7 and 4.1.3.
local function mistake(map)
	local name, same_site = nodes.text(map, "cookie") or "", nodes.text(map, "sameSite")
	local is_secure = nodes.value(map, "secure", "boolean")
	if name:match("^__Secure%-") or name:match("^__Host%-") then
		if not is_secure then
			return "cookie", "browsers take a cookie of that name only with secure: true"
		elseif name:match("^__Host%-") and (nodes.text(map, "path") or "/") ~= "/" then
			return "path", "browsers take a cookie whose name starts with __Host- only for /"
		end
	end
	if same_site == "none" and not is_secure then
		return "sameSite", "browsers take none only with secure: true"
	end
end

-- `path`: of the map, with its dot. `is_alone`: the service has one endpoint.
function sticky.check(map, path, is_alone, report, owner)
	local key, message = mistake(map)
	if key then
		report:error(nodes.get(map, key), path .. key, message, owner)
	elseif is_alone then
		report:warning(map, (path:gsub("%.$", "")),
			"without effect: the service has one endpoint", owner, { at_key = true })
	end
end

local same_sites = { strict = "Strict", lax = "Lax", none = "None" }

local function attributes(map)
	local out = "; Path=" .. (nodes.text(map, "path") or "/")
	local age = nodes.get(map, "ttlSeconds")
	if nodes.is(age, "integer") then
		out = out .. string.format("; Max-Age=%d", age.value)
	end
	if nodes.value(map, "httpOnly", "boolean") ~= false then
		out = out .. "; HttpOnly"
	end
	return out .. "; SameSite=" .. (same_sites[nodes.text(map, "sameSite")] or "Lax")
end

local function map_of(service)
	return nodes.get(nodes.get(service.outward, "loadBalancing"), "sticky")
end

-- When Secrets are read: a service whose cookies anybody could make is not asked.
function sticky.link(service, state)
	local key = nodes.get(map_of(service), "key")
	if service.is_ghost or not nodes.is(key, "string") then
		return
	end
	local owner = service.inline_of or service
	service.sticky_key = configs.text(key, check_whole_key, service.sticky_path .. "key", owner,
		trust.find_secret(owner, state), state.report)
	service.has_foreign_key = service.sticky_key ~= key
	if not service.sticky_key then
		service.broken, service.address = true, nil
	end
end

-- The plan's; nil for nil.
function sticky.node(map, key)
	if not nodes.is(map, "map") then
		return nil
	end
	local out = nodes.map(map)
	nodes.put(out, "cookie", nodes.get(map, "cookie"))
	nodes.put(out, "attributes", nodes.string(map, attributes(map)))
	nodes.put(out, "secure", nodes.get(map, "secure"))
	return nodes.put(out, "key", key)
end

return sticky
