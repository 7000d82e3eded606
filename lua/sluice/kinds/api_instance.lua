-- SPDX-License-Identifier: Apache-2.0
-- ApiInstance: a listener's address, inline services with their routes, inline policies.
local nodes = require("sluice.nodes")
local address = require("sluice.address")
local documents = require("sluice.documents")
local errors = require("sluice.errors")
local limits = require("sluice.limits")
local redirect = require("sluice.redirect")
local paths = require("sluice.paths")
local rules = require("sluice.rules")
local schema = require("sluice.schema")
local terms = require("sluice.terms")
local upgrades = require("sluice.upgrades")
local service = require("sluice.kinds.service")

local api_instance = {}

local function check_path(text, host)
	if text:sub(1, 1) ~= "/" then
		return 'expected a path that starts with "/", found "' .. text .. '"'
	end
	local _, message = address.base_path(text, host)
	return message
end

-- "" and "/" both mean: nothing is put before the path.
api_instance.path_shape = { type = "string", empty = true, check = check_path }

api_instance.policy_ref_shape = {
	type = "map",
	required = { "name" },
	fields = {
		kind = { type = "string", enum = { "Extension" } },
		name = { type = "string" },
		namespace = { type = "string" },
	},
}

local route_config = { type = "map", fields = { destinationPath = api_instance.path_shape } }
for name, field in pairs(terms.fields) do
	route_config.fields[name] = field
end

local route = { type = "map", fields = { config = route_config, rules = rules.shape } }

local inline_service = { type = "map", fields = { routes = { type = "list", of = route } } }
for name, field in pairs(service.fields) do
	inline_service.fields[name] = field
end

local inline_policy = {
	type = "map",
	required = { "policyRef" },
	fields = {
		policyRef = api_instance.policy_ref_shape,
		config = { type = "object" },
		rules = rules.shape,
	},
}

api_instance.shape = {
	type = "map",
	required = { "address" },
	fields = {
		address = { type = "string" },
		limits = limits.api_shape,
		services = { type = "dictionary", of = inline_service },
		policies = { type = "list", of = inline_policy },
		redirect = { type = "any", of = redirect.shape }, -- these two are checked by their own
		errors = { type = "any", of = errors.shape },
		paths = paths.shape,
		upgrades = upgrades.shape,
		upgradeOrigins = upgrades.origins_shape,
	},
}

local schemes = { http = true, https = true,
	shown = "http://address:port/path or https://address:port/path" }

local function check_listener(parsed, host)
	if parsed.host == "*" then
		parsed.host = "0.0.0.0"
	elseif parsed.host:lower() == "localhost" then
		parsed.host = "127.0.0.1"
	end
	local ip = host.canonical_ip(parsed.host)
	if not ip then
		return 'a listener\'s host is an IP address, as in http://0.0.0.0:8081; found "'
			.. parsed.host .. '"'
	end
	parsed.host = ip
	if not parsed.has_port then
		return "the port is missing, as in http://0.0.0.0:8081"
	end
end

local function read_address(api, report)
	local node = nodes.get(api.spec, "address")
	if not nodes.is(node, "string") then
		return
	end
	local parsed, message = address.parse(node.value, schemes, report.host)
	message = message or check_listener(parsed, report.host)
	local base
	if not message then
		base, message = address.base_path(parsed.path, report.host)
	end
	if message then
		report:error(node, "spec.address", message, api)
		return
	end
	api.address, api.address_node = parsed, node
	api.base_path = paths.base(api.spec, base)
end

-- Text of a destination path, without the slash at its end.
function api_instance.destination_path(node, host)
	if not nodes.is(node, "string") then
		return ""
	end
	return address.base_path(node.value, host) or ""
end

local function read_routes(api, entry, path, report)
	local routes = {}
	for i, node in nodes.each(entry.node, "routes") do
		local config = nodes.get(node, "config")
		local where = path .. ".routes[" .. i - 1 .. "]"
		routes[i] = {
			name = entry.service.name .. "[" .. i - 1 .. "]",
			node = node,
			rules = rules.read(nodes.get(node, "rules"), where .. ".rules", report, api),
			terms = terms.read(config, where .. ".config.", report, api, true),
			terms_path = where .. ".config.",
			destinations = { {
				node = node,
				service = entry.service,
				path = api_instance.destination_path(nodes.get(config, "destinationPath"),
					report.host),
			} },
		}
	end
	if #routes == 0 then
		routes[1] = { name = entry.service.name, node = entry.node, rules = nodes.list(entry.node),
			destinations = { { node = entry.node, service = entry.service, path = "" } } }
	end
	return routes
end

-- Each inline service becomes a Service <api>-<name>.
local function read_services(api, report)
	api.inline_services, api.inline_routes = {}, {}
	for key, node in nodes.pairs(nodes.get(api.spec, "services")) do
		local path = "spec.services." .. key
		local made = {
			kind = "Service", name = api.name .. "-" .. key, namespace = api.namespace,
			file = node.file, line = node.line, column = node.column, node = node,
			inline_of = api, apis = {},
		}
		made.id = made.namespace .. "/" .. made.name
		if not key:match("^[%w][%w._-]*$") then
			report:error(node, path, 'expected letters, digits, ".", "_" and "-" in the name of a '
				.. "service", api, { at_key = true })
		end
		service.read_parts(made, node, path .. ".", report, api)
		api.inline_services[#api.inline_services + 1] = made
		for _, entry in ipairs(read_routes(api, { node = node, service = made }, path, report)) do
			api.inline_routes[#api.inline_routes + 1] = entry
		end
	end
end

local function read_policies(api, report)
	api.inline_policies = {}
	for i, node in nodes.each(api.spec, "policies") do
		local path = "spec.policies[" .. i - 1 .. "]"
		api.inline_policies[i] = {
			source = "inline",
			resource = api,
			node = node,
			path = path,
			ref = nodes.get(node, "policyRef"),
			config = nodes.get(node, "config"),
			rules = nodes.get(node, "rules"),
			order = 50,
			position = i,
		}
	end
end

function api_instance.read(api, report)
	api.apis = { api, api.duplicate_of }
	schema.check(report, api, api.spec, api_instance.shape, "spec")
	read_address(api, report)
	api.redirect = redirect.read(nodes.get(api.spec, "redirect"), "spec.redirect", report, api)
	api.errors = errors.read(nodes.get(api.spec, "errors"), "spec.errors", report, api)
	read_services(api, report)
	read_policies(api, report)
end

return api_instance
