-- SPDX-License-Identifier: Apache-2.0
-- Trees whose nodes know their file, line and column; core/config/lua_priv.h has their form.
local nodes = {}

-- Where something that no document holds stands, by the node that caused it.
local function place(at, type)
	if not at then
		return { type = type }
	end
	return { type = type, file = at.file, line = at.line, column = at.column }
end

function nodes.is(node, type)
	return node ~= nil and node.type == type
end

function nodes.get(map, key)
	if map and map.type == "map" then
		return map.members[key]
	end
end

-- The value of a member, when it has that type.
function nodes.value(map, key, type)
	local node = nodes.get(map, key)
	if node and node.type == type then
		return node.value
	end
end

function nodes.text(map, key)
	return nodes.value(map, key, "string")
end

-- The elements of a member that is a list; of anything else, none.
function nodes.each(map, key)
	local list = nodes.get(map, key)
	return ipairs(nodes.is(list, "list") and list or {})
end

-- Keys and members in the order written.
function nodes.pairs(map)
	local keys = nodes.is(map, "map") and map.keys or {}
	local i = 0
	return function()
		i = i + 1
		if keys[i] then
			return keys[i], map.members[keys[i]]
		end
	end
end

local articles = {
	null = "nothing",
	boolean = "a boolean",
	integer = "an integer",
	real = "a number",
	string = "a string",
	list = "a list",
	map = "a map",
}

-- "a string", "nothing": for messages.
function nodes.describe(node)
	return articles[node.type]
end

function nodes.map(at)
	local map = place(at, "map")
	map.keys, map.members = {}, {}
	return map
end

-- Adds or replaces; nil is left out.
function nodes.put(map, key, node)
	if node == nil then
		return map
	end
	if map.members[key] == nil then
		map.keys[#map.keys + 1] = key
	end
	map.members[key] = node
	return map
end

function nodes.list(at, elements)
	local list = place(at, "list")
	for i, element in ipairs(elements or {}) do
		list[i] = element
	end
	return list
end

local function scalar(at, type, value)
	local node = place(at, type)
	node.value = value
	return node
end

function nodes.string(at, value)
	return scalar(at, "string", value)
end

function nodes.integer(at, value)
	return scalar(at, "integer", value)
end

function nodes.boolean(at, value)
	return scalar(at, "boolean", value)
end

-- A number that is known when the plan is written: what `name` is among all of its kind.
function nodes.target(at, name)
	return scalar(at, "target", name)
end

-- A copy in which fn(node, path) replaces every scalar it returns something for.
function nodes.transform(node, path, fn)
	if node.type == "list" then
		local list = nodes.list(node)
		list.key_line, list.key_column = node.key_line, node.key_column
		for i, element in ipairs(node) do
			list[i] = nodes.transform(element, path .. "[" .. i - 1 .. "]", fn)
		end
		return list
	end
	if node.type == "map" then
		local map = nodes.map(node)
		map.key_line, map.key_column = node.key_line, node.key_column
		for key, member in nodes.pairs(node) do
			local below = path == "" and key or path .. "." .. key
			nodes.put(map, key, nodes.transform(member, below, fn))
		end
		return map
	end
	return fn(node, path) or node
end

-- The same content, wherever it stands.
function nodes.equal(a, b)
	if a == nil or b == nil or a.type ~= b.type then
		return a == b
	end
	if a.type == "list" then
		if #a ~= #b then
			return false
		end
		for i = 1, #a do
			if not nodes.equal(a[i], b[i]) then
				return false
			end
		end
		return true
	end
	if a.type ~= "map" then
		return a.value == b.value
	end
	if #a.keys ~= #b.keys then
		return false
	end
	for key, member in nodes.pairs(a) do
		if not nodes.equal(member, b.members[key]) then
			return false
		end
	end
	return true
end

-- Of two texts, either of which may be nil, the one that says both: whoever mends one mistake wants to know of the other.
function nodes.joined(one, other)
	if one and other and one.value ~= other.value then
		return nodes.string(one, one.value .. "; " .. other.value)
	end
	return one or other
end

return nodes
