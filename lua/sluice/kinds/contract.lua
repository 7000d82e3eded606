-- SPDX-License-Identifier: Apache-2.0
-- Contract: a client's credentials and tier for an API.
local nodes = require("sluice.nodes")
local schema = require("sluice.schema")
local substitute = require("sluice.substitute")
local secret = require("sluice.kinds.secret")

local contract = {}

local limit = {
	type = "map",
	required = { "maximumRequests", "timePeriodInMilliseconds" },
	fields = {
		maximumRequests = { type = "integer", min = 1 },
		timePeriodInMilliseconds = { type = "integer", min = 1 },
	},
}

contract.shape = {
	type = "map",
	required = { "apiId", "client" },
	fields = {
		apiId = { type = "string" },
		client = {
			type = "map",
			required = { "id" },
			fields = {
				id = { type = "string" },
				name = { type = "string" },
				secret = { type = "string" },
			},
		},
		sla = {
			type = "map",
			fields = {
				name = { type = "string" },
				id = { type = "string" },
				limits = { type = "list", of = limit },
			},
		},
	},
}

function contract.read(resource, report)
	schema.check(report, resource, resource.spec, contract.shape, "spec")
end

-- The API that it names has to exist; its texts have to resolve.
function contract.link(resource, found, report)
	local node = nodes.get(resource.spec, "apiId")
	if nodes.is(node, "string") then
		local id = node.value:find("/", 1, true) and node.value
			or resource.namespace .. "/" .. node.value
		local api = found.ApiInstance.by_id[id]
		if api then
			resource.apis = { api }
		else
			local names = {}
			for _, other in ipairs(found.ApiInstance.list) do
				names[#names + 1] = other.name
			end
			report:error(node, "spec.apiId", 'no ApiInstance "' .. node.value .. '"'
				.. report:nearest(node.value, names), resource)
		end
	end
	local scope = {
		host = report.host,
		secret = secret.finder(found.Secret, resource.namespace, report.host),
	}
	substitute.tree(resource.spec, scope, function(at, path, message)
		report:error(at, "spec." .. path, message, resource)
	end)
end

return contract
