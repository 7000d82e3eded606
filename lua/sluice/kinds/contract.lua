-- SPDX-License-Identifier: Apache-2.0
-- Contract: a client's credentials and tier for an API.
local diagnose = require("sluice.diagnose")
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

-- The id of the API that it is with; nil: there is none. `has_api` tells of an id when the APIs are not
-- at hand.
local function api_of(resource, found, report, has_api)
	local node = nodes.get(resource.spec, "apiId")
	if not nodes.is(node, "string") then
		return nil
	end
	local id = node.value:find("/", 1, true) and node.value
		or resource.namespace .. "/" .. node.value
	if found.ApiInstance.by_id[id] or (has_api and has_api(id)) then
		return id
	end
	local names = {}
	for _, other in ipairs(found.ApiInstance.list) do
		names[#names + 1] = other.name
	end
	report:error(node, "spec.apiId", 'no ApiInstance "' .. node.value .. '"'
		.. report:nearest(node.value, names), resource)
	return nil
end

-- What is put in the place of a reference may be empty: a client without a name, or whose secret is to
-- give none.
local function refuse_empty(resource, spec, report)
	for _, key in ipairs({ "id", "secret" }) do
		local node = nodes.get(nodes.get(spec, "client"), key)
		if nodes.is(node, "string") and node.value == "" then
			report:error(node, "spec.client." .. key, "expected a string, found an empty one", resource)
		end
	end
end

-- Its texts resolved.
local function resolved(resource, found, report)
	local scope = {
		host = report.host,
		secret = secret.finder(found.Secret, resource.namespace, report.host),
	}
	local spec = substitute.tree(resource.spec, scope, function(at, path, message)
		report:error(at, "spec." .. path, message, resource)
	end)
	if spec ~= resource.spec and not resource.broken then -- else it is told already
		refuse_empty(resource, spec, report)
	end
	return spec
end

-- Of the plan (docs/plan.md).
local function plan_node(resource, api, spec, host)
	local client, sla = nodes.get(spec, "client"), nodes.get(spec, "sla")
	local out, id = nodes.map(resource), nodes.get(client, "id")
	local text = nodes.get(client, "secret")
	nodes.put(out, "api", nodes.string(nodes.get(spec, "apiId"), api))
	nodes.put(out, "name", nodes.string(resource, resource.namespace .. "/" .. resource.name))
	nodes.put(out, "clientId", id)
	nodes.put(out, "clientName", nodes.get(client, "name"))
	nodes.put(out, "secretDigest", text and nodes.string(text,
		host.secret_digest(api, id.value, text.value)))
	nodes.put(out, "tierId", nodes.get(sla, "id"))
	nodes.put(out, "tier", nodes.get(sla, "name"))
	return nodes.put(out, "limits", nodes.get(sla, "limits"))
end

-- Who of two contracts of a client counts cannot be told: neither does.
local function refuse_second(state, first, resource, id)
	state.report:error(id, "spec.client.id", 'the client "' .. id.value .. '" has a contract with "'
		.. first.api .. '" already, at ' .. diagnose.place(first.id) .. "; neither counts", resource)
	first.resource.contract = nil
end

local function take(resource, state, seen, has_api)
	local api = api_of(resource, state.found, state.report, has_api)
	local spec = resolved(resource, state.found, state.report)
	if not api or resource.broken then
		return
	end
	local id = nodes.get(nodes.get(spec, "client"), "id")
	local key = api .. "\n" .. id.value
	if seen[key] then
		refuse_second(state, seen[key], resource, id)
		return
	end
	seen[key] = { api = api, id = id, resource = resource }
	resource.contract = plan_node(resource, api, spec, state.report.host)
end

-- What becomes of each stands in its `contract`: the node in the plan, or nil, when it does not count.
function contract.link(state, has_api)
	local seen = {}
	for _, resource in ipairs(state.found.Contract.list) do
		take(resource, state, seen, has_api)
	end
end

-- Those that count, in their order; nil: none.
function contract.list_node(state)
	local list = nodes.list(nil)
	for _, resource in ipairs(state.found.Contract.list) do
		list[#list + 1] = resource.contract
	end
	return list[1] and list
end

return contract
