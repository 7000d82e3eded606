-- SPDX-License-Identifier: Apache-2.0
local documents = require("sluice.documents")
local equal, tree = support.equal, support.tree

local function document(kind, name, more)
	local value = { apiVersion = "gateway.sluice.dev/v1", kind = kind, metadata = { name = name },
		spec = { x = 1 } }
	for key, member in pairs(more or {}) do
		value[key] = member
	end
	return tree(value)
end

local function read(roots)
	local report = support.report()
	return documents.read(roots, report), support.messages(report)
end

local found, messages = read({ document("Service", "a"), document("ApiInstance", "a"),
	document("Service", "b", { metadata = { name = "b", namespace = "team", labels = { k = "v" } } }) })
equal(messages, {})
equal(#found.Service.list, 2)
equal(found.Service.by_id["default/a"].name, "a")
equal(found.Service.by_id["team/b"].labels, { k = "v" })
equal(found.ApiInstance.list[1].index, 2)

for _, version in ipairs({ "gateway.mulesoft.com/v1alpha1", "gateway.mulesoft.com/v1beta1" }) do
	_, messages = read({ document("Service", "a", { apiVersion = version }) })
	equal(messages, {}, version)
end

-- What is mistyped is read as what was meant; what is something else's is not read.
found, messages = read({ document("PolicyBindng", "a") })
equal(#messages, 1)
equal(#found.PolicyBinding.list, 1)
found, messages = read({ document("Deployment", "a", { data = {} }) })
equal(#messages, 1)

-- The same name twice: in one kind and namespace.
found, messages = read({ document("Service", "a"), document("Service", "a") })
equal(#messages, 1)
equal(found.Service.list[2].duplicate_of, found.Service.list[1])

for _, name in ipairs({ "", "a b", "a/b", "-a", "a:b", ("x"):rep(254) }) do
	_, messages = read({ document("Service", name) })
	equal(#messages, 1, name)
end
_, messages = read({ tree({ "a" }), tree("text") })
equal(#messages, 2)
