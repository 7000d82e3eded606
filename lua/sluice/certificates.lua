-- SPDX-License-Identifier: Apache-2.0
-- Certificates with their keys, from texts, files or Secrets, to the plan's one form: PEM texts.
--
-- A file may be half-written when it is read, so what is in it is for the gateway to judge, which keeps
-- what it has until the file is good; one that cannot be read goes into the plan as a "mistake", and so does
-- what `${file:...}` does not find.
local nodes = require("sluice.nodes")

local certificates = {}

-- `binding`: what has the configuration; config_path is where that stands, if it is no binding.
function certificates.place(binding, path)
	return (binding.config_path or binding.path .. ".config") .. "." .. path
end

function certificates.fail(binding, node, path, message, report)
	report:error(node, certificates.place(binding, path), message, binding.resource)
	return nil
end

local fail = certificates.fail

-- Only what tells a PEM text from a path or a word; the gateway reads the rest, and all of what a
-- file has.
function certificates.is_pem(node, what)
	return node.is_foreign == "file" or node.value:find("%-%-%-%-%-BEGIN [%u%d ]*" .. what .. "%-%-%-%-%-") ~= nil
end

local function from_secret(binding, ref, path, secrets, report)
	local name = nodes.text(ref, "name")
	local id = (nodes.text(ref, "namespace") or binding.resource.namespace) .. "/" .. name
	local secret = secrets.by_id[id]
	local values = secret and secret.values
	if not secret then
		return fail(binding, ref, path .. ".secretRef", 'no Secret "' .. id .. '"', report)
	end
	if secret.broken or not values or not values.crt or not values.key then
		return fail(binding, ref, path .. ".secretRef", 'Secret "' .. id
			.. '" has a mistake, or no tls.crt and tls.key', report)
	end
	return {
		crt = nodes.string(ref, values.crt),
		key = nodes.string(ref, values.key),
		passphrase = values.keyPassphrase and nodes.string(ref, values.keyPassphrase),
		mistake = secret.missing and nodes.string(ref, secret.missing),
		is_file_of_crt = secret.missing, is_file_of_key = secret.missing,
	}
end

-- The text of a file, or nil and what is wrong with it.
function certificates.read(node, report)
	local text, reason = report.host.read_file(node.file, node.value, true)
	if text then
		return nodes.string(node, text)
	end
	return nil, nodes.string(node, "file " .. node.value .. ": " .. reason)
end

-- A member's text, or that of the file which its other form names: nil, whether it is a mistake.
local function part_of(binding, node, path, name, report)
	local written, file = nodes.get(node, name), nodes.get(node, name .. "File")
	if written and file then
		return fail(binding, file, path .. "." .. name .. "File", 'stands beside "' .. name .. '"',
			report), true
	end
	if file then
		local text, mistake = certificates.read(file, report)
		return text or { mistake = mistake }
	end
	return written
end

local wanted = { crt = "CERTIFICATE", key = "PRIVATE KEY" }

local function parts_of(binding, node, path, secrets, report)
	local ref = nodes.get(node, "secretRef")
	local parts = { passphrase = nodes.get(node, "keyPassphrase") }
	if ref then
		return from_secret(binding, ref, path, secrets, report)
	end
	for _, name in ipairs({ "crt", "key" }) do
		local part, is_wrong = part_of(binding, node, path, name, report)
		if is_wrong then
			return nil
		end
		if not part then
			return fail(binding, node, path, 'missing field "' .. name .. '"', report)
		end
		parts.mistake = nodes.joined(parts.mistake, part.mistake)
		parts[name] = not part.mistake and part or nodes.string(node, "")
		parts["is_file_of_" .. name] = nodes.get(node, name .. "File") ~= nil
	end
	return parts
end

-- A file of bytes; one that cannot be read is not missed.
local function ocsp_of(binding, node, path, report)
	local file = nodes.get(node, "ocspFile")
	if not file then
		return nil
	end
	local bytes, reason = report.host.read_file(file.file, file.value, true)
	if not bytes then
		report:warning(file, certificates.place(binding, path .. ".ocspFile"), "file " .. file.value
			.. ": " .. reason .. ": nothing is stapled", binding.resource)
		return nil
	end
	return nodes.string(file, report.host.to_base64(bytes))
end

-- {crt, key, passphrase, ocsp, mistake} of a certificate's node; nil when the report says what is wrong.
function certificates.node(binding, node, path, secrets, report)
	local parts = parts_of(binding, node, path, secrets, report)
	if not parts then
		return nil
	end
	for _, name in ipairs({ "crt", "key" }) do
		local part = parts[name]
		if not parts["is_file_of_" .. name] and not certificates.is_pem(part, wanted[name]) then
			return fail(binding, part, path .. "." .. name, "expected PEM text with -----BEGIN "
				.. wanted[name] .. "-----", report)
		end
	end
	local out = nodes.map(node)
	nodes.put(out, "crt", parts.crt)
	nodes.put(out, "key", parts.key)
	nodes.put(out, "passphrase", parts.passphrase)
	nodes.put(out, "ocsp", ocsp_of(binding, node, path, report))
	return nodes.put(out, "mistake", parts.mistake)
end

return certificates
