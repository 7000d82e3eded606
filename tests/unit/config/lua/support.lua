-- SPDX-License-Identifier: Apache-2.0
-- What every test of a module uses: trees written as Lua values, and a report that can be compared.
local nodes = require("sluice.nodes")
local diagnose = require("sluice.diagnose")
local real_host = ...

support = { host = real_host }

-- A tree of nodes: maps from {key = value} (sorted keys) or support.map{{key, value}...}, lists from arrays.
function support.tree(value, at)
	at = at or { file = "f.yaml", line = 1, column = 1 }
	if type(value) == "table" and value.file then -- a node already
		return value
	end
	if type(value) == "table" and (#value > 0 or value.is_list) then
		local list = nodes.list(at)
		for i, element in ipairs(value) do
			list[i] = support.tree(element, at)
		end
		return list
	end
	if type(value) == "table" then
		local map, keys = nodes.map(at), {}
		for key in pairs(value) do
			keys[#keys + 1] = key
		end
		table.sort(keys)
		for _, key in ipairs(keys) do
			nodes.put(map, key, support.tree(value[key], at))
		end
		return map
	end
	if type(value) == "number" then
		local node = nodes.integer(at, value)
		node.type = value == math.floor(value) and "integer" or "real"
		return node
	end
	if type(value) == "boolean" then
		return nodes.boolean(at, value)
	end
	local node = nodes.string(at, value)
	node.plain = true
	return node
end

-- The same as Lua values.
function support.plain(node)
	if node == nil then
		return nil
	end
	if node.type == "list" then
		local out = {}
		for i, element in ipairs(node) do
			out[i] = support.plain(element)
		end
		return out
	end
	if node.type == "map" then
		local out = {}
		for key, member in nodes.pairs(node) do
			out[key] = support.plain(member)
		end
		return out
	end
	return node.value
end

local function show(value)
	if type(value) ~= "table" then
		return type(value) == "string" and '"' .. value .. '"' or tostring(value)
	end
	local keys, parts = {}, {}
	for key in pairs(value) do
		keys[#keys + 1] = key
	end
	table.sort(keys, function(a, b)
		return tostring(a) < tostring(b)
	end)
	for i, key in ipairs(keys) do
		parts[i] = tostring(key) .. "=" .. show(value[key])
	end
	return "{" .. table.concat(parts, ", ") .. "}"
end

function support.equal(actual, expected, what)
	if show(actual) ~= show(expected) then
		error((what and what .. ": " or "") .. "got " .. show(actual) .. ", expected "
			.. show(expected), 2)
	end
end

function support.contains(text, part)
	if not (text or ""):find(part, 1, true) then
		error("no \"" .. part .. '" in ' .. show(text), 2)
	end
end

function support.report()
	return diagnose.new(real_host)
end

-- "path: message" of every finding.
function support.messages(report)
	local out = {}
	for i, finding in ipairs(report.findings) do
		out[i] = (finding.path ~= "" and finding.path .. ": " or "") .. finding.message
	end
	return out
end
