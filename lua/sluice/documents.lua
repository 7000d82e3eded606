-- SPDX-License-Identifier: Apache-2.0
-- The envelope of every document: apiVersion, kind, metadata, spec.
--
-- A document with a mistake in its envelope is still read as what it was probably meant to be, so that
-- the APIs it names are closed: a binding of a login that is left out would open them.
local nodes = require("sluice.nodes")
local diagnose = require("sluice.diagnose")
local ghosts = require("sluice.ghosts")
local schema = require("sluice.schema")

local documents = {}

documents.versions = {
	"gateway.sluice.dev/v1",
	"gateway.mulesoft.com/v1alpha1",
	"gateway.mulesoft.com/v1beta1",
}

documents.kinds = {
	"ApiInstance", "Service", "PolicyBinding", "Extension", "Configuration", "Secret", "Contract",
}

local NAME_BYTES_MAX = 253
local NAME = "^[%w][%w._-]*$"

-- Names become parts of identifiers (namespace/name, api:policy) and of metric labels.
local function check_name(text)
	if #text > NAME_BYTES_MAX then
		return "a name has at most " .. NAME_BYTES_MAX .. " characters"
	end
	if not text:match(NAME) then
		return 'expected letters, digits, ".", "_" and "-", found "' .. text .. '"'
	end
end

documents.name_shape = { type = "string", check = check_name, form = NAME, max = NAME_BYTES_MAX }

local metadata = {
	type = "map",
	required = { "name" },
	fields = {
		name = documents.name_shape,
		namespace = documents.name_shape,
		labels = { type = "dictionary", of = { type = "string", empty = true } },
		annotations = { type = "object" },
	},
}

documents.envelope = {
	type = "map",
	required = { "apiVersion", "kind", "metadata", "spec" },
	fields = {
		apiVersion = { type = "string", enum = documents.versions },
		kind = { type = "string", enum = documents.kinds },
		metadata = metadata,
		spec = { type = "object" },
	},
}

-- The same, for a document whose kind is told by its likeness.
local nameless = { type = "map", required = { "apiVersion", "metadata", "spec" },
	fields = documents.envelope.fields }

local function is_one_of(list, text)
	for _, each in ipairs(list) do
		if each == text then
			return true
		end
	end
	return false
end

-- A member of `spec` that only this kind has; the first that is there decides.
local likeness = {
	{ "policyRef", "PolicyBinding" }, { "targetRef", "PolicyBinding" },
	{ "services", "ApiInstance" }, { "policies", "ApiInstance" }, { "redirect", "ApiInstance" },
	{ "apiId", "Contract" }, { "extends", "Extension" }, { "data", "Secret" }, { "tls", "Secret" },
}

-- A service has no port on all addresses, or on this machine's own by number.
local function is_of_listener(address)
	return address:match("^https?://0%.0%.0%.0[:/]") or address:match("^https?://%*[:/]")
		or address:match("^https?://%[::%][:/]")
end

-- What a document that names no kind of ours was meant to be; nil: something else's, or unknown. A
-- binding that was left out would open what it was bound to; an API would be a 404 that nobody explains.
local function meant_kind(root, text)
	local spec = nodes.get(root, "spec")
	if nodes.get(spec, "policyRef") and nodes.get(spec, "targetRef") then
		return "PolicyBinding" -- of whatever version
	end
	if text and text ~= "" and not is_one_of(documents.versions, nodes.text(root, "apiVersion")) then
		return nil
	end
	for _, pair in ipairs(likeness) do
		if nodes.get(spec, pair[1]) then
			return pair[2]
		end
	end
	local address = nodes.text(spec, "address")
	return address and (is_of_listener(address) and "ApiInstance" or "Service")
end

local function known_kind(root, host)
	local text = nodes.text(root, "kind")
	if is_one_of(documents.kinds, text) then
		return text
	end
	return text and host.nearest(text, documents.kinds) or meant_kind(root, text)
end

local function read_labels(node)
	local labels = {}
	for key, value in nodes.pairs(nodes.get(node, "labels")) do
		labels[key] = value.value
	end
	return labels
end

local function read_one(root, index, report)
	local resource = { node = root, file = root.file, line = root.line, column = root.column,
		apis = {} }
	for _, mistake in ipairs(root.mistakes or {}) do
		report:error(mistake, "", mistake.message, resource)
	end
	local kind = nodes.get(root, "kind")
	resource.kind = known_kind(root, report.host)
	if nodes.is(kind, "string") and not resource.kind then
		schema.check(report, resource, kind, documents.envelope.fields.kind, "kind") -- something else's document
		return nil
	end
	schema.check(report, resource, root, resource.kind and not kind and nameless or documents.envelope, "")
	if resource.kind and not kind then
		report:error(root, "", 'missing field "kind"; this looks like kind: ' .. resource.kind,
			resource)
	end
	local head = nodes.get(root, "metadata")
	resource.name = nodes.text(head, "name")
	resource.namespace = nodes.text(head, "namespace") or "default"
	resource.labels = read_labels(head)
	resource.labels_node = nodes.get(head, "labels")
	local spec = nodes.get(root, "spec")
	resource.spec = nodes.is(spec, "map") and spec or nodes.map(root)
	resource.spec.is_absent = resource.spec ~= spec
	if not resource.kind then
		return nil
	end
	resource.name = resource.name or "unnamed-" .. index -- told already; what it binds is closed all the same
	resource.id = resource.namespace .. "/" .. resource.name
	return resource
end

local function has_doubled(map, keys)
	for key, member in nodes.pairs(map) do
		if member.twice and (not keys or is_one_of(keys, key)) then
			return true
		end
	end
	return false
end

-- Of what stands twice the first is read, and nobody can say what is open for the want of the other: the
-- document that a forgotten "---" has put behind this one, or the target of a binding.
local function has_lost(root, kind)
	if has_doubled(root, { "kind", "spec" }) then
		return true
	end
	local target = nodes.get(nodes.get(root, "spec"), "targetRef")
	local selector = nodes.get(target, "selector")
	return kind == "PolicyBinding" and (has_doubled(root, { "metadata" })
		or has_doubled(nodes.get(root, "metadata"), { "namespace" })
		or has_doubled(nodes.get(root, "spec"), { "targetRef" }) or has_doubled(target)
		or has_doubled(selector) or has_doubled(nodes.get(selector, "labels")))
end

-- Two of one name have to say so.
local function add_ghost(kind, ghost)
	local first = kind.by_id[ghost.id]
	if first then
		ghosts.refuse(first.is_ghost and { first, ghost } or { ghost })
	end
	kind.by_id[ghost.id] = ghost
	kind.list[#kind.list + 1] = ghost
end

-- {kind = {list, by_id}}, and whether something was lost; some of `roots` may be ghosts. `index` numbers
-- resources in the order of files and documents.
function documents.read(roots, report)
	local found, is_incomplete = {}, false
	for _, kind in ipairs(documents.kinds) do
		found[kind] = { list = {}, by_id = {} }
	end
	for i, root in ipairs(roots) do
		local resource = not root.is_ghost and read_one(root, i, report)
		if root.is_ghost then
			root.index = i
			add_ghost(found.ApiInstance, root)
		end
		if resource and resource.kind ~= "ApiInstance" and root.is_taken_for_api then
			ghosts.refuse(nil) -- what it is shared with was composed without it
		end
		local kind = resource and found[resource.kind]
		is_incomplete = is_incomplete
			or not root.is_ghost and has_lost(root, resource and resource.kind)
		if kind then
			resource.index = i
			local first = kind.by_id[resource.id]
			if first then
				resource.duplicate_of = first
				local name = nodes.get(nodes.get(root, "metadata"), "name")
				report:error(name, "metadata.name", string.format(
					'%s "%s" is declared twice; first at %s', resource.kind, resource.id,
					diagnose.place(first)), resource)
				resource.apis = first.apis
				first.broken = true
			else
				kind.by_id[resource.id] = resource
			end
			kind.list[#kind.list + 1] = resource
		end
	end
	return found, is_incomplete
end

return documents
