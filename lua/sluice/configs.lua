-- SPDX-License-Identifier: Apache-2.0
-- The configuration of a binding: substituted, validated, defaults in.
local nodes = require("sluice.nodes")
local substitute = require("sluice.substitute")

local configs = {}

local function below(base, path)
	if path == "" then
		return base
	end
	return path:sub(1, 1) == "[" and base .. path or base .. "." .. path
end

-- `$PORT` without quotes where the schema wants no string: takes the type that it would have had, had it
-- been written there. Whether anything changed.
local function retype(problems)
	local changed = false
	for _, problem in ipairs(problems) do
		local node = problem.node
		if node and node.resolved then
			node.type, node.value, node.resolved = node.resolved.type, node.resolved.value, nil
			changed = true
		end
	end
	return changed
end

local function is_hidden(problem, secrets)
	for _, path in ipairs(secrets) do
		if path == problem.path then
			return true
		end
	end
	return problem.node ~= nil and problem.node.is_foreign
end

-- An unknown member is told at its own path. What is secret or came from outside is not shown.
local function tell(problem, secrets, config, base, resource, report)
	local path, message = below(base, problem.path), problem.message
	if problem.key then
		local named = 'unknown field "' .. problem.key .. '"'
		if message:sub(1, #named) == named then
			path, message = path .. "." .. problem.key, "unknown field" .. message:sub(#named + 1)
		end
	end
	if is_hidden(problem, secrets) then
		message = message:gsub(" %(.*$", ""):gsub(", found .*$", "")
	end
	report:error(problem.node or config, path, message, resource,
		{ at_key = problem.key ~= nil, offset = problem.offset })
end

-- The configuration with its defaults, the paths of its secrets, and the names of services in it; or nil.
local function check(definition, config, base, resource, report)
	local host = report.host
	local problems, secrets, whole, services = host.schema_check(definition.schema, config)
	if #problems > 0 and retype(problems) then
		problems, secrets, whole, services = host.schema_check(definition.schema, config)
	end
	for _, problem in ipairs(problems) do
		tell(problem, secrets, config, base, resource, report)
	end
	return whole, secrets, services
end

local function merge(paths, more)
	local seen, out = {}, {}
	for _, list in ipairs({ paths, more }) do
		for _, path in ipairs(list) do
			if not seen[path] then
				seen[path] = true
				out[#out + 1] = path
			end
		end
	end
	return out
end

-- What a file may hold that TLS settings name. One that is not there for a moment is judged like one
-- that is half written: by the gateway, which may serve on with what it has.
local judged_later = { crt = true, key = true, keyPassphrase = true, trustedCA = true, crl = true }

-- config, paths of secrets, names of services (targets.lua); or nil when the report says what is wrong.
-- find_secret: see substitute.
function configs.compile(binding, definition, find_secret, report)
	local config = binding.config or nodes.map(binding.ref)
	local base = binding.config_path or binding.path .. ".config"
	if config.type ~= "map" then
		return nil
	end
	local failed, missing = false, nil
	local scope = { host = report.host, secret = find_secret, literal = definition.literal,
		watches = definition.name == "tls" or definition.name == "tls-outbound" }
	if scope.watches then
		scope.miss = function(node, path, message)
			local is_later = judged_later[path:match("[^.]*$")]
			missing = nodes.joined(missing, is_later and nodes.string(node, message) or nil)
			return is_later
		end
	end
	local copy, foreign = substitute.tree(config, scope, function(node, path, message)
		failed = true
		report:error(node, below(base, path), message, binding.resource)
	end)
	if failed then
		return nil
	end
	local whole, secrets, services = check(definition, copy, base, binding.resource, report)
	if whole then
		whole.missing = missing
		return whole, merge(secrets, foreign), services
	end
end

-- A text of another document than a policy's, which may be a reference to what comes from outside; a dollar in any
-- other one is its own, since the vendor replaces nothing there. nil for nil, and where the report says what is wrong,
-- which is never said by showing it. `check`: of the text, as in schema.lua.
function configs.text(node, check, path, resource, find_secret, report)
	local message
	if not nodes.is(node, "string") then
		return nil
	end
	local scope = { host = report.host, secret = find_secret, literal = { [""] = true } }
	local made = substitute.tree(node, scope, function(_, _, why)
		message = why
	end)
	message = message or made ~= node and check(made.value) or nil
	if message then
		report:error(node, path, message, resource)
		return nil
	end
	return made
end

return configs
