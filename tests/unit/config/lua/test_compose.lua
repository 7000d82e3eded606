-- SPDX-License-Identifier: Apache-2.0
-- No document, however wrong, may stop the composition of the others: each node of a whole configuration
-- in turn is left out, emptied, and given other types and extreme values.
local compose = require("sluice.compose")
local nodes = require("sluice.nodes")
local equal, tree = support.equal, support.tree

-- Compiling the schemas is most of a run, and they are the same in all.
local compiled = {}
local host = setmetatable({
	schema = function(node)
		local place = node.file .. ":" .. node.line
		compiled[place] = compiled[place] or support.host.schema(node)
		return compiled[place]
	end,
}, { __index = support.host })

local pem = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
local key = "-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n"

local function document(kind, name, spec, labels)
	return { apiVersion = "gateway.sluice.dev/v1", kind = kind,
		metadata = { name = name, namespace = "default", labels = labels }, spec = spec }
end

local function binding(name, target, policy, config, more)
	local spec = { targetRef = target, policyRef = { name = policy, kind = "Extension" }, config = config }
	for field, value in pairs(more or {}) do
		spec[field] = value
	end
	return document("PolicyBinding", name, spec)
end

local rule = { path = "/x(/.*)", methods = "GET|HEAD", host = ".*", headers = { ["x-a"] = "on" } }
local whole = {
	document("ApiInstance", "shop", {
		address = "https://127.0.0.1:8443/shop",
		services = { up = { address = "http://h:1/p", routes = {
			{ config = { destinationPath = "/v2" }, rules = { rule } } } } },
		policies = { { policyRef = { name = "limit" }, config = { count = 5, text = "$$" }, rules = { rule } },
			{ policyRef = { name = "tls" }, config = { certificate = { secretRef = { name = "edge" } },
				requireClientCertificate = true, trustedCA = pem, minversion = 1.2, maxversion = "1.3",
				ciphers = { "A", "B" }, alpn = { "h2" } } } },
	}, { tier = "public" }),
	document("ApiInstance", "other", { address = "https://127.0.0.1:8443/other" }),
	document("Service", "pay", { address = "https://pay:1" }),
	document("Secret", "edge", { tls = { crt = pem, key = key, keyPassphrase = "x" }, data = { a = "b" } }),
	document("Contract", "c", { apiId = "shop", client = { id = "a", name = "b", secret = "c" },
		sla = { name = "g", limits = { { maximumRequests = 1, timePeriodInMilliseconds = 1 } } } }),
	document("Extension", "e", { extends = { { name = "extension-definition", namespace = "default" } },
		properties = { x = { type = "string" } }, required = { "x" } }),
	document("Configuration", "conf", {
		logging = { runtimeLogs = { logLevel = "warn", outputs = { "f" } },
			outputs = { { name = "f", type = "file", parameters = { path = "x" } } } },
		probe = { enabled = true, address = "127.0.0.1", port = 3000 },
		metrics = { port = 9100 }, timeouts = { streamIdleSeconds = 5, upstreamResponseSeconds = 0.5 },
		circuitBreaker = { thresholds = { maxConnections = 5, maxRetries = 1 } },
		routing = { rewriteHostHeader = false }, proxyProtocol = { enabled = false }, tracing = { a = 1 },
	}),
	binding("limit-all", { kind = "Selector", selector = { kind = "ApiInstance", labels = { tier = "public" } } },
		"limit", { count = 1, text = "${secret:edge.a}" }, { order = 5, rules = { rule } }),
	binding("to-pay", { name = "other", namespace = "default" }, "route",
		{ destinationRef = { kind = "Service", name = "pay", namespace = "default" }, destinationPath = "/y" }),
	binding("split", { name = "other" }, "route-weighted", { routes = {
		{ weight = 1, destinationRef = { name = "pay" } },
		{ weight = 2, destinationRef = { name = "shop-up" }, destinationPath = "/z" } } }, { rules = { rule } }),
	binding("tls-out", { kind = "Service", name = "pay" }, "tls-outbound", { skipValidation = false,
		certificate = { crt = pem, key = key, keyPassphrase = "x" }, trustedCA = pem, ciphers = "A:B" }),
	binding("idle", { kind = "Service", name = "pay" }, "idle-timeout-flex", { timeout = 1 }),
	binding("breaker", { kind = "Service", name = "pay" }, "circuit-breaker",
		{ thresholds = { maxConnections = 1, maxPendingRequests = 2 } }),
	binding("slow", { name = "other" }, "response-timeout", { timeout = 0.5 }),
	binding("still", { name = "other" }, "stream-idle-timeout", { timeout = 5 }),
}

local definition = tree({ apiVersion = "gateway.sluice.dev/v1", kind = "PolicyDefinition",
	metadata = { name = "limit" }, spec = { stage = "quota", bodyWhenPayload = "buffer",
		configuration = { type = "object", required = { "count" }, properties = {
			count = { type = "integer", minimum = 1 }, text = { type = "string", format = "secret" },
			more = { type = "boolean", default = true } } } } })
local plugins = { { name = "limit", path = "limit.so", sha256 = ("0"):rep(64), documents = { definition } } }

local function run(documents)
	return compose.run({ documents = documents, plugins = plugins }, host)
end

local function errors(findings)
	local out = {}
	for _, finding in ipairs(findings) do
		if finding.severity == "error" then
			out[#out + 1] = finding.path .. ": " .. finding.message
		end
	end
	return out
end

local function root_of(i)
	return tree(whole[i], { file = "f.yaml", line = i, column = 1 })
end

local intact = {}
for i in ipairs(whole) do
	intact[i] = root_of(i)
end

local plan, findings = run(intact)
equal(errors(findings), {})
local shop = nodes.get(plan, "apis")[1]
equal(#nodes.get(shop, "chain"), 2)
equal(nodes.get(nodes.get(shop, "chain")[1], "id").value, "default/limit-all@default/shop")
equal(nodes.get(shop, "error"), nil)

-- Every node of a tree: fn(parent, key or index, node).
local function each(node, fn)
	if node.type == "list" then
		for i = 1, #node do
			fn(node, i, node[i])
			each(node[i], fn)
		end
	elseif node.type == "map" then
		for _, name in ipairs(node.keys) do
			fn(node, name, node.members[name])
			each(node.members[name], fn)
		end
	end
end

local function replace(parent, at, node)
	if parent.type == "list" then
		parent[at] = node
	else
		parent.members[at] = node
	end
end

local function remove(parent, at)
	if parent.type == "list" then
		return table.remove(parent, at)
	end
	parent.members[at] = nil
	for i, name in ipairs(parent.keys) do
		if name == at then
			table.remove(parent.keys, i)
		end
	end
end

local function null(old)
	return { type = "null", file = old.file, line = old.line, column = old.column }
end

local mutations = {
	remove,
	function(parent, at, old) replace(parent, at, null(old)) end,
	function(parent, at, old) replace(parent, at, nodes.string(old, "")) end,
	function(parent, at, old) replace(parent, at, nodes.string(old, "$NO_SUCH_VARIABLE ${")) end,
	function(parent, at, old) replace(parent, at, nodes.integer(old, 9007199254740991)) end,
	function(parent, at, old) replace(parent, at, nodes.boolean(old, true)) end,
	function(parent, at, old) replace(parent, at, nodes.list(old, { null(old) })) end,
	function(parent, at, old)
		replace(parent, at, nodes.put(nodes.map(old), "x", nodes.integer(old, 1)))
	end,
}

local function count_nodes(root)
	local count = 0
	each(root, function() count = count + 1 end)
	return count
end

local function mutate(root, number, mutation)
	local count, found = 0
	each(root, function(parent, at, node)
		count = count + 1
		if count == number then
			found = { parent, at, node }
		end
	end)
	mutation(unpack(found))
	return found[2]
end

-- In an ordinary run, a third of them at each node, another at the next.
local function is_due(number, m)
	return support.is_full or (number + m) % 3 == 0
end

local function try(d, number, m)
	local roots = { unpack(intact) }
	roots[d] = root_of(d)
	local at = mutate(roots[d], number, mutations[m])
	local ok, result, found = pcall(run, roots)
	if not ok or not nodes.get(result, "apis") then
		error(string.format("document %d (%s), node %d (%s), mutation %d: %s", d, whole[d].kind,
			number, tostring(at), m, tostring(result)))
	end
	-- Whatever is wrong with one of them, the plan has both APIs, or says why not.
	if #nodes.get(result, "apis") < 2 then
		equal(#errors(found) > 0, true)
	end
end

local runs = 0
for d = 1, #whole do
	for number = 1, count_nodes(intact[d]) do
		for m = 1, #mutations do
			if is_due(number, m) then
				try(d, number, m)
				runs = runs + 1
			end
		end
	end
end
equal(runs > (support.is_full and 2000 or 600), true)
