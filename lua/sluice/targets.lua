-- SPDX-License-Identifier: Apache-2.0
-- Targets: what policies' configurations call (`format: service` and `services` in their schemas). A target is the name of
-- a Service, that of a service of the API itself, or an address, which becomes a service of its own: one
-- for all who name that scheme, host and port, or that socket.
local calls = require("sluice.calls")
local nodes = require("sluice.nodes")
local service = require("sluice.kinds.service")

local targets = {}

-- --- addresses ----------------------------------------------------------------------------------

-- "http://[::1]:9000": no Service has such a name.
local function origin_of(address)
	if address.unix then
		return address.scheme .. "+unix://" .. address.unix
	end
	local host = address.host:lower()
	return address.scheme .. "://" .. (host:find(":", 1, true) and "[" .. host .. "]" or host) .. ":"
		.. address.port
end

local function at_of(found, binding)
	return found.node or binding.config or binding.ref
end

local function path_of(found, binding)
	local separator = found.path:sub(1, 1) == "[" and "" or "."
	return binding.path .. ".config" .. separator .. found.path
end

-- What came from outside is not shown.
local function discreet(report)
	local own = { host = report.host }
	function own:error(at, path, _, resource)
		report:error(at, path, "is no address that a service can have", resource)
	end
	return own
end

-- The service of an address, made if it is the first of its kind, and the path behind it.
local function from_address(found, binding, state)
	local at = at_of(found, binding)
	local text = nodes.string(at, found.text)
	local report = at.is_foreign and discreet(state.report) or state.report
	local made = { kind = "Service", namespace = "", file = at.file, line = at.line,
		column = at.column, node = text, apis = {}, is_anonymous = true }
	if not found.is_refused then
		service.read_address(made, text, path_of(found, binding), report, binding.resource)
	end
	if not made.address then
		found.is_refused, state.is_remarkable = true, true
		return nil
	end
	made.id = origin_of(made.address)
	local prefix = made.prefix
	local known = state.services.by_id[made.id]
	if not known then
		known, made.name, made.prefix = made, made.id, ""
		state.services.by_id[made.id] = made
		state.services.list[#state.services.list + 1] = made
	end
	return known, prefix
end

-- --- names --------------------------------------------------------------------------------------

local function own_service(api, name, state)
	local own = state.services.by_id[api.namespace .. "/" .. api.name .. "-" .. name]
	return own and own.inline_of == api and own
end

local function shared_service(name, space, state)
	return state.services.by_id[name:find("/", 1, true) and name or space .. "/" .. name]
end

local function named_service(api, name, space, state)
	return own_service(api, name, state) or shared_service(name, space, state)
end

-- What might have been meant.
local function names_for(api, space, state)
	local names = {}
	for _, other in ipairs(state.services.list) do
		if not other.is_anonymous then
			names[#names + 1] = other.namespace == space and other.name or other.id
		end
	end
	for _, own in ipairs(api.inline_services) do
		names[#names + 1] = own.name:sub(#api.name + 2)
	end
	return names
end

-- Once for a binding, however many APIs it is bound to; but none of them is as if nothing were to be said.
local function refuse(found, binding, api, state)
	state.is_remarkable = true
	if found.is_refused then
		return
	end
	found.is_refused = true
	local at, space = at_of(found, binding), binding.resource.namespace
	local message = "no Service of this name"
	if not at.is_foreign then
		message = 'no Service "' .. found.text .. '"'
		if not found.text:find("/", 1, true) then
			message = message .. ' in namespace "' .. space .. '", and no service of API "' .. api.id .. '"'
		end
		message = message .. state.report:nearest(found.text, names_for(api, space, state))
	end
	state.report:error(at, path_of(found, binding), message, binding.resource)
end

-- --- both ---------------------------------------------------------------------------------------

local function is_address(found)
	return found.text:find("://", 1, true) ~= nil
end

local function resolve(found, binding, api, state)
	if is_address(found) then
		-- Where it is made there may be others who make it, too.
		state.is_remarkable = state.is_remarkable or binding.source == "inline"
		return from_address(found, binding, state)
	end
	local named = named_service(api, found.text, binding.resource.namespace, state)
	if not named then
		refuse(found, binding, api, state)
	elseif not calls.is_declared(named, state) then
		state.is_remarkable = true
	end
	return named
end

-- What a binding calls on an API: a list of {text, node, service, path}, each text once.
function targets.of(binding, api, state)
	local list, seen = {}, {}
	for _, found in ipairs(binding.compiled.services or {}) do
		if not seen[found.text] then
			seen[found.text] = true
			local made, path = resolve(found, binding, api, state)
			if made then
				list[#list + 1] = { text = found.text, node = at_of(found, binding), service = made,
					path = path or "" }
			end
		end
	end
	return list
end

-- The addresses that a binding of several APIs names are services before it is bound to any, and those
-- that have the names are called.
function targets.declare(binding, state)
	for _, found in ipairs(binding.compiled and binding.compiled.services or {}) do
		if is_address(found) then
			from_address(found, binding, state)
		else
			calls.declare(shared_service(found.text, binding.resource.namespace, state), state)
		end
	end
end

local function has_format(node)
	if nodes.is(node, "list") then
		for _, element in ipairs(node) do
			if has_format(element) then
				return true
			end
		end
	elseif nodes.is(node, "map") then
		local format = nodes.text(node, "format")
		if format == "service" or format == "services" then
			return true
		end
		for _, member in nodes.pairs(node) do
			if has_format(member) then
				return true
			end
		end
	end
	return false
end

-- Whether configurations by this schema may name any.
targets.are_in = has_format

return targets
