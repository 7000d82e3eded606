-- SPDX-License-Identifier: Apache-2.0
-- Every field has its sentence; policies' schemas become what editors read, and take no less than they did.
local host = ...
local definitions = require("sluice.definitions")
local descriptions = require("sluice.descriptions")
local diagnose = require("sluice.diagnose")
local draft7 = require("sluice.draft7")
local json_schema = require("sluice.json_schema")
local nodes = require("sluice.nodes")

local function equal(a, b, what)
	if a ~= b then
		error((what or "") .. ": got " .. tostring(a) .. ", expected " .. tostring(b), 2)
	end
end

local report = diagnose.new(host)
local found = definitions.load(host.builtins, {}, report)
local _, places = json_schema.make(found, "sluice", host)
local seen, missing = {}, {}
for _, place in ipairs(places) do
	seen[place] = true
	if not descriptions.fields[place] and place:find("[.]") and not place:match("%[%]$") then
		missing[#missing + 1] = place
	end
end
for place in pairs(descriptions.fields) do
	equal(seen[place] or place:match("%[%]$") and true, true, "no such field: " .. place)
end
missing = table.concat(missing, " ")
equal(missing, "", "fields without a description")

local made, message = json_schema.make(found, "ApiInstanse", host)
equal(made, nil)
equal(message, 'no kind and no policy "ApiInstanse"; did you mean "ApiInstance"?')
made, message = json_schema.make(found, "tls-outbuond", host)
equal(message, 'no kind and no policy "tls-outbuond"; did you mean "tls-outbound"?')
equal(nodes.text(json_schema.make(found, "tls-outbound-flex", host), "title"), "TLS towards upstreams")

-- --- dialects -----------------------------------------------------------------------------------

local function tree(value)
	if type(value) == "table" then
		local out
		if #value > 0 then
			out = nodes.list(nil)
			for i, each in ipairs(value) do
				out[i] = tree(each)
			end
		else
			out = nodes.map(nil)
			for key, member in pairs(value) do
				nodes.put(out, key, tree(member))
			end
		end
		return out
	end
	return type(value) == "number" and nodes.integer(nil, value)
		or type(value) == "boolean" and nodes.boolean(nil, value) or nodes.string(nil, value)
end

local function convert(schema)
	local defs = nodes.map(nil)
	return draft7.convert(tree(schema), "p.", defs), defs
end

local function member(node, ...)
	for _, key in ipairs({ ... }) do
		node = node and (type(key) == "number" and node[key] or nodes.get(node, key))
	end
	return node
end

-- Case that does not count is written out; what ECMAScript does not have is left out.
local patterns = {
	{ "(?i)^(ab|c-d)[x-z_]$", "^([aA][bB]|[cC]-[dD])[x-z_x-zX-Z]$" },
	{ "^[-!#*+.^_`|~0-9A-Za-z]+$", "^[-!#*+.^_`|~0-9A-Za-z]+$" },
	{ "(?i)\\d+a", "\\d+[aA]" },
	{ "a++b", nil }, { "(?<=a)b", nil }, { "\\Aa", nil }, { "a{2}+", nil }, { "(?i)\\x41", nil }, { "(a)\\1", nil },
	{ "(?i)[\\]a-c]", "[\\]a-ca-cA-C]" }, { "(?i)[\\\\a]", "[\\\\aaA]" }, { "[]a]+", "[\\]a]+" },
	{ "[^]]b", "[^\\]]b" }, { "[[:alpha:]]", nil }, { "[\\w-z]", nil }, { "[\\w-]", "[\\w-]" },
	{ "\\#\\-\\/[\\_\\-\\]]", "#-\\/[_\\-\\]]" }, { "a{b]}", "a\\{b\\]\\}" }, { "a{2,}(?:b)(?!c)", "a{2,}(?:b)(?!c)" },
}
for _, row in ipairs(patterns) do
	local node = convert({ type = "string", pattern = row[1] })
	local inner = member(node, "anyOf", 1, "pattern") or member(node, "pattern")
	equal(inner and inner.value, row[2], row[1])
end

-- What may come from outside is taken as a text: as a whole where no text is wanted.
equal(member(convert({ type = "integer", minimum = 1 }), "anyOf", 2, "$ref").value, "#/definitions/reference")
equal(member(convert({ type = "string", minLength = 1 }), "anyOf", 2, "$ref").value,
	"#/definitions/withReferences")
equal(member(convert({ type = "string" }), "anyOf"), nil)
equal(member(convert({ type = "array", items = { type = "boolean" } }), "items", "anyOf", 1, "type").value,
	"boolean")

-- Inside of `not` nothing is left out by itself.
equal(member(convert({ type = "string", ["not"] = { pattern = "a++" } }), "not"), nil)
equal(member(convert({ type = "string", ["not"] = { format = "origin" } }), "not"), nil)
equal(member(convert({ ["if"] = { properties = { a = { pattern = "\\Aa" } } }, ["then"] = { maxProperties = 1 } }),
	"then"), nil)

-- Left out as a whole: half of it would take less.
local by_pattern = convert({ patternProperties = { ["^a++"] = { type = "string" } }, additionalProperties = false })
equal(#by_pattern.keys, 0)
by_pattern = convert({ patternProperties = { ["^\\#a"] = { type = "string" } }, additionalProperties = false })
equal(member(by_pattern, "patternProperties", "^#a", "type").value, "string")
equal(member(by_pattern, "additionalProperties").value, false)
equal(member(convert({ contains = { const = "a" }, minContains = 0 }), "contains"), nil)
local one = convert({ oneOf = { { pattern = "a++" }, { pattern = "^b" } } })
equal(member(one, "oneOf"), nil)
equal(member(one, "anyOf", 1, "anyOf", 2, "pattern").value, "^b")
local twice = { dependentRequired = { a = { "b" } }, dependentSchemas = { c = { minProperties = 2 } } }
equal(member(convert(twice), "dependencies", "a", 1).value, "b")
equal(member(convert(twice), "dependencies", "c", "minProperties").value, 2)
equal(member(convert({ ["not"] = twice }), "not"), nil)
equal(member(convert({ ["not"] = { prefixItems = { { const = 1 } }, items = false } }), "not"), nil)

-- Definitions stand where all are, once as values, once as they were.
local node, defs = convert({
	properties = { a = { ["$ref"] = "#/$defs/star" }, b = { type = "string",
		["not"] = { ["$ref"] = "#/$defs/star" } } },
	["$defs"] = { star = { const = "*" } },
})
equal(member(node, "properties", "a", "allOf", 1, "$ref").value, "#/definitions/p.star")
equal(member(node, "properties", "b", "anyOf", 1, "not", "$ref").value, "#/definitions/p.star.exact")
equal(member(defs, "p.star.exact", "const").value, "*")
equal(member(defs, "p.star", "anyOf", 1, "const").value, "*")
equal(member(node, "$defs"), nil)
equal(member(convert({ properties = { a = { ["$ref"] = "#/properties/b" } } }), "properties", "a", "$ref"), nil)

-- Words of 2020-12 that draft-07 writes differently.
node = convert({ prefixItems = { { type = "string" } }, items = false, dependentRequired = { a = { "b" } } })
equal(member(node, "items", 1, "type").value, "string")
equal(member(node, "additionalItems").value, false)
equal(member(node, "dependencies", "a", 1).value, "b")
