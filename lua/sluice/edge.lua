-- SPDX-License-Identifier: Apache-2.0
-- The edge: whom the gateway believes about the client, and which fields of heads are its own.
local errors = require("sluice.errors")
local nodes = require("sluice.nodes")
local address = require("sluice.address")
local schema = require("sluice.schema")

local edge = {}

local PREFIXES_MAX = 1024
local CLAIMS_MAX = 8
local CLAIM_BYTES_MAX = 64
local HOPS_MAX = 64
local SERVER_BYTES_MAX = 256
local VIA_NAME_BYTES_MAX = 128

-- --- shapes -------------------------------------------------------------------------------------

local prefixes = { type = "list", min = 1, of = { type = "string", check = address.check_prefix } }

-- Fields that say how a message is framed or where it goes: they never hold an address.
local no_address = {
	host = true, connection = true, te = true, trailer = true, upgrade = true, via = true,
	["content-length"] = true, ["transfer-encoding"] = true, ["x-forwarded-host"] = true,
	["x-forwarded-proto"] = true, ["x-forwarded-port"] = true, ["x-request-id"] = true,
}

local function check_header(text)
	if not text:match("^[%w!#$%%&'*+.^_`|~-]+$") then
		return 'expected the name of a header field, found "' .. text .. '"'
	end
	if no_address[text:lower()] or text:lower():match("^x%-sluice%-") then
		return text .. " does not tell a client's address; X-Forwarded-For and Forwarded do"
	end
end

local function check_claim(text)
	if #text == 0 or #text > CLAIM_BYTES_MAX then
		return "expected the name of a claim, of 1 to " .. CLAIM_BYTES_MAX .. " bytes"
	end
end

-- A line of products and comments (RFC 9110 10.2.4), of which only what may stand in a field matters.
local function check_server(text)
	if not text:match("^[!-~][ -~]*$") or text:sub(-1) == " " or #text > SERVER_BYTES_MAX then
		return "expected 1 to " .. SERVER_BYTES_MAX .. " printable characters"
	end
end

-- A pseudonym (RFC 9110 7.6.3), or a host with a port.
local function check_via_name(text)
	if not text:match("^[%w!#$%%&'*+.^_`|~:%[%]-]+$") or #text > VIA_NAME_BYTES_MAX then
		return 'expected a name like "sluice" or a host, of at most ' .. VIA_NAME_BYTES_MAX .. " bytes"
	end
end

local boolean = { type = "boolean" }

local shapes = {
	clientAddress = {
		type = "map",
		required = { "trustedProxies" },
		fields = {
			trustedProxies = prefixes,
			hops = { type = "integer", min = 1, max = HOPS_MAX },
			header = { type = "string", check = check_header },
			emitForwarded = boolean,
		},
	},
	proxyProtocol = {
		type = "map",
		fields = { enabled = boolean, trustedProxies = prefixes },
	},
	requestId = { type = "map", fields = { preserve = boolean } },
	headers = {
		type = "map",
		fields = {
			removeServer = boolean,
			server = { type = "string", check = check_server },
			via = { type = "string", enum = { "requests", "responses", "both", "none" } },
			viaName = { type = "string", check = check_via_name },
			allowOverrides = boolean,
		},
	},
	reasonHeader = boolean,
	accessRecord = {
		type = "map",
		fields = { claims = { type = "list", of = { type = "string", check = check_claim, max = CLAIM_BYTES_MAX } } },
	},
	errors = { type = "any", of = errors.shape },
}

-- --- reading ------------------------------------------------------------------------------------

local readers = {}

local function check_count(node, path, report, resource)
	local list = nodes.get(node, "trustedProxies")
	if nodes.is(list, "list") and #list > PREFIXES_MAX then
		report:error(list, path .. ".trustedProxies", "expected at most " .. PREFIXES_MAX
			.. ", found " .. #list, resource)
		return false
	end
	return true
end

-- A mistake leaves open who is believed, and policies decide by it.
local function read_trust(key, settings, node, path, report, resource, is_fine)
	if is_fine and check_count(node, path, report, resource) then
		settings.edge[key] = node
	else
		resource.closes_all = true
	end
end

function readers.clientAddress(...)
	read_trust("client_address", ...)
end

function readers.proxyProtocol(settings, node, path, report, resource, is_fine)
	read_trust("proxy_protocol", settings, node, path, report, resource, is_fine)
	if nodes.value(node, "enabled", "boolean") and not nodes.get(node, "trustedProxies") then
		report:warning(node, path, "without trustedProxies whoever can connect may claim any "
			.. "address", resource, { at_key = true })
	end
end

function readers.requestId(settings, node)
	settings.edge.request_id = node
end

function readers.headers(settings, node, path, report, resource)
	settings.edge.headers = node
	if nodes.value(node, "removeServer", "boolean") and nodes.get(node, "server") then
		report:error(nodes.get(node, "server"), path .. ".server",
			"a Server that is removed has no text: leave out removeServer", resource, { at_key = true })
	end
end

function readers.reasonHeader(settings, node)
	settings.edge.reason_header = nodes.is(node, "boolean") and node or nil
end

function readers.accessRecord(settings, node, path, report, resource)
	local claims = nodes.get(node, "claims")
	if nodes.is(claims, "list") and #claims > CLAIMS_MAX then
		report:error(claims, path .. ".claims", "expected at most " .. CLAIMS_MAX .. ", found "
			.. #claims, resource)
	end
	settings.edge.record_claims = claims
end

function readers.errors(settings, node, path, report, resource)
	settings.edge.errors = errors.read(node, path, report, resource)
end

-- The shapes that Configuration shows in its own, where each is checked by edge.read.
edge.members = {}
for key, shape in pairs(shapes) do
	edge.members[key] = { type = "any", of = shape }
end

-- Whether `key` of a Configuration's spec is of the edge; then it is read.
function edge.read(settings, key, node, path, report, resource)
	if not shapes[key] then
		return false
	end
	local is_fine = schema.check(report, resource, node, shapes[key], path)
	readers[key](settings, node, path, report, resource, is_fine)
	return true
end

-- --- the plan -----------------------------------------------------------------------------------

-- What was written goes before the environment.
local function flag(settings, member, key, name)
	local written = nodes.get(settings.edge[member], key)
	return nodes.is(written, "boolean") and written or settings.environment[name]
end

local function client_address_node(node)
	if not node then
		return nil
	end
	local out = nodes.map(node)
	local header = nodes.get(node, "header")
	local is_rfc7239 = header and header.value:lower() == "forwarded"
	nodes.put(out, "trustedProxies", nodes.get(node, "trustedProxies"))
	nodes.put(out, "hops", nodes.get(node, "hops"))
	nodes.put(out, "header", header)
	return nodes.put(out, "emitForwarded", nodes.get(node, "emitForwarded")
		or is_rfc7239 and nodes.boolean(node, true) or nil)
end

-- nil when nothing is set.
function edge.node(settings)
	local own = settings.edge
	local out = nodes.map(nil)
	nodes.put(out, "clientAddress", client_address_node(own.client_address))
	nodes.put(out, "proxyProtocol", own.proxy_protocol)
	nodes.put(out, "preserveRequestId", flag(settings, "request_id", "preserve", "preserveRequestId"))
	nodes.put(out, "removeServer", flag(settings, "headers", "removeServer", "removeServer"))
	for _, key in ipairs({ "server", "via", "viaName" }) do
		nodes.put(out, key, nodes.get(own.headers, key))
	end
	nodes.put(out, "allowOverrides", flag(settings, "headers", "allowOverrides", "allowOverrides"))
	nodes.put(out, "reasonHeader", own.reason_header)
	nodes.put(out, "recordClaims", own.record_claims)
	nodes.put(out, "errors", own.errors)
	return #out.keys > 0 and out or nil
end

return edge
