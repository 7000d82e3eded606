-- SPDX-License-Identifier: Apache-2.0
-- An API that anybody may call has to say so; every other one needs a policy that asks who it is.
for _, api in ipairs(sluice.apis()) do
	if not api:has_stage("authn") and api.labels.authentication ~= "none" then
		api:refuse('nothing asks who calls it: bind an authentication policy, or say "authentication: none" '
			.. "among its labels")
	end
end
