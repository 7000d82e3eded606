-- SPDX-License-Identifier: Apache-2.0
local ledger, shop = sluice.api("ledger"), sluice.api("shop")
assert(sluice.api("nothing") == nil and #sluice.apis() == 2 and sluice.apis()[1] == ledger)
assert(ledger.policies[1].source == "script" and ledger.policies[1].file == "10-quota.lua")
assert(ledger.policies[1].line == 4 and ledger.policies[1]:config().rateLimits[1].maximumRequests == 100)
assert(shop.policies[1].binding == "tag-all" and shop.policies[1].order == 20)
assert(shop.services[1].port == 9090 and shop.base_path == "/shop" and shop.labels.tier == "public")
shop.policies[1]:set_order(60)
