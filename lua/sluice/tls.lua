-- SPDX-License-Identifier: Apache-2.0
-- The configurations of tls and tls-outbound, to the plan's one form: PEM texts, no references.
local nodes = require("sluice.nodes")
local certificates = require("sluice.certificates")
local diagnose = require("sluice.diagnose")

local tls = {}

local fail = certificates.fail

local function version(config, key)
	local node = nodes.get(config, key)
	if not node then
		return nil
	end
	local text = node.type == "string" and node.value or string.format("%.1f", node.value)
	return nodes.string(node, text), tonumber(text)
end

-- A list, so that a gateway that does not know one of the names can say where it stands.
local function ciphers(config)
	local node = nodes.get(config, "ciphers")
	if not nodes.is(node, "string") then
		return node
	end
	local names = nodes.list(node)
	for name in node.value:gmatch("[^:]+") do
		names[#names + 1] = nodes.string(node, name)
	end
	return names
end

local function pem_of(binding, config, path, key, what, report)
	local node = nodes.get(config, key)
	if node and not certificates.is_pem(node, what) then
		return fail(binding, node, path .. key, "expected PEM text with -----BEGIN " .. what
			.. "-----", report), true
	end
	return node
end

-- --- clients ------------------------------------------------------------------------------------

-- Of requireClientCertificate, the vendor's word, and clientCertificate: the node that decides.
local function demand_of(binding, config, path, report)
	local flag = nodes.get(config, "requireClientCertificate")
	local how = nodes.get(config, "clientCertificate")
	if flag and how and flag.value ~= (how.value == "required") then
		return fail(binding, how, path .. "clientCertificate", "requireClientCertificate ("
			.. diagnose.place(flag) .. ") says otherwise", report), true
	end
	if how then
		return how
	end
	return flag and nodes.string(flag, flag.value and "required" or "none")
end

local only_with_clients = { "depth", "crl" }

-- Whom clients have to be, into `out`. `outer`: what holds where this says nothing. nil: it is wrong.
local function put_clients(out, binding, config, path, outer, report)
	local demand, is_wrong = demand_of(binding, config, path, report)
	local trusted, is_no_pem = pem_of(binding, config, path, "trustedCA", "CERTIFICATE", report)
	local crl, is_no_list = pem_of(binding, config, path, "crl", "X509 CRL", report)
	if is_wrong or is_no_pem or is_no_list then
		return nil
	end
	local how = demand or nodes.get(outer, "clientCertificate")
	local asks = how ~= nil and how.value ~= "none"
	trusted = trusted or nodes.get(outer, "trustedCA")
	if asks and not trusted then
		local name = nodes.get(config, "requireClientCertificate") and "requireClientCertificate"
			or "clientCertificate"
		return fail(binding, config, path .. name, "needs trustedCA, the authorities of the clients",
			report)
	end
	for _, key in ipairs(only_with_clients) do
		local node = nodes.get(config, key)
		if node and not asks then
			return fail(binding, node, path .. key,
				"means nothing where no certificate of clients is asked for", report)
		end
	end
	nodes.put(out, "trustedCA", trusted)
	nodes.put(out, "crl", asks and (crl or nodes.get(outer, "crl")) or nil)
	nodes.put(out, "depth", asks and (nodes.get(config, "depth") or nodes.get(outer, "depth")) or nil)
	if how and (demand or outer) then
		nodes.put(out, "clientCertificate", nodes.string(how, how.value))
		nodes.put(out, "requireClientCertificate", nodes.boolean(how, how.value == "required"))
	end
	return out
end

-- --- names --------------------------------------------------------------------------------------

local function host_of(binding, node, path, report)
	local host = node.value:lower():gsub("%.$", "")
	local bare = host:gsub("^%*%.", "")
	local is_name = #bare <= 253 and bare:find("^[%w_-]") and not bare:find("[^%w._-]")
		and not bare:find("..", 1, true) and not bare:find("^[%d.]+$")
	if not is_name then
		return fail(binding, node, path, "expected a host name such as shop.example or *.shop.example"
			.. (bare:find("[\128-\255]") and "; letters beyond ASCII are written as xn--…" or ""),
			report)
	end
	return nodes.string(node, host)
end

-- Sorted, as one text: entries of the same names stand side by side. nil: one is wrong.
local function hosts_of(binding, entry, path, report)
	local list, texts, seen = nodes.list(nodes.get(entry, "hosts")), {}, {}
	for i, node in nodes.each(entry, "hosts") do
		local at = path .. ".hosts[" .. i - 1 .. "]"
		local host = host_of(binding, node, at, report)
		if not host then
			return nil
		end
		if seen[host.value] then
			return fail(binding, node, at, "the same host twice", report)
		end
		seen[host.value] = true
		list[i], texts[i] = host, host.value
	end
	table.sort(texts)
	return list, table.concat(texts, " ")
end

local function claim(binding, hosts, path, owners, report)
	for i, host in ipairs(hosts) do
		local owner = owners[host.value]
		if owner then
			return fail(binding, host, path .. ".hosts[" .. i - 1 .. "]", "the host is another "
				.. "certificate's already (" .. diagnose.place(owner) .. ")", report)
		end
		owners[host.value] = host
	end
	return true
end

local client_members = { "clientCertificate", "requireClientCertificate", "trustedCA", "crl", "depth" }

local function add_beside(binding, first, entry, certificate, path, report)
	for _, key in ipairs(client_members) do
		local node = nodes.get(entry, key)
		if node then
			return fail(binding, node, path .. "." .. key, "stands with the first certificate of "
				.. "these hosts (" .. diagnose.place(first) .. ")", report)
		end
	end
	local others = nodes.get(first, "others") or nodes.list(certificate)
	if #others == 3 then
		return fail(binding, entry, path, "more than four certificates of the same hosts", report)
	end
	others[#others + 1] = certificate
	nodes.put(first, "others", others)
	return true
end

-- certificates[], into `out`: those without hosts stand beside the port's own.
local function add_entry(out, names, binding, entry, path, secrets, report)
	local certificate = certificates.node(binding, nodes.get(entry, "certificate"),
		path .. ".certificate", secrets, report)
	local hosts, text = hosts_of(binding, entry, path, report)
	if not certificate or not hosts then
		return nil
	end
	local first = text == "" and out or names.by_text[text]
	if first and nodes.get(first, "certificate") then
		return add_beside(binding, first, entry, certificate, path, report)
	end
	if text == "" then
		return fail(binding, entry, path, 'without "hosts" it stands beside "certificate", and there '
			.. "is none", report)
	end
	local name = nodes.put(nodes.put(nodes.map(entry), "hosts", hosts), "certificate", certificate)
	if not claim(binding, hosts, path, names.owners, report)
		or not put_clients(name, binding, entry, path .. ".", out, report) then
		return nil
	end
	names.by_text[text] = name
	names.list[#names.list + 1] = name
	return true
end

local function add_names(out, binding, config, secrets, report)
	local names = { list = nodes.list(nodes.get(config, "certificates")), by_text = {}, owners = {} }
	for i, entry in nodes.each(config, "certificates") do
		if not add_entry(out, names, binding, entry, "certificates[" .. i - 1 .. "]", secrets,
			report) then
			return nil
		end
	end
	nodes.put(out, "names", #names.list > 0 and names.list or nil)
	return out
end

-- Without a certificate of its own a port serves names alone.
local function choose_own(out, binding, config, report)
	if nodes.get(out, "certificate") then
		return out
	end
	local first = nodes.get(out, "names") and nodes.get(out, "names")[1]
	if not first or nodes.value(config, "strictSni", "boolean") ~= true then
		return fail(binding, config, "certificate", 'missing, for clients that ask for no name or for '
			.. 'one that nothing has; "strictSni: true" with certificates refuses those', report)
	end
	nodes.put(out, "servesNameless", nodes.boolean(first, false))
	return nodes.put(out, "certificate", nodes.get(first, "certificate"))
end

-- ------------------------------------------------------------------------------------------------

local function put_settings(out, binding, config, report)
	local lowest, low = version(config, "minversion")
	local highest, high = version(config, "maxversion")
	if low and high and low > high then
		return fail(binding, lowest, "minversion", "above maxversion", report)
	end
	nodes.put(out, "minversion", lowest)
	nodes.put(out, "maxversion", highest)
	nodes.put(out, "ciphers", ciphers(config))
	nodes.put(out, "mistake", config.missing)
	for _, key in ipairs({ "skipValidation", "alpn", "strictSni", "forwardClientCertDetails",
		"setCurrentClientCertDetails" }) do
		nodes.put(out, key, nodes.get(config, key))
	end
	return out
end

local function start(binding, config, secrets, report)
	local out, node = nodes.map(config), nodes.get(config, "certificate")
	if not node then
		return out
	end
	local certificate = certificates.node(binding, node, "certificate", secrets, report)
	return certificate and nodes.put(out, "certificate", certificate)
end

-- The plan's tls of a valid configuration, or nil when the report says what is wrong.
function tls.inbound(binding, config, secrets, report)
	local out = start(binding, config, secrets, report)
	out = out and put_clients(out, binding, config, "", nil, report)
	out = out and put_settings(out, binding, config, report)
	out = out and add_names(out, binding, config, secrets, report)
	return out and choose_own(out, binding, config, report)
end

function tls.outbound(binding, config, secrets, report)
	local out = start(binding, config, secrets, report)
	local trusted, failed = pem_of(binding, config, "", "trustedCA", "CERTIFICATE", report)
	if not out or failed then
		return nil
	end
	nodes.put(out, "trustedCA", trusted)
	return put_settings(out, binding, config, report)
end

return tls
