-- SPDX-License-Identifier: Apache-2.0
-- `upgrades` of an ApiInstance: the protocols that a request may switch to.
local upgrades = {}

local function check_token(text)
	if not text:match("^[%w!#$%%&'*+.^_`|~/-]+$") then
		return 'expected a protocol as in an Upgrade field, found "' .. text .. '"'
	end
	if text:lower():match("^h2c?$") then
		return "HTTP/2 is no upgrade here: its requests would pass by every policy"
	end
end

upgrades.shape = { type = "list", of = { type = "string", check = check_token } }

return upgrades
