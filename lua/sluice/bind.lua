-- SPDX-License-Identifier: Apache-2.0
-- Which policies are bound to what: targets found, configurations compiled, built-ins applied.
local nodes = require("sluice.nodes")
local bodies = require("sluice.bodies")
local builtins = require("sluice.builtins")
local configs = require("sluice.configs")
local diagnose = require("sluice.diagnose")
local rules = require("sluice.rules")
local secret = require("sluice.kinds.secret")
local targets = require("sluice.targets")
local terms = require("sluice.terms")
local vendor = require("sluice.vendor")

local bind = {}

-- --- the policy ---------------------------------------------------------------------------------

local function refuse(binding, message, state)
	state.report:error(nodes.get(binding.ref, "name"), binding.path .. ".policyRef.name", message,
		binding.resource)
end

local function find_extension(binding, name, state)
	local by_id = state.found.Extension.by_id
	local space = nodes.text(binding.ref, "namespace")
	if space then
		return by_id[space .. "/" .. name]
	end
	return by_id[binding.resource.namespace .. "/" .. name] or by_id["default/" .. name]
end

local function refuse_absent(binding, name, extension, state)
	local plain = vendor.plain_name(name)
	local class = vendor.policies[plain]
	if extension then
		refuse(binding, 'policy "' .. name .. '" is only defined (' .. diagnose.place(extension)
			.. "); no plugin implements it", state)
	elseif class == "observes" then
		state.report:warning(nodes.get(binding.ref, "name"), binding.path .. ".policyRef.name",
			'policy "' .. plain .. '" is not available: no plugin provides it; it is left out, since it only '
			.. "observes", binding.resource)
	elseif class then
		refuse(binding, 'policy "' .. plain .. '" is not available: no plugin provides it', state)
	else
		local names = { unpack(state.definitions.names) }
		for _, other in ipairs(state.found.Extension.list) do
			names[#names + 1] = other.name
		end
		refuse(binding, 'unknown policy "' .. name .. '"' .. state.report:nearest(plain, names), state)
	end
end

-- The definition, or nil when there is none; the report says why.
local function find_definition(binding, state)
	local name = nodes.text(binding.ref, "name")
	if not name then
		return nil
	end
	local extension = find_extension(binding, name, state)
	if extension and extension.is_implementation then
		return refuse(binding, 'policy "' .. name .. '" is a WebAssembly extension ('
			.. diagnose.place(extension) .. "), which this gateway does not run", state)
	end
	local definition = state.definitions.by_name[vendor.plain_name(name)]
	if not definition then
		return refuse_absent(binding, name, extension, state)
	end
	if definition.broken then
		return refuse(binding, 'policy "' .. name .. '": its definition in ' .. definition.node.file
			.. " has a mistake", state)
	end
	local space = nodes.text(binding.ref, "namespace")
	if space and space ~= "default" and space ~= binding.resource.namespace and not extension then
		return refuse(binding, 'no policy "' .. name .. '" in namespace "' .. space
			.. '"; the included ones are in "default"', state)
	end
	return definition
end

-- Compiles a binding once, however many APIs it is bound to. False: the report says why.
local function compile(binding, state)
	if binding.compiled ~= nil then
		return binding.compiled
	end
	binding.compiled = false
	local name = vendor.plain_name(nodes.text(binding.ref, "name") or "")
	binding.is_route, binding.is_tls = name == "route" or name == "route-weighted", name == "tls"
	local definition = find_definition(binding, state)
	if not definition then
		return false
	end
	binding.builtin = builtins[definition.name]
	if binding.builtin then
		builtins.check_rules(binding.builtin, binding, state.report)
	else
		binding.read_rules = rules.read(binding.rules, binding.path .. ".rules", state.report,
			binding.resource)
	end
	local find_secret = secret.finder(state.found.Secret, binding.resource.namespace, state.host)
	local config, secrets, services = configs.compile(binding, definition, find_secret, state.report)
	if config then
		local request, response = bodies.contracts(definition, config, state.host)
		binding.compiled = { definition = definition, config = config, secrets = secrets,
			services = services,
			request_body = request, response_body = response }
	end
	return binding.compiled
end

-- The services of a shared binding that have no document of their own.
function bind.declare_targets(binding, state)
	local name = nodes.text(binding.ref, "name")
	local definition = name and state.definitions.by_name[vendor.plain_name(name)]
	if definition and definition.names_services and compile(binding, state) then
		targets.declare(binding, state)
	end
end

-- --- on an API ----------------------------------------------------------------------------------

local function inline_id(api, policy)
	local count = (api.inline_counts[policy] or 0) + 1
	api.inline_counts[policy] = count
	local suffix = count > 1 and "#" .. count or ""
	return api.namespace .. "/" .. api.name .. ":" .. policy .. suffix
end

local function entry_id(api, binding, policy)
	if binding.source == "inline" then
		return inline_id(api, policy)
	end
	if binding.source == "selector" then
		return binding.resource.id .. "@" .. api.id
	end
	if binding.source == "script" then
		return inline_id(api, policy .. "@" .. binding.resource.file)
	end
	return binding.resource.id
end

function bind.attach_to_api(api, binding, state)
	local compiled = compile(binding, state)
	if api.is_ghost then -- it has it already
		return
	end
	api.has_route = api.has_route or binding.is_route
	if not compiled then
		state.is_remarkable = true
		if binding.is_tls then
			api.tls = api.tls or { binding = binding } -- there was to be one
		end
		return
	end
	local policy = compiled.definition.name
	local id = entry_id(api, binding, policy)
	if not binding.builtin then
		api.entries[#api.entries + 1] = { id = id, policy = policy, binding = binding,
			compiled = compiled, stage = compiled.definition.stage,
			targets = targets.of(binding, api, state) }
	elseif binding.builtin.targets ~= "ApiInstance" then
		refuse(binding, 'policy "' .. policy .. '" is for a Service, not for an ApiInstance', state)
	else
		binding.id = id
		api.builtins[policy] = true
		binding.builtin.apply(api, binding, compiled.config, state)
	end
end

-- --- on a service -------------------------------------------------------------------------------

function bind.attach_to_service(service, binding, state)
	local compiled = compile(binding, state)
	if not compiled or service.is_ghost then
		return
	end
	local policy = compiled.definition.name
	if not binding.builtin then
		refuse(binding, 'policy "' .. policy .. '" cannot be bound to a Service in this version',
			state)
	elseif binding.builtin.targets ~= "Service" then
		refuse(binding, 'policy "' .. policy .. '" is for an ApiInstance, not for a Service', state)
	else
		binding.builtin.apply(service, binding, compiled.config, state)
	end
end

-- --- targets ------------------------------------------------------------------------------------

-- All that may have been meant, of whatever namespace, are closed: without its binding the right one
-- would be open.
local function find_meant(binding, list, state)
	local names, by_name = {}, {}
	for _, other in ipairs(list) do
		if not by_name[other.name] then
			names[#names + 1], by_name[other.name] = other.name, {}
		end
		table.insert(by_name[other.name], other)
	end
	table.sort(names)
	local meant = {}
	for _, name in ipairs(state.host.all_nearest(binding.target_name, names)) do
		for _, other in ipairs(by_name[name]) do
			meant[#meant + 1] = other
		end
	end
	return meant
end

local function refuse_target(binding, kind, list, state)
	local space = binding.target_namespace or binding.namespace
	local meant, hint = find_meant(binding, list, state), ""
	if meant[1] then
		binding.meant, binding.apis = meant, {}
		hint = '; did you mean "' .. (meant[1].namespace == space and meant[1].name or meant[1].id)
			.. '"?'
	else
		state.is_incomplete = true
	end
	state.report:error(nodes.get(binding.target_node, "name"), "spec.targetRef.name", "no " .. kind
		.. ' "' .. binding.target_name .. '" in namespace "' .. space .. '"' .. hint, binding)
end

function bind.target_id(binding)
	return (binding.target_namespace or binding.namespace) .. "/" .. binding.target_name
end

local function bind_to_api(binding, state)
	local api = binding.target_name and state.found.ApiInstance.by_id[bind.target_id(binding)]
	if api then
		binding.apis = { api }
		bind.attach_to_api(api, binding, state)
	elseif binding.target_name then
		refuse_target(binding, "ApiInstance", state.found.ApiInstance.list, state)
	end
end

local function bind_to_service(binding, state)
	local service = binding.target_name and state.services.by_id[bind.target_id(binding)]
	if service then
		binding.apis = service.apis
		bind.attach_to_service(service, binding, state)
	elseif binding.target_name then
		refuse_target(binding, "Service", state.services.list, state)
	end
end

function bind.is_selected(api, binding)
	if binding.target_namespace and binding.target_namespace ~= api.namespace then
		return false
	end
	for key, value in pairs(binding.labels) do
		if api.labels[key] ~= value then
			return false
		end
	end
	return true
end

local function bind_to_selected(binding, state)
	binding.apis = {}
	for _, api in ipairs(state.found.ApiInstance.list) do
		if bind.is_selected(api, binding) then
			binding.apis[#binding.apis + 1] = api
		end
	end
	if #binding.apis == 0 then
		state.report:warning(binding.target_node or binding, "spec.targetRef",
			"no ApiInstance has these labels", binding)
		compile(binding, state)
	end
	for _, api in ipairs(binding.apis) do
		bind.attach_to_api(api, binding, state)
	end
end

local binders = {
	ApiInstance = bind_to_api, Service = bind_to_service, Selector = bind_to_selected,
}

-- To APIs that were composed with it: what is left to be said is about the binding alone. False: a
-- target is not there.
function bind.attach_surveyed(binding, survey, state)
	if binding.target_kind == "Selector" then
		if not survey.selects(binding.target_namespace, binding.labels) then
			return false
		end
	elseif not binding.target_name then
		return false
	elseif binding.target_kind == "Service" then
		local own = state.services.by_id[bind.target_id(binding)]
		if own then
			bind.attach_to_service(own, binding, state)
		elseif not survey.has_service(bind.target_id(binding)) then
			return false
		end
	elseif not survey.has_api(bind.target_id(binding)) then
		return false
	end
	return compile(binding, state)
end

function bind.attach_inline(api, state)
	api.entries, api.bound_routes, api.inline_counts, api.builtins = {}, {}, {}, {}
	for _, route in ipairs(api.inline_routes) do
		terms.link(route, api, state)
	end
	for _, binding in ipairs(api.inline_policies) do
		bind.attach_to_api(api, binding, state)
	end
end

function bind.run(state)
	for _, api in ipairs(state.found.ApiInstance.list) do
		if not api.is_ghost then
			bind.attach_inline(api, state)
		end
	end
	for _, binding in ipairs(state.found.PolicyBinding.list) do
		-- Nobody can say what is open for the want of it.
		state.is_incomplete = state.is_incomplete
			or (binding.target_kind ~= "Selector" and not binding.target_name)
		binders[binding.target_kind](binding, state)
	end
end

return bind
