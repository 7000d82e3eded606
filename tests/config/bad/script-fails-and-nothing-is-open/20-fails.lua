-- SPDX-License-Identifier: Apache-2.0
for _, api in ipairs(sluice.apis()) do
	if api.lables.tier == "public" then
		api:refuse("never reached")
	end
end
