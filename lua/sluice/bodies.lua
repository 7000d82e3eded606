-- SPDX-License-Identifier: Apache-2.0
-- What a binding needs of the bodies: what its definition says, or the member of the configuration that
-- it leaves that to; or more where an expression of the configuration names `payload`.
local nodes = require("sluice.nodes")

local bodies = {}

local strength = { none = 0, observe = 1, stream = 2, buffer = 3 }

local find

-- The vendor's logging items say when they run: before the upstream (firstSection), after it, or both.
local function narrow(map, uses)
	local first = nodes.value(map, "firstSection", "boolean")
	local second = nodes.value(map, "secondSection", "boolean")
	if first == nil and second == nil then
		return uses
	end
	return { found = uses.found, request = first or false, response = second or false }
end

find = function(node, direction, host)
	if node.type == "string" then
		if host.uses_payload(node.value) then
			direction.found.request = direction.found.request or direction.request
			direction.found.response = direction.found.response or direction.response
		end
	elseif node.type == "list" then
		for _, element in ipairs(node) do
			find(element, direction, host)
		end
	elseif node.type == "map" then
		direction = narrow(node, direction)
		for _, member in nodes.pairs(node) do
			find(member, direction, host)
		end
	end
end

-- What the operator chose; a mode that is none of ours is no choice: the schema speaks of it.
local function chosen(fixed, config)
	local choice = fixed.from and nodes.get(config, fixed.from)
	local mode = nodes.text(choice, "mode")
	if not strength[mode or ""] then
		return fixed.mode, fixed.max
	end
	return mode, nodes.value(choice, "maxBytes", "integer") or fixed.max
end

local function contract(fixed, config, when_payload, is_used)
	local mode, max = chosen(fixed, config)
	if is_used and strength[when_payload] > strength[mode] then
		mode = when_payload
	end
	if mode ~= "none" then
		return { mode = mode, max = max }
	end
end

-- Two contracts {mode, max}, of the request and the response; nil: none.
function bodies.contracts(definition, config, host)
	local found = { request = false, response = false }
	if definition.when_payload ~= "none" then
		find(config, { found = found, request = true, response = true }, host)
	end
	return contract(definition.request_body, config, definition.when_payload, found.request),
		contract(definition.response_body, config, definition.when_payload, found.response)
end

return bodies
