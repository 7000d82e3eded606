-- SPDX-License-Identifier: Apache-2.0
-- Rules of bindings and routes: OR of entries, AND inside one.
local nodes = require("sluice.nodes")

local rules = {}

-- RFC 9110 5.6.2.
local token = "^[%w!#$%%&'*+.^_`|~-]+$"

local function check_regex(text, host)
	local ok, message, offset = host.regex(text)
	if not ok then
		return message, offset
	end
end

local regex = { type = "string", check = check_regex }

rules.shape = {
	type = "list",
	of = {
		type = "map",
		fields = {
			path = regex,
			methods = regex,
			host = regex,
			headers = { type = "dictionary", of = regex },
		},
	},
}

-- Header names are tokens, and those of a request come in lower case.
local function read_headers(headers, path, report, resource)
	local out = nodes.map(headers)
	for name, value in nodes.pairs(headers) do
		if not name:match(token) then
			report:error(value, path .. "." .. name, "not a header name", resource, { at_key = true })
		end
		nodes.put(out, name:lower(), value)
	end
	return out
end

-- The plan's form of a list that has passed rules.shape; an absent one is empty.
function rules.read(list, path, report, resource)
	local out = nodes.list(list)
	if not nodes.is(list, "list") then
		return out
	end
	for i, rule in ipairs(list) do
		local entry = nodes.map(rule)
		for key, value in nodes.pairs(rule) do
			if key == "headers" and value.type == "map" then
				value = read_headers(value, path .. "[" .. i - 1 .. "].headers", report, resource)
			end
			nodes.put(entry, key, value)
		end
		out[i] = entry
	end
	return out
end

return rules
