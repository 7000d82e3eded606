-- SPDX-License-Identifier: Apache-2.0
-- The shapes of documents: closed maps, typed members. (Policies' configurations have JSON Schemas
-- instead, which core/json checks.)
--
-- A shape is {type = ...}: "map" with `fields` and `required`; "dictionary" with `of`; "list" with `of`
-- and `min`; "string" with `enum`, `check` and `empty` (may be ""); "integer" and "number" with `min`,
-- `max`; "boolean"; "any" (a map of anything: "object"). A check is fn(text, host) -> message or nil.
-- For json_schema.lua alone: what a check looks at as a Lua pattern (`form`) and the most bytes (`max`) of a
-- string, and in `of` the shape that an "any" is checked with elsewhere.
local nodes = require("sluice.nodes")

local schema = {}

local expected = {
	map = "a map",
	dictionary = "a map",
	object = "a map",
	list = "a list",
	string = "a string",
	integer = "an integer",
	number = "a number",
	boolean = "true or false",
}

local function has_type(node, type)
	if type == "dictionary" or type == "object" then
		return node.type == "map"
	end
	if type == "number" then
		return node.type == "integer" or node.type == "real"
	end
	return node.type == type
end

local function join(path, key)
	return path == "" and key or path .. "." .. key
end

local function quoted(names)
	local out = {}
	for i, name in ipairs(names) do
		out[i] = '"' .. name .. '"'
	end
	return table.concat(out, ", ")
end

local function names_of(fields)
	local names = {}
	for name in pairs(fields) do
		names[#names + 1] = name
	end
	return names
end

-- The only one of `fields` that begins with `key`, or the field of one of them that has its name; nil: none, or several.
local function meant(key, fields)
	local found, count = nil, 0
	for name, field in pairs(fields) do
		local inner = field.type == "map" and field.fields and field.fields[key]
		if inner or (#key > 2 and name:sub(1, #key) == key) then
			found, count = inner and name .. "." .. key or name, count + 1
		end
	end
	return count == 1 and found or nil
end

local function hint_of(c, key, fields)
	local hint = c.report:nearest(key, names_of(fields))
	local other = hint == "" and meant(key, fields)
	return other and '; did you mean "' .. other .. '"?' or hint
end

local check

-- What most members are: nothing is to be said, so no path is made.
local function is_plain_text(node, shape)
	return shape.type == "string" and node.type == "string" and node.value ~= ""
		and not shape.enum and not shape.check
end

local function check_map(c, node, shape, path)
	for _, key in ipairs(node.keys) do
		local member, field = node.members[key], shape.fields[key]
		if field then
			if not is_plain_text(member, field) then
				check(c, member, field, join(path, key))
			end
		else
			c:fail(member, join(path, key), "unknown field" .. hint_of(c, key, shape.fields), { at_key = true })
		end
	end
	for _, name in ipairs(shape.required or {}) do
		if not node.members[name] then
			c:fail(node, path, 'missing field "' .. name .. '"')
		end
	end
end

local function check_list(c, node, shape, path)
	if #node < (shape.min or 0) then
		c:fail(node, path, "expected at least " .. shape.min .. ", found none")
	end
	for i, element in ipairs(node) do
		check(c, element, shape.of, path .. "[" .. i - 1 .. "]")
	end
end

local function check_string(c, node, shape, path)
	if node.value == "" and not shape.empty then
		return c:fail(node, path, "expected a string, found an empty one")
	end
	if shape.enum then
		for _, value in ipairs(shape.enum) do
			if value == node.value then
				return
			end
		end
		local hint = c.report:nearest(node.value, { unpack(shape.enum) })
		return c:fail(node, path, "expected one of " .. quoted(shape.enum) .. ', found "'
			.. node.value .. '"' .. hint)
	end
	local message, offset = shape.check and shape.check(node.value, c.report.host)
	if message then
		c:fail(node, path, message, { offset = offset })
	end
end

local function shown(number)
	return number == math.floor(number) and string.format("%.0f", number) or tostring(number)
end

local function check_number(c, node, shape, path)
	local low = shape.min and node.value < shape.min
	local high = shape.max and node.value > shape.max
	if low or high then
		local range = shape.max and "from " .. shown(shape.min or 0) .. " to " .. shown(shape.max)
			or "of at least " .. shown(shape.min)
		c:fail(node, path, "expected a number " .. range .. ", found " .. shown(node.value))
	end
end

local checks = {
	map = check_map,
	list = check_list,
	string = check_string,
	integer = check_number,
	number = check_number,
	dictionary = function(c, node, shape, path)
		for key, member in nodes.pairs(node) do
			check(c, member, shape.of, join(path, key))
		end
	end,
}

local function hint_of(node, shape)
	if shape.type == "string" and (node.type == "integer" or node.type == "real"
		or node.type == "boolean") then
		return "; put it in quotes"
	end
	return ""
end

check = function(c, node, shape, path)
	if shape.type ~= "any" and not has_type(node, shape.type) then
		return c:fail(node, path, "expected " .. expected[shape.type] .. ", found "
			.. nodes.describe(node) .. hint_of(node, shape))
	end
	if checks[shape.type] then
		checks[shape.type](c, node, shape, path)
	end
end

-- Whether `node` has that shape; if not, the report says why.
function schema.check(report, resource, node, shape, path)
	if node.is_absent then -- told already
		return false
	end
	local c = { report = report, ok = true }
	function c:fail(at, where, message, options)
		self.ok = false
		report:error(at, where, message, resource, options)
	end
	check(c, node, shape, path)
	return c.ok
end

return schema
