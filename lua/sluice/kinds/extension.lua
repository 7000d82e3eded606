-- SPDX-License-Identifier: Apache-2.0
-- Extension: the vendor's definition of a custom policy, or its WebAssembly implementation.
--
-- Neither is run here: a definition beside a plugin of the same name is harmless, an implementation
-- closes the APIs that bind it.
local nodes = require("sluice.nodes")
local schema = require("sluice.schema")

local extension = {}

extension.shape = {
	type = "map",
	fields = {
		extends = {
			type = "list",
			of = {
				type = "map",
				required = { "name" },
				fields = { name = { type = "string" }, namespace = { type = "string" } },
			},
		},
		properties = { type = "object" },
		required = { type = "list", of = { type = "string" } },
	},
}

local implementations = { ["envoy-filter"] = true, ["proxy-wasm-filter"] = true }

function extension.read(resource, report)
	schema.check(report, resource, resource.spec, extension.shape, "spec")
	resource.is_implementation = nodes.get(nodes.get(resource.spec, "properties"),
		"implementation") ~= nil
	for _, parent in nodes.each(resource.spec, "extends") do
		if implementations[nodes.text(parent, "name") or ""] then
			resource.is_implementation = true
		end
	end
end

return extension
