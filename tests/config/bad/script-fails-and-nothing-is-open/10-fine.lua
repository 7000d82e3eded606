-- SPDX-License-Identifier: Apache-2.0
sluice.api("shop"):bind({ policyRef = { name = "header-injection" },
	config = { inboundHeaders = { { key = "a", value = "b" } } } })
