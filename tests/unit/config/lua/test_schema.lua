-- SPDX-License-Identifier: Apache-2.0
local schema = require("sluice.schema")
local equal, tree = support.equal, support.tree

local shape = {
	type = "map",
	required = { "name" },
	fields = {
		name = { type = "string", enum = { "one", "two" } },
		text = { type = "string" },
		empty = { type = "string", empty = true },
		count = { type = "integer", min = 1, max = 10 },
		share = { type = "number", min = 0.5 },
		flag = { type = "boolean" },
		list = { type = "list", of = { type = "integer" }, min = 1 },
		labels = { type = "dictionary", of = { type = "string" } },
		anything = { type = "any" },
		object = { type = "object" },
		even = { type = "string", check = function(text)
			if #text % 2 == 1 then
				return "odd", 1
			end
		end },
	},
}

local function check(value)
	local report = support.report()
	local resource = {}
	local ok = schema.check(report, resource, tree(value), shape, "spec")
	equal(ok, #report.findings == 0)
	equal(resource.broken == true, not ok)
	return support.messages(report)
end

equal(check({ name = "one" }), {})
equal(check({ name = "two", text = "x", empty = "", count = 10, share = 0.5, flag = false,
	list = { 1 }, labels = { a = "b" }, anything = 5, object = {}, even = "ab" }), {})
equal(check({}), { 'spec: missing field "name"' })
equal(check({ name = "one", cuont = 1 }), { 'spec.cuont: unknown field; did you mean "count"?' })
equal(check({ name = "one", zzzzzz = 1 }), { "spec.zzzzzz: unknown field" })
equal(check({ name = "tow" }),
	{ 'spec.name: expected one of "one", "two", found "tow"; did you mean "two"?' })
equal(check({ name = 5 }), { "spec.name: expected a string, found an integer; put it in quotes" })
equal(check({ name = "one", text = "" }), { "spec.text: expected a string, found an empty one" })
equal(check({ name = "one", count = 0 }), { "spec.count: expected a number from 1 to 10, found 0" })
equal(check({ name = "one", count = 11 }), { "spec.count: expected a number from 1 to 10, found 11" })
equal(check({ name = "one", count = 1.5 }), { "spec.count: expected an integer, found a number" })
equal(check({ name = "one", share = 0.25 }),
	{ "spec.share: expected a number of at least 0.5, found 0.25" })
equal(check({ name = "one", flag = "yes" }), { "spec.flag: expected true or false, found a string" })
equal(check({ name = "one", list = { is_list = true } }),
	{ "spec.list: expected at least 1, found none" })
equal(check({ name = "one", list = { 1, "x" } }), { "spec.list[1]: expected an integer, found a string" })
equal(check({ name = "one", labels = { a = 1 } }),
	{ "spec.labels.a: expected a string, found an integer; put it in quotes" })
equal(check({ name = "one", object = 5 }), { "spec.object: expected a map, found an integer" })
equal(check({ name = "one", even = "abc" }), { "spec.even: odd" })

-- All at once.
equal(#check({ count = "x", flag = 1, other = 2 }), 4)
