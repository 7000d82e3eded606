-- SPDX-License-Identifier: Apache-2.0
-- What of a script's world is written in Lua: what waits, and what the handlers are called by.
--
-- A handler that waits yields; all that it has begun by then is answered when it goes on (visit.c). With
-- `true` a handler yields that has ended.
local core, world = ...

local create, resume, yield, status = core.create, core.resume, core.yield, core.status
local running = core.running
local error, ipairs, pairs, pcall, type, tostring = error, ipairs, pairs, pcall, type, tostring
local setmetatable, sort, insert = setmetatable, world.table.sort, world.table.insert

-- --- waiting ------------------------------------------------------------------------------------

function world.sleep(ms)
	core.sleep(ms)
	yield()
end

-- One after the other until each waits or has ended, and again, until all have ended: answers are
-- taken in the order in which they were asked for.
local function run_all(threads, results)
	local left, failure = #threads, nil
	while left > 0 do
		local waits = false
		for i, thread in ipairs(threads) do
			if status(thread) ~= "dead" then
				local is_fine, value = resume(thread)
				if status(thread) ~= "dead" then
					if value == true then
						yield(true)
					end
					waits = true
				else
					left = left - 1
					results[i] = value
					if not is_fine and failure == nil then
						failure = { value }
					end
				end
			end
		end
		if waits then
			yield()
		end
	end
	return failure
end

-- Each coroutine within another takes some of the thread's own stack, which nobody watches.
local DEPTH_MAX = 8
local depths = setmetatable({}, { __mode = "k" })

-- all{function, ...} -> the first result of each. What one waits for, the others don't.
function world.all(functions)
	local threads, results = {}, {}
	local within = running()
	local depth = (depths[within] or 0) + 1
	if within then
		core.check_wait()
	end
	if depth > DEPTH_MAX then
		error("all is nested too deep", 2)
	end
	for i, each in ipairs(functions) do
		threads[i] = create(each)
		depths[threads[i]] = depth
	end
	local failure = run_all(threads, results)
	if failure then
		error(failure[1], 0)
	end
	return world.unpack(results, 1, #threads)
end

-- --- state --------------------------------------------------------------------------------------

local function answered(result, value, version, count, remaining_ms)
	if result == "full" then
		error("state: the store has no room", 3)
	elseif result == "invalid" then
		error("state: the key holds something else, or cannot be asked for this", 3)
	end
	return result, value, version, count, remaining_ms
end

local function ask(question)
	local pending, result, value, version, count, remaining_ms = core.ask(question)
	if pending then
		yield()
		return answered(core.take())
	end
	return answered(result, value, version, count, remaining_ms)
end

local state = {}

-- -> value, version, remaining ms; or nil
function state:get(key)
	local result, value, version, _, remaining_ms = ask({ kind = "get", key = key })
	if result == "ok" then
		return value, version, remaining_ms
	end
end

-- put(key, value, {for_ms=, version=}) -> whether it stands there: another version may have come before
function state:put(key, value, options)
	options = options or {}
	return ask({ kind = "put", key = key, value = value, for_ms = options.for_ms,
		version = options.version }) == "ok"
end

-- -> whether there was something, of that version
function state:remove(key, version)
	return ask({ kind = "remove", key = key, version = version }) == "ok"
end

-- count(key, {by=, limit=, window_ms=}) -> count, remaining ms of the window; or nil, remaining ms: the
-- limit is reached
function state:count(key, options)
	options = options or {}
	local result, _, _, count, remaining_ms = ask({ kind = "count", key = key,
		delta = options.by, limit = options.limit, for_ms = options.window_ms or 60000 })
	if result == "ok" then
		return count, remaining_ms
	end
	return nil, remaining_ms
end

-- -> the key to unlock it, or nil: somebody has it
function state:lock(key, for_ms)
	local result, _, version = ask({ kind = "lock", key = key, for_ms = for_ms })
	if result == "ok" then
		return version
	end
end

function state:unlock(key, version)
	return ask({ kind = "unlock", key = key, version = version }) == "ok"
end

world.state = state

-- --- http ---------------------------------------------------------------------------------------

world.http = {
	-- request{target=, method=, path=, headers=, body=, timeout_ms=, max_bytes=} -> {status=, body=,
	-- headers=}; or nil and why none came
	request = function(question)
		core.call(question)
		yield()
		local status, body, headers = core.called()
		if not status then
			return nil, body
		end
		return { status = status, body = body, headers = headers }
	end,
}

-- --- metrics ------------------------------------------------------------------------------------

local metric = {}
metric.__index = metric

-- Labels in the order of their names, so that each state numbers the series alike.
local function define(kind, name, description, labels, bounds)
	local names, values, places = {}, {}, {}
	for label in pairs(labels or {}) do
		insert(names, label)
	end
	sort(names)
	for i, label in ipairs(names) do
		values[i], places[i] = labels[label], {}
		for place, value in ipairs(labels[label]) do
			places[i][value] = place - 1
		end
	end
	local handle = core.metric({ kind = kind, name = name, description = description or name,
		labels = names, values = values, bounds = bounds })
	return setmetatable({ handle = handle, names = names, values = values, places = places }, metric)
end

local function series_of(self, labels)
	local series = 0
	for i, label in ipairs(self.names) do
		local place = self.places[i][labels and labels[label]]
		if not place then
			error("metrics: " .. label .. " has no value " .. tostring(labels and labels[label]), 3)
		end
		series = series * #self.values[i] + place
	end
	return series
end

function metric:add(n, labels)
	core.add(self.handle, series_of(self, labels), n or 1)
end

function metric:observe(value, labels)
	core.observe(self.handle, series_of(self, labels), value)
end

world.metrics = {
	counter = function(name, description, labels)
		return define("counter", name, description, labels)
	end,
	gauge = function(name, description, labels)
		return define("gauge", name, description, labels)
	end,
	histogram = function(name, description, bounds, labels)
		return define("histogram", name, description, labels, bounds)
	end,
}

-- --- handlers -----------------------------------------------------------------------------------

local request, response, log = world.request, world.response, world.log

local function on_request(handler)
	return function()
		return handler(request)
	end
end

local function on_response(handler)
	return function()
		return handler(request, response)
	end
end

local function on_request_body(handler)
	return function()
		local bytes = handler(request, core.body())
		if bytes ~= nil then
			request:replace(bytes)
		end
	end
end

local function on_response_body(handler)
	return function()
		local bytes = handler(request, response, core.body())
		if bytes ~= nil then
			response:replace(bytes)
		end
	end
end

-- In the order of enum handler.
local kinds = {
	{ "request_head", on_request }, { "request_body", on_request_body }, { "request_end", on_request },
	{ "response_head", on_response }, { "response_body", on_response_body },
	{ "response_end", on_response }, { "log", on_response },
	{ "worker_start", function(handler) return handler end },
}

local function is_known(name)
	for _, kind in ipairs(kinds) do
		if kind[1] == name then
			return true
		end
	end
	return false
end

-- A handler whose name is mistyped is a check that nobody makes.
local function check_names(found, is_table)
	for name, value in pairs(found) do
		local looks_alike = type(name) == "string" and type(value) == "function"
			and (is_table or name:find("^request_") or name:find("^response_"))
		if looks_alike and not is_known(name) then
			error("no handler is called " .. name .. "; there are request_head, request_body, "
				.. "request_end, response_head, response_body, response_end, log and worker_start", 0)
		end
	end
end

-- From what the chunk has returned, or the globals that it has set. `log` among these is the library's
-- unless the script has put a function in its place.
return function(returned)
	local found, entries, any = type(returned) == "table" and returned or world, {}, false
	if returned ~= nil and type(returned) ~= "table" then
		error("a script returns a table of handlers, or nothing", 0)
	end
	check_names(found, found ~= world)
	for i, kind in ipairs(kinds) do
		local handler = found[kind[1]]
		if type(handler) == "function" then
			entries[i], any = kind[2](handler), true
		elseif handler ~= nil and handler ~= log then
			error(kind[1] .. " is no function", 0)
		end
	end
	if not any then
		error("the script has no handler such as request_head", 0)
	end
	return entries
end
