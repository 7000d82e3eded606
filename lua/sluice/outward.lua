-- SPDX-License-Identifier: Apache-2.0
-- How requests go out to a service: under which name, for whom, and by which way. The same fields for a Service and for a service
-- inside of an ApiInstance.
local address = require("sluice.address")
local configs = require("sluice.configs")
local nodes = require("sluice.nodes")
local schema = require("sluice.schema")
local substitute = require("sluice.substitute")
local trust = require("sluice.trust")

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

local CREDENTIAL_BYTES_MAX = 255

local proxies = { http = true, https = true, shown = "http://host:port or https://host:port" }

local function check_proxy(text, host)
	local parsed, message = address.parse(text, proxies, host)
	if not parsed then
		return message
	elseif parsed.host == "*" or parsed.path ~= "" then
		return "expected " .. proxies.shown .. ', found "' .. text .. '"'
	end
end

-- RFC 7617 2: the first colon ends the name.
local function check_whole_user(text)
	if text == "" or text:find("[:%c]") then
		return "expected a name without a colon"
	end
	return #text > CREDENTIAL_BYTES_MAX and "a name has 255 bytes at most" or nil
end

-- What is yet to be put in is checked then.
local function check_user(text)
	return not substitute.is_reference(text) and check_whole_user(text) or nil
end

local function check_password(text)
	if #text > CREDENTIAL_BYTES_MAX then
		return "a password has 255 bytes at most"
	end
	return text:find("%c") and "a password holds no control characters" or nil
end

local forward_proxy = {
	type = "map",
	required = { "address" },
	fields = {
		address = { type = "string", check = check_proxy },
		username = { type = "string", check = check_user, max = 255 },
		password = { type = "string", check = check_password, max = 255 },
		tunnel = { type = "boolean" },
		tls = { type = "object" }, -- checked by the schema of tls-outbound
	},
}

local function check_no_proxy(text, host)
	if text:find("/", 1, true) then
		return address.check_prefix(text, host)
	elseif not text:match("^%.?[%w_:][%w_.:-]*$") then
		return 'expected a host, .suffix for all names that end so, or a prefix like 10.0.0.0/8, found "'
			.. text .. '"'
	end
end

-- Of a Configuration: services by https go through it, unless they have one of their own.
outward.proxy_shape = {
	type = "map",
	required = { "https" },
	fields = {
		https = {
			type = "map",
			required = { "address" },
			fields = {
				address = { type = "string", check = check_proxy },
				tls = forward_proxy.fields.tls,
				basicAuth = {
					type = "map",
					required = { "username", "password" },
					fields = {
						username = forward_proxy.fields.username,
						password = forward_proxy.fields.password,
					},
				},
			},
		},
		noProxy = { type = "list", of = { type = "string", check = check_no_proxy } },
	},
}

-- What the upstream sees in Host: a route may say it, too (terms.lua).
outward.host_fields = {
	hostRewrite = { type = "string", enum = { "service", "keep", "literal" } },
	host = { type = "string", check = check_authority, max = 255 },
}

outward.fields = {
	hostRewrite = outward.host_fields.hostRewrite,
	host = outward.host_fields.host,
	proxyProtocol = { type = "string", enum = { "v1", "v2" } },
	forwardProxy = forward_proxy,
}

-- --- from documents -----------------------------------------------------------------------------

-- Whether the two of host_fields fit together.
function outward.check_host(spec, path, report, owner)
	local rewrite, host = nodes.get(spec, "hostRewrite"), nodes.get(spec, "host")
	local is_literal = nodes.is(rewrite, "string") and rewrite.value == "literal"
	if is_literal and not host then
		report:error(rewrite, path .. "hostRewrite", 'a literal needs "host" beside it', owner)
		return false
	elseif host and not is_literal then
		report:error(host, path .. "host", "means something with hostRewrite: literal alone", owner,
			{ at_key = true })
		return false
	end
	return true
end

-- Why requests cannot be sent in absolute form; nil: they can.
local function refuse_absolute(target, spec)
	if target.address and target.address.scheme ~= "http" then
		return "without a tunnel a proxy reads what it passes on, so the service has to be http://"
	elseif nodes.get(spec, "proxyProtocol") then
		return "a PROXY header needs a tunnel through the proxy"
	elseif (nodes.text(spec, "hostRewrite") or "service") ~= "service" then
		return "without a tunnel upstreams see their own name in Host: a proxy makes it so"
	end
end

-- Why its TLS cannot be as written; nil: it can.
local function refuse_tls(proxy, parsed)
	if nodes.get(proxy, "tls") and parsed and parsed.scheme ~= "https" then
		return "means something with https://host:port alone"
	end
end

local function parse_proxy(proxy, host)
	local given = nodes.get(proxy, "address")
	return nodes.is(given, "string") and address.parse(given.value, proxies, host) or nil
end

local function read_way(target, spec, path, report, owner)
	local proxy = nodes.get(spec, "forwardProxy")
	if not nodes.is(proxy, "map") then
		target.broken = target.broken or proxy ~= nil
		return
	end
	local message
	if target.address and target.address.unix then
		message = "a UNIX socket is not reached by a proxy"
	elseif nodes.get(proxy, "password") and not nodes.get(proxy, "username") then
		message = 'a password needs "username" beside it'
	elseif nodes.value(proxy, "tunnel", "boolean") == false then
		message = refuse_absolute(target, spec)
	end
	if message then
		report:error(proxy, path .. "forwardProxy", message, owner, { at_key = true })
	end
	local parsed = parse_proxy(proxy, report.host)
	local of_tls = refuse_tls(proxy, parsed)
	if of_tls then
		report:error(nodes.get(proxy, "tls"), path .. "forwardProxy.tls", of_tls, owner, { at_key = true })
	end
	if message or of_tls or not parsed then
		target.broken = true
		return
	end
	target.forward_proxy = { parsed = parsed, node = proxy, credentials = proxy,
		path = path .. "forwardProxy", credentials_path = path .. "forwardProxy", resource = owner }
end

-- `path`: what stands before the names, with its dot. A service that would be asked in another way than
-- was meant is not asked at all.
function outward.read(target, spec, path, report, owner)
	target.outward = spec
	target.broken = not outward.check_host(spec, path, report, owner) or target.broken
	read_way(target, spec, path, report, owner)
	if target.broken then
		target.address = nil
	end
end

-- With a mistake it is unknown which services would not go through it.
function outward.read_settings(settings, node, path, report, resource)
	if not schema.check(report, resource, node, outward.proxy_shape, path) then
		resource.closes_all = true
		return
	end
	local https = nodes.get(node, "https")
	local parsed = parse_proxy(https, report.host)
	local message = refuse_tls(https, parsed)
	if message then
		report:error(nodes.get(https, "tls"), path .. ".https.tls", message, resource, { at_key = true })
		resource.closes_all = true
		return
	end
	settings.forward_proxy = { parsed = parsed, node = https, credentials = nodes.get(https, "basicAuth"),
		path = path .. ".https", credentials_path = path .. ".https.basicAuth", resource = resource,
		exceptions = node, host = report.host }
end

-- --- when Secrets are read ----------------------------------------------------------------------

-- Of a forward proxy: its TLS and its credentials. False: the report says what is wrong.
local function link_proxy(proxy, state)
	local find_secret = trust.find_secret(proxy.resource, state)
	local config, is_whole = nodes.get(proxy.node, "tls"), true
	if config then
		proxy.tls = trust.compile({ resource = proxy.resource, config = config,
			config_path = proxy.path .. ".tls" }, "the proxy", state)
		is_whole = proxy.tls ~= nil
	end
	for name, check in pairs({ username = check_whole_user, password = check_password }) do
		local node = nodes.get(proxy.credentials, name)
		proxy[name] = configs.text(node, check, proxy.credentials_path .. "." .. name, proxy.resource,
			find_secret, state.report)
		proxy.is_foreign = proxy.is_foreign or proxy[name] ~= node
		is_whole = is_whole and (not node or proxy[name] ~= nil)
	end
	return is_whole
end

function outward.link(service, state)
	local proxy = not service.is_ghost and service.forward_proxy
	if proxy and not link_proxy(proxy, state) then
		service.broken, service.address = true, nil
	end
end

-- Whether what the plan has of it is of its document alone.
function outward.is_of_document(service)
	local proxy = service.forward_proxy
	return not proxy or not (proxy.tls or proxy.is_foreign)
end

-- Of the settings that `resource` has, if it has them.
function outward.link_settings(resource, state)
	local proxy = state.settings.forward_proxy
	if proxy and proxy.resource == resource and not link_proxy(proxy, state) then
		resource.closes_all = true
	end
end

-- --- to the plan --------------------------------------------------------------------------------

local digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(text)
	local out = {}
	for at = 1, #text, 3 do
		local a, b, c = text:byte(at, at + 2)
		local bits = a * 65536 + (b or 0) * 256 + (c or 0)
		for i, shift in ipairs({ 262144, 4096, 64, 1 }) do
			local digit = math.floor(bits / shift) % 64 + 1
			out[#out + 1] = i - 1 > (c and 3 or b and 2 or 1) and "=" or digits:sub(digit, digit)
		end
	end
	return table.concat(out)
end

-- An exact name, all that end in .suffix, without regard to case, or an address, as it is written, that a prefix
-- holds.
local function is_excepted(name, common)
	name = name:lower()
	for _, entry in nodes.each(common.exceptions, "noProxy") do
		local text = entry.value:lower()
		if name == text or text:sub(1, 1) == "." and name:sub(-#text) == text
			or address.is_within(name, text, common.host) then
			return true
		end
	end
	return false
end

-- The service's own; else the Configuration's, where that is for it.
local function proxy_for(service, settings)
	local common, parsed = settings.forward_proxy, service.address
	if service.forward_proxy or not common or parsed.scheme ~= "https" or parsed.unix
		or is_excepted(parsed.host, common) then
		return service.forward_proxy
	end
	return common
end

local function forward_proxy_node(service, settings)
	local proxy = proxy_for(service, settings)
	if not proxy then
		return nil
	end
	local at, user, password = proxy.node, proxy.username, proxy.password
	local out = nodes.map(at)
	nodes.put(out, "host", nodes.string(at, proxy.parsed.host))
	nodes.put(out, "port", nodes.integer(at, proxy.parsed.port))
	if nodes.value(at, "tunnel", "boolean") == false then
		nodes.put(out, "absolute", nodes.boolean(at, true))
	end
	if proxy.parsed.scheme == "https" then
		nodes.put(out, "secure", nodes.boolean(at, true))
	end
	nodes.put(out, "tls", proxy.tls)
	return nodes.put(out, "credentials", user and nodes.string(user,
		"Basic " .. base64(user.value .. ":" .. (password and password.value or ""))))
end

local versions = { v1 = 1, v2 = 2 }

-- What a service's node has of it.
function outward.put(out, service, settings)
	local spec = service.outward
	local header = nodes.get(spec, "proxyProtocol")
	local rewrite = nodes.get(spec, "hostRewrite")
	local keeps = settings.rewrite_host == false
	if nodes.is(rewrite, "string") then
		keeps = rewrite.value == "keep"
	end
	if keeps then
		nodes.put(out, "rewriteHost", nodes.boolean(rewrite or service.address_node, false))
	end
	nodes.put(out, "authority", nodes.get(spec, "host"))
	nodes.put(out, "proxyHeader", header and nodes.integer(header, versions[header.value]))
	nodes.put(out, "forwardProxy", forward_proxy_node(service, settings))
end

return outward
