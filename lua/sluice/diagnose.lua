-- SPDX-License-Identifier: Apache-2.0
-- Everything that is wrong, with its place and the APIs that it concerns.
--
-- A finding belongs to a resource; the APIs that it stubs are those in resource.apis at the end, since
-- most are found before it is known who uses what.
local ghosts = require("sluice.ghosts")

local diagnose = {}

local Report = {}
Report.__index = Report

-- How many names a message or subject holds.
local NAMES_MAX = 10

function diagnose.new(host)
	return setmetatable({ host = host, findings = {} }, Report)
end

function Report:nearest(word, names)
	table.sort(names)
	local found = self.host.nearest(word, names)
	return found and '; did you mean "' .. found .. '"?' or ""
end

-- at: a node, or anything with file, line, column. options: at_key (the place of its key), offset
-- (characters into its text), apis (instead of the resource's).
function Report:add(severity, at, path, message, resource, options)
	options = options or {}
	local line, column = at.line, at.column
	if options.at_key and at.key_line then
		line, column = at.key_line, at.key_column
	elseif options.offset then
		local first = at.text_column or (at.plain and at.column) or 0 -- 0: the text is not as in the file
		column = first > 0 and first + options.offset or column
	end
	self.findings[#self.findings + 1] = {
		severity = severity,
		file = at.file,
		line = line,
		column = column,
		path = path,
		message = message,
		resource = resource,
		apis = options.apis,
	}
end

function Report:error(at, path, message, resource, options)
	self:add("error", at, path, message, resource, options)
	if resource then
		resource.broken = true
	end
end

function Report:warning(at, path, message, resource, options)
	self:add("warning", at, path, message, resource, options)
end

local function before(a, b)
	if a.file ~= b.file then
		return (a.file or "") < (b.file or "")
	end
	if a.line ~= b.line then
		return (a.line or 0) < (b.line or 0)
	end
	return (a.column or 0) < (b.column or 0)
end

local function concerned(finding)
	return finding.apis or (finding.resource and finding.resource.apis) or {}
end

local function names_of(apis)
	local names, seen = {}, {}
	for i, api in ipairs(apis) do
		if #names == NAMES_MAX then
			names[#names + 1] = "and " .. #apis - i + 1 .. " more"
			break
		end
		if not seen[api.id] then
			seen[api.id] = true
			names[#names + 1] = api.id
		end
	end
	return table.concat(names, ", ")
end

local function sentence(finding)
	local path = finding.path ~= "" and finding.path .. ": " or ""
	return string.format("%s:%d: %s%s", finding.file or "?", finding.line or 0, path,
		finding.message)
end

-- Who was composed without what is wrong has to be composed anew.
local function refuse_ghosts(first)
	local found = {}
	for api in pairs(first) do
		found[#found + 1] = api.is_ghost and api or nil
	end
	if #found > 0 then
		ghosts.refuse(found)
	end
end

-- The list for the plan. Sets api.error, the first finding (by place) that stubs it.
function Report:finish()
	local first = {}
	for _, finding in ipairs(self.findings) do
		local apis = concerned(finding)
		finding.subject = names_of(apis)
		if finding.severity == "error" then
			for _, api in ipairs(apis) do
				if not first[api] or before(finding, first[api]) then
					first[api] = finding
				end
			end
		end
	end
	refuse_ghosts(first)
	for api, finding in pairs(first) do
		api.error = { message = sentence(finding), at = finding }
	end
	return self.findings
end

-- "shop.yaml:12", for naming the other one.
function diagnose.place(at)
	return string.format("%s:%d", at.file or "?", at.line or 0)
end

return diagnose
