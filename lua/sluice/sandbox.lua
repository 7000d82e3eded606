-- SPDX-License-Identifier: Apache-2.0
-- The world of a user's script: runs first in the script's own state (core/config/script.c) and makes the
-- globals that it sees. docs/composition.md is its manual.
--
-- Nothing here changes anything: what a script asks for is written down in `actions`, which
-- sluice.scripts carries out. Order is the same on every run: pairs() sorts, there is no clock, no
-- random, and no address of anything.
local core, count = ...

local type, error, tostring, pcall, select, next = type, error, tostring, pcall, select, next
local ipairs, tonumber, setmetatable, rawget = ipairs, tonumber, setmetatable, rawget
local floor, huge = math.floor, math.huge
local text, list = core.string, core.table

local DEPTH_MAX = 24
local ACTIONS_MAX = 200000

local actions = {}

local function fail(message)
	error(message, 0)
end

local function check(value, wanted, what)
	if type(value) ~= wanted then
		fail(what .. ": expected a " .. wanted .. ", found a " .. type(value))
	end
	return value
end

local function act(action)
	if #actions == ACTIONS_MAX then
		fail("a script asks for at most " .. ACTIONS_MAX .. " things")
	end
	action.line = core.where()
	actions[#actions + 1] = action
end

-- --- values -------------------------------------------------------------------------------------

local rank = { number = 1, string = 2, boolean = 3 }

local function before(a, b)
	local x, y = type(a), type(b)
	if x ~= y then
		return rank[x] < rank[y]
	end
	if x == "boolean" then
		return not a and b
	end
	return a < b
end

local function sorted_keys(map)
	local keys = {}
	for key in next, map do
		if not rank[type(key)] then
			fail("a key of a table is a " .. type(key) .. ", which has no order")
		end
		keys[#keys + 1] = key
	end
	list.sort(keys, before)
	return keys
end

local function sorted_pairs(map)
	check(map, "table", "pairs")
	local keys, i = sorted_keys(map), 0
	return function()
		repeat
			i = i + 1
		until keys[i] == nil or map[keys[i]] ~= nil
		return keys[i], map[keys[i]]
	end
end

local lists = setmetatable({}, { __mode = "k" })

local function shown(value)
	local kind = type(value)
	if kind == "string" or kind == "number" or kind == "boolean" or kind == "nil" then
		return tostring(value)
	end
	return kind
end

-- How many elements, when it is a list: nothing but 1 to n.
local function list_length(value)
	local n = 0
	for _ in next, value do
		n = n + 1
	end
	for i = 1, n do
		if value[i] == nil then
			return nil
		end
	end
	return n
end

local to_node

local function table_node(value, line, where, depth)
	if depth == DEPTH_MAX then
		fail(where .. " is nested too deep")
	end
	local n = list_length(value)
	if n and (n > 0 or lists[value]) then
		local node = { type = "list", line = line }
		for i = 1, n do
			node[i] = to_node(value[i], line, where .. "[" .. i - 1 .. "]", depth + 1)
		end
		return node
	end
	local node = { type = "map", line = line, keys = sorted_keys(value), members = {} }
	for _, key in ipairs(node.keys) do
		if type(key) ~= "string" or key == "" then
			fail(where .. ": a map's keys are texts, found " .. shown(key))
		end
		node.members[key] = to_node(value[key], line, where .. "." .. key, depth + 1)
	end
	return node
end

-- What YAML would have made of it.
to_node = function(value, line, where, depth)
	local kind = type(value)
	if kind == "string" or kind == "boolean" then
		return { type = kind, value = value, line = line }
	end
	if kind == "table" then
		return table_node(value, line, where, depth)
	end
	if kind ~= "number" or value ~= value or value == huge or value == -huge then
		fail(where .. ": " .. shown(value) .. " is no value of a configuration")
	end
	local is_whole = value == floor(value) and value <= 9007199254740991 and value >= -9007199254740991
	return { type = is_whole and "integer" or "real", value = value, line = line }
end

-- --- APIs ---------------------------------------------------------------------------------------

local function read_only(self, key)
	fail('"' .. shown(key) .. '" cannot be set: what is configured is changed by methods alone')
end

local function object(class, data)
	return setmetatable({}, {
		__index = function(_, key)
			local method = class[key]
			if method ~= nil then
				return method
			end
			return data[key]
		end,
		__newindex = read_only,
		__metatable = false,
	})
end

local data_of = setmetatable({}, { __mode = "k" })

local function new(class, data)
	local made = object(class, data)
	data_of[made] = { class = class, data = data }
	return made
end

local function own(self, class, method)
	local found = type(self) == "table" and data_of[self]
	if not found or found.class ~= class then
		fail(method .. " is called with a colon: " .. class.sample .. ":" .. method .. "(...)")
	end
	return found.data
end

local function message_of(value, what)
	check(value, "string", what)
	return value
end

local Policy = { sample = "policy" }

local function order_of(value, what)
	check(value, "number", what)
	if value ~= floor(value) or value < -2147483648 or value > 2147483646 then
		fail(what .. ": expected a whole number from -2147483648 to 2147483646, found "
			.. shown(value))
	end
	return value
end

local function of_policy(kind, what, convert)
	return function(self, value)
		local data = own(self, Policy, what)
		value = convert(value, what)
		if not data.id then
			fail("this policy was bound by this script; say it in bind{...}")
		end
		act({ kind = kind, api = data.api, id = data.id, value = value })
	end
end

Policy.refuse = of_policy("refuse", "refuse", message_of)
Policy.warn = of_policy("warn", "warn", message_of)
Policy.set_order = of_policy("order", "set_order", order_of)

-- Its configuration as it was written, before $NAMES and defaults.
function Policy:config()
	local data = own(self, Policy, "config")
	return data.id and core.config(data.api, data.id) or {}
end

local Service = { sample = "service" }

local function of_service(kind)
	return function(self, message)
		local data = own(self, Service, kind)
		act({ kind = kind .. "_service", service = data.id, value = message_of(message, kind) })
	end
end

Service.refuse, Service.warn = of_service("refuse"), of_service("warn")

local Api = { sample = "api" }

local function of_api(kind)
	return function(self, message)
		local data = own(self, Api, kind)
		act({ kind = kind, api = data.index, value = message_of(message, kind) })
	end
end

Api.refuse, Api.warn = of_api("refuse"), of_api("warn")

function Api:has(policy)
	local data = own(self, Api, "has")
	check(policy, "string", "has")
	for _, each in ipairs(data.policies) do
		if each.policy == policy then
			return true
		end
	end
	return data.builtins[policy] == true
end

function Api:has_stage(stage)
	local data = own(self, Api, "has_stage")
	check(stage, "string", "has_stage")
	for _, each in ipairs(data.policies) do
		if each.stage == stage then
			return true
		end
	end
	return false
end

function Api:bind(what)
	local data = own(self, Api, "bind")
	check(what, "table", "bind")
	local node = to_node(what, core.where(), "bind", 0)
	if node.type ~= "map" then
		fail("bind: expected a map such as { policyRef = { name = ... }, config = { ... } }")
	end
	act({ kind = "bind", api = data.index, node = node })
	local ref = node.members.policyRef
	local name = ref and ref.type == "map" and ref.members.name
	local stage = name and name.type == "string" and core.stage(name.value)
	data.policies[#data.policies + 1] = new(Policy, { api = data.index, source = "script",
		policy = name and name.value, stage = stage, order = what.order or 50 })
end

local function new_all(class, index, plain)
	local made = {}
	for i, data in ipairs(plain) do
		data.api = index
		made[i] = new(class, data)
	end
	return made
end

local apis = {}

local function api_at(index)
	if not apis[index] then
		local data = core.api(index)
		data.index = index
		data.policies = new_all(Policy, index, data.policies)
		data.services = new_all(Service, index, data.services)
		apis[index] = new(Api, data)
	end
	return apis[index]
end

-- Catching an error costs more than the instructions that are counted.
local PCALL_STEPS = 2000

local function protected(...)
	core.pay(PCALL_STEPS)
	return pcall(...)
end

local sluice = {}

function sluice.apis()
	local all = {}
	for i = 1, count do
		all[i] = api_at(i)
	end
	return all
end

-- By "namespace/name", or by the name alone in the namespace "default".
function sluice.api(name)
	check(name, "string", "sluice.api")
	local index = core.index(name)
	return index and api_at(index)
end

function sluice.warn(message)
	act({ kind = "note", value = message_of(message, "sluice.warn") })
end

-- So that an empty table is a list, and not a map.
function sluice.list(value)
	lists[check(value, "table", "sluice.list")] = true
	return value
end

-- --- texts --------------------------------------------------------------------------------------

local function captures(subject, first, last, ...)
	if not first then
		return nil
	end
	if select("#", ...) == 0 then
		return text.sub(subject, first, last)
	end
	return ...
end

local function find(subject, pattern, init, is_plain)
	return core.find(subject, pattern, init or 1, is_plain and true or false)
end

local function match(subject, pattern, init)
	return captures(subject, core.find(subject, pattern, init or 1, false))
end

local function gmatch(subject, pattern)
	local at = 1
	local function take(first, last, ...)
		if not first then
			at = nil
			return nil
		end
		at = last < first and first + 1 or last + 1
		return captures(subject, first, last, ...)
	end
	return function()
		if at then
			return take(core.find(subject, pattern, at, false))
		end
	end
end

local function expanded(template, whole, ...)
	local groups, parts, at = { ... }, {}, 1
	while true do
		local mark = core.find(template, "%", at, true)
		if not mark then
			parts[#parts + 1] = text.sub(template, at)
			return list.concat(parts)
		end
		local digit = text.sub(template, mark + 1, mark + 1)
		parts[#parts + 1] = text.sub(template, at, mark - 1)
		local number = tonumber(digit)
		if digit == "%" then
			parts[#parts + 1] = "%"
		elseif number == 0 or (number == 1 and #groups == 0) then
			parts[#parts + 1] = whole
		elseif number and groups[number] then
			parts[#parts + 1] = tostring(groups[number])
		else
			fail("gsub: the replacement refers to a capture that the pattern has not")
		end
		at = mark + 2
	end
end

local function replacement(subject, how, first, last, ...)
	local whole, kind, value = text.sub(subject, first, last), type(how), nil
	if kind == "table" then
		value = rawget(how, (captures(subject, first, last, ...)))
	elseif kind == "function" then
		value = how(captures(subject, first, last, ...))
	else
		return expanded(how, whole, ...)
	end
	if value == nil or value == false then
		return whole
	end
	if type(value) ~= "string" and type(value) ~= "number" then
		fail("gsub: a replacement is a text, found a " .. type(value))
	end
	return tostring(value)
end

local function gsub(subject, pattern, how, times)
	local kind = type(how)
	if kind == "number" then
		how = tostring(how)
	elseif kind ~= "string" and kind ~= "table" and kind ~= "function" then
		fail("gsub: expected a text, a table or a function to replace by, found a " .. kind)
	end
	local parts, at, done = {}, 1, 0
	local limit = text.sub(pattern, 1, 1) == "^" and 1 or times or huge
	local function take(first, last, ...)
		if not first then
			return false
		end
		parts[#parts + 1] = text.sub(subject, at, first - 1)
		parts[#parts + 1] = replacement(subject, how, first, last, ...)
		done = done + 1
		if last < first then
			parts[#parts + 1] = text.sub(subject, first, first)
			last = first
		end
		at = last + 1
		return true
	end
	while done < limit and at <= #subject + 1 and take(core.find(subject, pattern, at, false)) do
	end
	parts[#parts + 1] = text.sub(subject, at)
	return list.concat(parts), done
end

local function format(template, ...)
	local n, given = select("#", ...), { ... }
	if core.find(check(template, "string", "format"), "%%[^%a%%]*p", 1, false) then
		fail("format: %p is not available")
	end
	for i = 1, n do
		local kind = type(given[i])
		if kind ~= "string" and kind ~= "number" then
			given[i] = shown(given[i])
		end
	end
	return text.format(template, core.unpack(given, 1, n))
end

local function strings()
	return {
		byte = text.byte, char = text.char, find = find, format = format, gmatch = gmatch,
		gsub = gsub, len = text.len, lower = text.lower, match = match, rep = text.rep,
		reverse = text.reverse, sub = text.sub, upper = text.upper,
	}
end

local function numbers()
	local all = {}
	for name, value in next, math do
		if name ~= "random" and name ~= "randomseed" then
			all[name] = value
		end
	end
	return all
end

-- ("text"):method() reaches a table of its own: what a script does to `string` stays in `string`.
core.set_methods(strings())

return {
	assert = assert, error = error, ipairs = ipairs, pairs = sorted_pairs, pcall = protected,
	select = select, tonumber = tonumber, tostring = function(value)
		local found = type(value) == "table" and data_of[value]
		return found and (found.data.id or found.class.sample) or shown(value)
	end,
	type = type, unpack = core.unpack, math = numbers(), string = strings(), sluice = sluice,
	table = { concat = list.concat, insert = list.insert, remove = list.remove, sort = list.sort },
}, actions
