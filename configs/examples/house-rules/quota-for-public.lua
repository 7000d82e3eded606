-- SPDX-License-Identifier: Apache-2.0
-- Every API with the label tier: public gets a quota, early in its chain, unless it has one of its own.
for _, api in ipairs(sluice.apis()) do
	if api.labels.tier == "public" and not api:has_stage("quota") then
		api:bind({
			policyRef = { name = "rate-limiting" },
			order = 10,
			config = { rateLimits = { { maximumRequests = 100, timePeriodInMilliseconds = 60000 } } },
		})
	end
end
