-- SPDX-License-Identifier: Apache-2.0
-- $NAME and ${NAME} of the environment, $$ for a dollar, ${file:path}, ${secret:name.key}.
--
-- A dollar before anything else is a dollar, since regular expressions end in one. What comes from
-- outside of the document is secret: its paths go into the plan's `secrets`.
local nodes = require("sluice.nodes")

local substitute = {}

-- Where dollars are not doubled.
local LITERAL = "; a text that looks like a reference can come from a file or a Secret"

-- Without the line end that editors put behind a password; more than one is meant.
local function chomp(text)
	return (text:gsub("\r?\n$", "", 1))
end

local function variable(scope, name)
	local value = scope.host.getenv(name)
	if not value then
		return nil, "environment variable " .. name .. ' is not set; write "$$' .. name
			.. '" for a literal dollar sign'
	end
	return value
end

local function file(scope, node, path)
	if path == "" then
		return nil, "expected ${file:path}"
	end
	local text, reason = scope.host.read_file(node.file, path, scope.watches)
	if not text then
		return nil, "file " .. path .. ": " .. reason
	end
	return chomp(text)
end

local function reference(scope, node, inner)
	local path = inner:match("^file:(.*)$")
	if path then
		return file(scope, node, path)
	end
	local secret = inner:match("^secret:(.*)$")
	if secret then
		return scope.secret(secret)
	end
	if inner:match("^[%a_][%w_]*$") then
		return variable(scope, inner)
	end
	return nil, 'expected ${NAME}, ${file:path} or ${secret:name.key}, found "${' .. inner .. '}"; '
		.. "write $${ for a literal one"
end

-- The text behind a dollar at `at`: replacement, where the text goes on; or nil, message.
local function replace(scope, node, text, at)
	local following = text:sub(at + 1, at + 1)
	if following == "$" then
		return "$", at + 2
	end
	if following == "{" then
		local close = text:find("}", at, true)
		if not close then
			return nil, "${ without a closing }; write $${ for a literal one"
		end
		local inner = text:sub(at + 2, close - 1)
		local value, message, kind = reference(scope, node, inner)
		return value, value and close + 1 or message, inner:find("^file:") and "file" or kind or true
	end
	local name = text:match("^[%a_][%w_]*", at + 1)
	if not name then
		return "$", at + 1
	end
	local value, message = variable(scope, name)
	return value, value and at + 1 + #name or message, true
end

-- The new text and whether anything came from outside ("file": from one); or nil, the message, and
-- whether it is about a file.
local function expand(scope, node, text)
	local parts, at, is_foreign = {}, 1, false
	while true do
		local dollar = text:find("$", at, true)
		if not dollar then
			parts[#parts + 1] = text:sub(at)
			return table.concat(parts), is_foreign
		end
		parts[#parts + 1] = text:sub(at, dollar - 1)
		local value, next_at, foreign = replace(scope, node, text, dollar)
		if not value then
			return nil, next_at, foreign == "file"
		end
		parts[#parts + 1] = value
		at, is_foreign = next_at, is_foreign or foreign
	end
end

-- `port: $PORT` without quotes may be meant as a number: remembered, for where a schema wants one.
local function replacement(scope, node, text, is_foreign)
	local new = nodes.string(node, text)
	new.key_line, new.key_column = node.key_line, node.key_column
	new.is_foreign = is_foreign
	local is_whole = node.plain and node.value:match("^%${?[%a_][%w_]*}?$")
	if is_whole then
		local type, value = scope.host.scalar(text)
		if type then
			new.resolved = { type = type, value = value }
		end
	end
	return new
end

-- Whether all of it is one reference.
function substitute.is_reference(text)
	return text:find("^%$[%a_][%w_]*$") or text:find("^%${[^}]*}%s*$")
end

-- Whether any text below has a dollar: most trees have none.
local function has_dollar(node)
	if node.type == "string" then
		return node.value:find("$", 1, true)
	end
	if node.type == "list" then
		for i = 1, #node do
			if has_dollar(node[i]) then
				return true
			end
		end
	elseif node.type == "map" then
		for _, member in pairs(node.members) do
			if has_dollar(member) then
				return true
			end
		end
	end
	return false
end

-- The tree with all texts replaced, a copy where there are any, and the paths of what came from outside.
-- scope: {host, secret = fn(reference) -> text or nil, message, "file" if that is why, literal = set of paths, or
-- nil, watches = whether a file that changes is to be seen by itself, miss = fn(node, path, message), or nil: whether
-- a file that cannot be read counts as an empty text}; fail: fn(node, path, message). A literal text has dollars of its own: it is replaced as a whole or not at all.
function substitute.tree(tree, scope, fail)
	local foreign_paths = {}
	if not has_dollar(tree) then
		return tree, foreign_paths
	end
	local copy = nodes.transform(tree, "", function(node, path)
		if node.type ~= "string" or not node.value:find("$", 1, true) then
			return nil
		end
		local is_literal = scope.literal and scope.literal[path]
		if is_literal and not substitute.is_reference(node.value) then
			return nil
		end
		local text, foreign, is_file = expand(scope, node, node.value)
		if not text and is_file and scope.miss and scope.miss(node, path, foreign) then
			text, foreign = "", "file"
		elseif not text then
			fail(node, path, is_literal and foreign:gsub("; write .*$", LITERAL) or foreign)
			return nil
		end
		if foreign then
			foreign_paths[#foreign_paths + 1] = path
		end
		return replacement(scope, node, text, foreign)
	end)
	return copy, foreign_paths
end

return substitute
