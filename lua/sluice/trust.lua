-- SPDX-License-Identifier: Apache-2.0
-- Settings like those of tls-outbound that stand elsewhere than in a binding of it: checked by its schema, with
-- what comes from outside put in. Secrets and definitions are known then.
local configs = require("sluice.configs")
local nodes = require("sluice.nodes")
local secret = require("sluice.kinds.secret")
local tls = require("sluice.tls")

local trust = {}

function trust.find_secret(resource, state)
	return secret.finder(state.found.Secret, resource.namespace, state.host)
end

-- `holder`: {resource, config, config_path}; `whom`: who is believed where nothing is verified. What the plan
-- has; nil: the report says what is wrong.
function trust.compile(holder, whom, state)
	local find_secret = trust.find_secret(holder.resource, state)
	local config = configs.compile(holder, state.definitions.by_name["tls-outbound"], find_secret,
		state.report)
	local made = config and tls.outbound(holder, config, state.found.Secret, state.report)
	local skips = made and nodes.get(config, "skipValidation")
	if skips and skips.value then
		state.report:warning(skips, holder.config_path .. ".skipValidation",
			"whoever answers is believed to be " .. whom, holder.resource, { at_key = true })
	end
	return made
end

return trust
