-- SPDX-License-Identifier: Apache-2.0
-- The configurations of tls and tls-outbound, to the plan's one form: PEM texts, no references.
local nodes = require("sluice.nodes")

local tls = {}

local function fail(binding, node, path, message, report)
	report:error(node, binding.path .. ".config." .. path, message, binding.resource)
	return nil
end

-- Only what tells a PEM text from a path or a word; the gateway reads the rest.
local function is_pem(text, what)
	return text:find("%-%-%-%-%-BEGIN [%u%d ]*" .. what .. "%-%-%-%-%-") ~= nil
end

local function from_secret(binding, ref, secrets, report)
	local name = nodes.text(ref, "name")
	local id = (nodes.text(ref, "namespace") or binding.resource.namespace) .. "/" .. name
	local secret = secrets.by_id[id]
	local values = secret and secret.values
	if not secret then
		return fail(binding, ref, "certificate.secretRef", 'no Secret "' .. id .. '"', report)
	end
	if secret.broken or not values or not values.crt or not values.key then
		return fail(binding, ref, "certificate.secretRef", 'Secret "' .. id
			.. '" has a mistake, or no tls.crt and tls.key', report)
	end
	return {
		crt = nodes.string(ref, values.crt),
		key = nodes.string(ref, values.key),
		passphrase = values.keyPassphrase and nodes.string(ref, values.keyPassphrase),
	}
end

local function parts_of(binding, node, secrets, report)
	local ref = nodes.get(node, "secretRef")
	if ref then
		return from_secret(binding, ref, secrets, report)
	end
	return {
		crt = nodes.get(node, "crt"),
		key = nodes.get(node, "key"),
		passphrase = nodes.get(node, "keyPassphrase"),
	}
end

local function certificate(binding, config, secrets, report)
	local node = nodes.get(config, "certificate")
	local parts = parts_of(binding, node, secrets, report)
	if not parts then
		return nil
	end
	local wanted = { crt = "CERTIFICATE", key = "PRIVATE KEY" }
	for _, name in ipairs({ "crt", "key" }) do
		local part = parts[name]
		if not part then
			return fail(binding, node, "certificate", 'missing field "' .. name .. '"',
				report)
		end
		if not is_pem(part.value, wanted[name]) then
			return fail(binding, part, "certificate." .. name, "expected PEM text with -----BEGIN "
				.. wanted[name] .. "-----", report)
		end
	end
	local out = nodes.map(node)
	nodes.put(out, "crt", parts.crt)
	nodes.put(out, "key", parts.key)
	return nodes.put(out, "passphrase", parts.passphrase)
end

local function version(config, key)
	local node = nodes.get(config, key)
	if not node then
		return nil
	end
	local text = node.type == "string" and node.value or string.format("%.1f", node.value)
	return nodes.string(node, text), tonumber(text)
end

local function ciphers(config)
	local node = nodes.get(config, "ciphers")
	if not nodes.is(node, "list") then
		return node
	end
	local names = {}
	for i, name in ipairs(node) do
		names[i] = name.value
	end
	return nodes.string(node, table.concat(names, ":"))
end

local function authorities(binding, config, report)
	local node = nodes.get(config, "trustedCA")
	if node and not is_pem(node.value, "CERTIFICATE") then
		return fail(binding, node, "trustedCA", "expected PEM text with -----BEGIN CERTIFICATE-----",
			report), true
	end
	if not node and nodes.value(config, "requireClientCertificate", "boolean") then
		return fail(binding, config, "requireClientCertificate",
			"needs trustedCA, the authorities of the clients", report), true
	end
	return node
end

-- The plan's tls of a valid configuration, or nil when the report says what is wrong.
function tls.read(binding, config, secrets, report)
	local out = nodes.map(config)
	if nodes.get(config, "certificate") then
		local found = certificate(binding, config, secrets, report)
		if not found then
			return nil
		end
		nodes.put(out, "certificate", found)
	end
	local trusted, failed = authorities(binding, config, report)
	if failed then
		return nil
	end
	local lowest, low = version(config, "minversion")
	local highest, high = version(config, "maxversion")
	if low and high and low > high then
		return fail(binding, lowest, "minversion", "above maxversion", report)
	end
	nodes.put(out, "trustedCA", trusted)
	nodes.put(out, "minversion", lowest)
	nodes.put(out, "maxversion", highest)
	nodes.put(out, "ciphers", ciphers(config))
	for _, key in ipairs({ "skipValidation", "alpn", "requireClientCertificate" }) do
		nodes.put(out, key, nodes.get(config, key))
	end
	return out
end

return tls
