-- SPDX-License-Identifier: Apache-2.0
-- The schemas of policies as other programs read them: JSON Schema draft-07, which editors and validators
-- have in common, without what only core/json knows.
--
-- The result takes everything that ours takes, and maybe more: a condition that cannot be written there is
-- left out. Inside of `not` and `if` leaving out would take less, so the whole of these goes instead. What may
-- come from outside ($NAME, ${file:…}) is taken wherever a scalar is.
local nodes = require("sluice.nodes")

local draft7 = {}

local function text(value)
	return nodes.string(nil, value)
end

local function ref(name)
	return nodes.put(nodes.map(nil), "$ref", text("#/definitions/" .. name))
end

-- --- patterns -----------------------------------------------------------------------------------

local function both_cases(letter)
	return letter:lower() .. letter:upper()
end

-- Between [ and ]: letters and ranges of them, in both cases.
local function fold_class(class)
	local more = {}
	for from, to in class:gmatch("(%a)%-(%a)") do
		more[#more + 1] = from:lower() .. "-" .. to:lower() .. from:upper() .. "-" .. to:upper()
	end
	local rest = class:gsub("%a%-%a", ""):gsub("\\%a", "")
	for letter in rest:gmatch("%a") do
		more[#more + 1] = both_cases(letter)
	end
	return class .. table.concat(more)
end

-- The same without regard to case, for what has no flag for it.
local function fold(pattern)
	local out, at = {}, 1
	while at <= #pattern do
		local escape, class = pattern:match("^\\.", at), pattern:match("^%[%^?%]?[^%]]*", at)
		local piece = escape or class or pattern:sub(at, at)
		at = at + #piece
		if class then
			piece = fold_class(class)
		elseif not escape and piece:match("%a") then
			piece = "[" .. both_cases(piece) .. "]"
		end
		out[#out + 1] = piece
	end
	return table.concat(out)
end

-- nil: it uses what ECMAScript does not have.
local function portable(pattern)
	local plain, count = pattern:gsub("^%(%?i%)", "")
	local bare = plain:gsub("\\.", ""):gsub("%[%^?%]?[^%]]*%]", "")
	if bare:find("%(%?[^:=!]") or bare:find("%(%*") or bare:find("[%*%+%?}]%+")
		or plain:find("\\[AZzGhHKQRXCpP]") or plain:find("%[:") then
		return nil
	end
	return count > 0 and fold(plain) or plain
end

-- --- keywords -----------------------------------------------------------------------------------

local annotations = { title = true, description = true, default = true, examples = true }
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

-- Inside of `not` and `if`: exactly the same condition, or nil.
function Converter:exact(node)
	if node.type ~= "map" then
		return node
	end
	local out = nodes.map(nil)
	for key, member in nodes.pairs(node) do
		local made = member
		if key == "$ref" then
			made = self:exact_reference(member)
		elseif key == "pattern" then
			local pattern = portable(member.value)
			made = pattern and text(pattern)
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

-- What has no place in a branch of `not` or `if` is there as it was; the others become values.
function Converter:keyword(out, key, member)
	if key == "$ref" then
		nodes.put(out, key, self:value_reference(member))
	elseif key == "pattern" then
		local pattern = portable(member.value)
		nodes.put(out, key, pattern and text(pattern))
	elseif key == "not" then
		nodes.put(out, key, self:exact(member))
	elseif maps[key] then
		nodes.put(out, renamed[key] or key, self:map_of(member, self.value))
	elseif lists[key] then
		nodes.put(out, key, self:list_of(member, self.body))
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
		nodes.put(out, "dependencies", member)
	end
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
		if key ~= "prefixItems" then
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
