-- SPDX-License-Identifier: Apache-2.0
for _, api in ipairs(sluice.apis()) do
	if not api:has_stage("quota") then
		api:refuse("every API has a quota")
	end
	for _, policy in ipairs(api.policies) do
		if policy:config().rateLimits[1].maximumRequests < 10 then
			policy:warn("fewer than ten requests")
		end
	end
	for _, service in ipairs(api.services) do
		if service.scheme ~= "https" then
			service:warn("not encrypted")
		end
	end
end
sluice.warn("this rule ends soon")
