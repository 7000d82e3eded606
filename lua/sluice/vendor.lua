-- SPDX-License-Identifier: Apache-2.0
-- What the vendor's files may hold: policies of its catalogue, whether or not they are here, and which fields are its
-- own.
--
-- Policies that only observe are left out with a warning; a chain without one of the others would let pass
-- what it was to refuse or change.
local vendor = {}

local observe = {
	"tracing", "sse-logging", "message-logging-outbound", "health-check",
	"agent-connection-telemetry",
}

local decide = {
	"rate-limiting", "rate-limiting-sla-based", "spike-control", "http-caching",
	"client-id-enforcement", "http-basic-authentication", "ldap-authentication", "jwt-validation",
	"oauth2-token-introspection", "openidconnect-access-token-enforcement",
	"external-oauth2-access-token-enforcement", "native-ext-authz", "native-ext-proc",
	"ip-allowlist", "ip-blocklist", "cors", "header-injection", "header-removal",
	"json-threat-protection", "xml-threat-protection", "spec-validation", "soap-validation",
	"injection-protection", "graphql-operation-limits", "graphql-introspection-control",
	"graphql-schema-validation", "graphql-query-complexity", "dataweave-body-transformation",
	"dataweave-headers-transformation", "dataweave-request-filter",
	"script-evaluation-transformation", "message-logging", "credential-injection-basic-auth",
	"credential-injection-api-key", "credential-injection-oauth2", "credential-injection-oauth2-obo",
	"jwt-generation", "intask-authorization-code", "intask-authentication", "native-aws-lambda",
	"native-aws-signature", "a-two-a-agent-card", "a-two-a-schema-validation",
	"a-two-a-pii-detector", "a-two-a-prompt-decorator", "a-two-a-token-rate-limit", "mcp-support",
	"mcp-schema-validation", "mcp-access-control", "mcp-global-access", "mcp-tool-mapping",
	"mcp-transcoding-router", "mcp-pii-detector", "llm-proxy-core", "llm-gw-core",
	"model-based-routing", "semantic-routing-huggingface", "semantic-routing-openai",
	"semantic-prompt-guard-openai", "llm-token-rate-limit",
}

-- Name without -flex -> "observes" or "decides".
vendor.policies = {}
for _, name in ipairs(observe) do
	vendor.policies[name] = "observes"
end
for _, name in ipairs(decide) do
	vendor.policies[name] = "decides"
end

-- Places of descriptions.lua, each with all below it.
local subtrees = {
	"document", "metadata", "policyRef", "rules", "PolicyBinding", "Extension", "Configuration.logging",
	"Configuration.timeouts", "Configuration.circuitBreaker", "Configuration.routing", "Configuration.tracing",
	"Configuration.sharedStorage", "Configuration.resourceLimits", "Configuration.connectionBufferLimits",
	"Configuration.platformConnection", "Configuration.outputs", "Configuration.forwardProxy",
	"Configuration.defaultTLS", "ApiInstance.policies",
}

local places = {
	"ApiInstance.address", "ApiInstance.services", "ApiInstance.services.*", "ApiInstance.services.*.address",
	"ApiInstance.services.*.routes", "ApiInstance.services.*.routes[].config",
	"ApiInstance.services.*.routes[].config.destinationPath", "ApiInstance.services.*.routes[].rules",
	"Service.address", "Secret.tls", "Secret.tls.crt", "Secret.tls.key", "Contract.apiId", "Contract.client",
	"Contract.client.id", "Contract.client.secret", "Contract.sla", "Contract.sla.name", "Contract.sla.limits",
	"Configuration.probe", "Configuration.proxyProtocol", "Configuration.proxyProtocol.enabled", "listener.enabled",
	"listener.port",
}

local is_place, is_subtree = {}, {}
for _, place in ipairs(places) do
	is_place[place] = true
end
for _, place in ipairs(subtrees) do
	is_subtree[place] = true
end

-- In a subtree, with all below them.
local is_ours = { ["Configuration.forwardProxy.https.tls"] = true }

-- Whether the vendor has that field, too; what it does not have is ours.
function vendor.has_field(place)
	local above = place
	if is_ours[place] then
		return false
	end
	while above and not is_subtree[above] do
		above = above:match("^(.*)%[%]$") or above:match("^(.*)%.[^.]+$")
	end
	return above ~= nil or is_place[place] == true
end

-- The vendor's asset ids have no suffix, its local-mode names mostly have one.
function vendor.plain_name(name)
	return (name:gsub("%-flex$", ""))
end

return vendor
