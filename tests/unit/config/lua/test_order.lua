-- SPDX-License-Identifier: Apache-2.0
local order = require("sluice.order")
local equal, contains = support.equal, support.contains

local function entry(name, binding, stage)
	binding.resource = binding.resource or { index = binding.index or 1, id = "default/" .. name,
		file = binding.file or "a.yaml", line = 1 }
	binding.position = binding.position or 0
	binding.order = binding.order or 50
	binding.path, binding.ref = "spec", { file = "a.yaml", line = 1, column = 1 }
	return { policy = name, stage = stage or "observe", binding = binding }
end

local function sort(entries)
	local report = support.report()
	local chain = order.chain(entries, { report = report, ties = {} })
	local names = {}
	for i, e in ipairs(chain) do
		names[i] = e.policy
	end
	return names, support.messages(report)
end

-- Ascending order; responses run in reverse, which is the runner's.
equal(sort({ entry("c", { order = 90, source = "binding" }), entry("a", { order = -5, source = "binding" }),
	entry("b", { order = 50, source = "inline" }) }), { "a", "b", "c" })

-- At equal order: selectors, the inline list as written, then documents.
equal(sort({ entry("d", { source = "binding", index = 2 }), entry("c", { source = "inline", position = 2 }),
	entry("b", { source = "inline", position = 1 }), entry("a", { source = "selector", index = 9 }),
	entry("e", { source = "binding", index = 3 }) }), { "a", "b", "c", "d", "e" })

-- A tie across files is told; inside of one file it is as written.
local _, messages = sort({ entry("a", { source = "binding", index = 1, file = "a.yaml" }),
	entry("b", { source = "binding", index = 2, file = "b.yaml" }) })
equal(#messages, 1)
contains(messages[1], "order 50 is also that of \"default/a\" (a.yaml:1)")
_, messages = sort({ entry("a", { source = "binding", index = 1 }), entry("b", { source = "binding", index = 2 }),
	entry("c", { source = "selector", index = 3, file = "c.yaml" }) })
equal(messages, {})

-- cors is first, and says so when it was not.
local names
names, messages = sort({ entry("login", { order = 1, source = "inline" }), entry("cors", { order = 90, source = "inline" }) })
equal(names, { "cors", "login" })
equal(#messages, 1)
names, messages = sort({ entry("cors", { order = 1, source = "inline" }), entry("login", { order = 2, source = "inline" }) })
equal(names, { "cors", "login" })
equal(messages, {})

-- A cache before a login answers without it.
_, messages = sort({ entry("cache", { order = 1, source = "inline" }, "cache"),
	entry("login", { order = 2, source = "inline" }, "authn") })
contains(messages[1], "cache runs before login")
_, messages = sort({ entry("login", { order = 1, source = "inline" }, "authn"),
	entry("cache", { order = 2, source = "inline" }, "cache") })
equal(messages, {})
