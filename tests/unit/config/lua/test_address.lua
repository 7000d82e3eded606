-- SPDX-License-Identifier: Apache-2.0
local address = require("sluice.address")
local equal, contains, host = support.equal, support.contains, support.host

local all = { http = true, https = true, unix = true, shown = "http://host" }

local good = {
	{ "http://127.0.0.1:8081", { "http", "127.0.0.1", 8081, "" } },
	{ "http://127.0.0.1:8081/", { "http", "127.0.0.1", 8081, "/" } },
	{ "HTTPS://shop.example/a/b", { "https", "shop.example", 443, "/a/b" } },
	{ "http://shop", { "http", "shop", 80, "" } },
	{ "http://[::1]:99/x", { "http", "::1", 99, "/x" } },
	{ "http://[2001:db8::1]", { "http", "2001:db8::1", 80, "" } },
	{ "http://a_b-c.d:65535", { "http", "a_b-c.d", 65535, "" } },
}
for _, row in ipairs(good) do
	local found, message = address.parse(row[1], all, host)
	equal(message, nil, row[1])
	equal({ found.scheme, found.host, found.port, found.path }, row[2], row[1])
end

for text, path in pairs({ ["http+unix:///run/x.sock"] = "/run/x.sock",
	["unix:///run/x.sock"] = "/run/x.sock", ["https+unix:///x"] = "/x" }) do
	equal(address.parse(text, all, host).unix, path, text)
end

local bad = {
	{ "", "expected" }, { "shop:80", "expected" }, { "ftp://shop", "expected" },
	{ "http:/shop", "expected" }, { "http://", "host is missing" }, { "http://:80", "host is missing" },
	{ "http://shop:", nil }, { "http://shop:0", "port" }, { "http://shop:65536", "port" },
	{ "http://shop:8o", "port" }, { "http://shop:123456", "port" }, { "http://shop:-1", "port" },
	{ "http://u@shop", "user name" }, { "http://::1:80", "brackets" }, { "http://[::1", "brackets" },
	{ "http://[shop]:80", "IPv6" }, { "http://[::1]x:80", "host:port" },
	{ "http://1.2.3:80", "IPv4" }, { "http://1.2.3.256", "IPv4" }, { "http://a b", "spaces" },
	{ "http://a?b", "query" }, { "http://a#b", "fragment" }, { "http://a\\b", "no spaces" },
	{ "http://a..b", "host name" }, { "http://-a", "host name" }, { "http+unix:run", "absolute" },
	{ "http+unix://run/x", "absolute" }, { "ftp+unix:///x", "UNIX" },
	{ "http+unix:///" .. ("x"):rep(120), "107" },
}
for _, row in ipairs(bad) do
	if row[2] then
		local found, message = address.parse(row[1], all, host)
		equal(found, nil, row[1])
		contains(message, row[2])
	end
end

equal(address.base_path("", host), "")
equal(address.base_path("/", host), "")
equal(address.base_path("/a/", host), "/a")
equal(address.base_path("/a//%62/./c", host), "/a/b/c")
equal(address.base_path("/..", host), nil)
equal(address.base_path("/a%2fb", host), nil)

-- --- prefixes -----------------------------------------------------------------------------------

for _, row in ipairs({
	{ "10.1.2.3", "10.0.0.0/8", true }, { "11.1.2.3", "10.0.0.0/8", false }, { "10.1.2.3", "10.1.2.3", true },
	{ "10.1.2.4", "10.1.2.3", false }, { "10.1.2.3", "0.0.0.0/0", true }, { "10.1.2.127", "10.1.2.0/25", true },
	{ "10.1.2.128", "10.1.2.0/25", false }, { "2001:db8::7", "2001:db8::/32", true },
	{ "2001:db9::7", "2001:db8::/32", false }, { "::ffff:10.1.2.3", "10.0.0.0/8", true },
	{ "::1", "10.0.0.0/8", false }, { "shop.example", "10.0.0.0/8", false }, { "10.1.2.3", "shop.example", false },
	{ "10.1.2.3", "::/0", true },
}) do
	equal(address.is_within(row[1], row[2], host), row[3], row[1] .. " in " .. row[2])
end
equal(address.check_prefix("10.0.0.0/8", host), nil)
contains(address.check_prefix("10.0.0.0/33", host), "expected an IP address or a prefix")
