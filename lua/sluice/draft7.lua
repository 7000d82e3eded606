-- SPDX-License-Identifier: Apache-2.0
-- The schemas of policies as other programs read them: JSON Schema draft-07, which editors and validators
-- have in common, without what only core/json knows.
--
-- The result takes everything that ours takes, and maybe more: a condition that cannot be written there is
-- left out. Inside of `not` and `if` leaving out would take less, so the whole of these goes instead; of `oneOf`
-- it could make two branches fit, so it becomes `anyOf`. What may come from outside ($NAME, ${file:…}) is
-- taken wherever a scalar is.
local nodes = require("sluice.nodes")

local draft7 = {}

local function text(value)
	return nodes.string(nil, value)
end

local function ref(name)
	return nodes.put(nodes.map(nil), "$ref", text("#/definitions/" .. name))
end

-- --- patterns -----------------------------------------------------------------------------------
-- Readers compile patterns with ECMAScript's flag "u", which takes no needless backslash: one mistake of a
-- pattern, and the whole schema is of no use to them.

local SYNTAX = "^[%^%$\\%.%*%+%?%(%)%[%]{}|/]$"

-- The class that begins at `at`, whole.
local function class_at(pattern, at)
	local i = pattern:match("^%[%^?()", at)
	i = i and (pattern:match("^%]()", i) or i) -- a first one is an element
	while i and i <= #pattern do
		local after = pattern:match("^\\.()", i)
		if not after and pattern:sub(i, i) == "]" then
			return pattern:sub(at, i)
		end
		i = after or i + 1
	end
end

-- What an escape is there; nil: nothing that means the same.
local function escape(text, in_class)
	local c = text:sub(2)
	if c:match("^[dDsSwWtnrf]$") or (c:match("^[bB]$") and not in_class) or c:match(SYNTAX) then
		return text
	elseif c == "-" and in_class then
		return text
	end
	return not c:match("%w") and c or nil
end

local function both_cases(letter)
	return letter:lower() .. letter:upper()
end

-- What has to be added to the inside of a class for its letters to count in both cases.
local function other_cases(inside)
	local more = {}
	local rest = inside:gsub("\\.", ""):gsub("(%a)%-(%a)", function(from, to)
		more[#more + 1] = from:lower() .. "-" .. to:lower() .. from:upper() .. "-" .. to:upper()
		return ""
	end)
	for letter in rest:gmatch("%a") do
		more[#more + 1] = both_cases(letter)
	end
	return table.concat(more)
end

-- A class, of which `text` is the whole; nil: it cannot be said there.
local function class(text, folds)
	local start, inside = text:match("^(%[%^?)(.*)%]$")
	if inside:find("[:", 1, true) or inside:find("\\[dDsSwW]%-.") or inside:find("%-\\[dDsSwW]") then
		return nil
	end
	local is_fine = true
	local out = inside:gsub("^%]", "\\]"):gsub("\\.", function(each)
		local made = escape(each, true)
		is_fine = is_fine and made
		return made
	end)
	return is_fine and start .. out .. (folds and other_cases(out) or "") .. "]" or nil
end

-- One character that stands for itself, or for what it does in every dialect.
local function single(pattern, at, folds)
	local c = pattern:sub(at, at)
	if c == "]" or c == "}" then
		return "\\" .. c, at + 1
	elseif c == "{" then
		local quantifier = pattern:match("^{%d+,?%d*}", at)
		return quantifier or "\\{", at + #(quantifier or c)
	elseif folds and c:match("%a") then
		return "[" .. both_cases(c) .. "]", at + 1
	end
	return c, at + 1
end

-- What stands at `at`, and where the next begins; nil: it cannot be said there.
local function piece(pattern, at, folds)
	local escaped, whole = pattern:match("^\\.", at), class_at(pattern, at)
	if escaped then
		return escape(escaped, false), at + 2
	elseif whole then
		return class(whole, folds), at + #whole
	elseif pattern:match("^%(%?[^:=!]", at) or pattern:match("^%(%*", at)
		or pattern:match("^[%*%+%?]%+", at) or pattern:match("^{%d+,?%d*}%+", at) then
		return nil
	end
	return single(pattern, at, folds)
end

-- The pattern as ECMAScript has it; nil: it uses what that does not have. Where case does not count,
-- both are written out, for what has no flag for it.
local function portable(pattern)
	local plain, count = pattern:gsub("^%(%?i%)", "")
	local out, at = {}, 1
	while at <= #plain do
		local made, after = piece(plain, at, count > 0)
		if not made then
			return nil
		end
		out[#out + 1] = made
		at = after
	end
	return table.concat(out)
end

-- --- keywords -----------------------------------------------------------------------------------

local annotations = { title = true, description = true, default = true, examples = true, ["$comment"] = true }
local renamed = { ["$defs"] = "definitions", dependentRequired = "dependencies",
	dependentSchemas = "dependencies", prefixItems = "items" }
-- Of a format only those that describe the text itself in the same way; the others are the gateway's.
local left_out = { format = true, minContains = true, maxContains = true, ["$comment"] = true,
	deprecated = true, ["$schema"] = true }
local maps = { properties = true, patternProperties = true, dependentSchemas = true }
local values = { additionalProperties = true, contains = true, propertyNames = true }
local lists = { allOf = true, anyOf = true, oneOf = true }

local scalar_keywords = { "type", "enum", "const", "pattern", "minimum", "maximum", "minLength",
	"maxLength", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "allOf", "anyOf", "oneOf" }
local container_keywords = { "properties", "items", "required", "additionalProperties", "minItems" }

local function has_any(node, keywords)
	for _, keyword in ipairs(keywords) do
		if nodes.get(node, keyword) then
			return true
		end
	end
	return false
end

-- Whether a text stands for what it wants: true, "whole" (it wants no text, so all of it has to be one
-- reference), or false.
local function wants_scalar(node)
	local type = nodes.get(node, "type")
	if not type then
		return has_any(node, scalar_keywords) and not has_any(node, container_keywords)
	end
	local wanted = "whole"
	for _, each in ipairs(type.type == "list" and type or { type }) do
		if each.value == "string" then
			wanted = true
		elseif each.value == "object" or each.value == "array" then
			return false
		end
	end
	return wanted
end

local Converter = {}
Converter.__index = Converter

-- The name behind "#/$defs/a"; nil for references that go elsewhere.
local function target(node)
	return node.value:match("^#/%$defs/([%w_-]+)$") or node.value:match("^#/definitions/([%w_-]+)$")
end

-- A reference of the policy to where it stands now.
function Converter:value_reference(node)
	local name = target(node)
	return name and text("#/definitions/" .. self.prefix .. name)
end

-- The same condition in a place of its own, made when it is first asked for; none for what has itself in it.
function Converter:exact_reference(node)
	local name = target(node)
	local own = name and nodes.get(self.own, name)
	if not own or self.making[name] then
		return nil
	end
	local place = self.prefix .. name .. ".exact"
	if not nodes.get(self.definitions, place) then
		self.making[name] = true
		local made = self:exact(own)
		self.making[name] = nil
		if not made then
			return nil
		end
		nodes.put(self.definitions, place, made)
	end
	return text("#/definitions/" .. place)
end

function Converter:map_of(node, convert)
	local out = nodes.map(nil)
	for key, member in nodes.pairs(node) do
		local made = convert(self, member)
		if not made then
			return nil
		end
		nodes.put(out, key, made)
	end
	return out
end

function Converter:list_of(node, convert)
	local out = nodes.list(nil)
	for i, element in ipairs(node) do
		out[i] = convert(self, element)
		if not out[i] then
			return nil
		end
	end
	return out
end

-- Two words of ours that draft-07 has one for.
local function collides(node)
	return (nodes.get(node, "prefixItems") and nodes.get(node, "items"))
		or (nodes.get(node, "dependentRequired") and nodes.get(node, "dependentSchemas"))
end

-- Schemas by patterns of names; nil: one of the patterns has no form there.
function Converter:by_pattern(node, convert)
	local out = nodes.map(nil)
	for key, member in nodes.pairs(node) do
		local pattern, made = portable(key), convert(self, member)
		if not pattern or not made then
			return nil
		end
		nodes.put(out, pattern, made)
	end
	return out
end

-- Inside of `not` and `if`: exactly the same condition, or nil.
function Converter:exact(node)
	if node.type ~= "map" then
		return node
	end
	if collides(node) then
		return nil
	end
	local out = nodes.map(nil)
	for key, member in nodes.pairs(node) do
		local made = member
		if key == "$ref" then
			made = self:exact_reference(member)
		elseif key == "pattern" then
			local pattern = portable(member.value)
			made = pattern and text(pattern)
		elseif key == "patternProperties" then
			made = self:by_pattern(member, self.exact)
		elseif maps[key] then
			made = self:map_of(member, self.exact)
		elseif lists[key] or key == "prefixItems" then
			made = self:list_of(member, self.exact)
		elseif values[key] or key == "items" or key == "not" then
			made = self:exact(member)
		elseif key == "if" or key == "then" or key == "else" or (left_out[key] and key ~= "$comment") then
			made = nil
		end
		if not made and key ~= "$comment" then
			return nil
		end
		nodes.put(out, renamed[key] or key, made)
	end
	return out
end

local function is_conditional(key)
	return key == "if" or key == "then" or key == "else"
end

-- Of a name that both speak of, the first is kept.
function Converter:add_dependencies(out, map)
	local all = nodes.get(out, "dependencies") or nodes.map(nil)
	for key, member in nodes.pairs(map) do
		nodes.put(all, key, all.members[key] or member)
	end
	nodes.put(out, "dependencies", all)
end

-- What has no place in a branch of `not` or `if` is there as it was; the others become values.
function Converter:keyword(out, key, member)
	if key == "$ref" then
		nodes.put(out, key, self:value_reference(member))
	elseif key == "pattern" then
		local pattern = portable(member.value)
		nodes.put(out, key, pattern and text(pattern))
	elseif key == "not" then
		nodes.put(out, key, self:exact(member))
	elseif key == "patternProperties" then
		nodes.put(out, key, self:by_pattern(member, self.value))
	elseif key == "dependentSchemas" then
		self:add_dependencies(out, self:map_of(member, self.value))
	elseif maps[key] then
		nodes.put(out, key, self:map_of(member, self.value))
	elseif lists[key] then -- beside an anyOf, the other one is left out
		nodes.put(out, key == "oneOf" and "anyOf" or key, self:list_of(member, self.body))
	elseif key == "prefixItems" then
		nodes.put(out, "items", self:list_of(member, self.value))
	elseif key == "items" then
		local name = nodes.get(out, "items") and "additionalItems" or "items"
		nodes.put(out, name, self:value(member))
	elseif values[key] then
		nodes.put(out, key, self:value(member))
	elseif not left_out[key] and not annotations[key] and not renamed[key] and not is_conditional(key)
		and key:sub(1, 2) ~= "x-" then
		nodes.put(out, key, member)
	elseif key == "dependentRequired" then
		self:add_dependencies(out, member)
	end
end

-- What is said about members whose names only a pattern left out would have covered, or about elements of which
-- none need be there, would take less.
local function is_beyond(node, key)
	if key == "contains" then
		return nodes.get(node, "minContains") ~= nil
	end
	if key ~= "additionalProperties" then
		return false
	end
	for pattern in nodes.pairs(nodes.get(node, "patternProperties")) do
		if not portable(pattern) then
			return true
		end
	end
	return false
end

-- The conditions of a schema, without its annotations.
function Converter:body(node)
	if node.type ~= "map" then
		return node
	end
	local out = nodes.map(nil)
	if nodes.get(node, "prefixItems") then -- `items` of the same schema is about the others
		self:keyword(out, "prefixItems", nodes.get(node, "prefixItems"))
	end
	for key, member in nodes.pairs(node) do
		if key ~= "prefixItems" and not is_beyond(node, key) then
			self:keyword(out, key, member)
		end
	end
	local condition = nodes.get(node, "if") and self:exact(nodes.get(node, "if"))
	if condition then
		nodes.put(out, "if", condition)
		for _, key in ipairs({ "then", "else" }) do
			local branch = nodes.get(node, key)
			nodes.put(out, key, branch and self:body(branch))
		end
	end
	return out
end

-- A schema of a value: what stands for one from outside is taken, too. Annotations come first and beside
-- nothing that draft-07 would make them swallow.
function Converter:value(node)
	if node.type ~= "map" then
		return node
	end
	local out, body, wanted = nodes.map(nil), self:body(node), wants_scalar(node)
	for key, member in nodes.pairs(node) do
		if annotations[key] then
			nodes.put(out, key, member)
		end
	end
	local constrained = #body.keys > (nodes.get(body, "type") and 1 or 0) or wanted == "whole"
	if wanted and constrained then
		return nodes.put(out, "anyOf", nodes.list(nil, { body,
			ref(wanted == "whole" and "reference" or "withReferences") }))
	end
	if nodes.get(body, "$ref") then
		return nodes.put(out, "allOf", nodes.list(nil, { body }))
	end
	for key, member in nodes.pairs(body) do
		nodes.put(out, key, member)
	end
	return out
end

-- The schema of a policy's configuration, its definitions put into `definitions` as prefix .. name.
function draft7.convert(configuration, prefix, definitions)
	local own = nodes.get(configuration, "$defs") or nodes.get(configuration, "definitions")
	local c = setmetatable({ prefix = prefix, own = own, definitions = definitions, making = {} }, Converter)
	for name, member in nodes.pairs(own) do
		nodes.put(definitions, prefix .. name, c:value(member))
	end
	local out = c:value(configuration)
	return out
end

-- What `reference` and `withReferences` are: see sluice/substitute.lua.
function draft7.references(definitions)
	local function of(pattern, description)
		local out = nodes.put(nodes.map(nil), "description", text(description))
		nodes.put(out, "type", text("string"))
		return nodes.put(out, "pattern", text(pattern))
	end
	nodes.put(definitions, "reference", of("^\\$([A-Za-z_][A-Za-z_0-9]*|\\{[A-Za-z_][A-Za-z_0-9]*\\})$",
		"A value from outside: $NAME of the environment."))
	nodes.put(definitions, "withReferences", of("\\$[A-Za-z_{$]",
		"A text with values from outside: $NAME, ${file:path}, ${secret:name.key}."))
end

return draft7
