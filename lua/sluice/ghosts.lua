-- SPDX-License-Identifier: Apache-2.0
-- Ghosts: APIs that were composed apart, from their file and what all APIs share, and of which only a
-- summary is here; what they are in the plan is kept as fragments (core/config/parts.h).
--
-- Whatever looks at more of a ghost than its summary ends the composition, and the file of the ghost is
-- read as others are; so nothing can be missed.
local ghosts = {}

-- What a ghost may be asked for without having it.
local absent = {
	broken = true, duplicate_of = true, inline_of = true, listener = true, tls = true,
	closes_all = true,
}

local settable = { broken = true, duplicate_of = true, index = true, listener = true }

-- Ends the composition: `list` are the ghosts that have to be read whole; nil: everything has.
function ghosts.refuse(list)
	local parts = list and {}
	for _, ghost in ipairs(list or {}) do
		parts[#parts + 1] = ghost.part
	end
	error({ parts = parts, is_refusal = true })
end

local trap = {
	__index = function(_, key)
		if not absent[key] then
			ghosts.refuse(nil)
		end
	end,
	__newindex = function(ghost, key, value)
		if not settable[key] then
			ghosts.refuse(nil)
		end
		rawset(ghost, key, value)
	end,
}

-- --- summaries ----------------------------------------------------------------------------------

-- Of one API: its texts and numbers in a row, as they come back to ghosts.read.
function ghosts.summary(api, services, fragment, uses, plugins)
	local at = api.address_node
	local out = { api.id, api.name, api.namespace, api.file, api.line, api.column, at.line, at.column,
		api.address.scheme, api.address.host, api.address.port, api.base_path, plugins, fragment }
	local n = #out
	local function put(value)
		n = n + 1
		out[n] = value
	end
	local count_at = n + 1
	put(0)
	for key, value in pairs(api.labels) do
		out[count_at] = out[count_at] + 1
		put(key)
		put(value)
	end
	put(#services)
	for _, service in ipairs(services) do
		put(service.made.id)
		put(service.made.name)
		put(service.made.line)
		put(service.made.column)
		put(service.fragment)
	end
	put(#uses)
	for _, id in ipairs(uses) do
		put(id)
	end
	return out
end

local function read_labels(row, n)
	local labels = {}
	for _ = 1, row[n] do
		labels[row[n + 1]] = row[n + 2]
		n = n + 2
	end
	return labels, n + 1
end

local function read_services(ghost, row, n)
	local list = {}
	for i = 1, row[n] do
		list[i] = setmetatable({
			kind = "Service", id = row[n + 1], name = row[n + 2], namespace = ghost.namespace,
			file = ghost.file, line = row[n + 3], column = row[n + 4], fragment = row[n + 5],
			part = ghost.part, is_ghost = true, inline_of = ghost, apis = {}, address = true,
		}, trap)
		n = n + 5
	end
	return list, n + 1
end

local function read_uses(row, n)
	local list = {}
	for i = 1, row[n] do
		list[i] = row[n + i]
	end
	return list
end

-- The ghost of a summary; `part`: the number of its file.
function ghosts.read(row, part)
	local ghost = {
		is_ghost = true, part = part, kind = "ApiInstance",
		id = row[1], name = row[2], namespace = row[3], file = row[4], line = row[5],
		column = row[6],
		address_node = { type = "string", file = row[4], line = row[7], column = row[8] },
		address = { scheme = row[9], host = row[10], port = row[11] },
		base_path = row[12], plugins = row[13], fragment = row[14],
	}
	local n
	ghost.labels, n = read_labels(row, 15)
	ghost.inline_services, n = read_services(ghost, row, n)
	ghost.uses = read_uses(row, n)
	ghost.apis = { ghost }
	return setmetatable(ghost, trap)
end

return ghosts
