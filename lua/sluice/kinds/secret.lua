-- SPDX-License-Identifier: Apache-2.0
-- Secret: a certificate with its key in base64 (spec.tls), or named texts (spec.data).
local nodes = require("sluice.nodes")
local schema = require("sluice.schema")
local substitute = require("sluice.substitute")

local secret = {}

secret.shape = {
	type = "map",
	fields = {
		tls = {
			type = "map",
			required = { "crt", "key" },
			fields = {
				crt = { type = "string" },
				key = { type = "string" },
				keyPassphrase = { type = "string", empty = true },
			},
		},
		data = { type = "dictionary", of = { type = "string", empty = true } },
	},
}

local function no_secrets()
	return nil, "a Secret does not refer to another one"
end

-- PEM texts as they are, everything else in base64.
local function decode(text, host)
	if text:find("-----BEGIN ", 1, true) then
		return text
	end
	return host.base64((text:gsub("%s", "")))
end

local function read_tls(resource, tls, report)
	for _, key in ipairs({ "crt", "key" }) do
		local node = nodes.get(tls, key)
		if nodes.is(node, "string") then
			local text = decode(node.value, report.host)
			if not text then
				report:error(node, "spec.tls." .. key, "not base64", resource)
			end
			resource.values[key] = text
		end
	end
	resource.values.keyPassphrase = nodes.text(tls, "keyPassphrase")
end

function secret.read(resource, report)
	local spec = resource.spec
	resource.values = {}
	if not schema.check(report, resource, spec, secret.shape, "spec") then
		return
	end
	local scope = { host = report.host, secret = no_secrets, watches = true,
		miss = function(_, path, message)
			local is_tls = path:find("^tls%.") ~= nil
			if is_tls then
				resource.missing = (resource.missing and resource.missing .. "; " or "") .. message
			end
			return is_tls
		end }
	spec = substitute.tree(spec, scope, function(node, path, message)
		report:error(node, "spec." .. path, message, resource)
	end)
	for key, node in nodes.pairs(nodes.get(spec, "data")) do
		resource.values[key] = node.value
	end
	local tls = nodes.get(spec, "tls")
	if tls then
		read_tls(resource, tls, report)
	elseif not nodes.get(spec, "data") then
		report:error(spec, "spec", 'expected "tls" or "data"', resource)
	end
end

local is_of_tls = { crt = true, key = true, keyPassphrase = true }

-- A function for substitute.tree that finds "name.key" and "namespace/name.key": text, or nil, message, and
-- "file" where it is one that is missing.
function secret.finder(secrets, namespace, host)
	return function(reference)
		local space, rest = reference:match("^([^/]+)/(.+)$")
		local name, key = (rest or reference):match("^(.+)%.([^.]+)$")
		if not name then
			return nil, "expected ${secret:name.key}, found ${secret:" .. reference .. "}"
		end
		local found = secrets.by_id[(space or namespace) .. "/" .. name]
		if not found then
			local names = {}
			for _, other in ipairs(secrets.list) do
				names[#names + 1] = other.name
			end
			local near = host.nearest(name, names)
			return nil, 'no Secret "' .. name .. '"'
				.. (near and '; did you mean "' .. near .. '"?' or "")
		end
		local value = found.values[key]
		if value == "" and found.missing and is_of_tls[key] then
			return nil, 'Secret "' .. name .. '": ' .. found.missing, "file"
		elseif value then
			return value
		end
		return nil, 'Secret "' .. name .. '" has no "' .. key .. '"'
			.. (found.broken and ", or a mistake" or "")
	end
end

return secret
