-- SPDX-License-Identifier: Apache-2.0
-- Policies of the vendor's catalogue that may be named in its files, whether or not they are here.
--
-- Those that only observe are left out with a warning; a chain without one of the others would let pass
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

-- The vendor's asset ids have no suffix, its local-mode names mostly have one.
function vendor.plain_name(name)
	return (name:gsub("%-flex$", ""))
end

return vendor
