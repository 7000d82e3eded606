-- SPDX-License-Identifier: Apache-2.0
for _, api in ipairs(sluice.apis()) do
	if not api:has("rate-limiting") then
		api:bind({
			policyRef = { name = "rate-limiting" },
			order = 10,
			rules = { { path = "/.*", methods = "POST" } },
			config = { rateLimits = { { maximumRequests = 100, timePeriodInMilliseconds = 60000 } } },
		})
		assert(api:has("rate-limiting") and api:has_stage("quota"))
	end
end
