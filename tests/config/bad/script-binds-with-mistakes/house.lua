-- SPDX-License-Identifier: Apache-2.0
local shop = sluice.api("default/shop")
shop:bind({ policyRef = { name = "rate-limiting" }, config = { rateLimit = {} } })
shop:bind({ policyRef = { name = "rate-limiting" },
	config = { rateLimits = { { maximumRequests = "5", timePeriodInMilliseconds = 1000 } } } })
shop:bind({ policy = "rate-limiting", order = 1.5 })
shop:bind({ policyRef = { name = "header-injection" }, rules = { { path = "/(" } },
	config = { inboundHeaders = { { key = "a", value = "$NOT_SET_AT_ALL" } } } })
