-- SPDX-License-Identifier: Apache-2.0
-- PolicyBinding: a policy on an ApiInstance, on a Service, or on all APIs with certain labels.
local nodes = require("sluice.nodes")
local api_instance = require("sluice.kinds.api_instance")
local rules = require("sluice.rules")
local schema = require("sluice.schema")

local policy_binding = {}

local target_kinds = { "ApiInstance", "Service", "Selector" }

local selector = {
	type = "map",
	fields = {
		kind = { type = "string", enum = { "ApiInstance" } },
		labels = { type = "dictionary", of = { type = "string", empty = true } },
	},
}

policy_binding.shape = {
	type = "map",
	required = { "targetRef", "policyRef" },
	fields = {
		targetRef = {
			type = "map",
			fields = {
				kind = { type = "string", enum = target_kinds },
				name = { type = "string" },
				namespace = { type = "string" },
				selector = selector,
			},
		},
		policyRef = api_instance.policy_ref_shape,
		config = { type = "object" },
		order = { type = "integer", min = -2147483648, max = 2147483646 },
		rules = rules.shape,
	},
}

local function check_target(binding, target, report)
	local name, chooser = nodes.get(target, "name"), nodes.get(target, "selector")
	if binding.target_kind == "Selector" then
		if name then
			report:error(name, "spec.targetRef.name", "a Selector has no name; it has selector.labels",
				binding, { at_key = true })
		end
		if not chooser then
			report:error(target, "spec.targetRef", 'missing field "selector"', binding)
		end
		return
	end
	if chooser then
		report:error(chooser, "spec.targetRef.selector", "only for kind: Selector", binding,
			{ at_key = true })
	end
	if not name then
		report:error(target, "spec.targetRef", 'missing field "name"', binding)
	end
end

-- A label with a mistake is not looked at: too many are closed, not too few.
local function read_labels(target)
	local labels = {}
	for key, value in nodes.pairs(nodes.get(nodes.get(target, "selector"), "labels")) do
		labels[key] = nodes.is(value, "string") and value.value or nil
	end
	return labels
end

-- What a mistyped kind was probably meant to be, so that its targets are closed.
local function target_kind(target, report)
	local text = nodes.text(target, "kind")
	return text and report.host.nearest(text, target_kinds)
		or nodes.get(target, "selector") and "Selector" or "ApiInstance"
end

local function text_or_nil(map, key)
	local text = nodes.text(map, key)
	return text ~= "" and text or nil
end

function policy_binding.read(binding, report)
	local spec = binding.spec
	schema.check(report, binding, spec, policy_binding.shape, "spec")
	local target = nodes.get(spec, "targetRef")
	binding.resource = binding
	binding.path = "spec"
	binding.ref = nodes.get(spec, "policyRef")
	binding.config = nodes.get(spec, "config")
	binding.rules = nodes.get(spec, "rules")
	binding.order = nodes.value(spec, "order", "integer") or 50
	binding.position = 0
	binding.target_node = target
	binding.target_kind = target_kind(target, report)
	binding.target_name = text_or_nil(target, "name")
	binding.target_namespace = text_or_nil(target, "namespace")
	binding.labels = read_labels(target)
	binding.source = binding.target_kind == "Selector" and "selector" or "binding"
	if nodes.is(target, "map") then
		check_target(binding, target, report)
	end
end

return policy_binding
