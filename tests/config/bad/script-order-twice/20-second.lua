-- SPDX-License-Identifier: Apache-2.0
sluice.api("shop"):bind({ policyRef = { name = "header-injection" }, order = 7,
	config = { inboundHeaders = { { key = "a", value = "c" } } } })
