-- SPDX-License-Identifier: Apache-2.0
-- `errors` of a Configuration or an ApiInstance: how the gateway's own errors are worded.
local nodes = require("sluice.nodes")
local schema = require("sluice.schema")
local substitute = require("sluice.substitute")

local errors = {}

local PAGE_BYTES_MAX = 65536

local page = { type = "string" }

errors.shape = {
	type = "dictionary",
	of = { type = "map", fields = { json = page, problem = page, html = page, text = page } },
}

local placeholders = { "status", "reasonPhrase", "message", "reason", "requestId" }

local is_placeholder = {}
for _, name in ipairs(placeholders) do
	is_placeholder[name] = true
end

-- The statuses that a key stands for; nil for none.
local function range_of(key)
	if key == "default" then
		return 400, 599
	end
	if key:match("^[45]xx$") then
		local low = tonumber(key:sub(1, 1)) * 100
		return low, low + 99
	end
	if key:match("^[45]%d%d$") then
		return tonumber(key), tonumber(key)
	end
end

-- Braces around anything but a word are the page's own: JSON and style sheets are full of them.
local function check_placeholders(c, node, path)
	for word in node.value:gmatch("{(%a+)}") do
		if not is_placeholder[word] then
			c:fail(node, path, "{" .. word .. "} is no placeholder"
				.. c.report:nearest(word, { unpack(placeholders) }))
		end
	end
end

local function check_json(c, node, path)
	local sample = node.value:gsub("{(%a+)}", function(word)
		return word == "status" and "500" or is_placeholder[word] and "x" or nil
	end)
	local _, message = c.report.host.check_json(sample)
	if message then
		c:fail(node, path, "with its placeholders filled in this is no JSON: " .. message
			.. "; texts need quotes around their placeholders")
	end
end

local function check_page(c, media, node, path)
	if #node.value > PAGE_BYTES_MAX then
		return c:fail(node, path, "a page has at most " .. PAGE_BYTES_MAX .. " bytes, found "
			.. #node.value)
	end
	check_placeholders(c, node, path)
	if media == "json" or media == "problem" then
		check_json(c, node, path)
	end
end

local function entry_node(entry, low, high)
	local out, pages = nodes.map(entry), nodes.list(entry)
	for media, node in nodes.pairs(entry) do
		local one = nodes.map(node)
		nodes.put(one, "media", nodes.string(node, media))
		pages[#pages + 1] = nodes.put(one, "body", nodes.string(node, node.value))
	end
	nodes.put(out, "low", nodes.integer(entry, low))
	nodes.put(out, "high", nodes.integer(entry, high))
	return nodes.put(out, "pages", pages)
end

local function read_entry(c, list, key, entry, path)
	local low, high = range_of(key)
	if not low then
		c:fail(entry, path, 'expected a status from "400" to "599", "4xx", "5xx" or "default"',
			{ at_key = true })
	elseif nodes.is(entry, "map") and #entry.keys == 0 then
		c:fail(entry, path, "expected a page: json, problem, html or text")
	end
	for media, node in nodes.pairs(entry) do
		if nodes.is(node, "string") then
			check_page(c, media, node, path .. "." .. media)
		end
	end
	if c.is_fine then
		list[#list + 1] = entry_node(entry, low, high)
	end
end

local function no_secret()
	return nil, "a page that clients see holds no secret"
end

-- The plan's form of `node`, or nil when it has a mistake; the report says which.
function errors.read(node, path, report, resource)
	if not node then
		return nil
	end
	local c = { report = report, is_fine = schema.check(report, resource, node, errors.shape, path) }
	function c:fail(at, where, message, options)
		self.is_fine = false
		report:error(at, where, message, resource, options)
	end
	local filled = substitute.tree(node, { host = report.host, secret = no_secret },
		function(at, where, message)
			c:fail(at, path .. "." .. where, message)
		end)
	local list = nodes.list(node)
	for key, entry in nodes.pairs(filled) do
		read_entry(c, list, key, entry, path .. "." .. key)
	end
	return c.is_fine and list or nil
end

return errors
