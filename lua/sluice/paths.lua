-- SPDX-License-Identifier: Apache-2.0
-- What an API makes of paths that servers read differently: spec.paths.
local nodes = require("sluice.nodes")

local paths = {}

paths.shape = {
	type = "map",
	fields = {
		encodedSlash = { type = "string", enum = { "reject", "keep" } },
		parameters = { type = "string", enum = { "keep", "reject", "strip" } },
		case = { type = "string", enum = { "keep", "lower" } },
	},
}

-- The base path as paths will be when it is looked for; escapes keep their upper-case digits.
function paths.base(spec, base)
	if nodes.text(nodes.get(spec, "paths"), "case") ~= "lower" then
		return base
	end
	return (base:lower():gsub("%%%x%x", string.upper))
end

-- What the plan says of them; defaults are left out.
function paths.put(out, spec)
	nodes.put(out, "paths", nodes.get(spec, "paths"))
end

return paths
