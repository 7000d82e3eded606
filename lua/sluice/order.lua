-- SPDX-License-Identifier: Apache-2.0
-- The order of a chain and of routes: ascending `order`; at equal order selectors and what scripts bind before
-- the API's own,
-- then as written (inline list, then documents by path). Nothing else decides.
local nodes = require("sluice.nodes")
local diagnose = require("sluice.diagnose")

local order = {}

local rank = { selector = 1, script = 2, inline = 3, binding = 4 }

local function before(a, b)
	local x, y = a.binding, b.binding
	if x.order ~= y.order then
		return x.order < y.order
	end
	if rank[x.source] ~= rank[y.source] then
		return rank[x.source] < rank[y.source]
	end
	if x.resource.index ~= y.resource.index then
		return x.resource.index < y.resource.index
	end
	return x.position < y.position
end

local function name_of(binding)
	return '"' .. binding.resource.id .. '" (' .. diagnose.place(binding.resource) .. ")"
end

-- Renaming a file would change the order of these two, and with it perhaps who may pass.
local function warn_of_ties(list, state)
	for i = 2, #list do
		local x, y = list[i - 1].binding, list[i].binding
		local is_tie = x.order == y.order and x.source == y.source and x.source ~= "inline"
			and x.resource.file ~= y.resource.file
		state.is_remarkable = state.is_remarkable or is_tie
		local pair = is_tie and x.resource.index .. " " .. y.resource.index
		if is_tie and not state.ties[pair] then
			state.ties[pair] = true
			local at = nodes.get(y.resource.spec, "order") or y.resource
			state.report:warning(at, "spec.order", "order " .. y.order .. " is also that of "
				.. name_of(x) .. "; the names of the files decide which runs first", y.resource)
		end
	end
end

local function move_cors_first(entries, state)
	local first, rest = {}, {}
	for _, entry in ipairs(entries) do
		local list = entry.policy == "cors" and first or rest
		list[#list + 1] = entry
	end
	local binding = #first > 0 and #rest > 0 and entries[1].policy ~= "cors" and first[1].binding
	state.is_remarkable = state.is_remarkable or binding ~= false
	if binding and not binding.is_told then
		binding.is_told = true
		state.report:warning(binding.ref, binding.path .. ".policyRef",
			"cors runs before all other policies, whatever its order", binding.resource)
	end
	for _, entry in ipairs(rest) do
		first[#first + 1] = entry
	end
	return first
end

local asks_who = { authn = true, authz = true }

local function warn_of_early_caches(entries, state)
	local cache
	for _, entry in ipairs(entries) do
		cache = cache or (entry.stage == "cache" and entry)
		if cache and asks_who[entry.stage] then
			local binding = cache.binding
			state.report:warning(binding.ref, binding.path .. ".policyRef", cache.policy
				.. " runs before " .. entry.policy .. ": what it has stored is answered without it",
				binding.resource)
			return
		end
	end
end

-- A sorted copy, without a word.
function order.sorted(entries)
	local copy = { unpack(entries) }
	table.sort(copy, before)
	return copy
end

-- The entries of a chain in the order of the request.
function order.chain(entries, state)
	table.sort(entries, before)
	warn_of_ties(entries, state)
	entries = move_cors_first(entries, state)
	warn_of_early_caches(entries, state)
	return entries
end

-- Inline services' routes have order 50 and were written first.
function order.routes(api, state)
	local all = {}
	for i, route in ipairs(api.inline_routes) do
		route.binding = { order = 50, source = "inline", resource = api, position = i - 1000000 }
		all[i] = route
	end
	for _, route in ipairs(api.bound_routes) do
		all[#all + 1] = route
	end
	table.sort(all, before)
	warn_of_ties(all, state)
	return all
end

return order
