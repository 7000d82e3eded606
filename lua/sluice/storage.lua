-- SPDX-License-Identifier: Apache-2.0
-- spec.sharedStorage of a Configuration: where policies keep what several gateways share. Texts may come from the
-- environment, files and Secrets, as in configurations of policies.
local address = require("sluice.address")
local configs = require("sluice.configs")
local limits = require("sluice.limits")
local nodes = require("sluice.nodes")
local schema = require("sluice.schema")
local secret = require("sluice.kinds.secret")
local substitute = require("sluice.substitute")
local tls = require("sluice.tls")

local storage = {}

local PLACES_MAX = 16
local schemes = { redis = true, sentinel = true, shown = "host:port" }

local function parse(scheme, text, host)
	local parsed, message = address.parse(scheme .. "://" .. text, schemes, host)
	if parsed and (parsed.host == "*" or parsed.path ~= "") then
		parsed, message = nil, 'expected host:port, found "' .. text .. '"'
	end
	return parsed, message
end

local function checks(scheme)
	return function(text, host)
		local _, message = parse(scheme, text, host)
		return message
	end
end

-- A part of keys: a colon ends it.
local function check_name(text)
	if not text:match("^[%w._-]+$") then
		return 'expected letters, digits, ".", "_" and "-", found "' .. text .. '"'
	end
end

local function check_user(text)
	return text == "" and "expected a name" or nil
end

local function addresses(scheme)
	return { type = "list", min = 1, of = { type = "string", check = checks(scheme) } }
end

local name = { type = "string", check = check_name, max = 64 }
local password = { type = "string", max = 512 }
local database = { type = "integer", min = 0, max = 65535 }
local seconds = { type = "number", min = 0.001, max = 10 }

storage.shape = {
	type = "map",
	fields = {
		redis = {
			type = "map",
			fields = {
				address = { type = "string", check = checks("redis") },
				username = { type = "string", check = check_user, max = 255 },
				password = password,
				DB = database,
				db = database,
				tls = { type = "object" }, -- checked by the schema of tls-outbound
				sentinel = {
					type = "map", required = { "addresses", "masterName" },
					fields = {
						addresses = addresses("sentinel"),
						masterName = { type = "string", max = 255 },
						password = password,
					},
				},
				cluster = { type = "map", required = { "addresses" }, fields = { addresses = addresses("redis") } },
				tenant = name,
				gateway = name,
				replicas = { type = "integer", min = 1, max = 10000 },
				timeoutSeconds = seconds,
				connectTimeoutSeconds = seconds,
			},
		},
		["local"] = { type = "map", fields = { enabled = { type = "boolean" } } },
	},
}

-- --- what is wrong ------------------------------------------------------------------------------

-- Three ways to say where it is, of which one is to be used: where, the member's name, and why.
local function place_mistake_of(redis)
	local at, sentinel, cluster = nodes.get(redis, "address"), nodes.get(redis, "sentinel"), nodes.get(redis, "cluster")
	if sentinel and at then
		return at, "redis.address", 'stands beside "sentinel", which tells where the server is'
	elseif cluster and (at or sentinel) then
		return cluster, "redis.cluster", 'stands beside "' .. (at and "address" or "sentinel") .. '", which is a server alone'
	elseif not (at or sentinel or cluster) then
		return redis, "redis", 'missing field "address", "sentinel" or "cluster"'
	end
	local places = nodes.get(sentinel or cluster, "addresses")
	if places and #places > PLACES_MAX then
		return places, "redis." .. (sentinel and "sentinel" or "cluster") .. ".addresses",
			"at most " .. PLACES_MAX .. ", found " .. #places
	end
	local number = nodes.get(redis, "DB") or nodes.get(redis, "db")
	if cluster and number and number.value ~= 0 then
		return number, nodes.get(redis, "DB") and "redis.DB" or "redis.db", "a cluster has database 0 alone"
	end
end

-- Rules beyond the shape: where, the member's name, and why; nil: it is right.
local function mistake_of(node, redis)
	local memory = nodes.get(nodes.get(node, "local"), "enabled")
	local secret_word, user = nodes.get(redis, "password"), nodes.get(redis, "username")
	local at, below, message = place_mistake_of(redis)
	if memory and memory.value then
		return memory, "local.enabled", 'stands beside "redis"'
	elseif message then
		return at, below, message
	elseif user and not secret_word then
		return user, "redis.username", 'a user needs "password" beside it'
	elseif nodes.get(redis, "DB") and nodes.get(redis, "db") then
		return nodes.get(redis, "db"), "redis.db", 'stands beside "DB", which is the same'
	end
end

-- Its texts replaced, but for those of `tls`, which its own definition replaces; nil: it is told what is wrong.
local function replaced(redis, path, resource, state)
	local plain, failed = nodes.map(redis), false
	for key, member in nodes.pairs(redis) do
		nodes.put(plain, key, key ~= "tls" and member or nil)
	end
	local scope = { host = state.host,
		secret = secret.finder(state.found.Secret, resource.namespace, state.host) }
	local out = substitute.tree(plain, scope, function(node, below, message)
		failed = true
		state.report:error(node, path .. ".redis." .. below, message, resource)
	end)
	return not failed and nodes.put(out, "tls", nodes.get(redis, "tls")) or nil
end

-- TLS as the plan has it; nil, and whether something is wrong with it.
local function tls_of(redis, path, resource, state)
	local config = nodes.get(redis, "tls")
	if not config then
		return nil, false
	end
	local binding = { resource = resource, config = config, config_path = path .. ".redis.tls" }
	local find_secret = secret.finder(state.found.Secret, resource.namespace, state.host)
	local whole = configs.compile(binding, state.definitions.by_name["tls-outbound"], find_secret,
		state.report)
	local out = whole and tls.outbound(binding, whole, state.found.Secret, state.report)
	local skips = out and nodes.get(whole, "skipValidation")
	if skips and skips.value then
		state.report:warning(skips, binding.config_path .. ".skipValidation",
			"whoever answers is believed to be the shared storage, and is told the password", resource,
			{ at_key = true })
	end
	return out, not out
end

-- --- the plan -----------------------------------------------------------------------------------

local function put_place(out, scheme, at, host)
	local parsed = parse(scheme, at.value, host)
	nodes.put(out, "host", nodes.string(at, parsed.host))
	return nodes.put(out, "port", nodes.integer(at, parsed.port))
end

local function put_places(out, scheme, of, host)
	local places = nodes.list(of)
	for i, at in nodes.each(of, "addresses") do
		places[i] = put_place(nodes.map(at), scheme, at, host)
	end
	return nodes.put(out, "addresses", places)
end

local function sentinel_of(sentinel, host)
	local out = put_places(nodes.map(sentinel), "sentinel", sentinel, host)
	nodes.put(out, "master", nodes.get(sentinel, "masterName"))
	return nodes.put(out, "password", nodes.get(sentinel, "password"))
end

local function node_of(redis, secure, host)
	local at, sentinel = nodes.get(redis, "address"), nodes.get(redis, "sentinel")
	local cluster = nodes.get(redis, "cluster")
	local owner = nodes.text(redis, "tenant") or "default"
	local out = nodes.map(redis)
	if sentinel then
		nodes.put(out, "sentinel", sentinel_of(sentinel, host))
	elseif cluster then
		nodes.put(out, "cluster", put_places(nodes.map(cluster), "redis", cluster, host))
	else
		put_place(out, "redis", at, host)
	end
	nodes.put(out, "username", nodes.get(redis, "username"))
	nodes.put(out, "password", nodes.get(redis, "password"))
	nodes.put(out, "database", nodes.get(redis, "DB") or nodes.get(redis, "db"))
	nodes.put(out, "prefix", nodes.string(redis, owner .. ":" .. (nodes.text(redis, "gateway") or "gateway")))
	nodes.put(out, "replicas", nodes.get(redis, "replicas"))
	limits.put(out, "timeoutSeconds", nodes.get(redis, "timeoutSeconds"))
	limits.put(out, "connectTimeoutSeconds", nodes.get(redis, "connectTimeoutSeconds"))
	return nodes.put(out, "tls", secure)
end

local function read(node, path, resource, state)
	local redis = nodes.get(node, "redis")
	local whole = nodes.is(redis, "map") and replaced(redis, path, resource, state) or redis
	if not whole and redis then
		return nil
	end
	local checked = nodes.map(node)
	for key, member in nodes.pairs(node) do
		nodes.put(checked, key, key == "redis" and whole or member)
	end
	if not schema.check(state.report, resource, checked, storage.shape, path) then
		return nil
	elseif not whole then
		return nodes.map(node), true
	end
	local at, below, message = mistake_of(checked, whole)
	if message then
		state.report:error(at, path .. "." .. below, message, resource, { at_key = at ~= whole })
		return nil
	end
	local secure, is_wrong = tls_of(whole, path, resource, state)
	if not nodes.get(whole, "tenant") and not nodes.get(whole, "gateway") then
		state.report:warning(redis, path .. ".redis", 'names no "gateway": it counts as default:gateway, '
			.. "together with every other gateway without a name on this server", resource, { at_key = true })
	end
	return not is_wrong and node_of(whole, secure, state.host) or nil
end

-- --- the settings -------------------------------------------------------------------------------

function storage.read_settings(settings, node, path, resource)
	settings.storage = { resource = resource, node = node, path = path }
end

-- When Secrets are read: of the settings that `resource` has, if it has them, what the plan has. With a mistake each
-- gateway would count for itself.
function storage.link(resource, state)
	local found = state.settings.storage
	if not found or found.resource ~= resource then
		return
	end
	local out, is_memory = nil, false
	if found.node.type == "map" then
		out, is_memory = read(found.node, found.path, resource, state)
	else
		schema.check(state.report, resource, found.node, storage.shape, found.path)
	end
	found.plan = not is_memory and out or nil
	resource.closes_all = resource.closes_all or not out
end

-- settings.storage of the plan; nil: what is shared is in memory.
function storage.node(settings)
	return settings.storage and settings.storage.plan
end

return storage
