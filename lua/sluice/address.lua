-- SPDX-License-Identifier: Apache-2.0
-- Addresses of listeners and services: scheme://host:port/path, scheme+unix:///path.
local address = {}

local default_ports = { http = 80, https = 443, h2 = 80, redis = 6379, sentinel = 26379 }

-- host, port text, or nil and what is wrong.
local function split_authority(text)
	if text:find("@", 1, true) then
		return nil, "an address holds no user name or password"
	end
	local host, rest = text:match("^%[([^%]]*)%](.*)$")
	if host then
		if rest ~= "" and not rest:match("^:") then
			return nil, "expected host:port, found \"" .. text .. "\""
		end
		return host, rest:sub(2), true
	end
	local colons = select(2, text:gsub(":", ""))
	if colons > 1 then
		return nil, "an IPv6 address stands in brackets, as in http://[::1]:8080"
	end
	host, rest = text:match("^([^:]*):?(.*)$")
	return host, rest, false
end

local function parse_unix(scheme, rest)
	if rest:sub(1, 2) ~= "//" or rest:sub(3, 3) ~= "/" or #rest < 4 then
		return nil, "expected an absolute path, as in http+unix:///run/service.sock"
	end
	local path = rest:sub(3)
	if #path > 107 then
		return nil, "the path of a UNIX socket has at most 107 bytes"
	end
	return { scheme = scheme, unix = path, host = "", port = 0, path = "" }
end

local function port_of(text, scheme)
	if text == "" then
		return default_ports[scheme]
	end
	local port = text:match("^%d%d?%d?%d?%d?$") and tonumber(text)
	if not port or port < 1 or port > 65535 then
		return nil, 'expected a port from 1 to 65535, found "' .. text .. '"'
	end
	return port
end

local function is_host_name(host)
	return #host <= 253 and host:match("^[%w_][%w_.-]*$") ~= nil and not host:find("..", 1, true)
end

local function check_host(host, is_bracketed, host_table)
	local version = host_table.ip_version(host)
	if is_bracketed and version ~= 6 then
		return '"' .. host .. '" is no IPv6 address'
	end
	-- 1.2.3 or 999.1.1.1: meant as an address, and no name that could be resolved.
	if not is_bracketed and version ~= 4 and host:match("^[%d.]+$") then
		return '"' .. host .. '" is no IPv4 address'
	end
	if not is_bracketed and not is_host_name(host) and host ~= "*" then
		return '"' .. host .. '" is no host name'
	end
end

-- A table {scheme, host, port, path, unix}; or nil and what is wrong. schemes: a set.
function address.parse(text, schemes, host_table)
	local scheme, rest = text:match("^(%w[%w.-]*)://(.*)$")
	local unix_scheme, unix_rest = text:match("^([%w]+)%+unix:(.*)$")
	if text:match("^unix:") then
		unix_scheme, unix_rest = "http", text:sub(6)
	end
	if unix_scheme and schemes.unix then
		if unix_scheme ~= "http" and unix_scheme ~= "https" then
			return nil, "UNIX sockets are http+unix:///path or https+unix:///path"
		end
		return parse_unix(unix_scheme, unix_rest)
	end
	if not scheme or not schemes[scheme:lower()] then
		return nil, "expected " .. schemes.shown .. ', found "' .. text .. '"'
	end
	scheme = scheme:lower()
	if rest:find("[%s%c?#\\]") then
		return nil, "an address holds no spaces, no query and no fragment"
	end
	local authority, path = rest:match("^([^/]*)(.*)$")
	local host, port_text, is_bracketed = split_authority(authority)
	if not host then
		return nil, port_text
	end
	if host == "" then
		return nil, "the host is missing"
	end
	local message = check_host(host, is_bracketed, host_table)
	if message then
		return nil, message
	end
	local port, port_message = port_of(port_text, scheme)
	if not port then
		return nil, port_message
	end
	return { scheme = scheme, host = host, port = port, path = path, has_port = port_text ~= "" }
end

-- A path as requests have it, without a slash at the end; or nil and what is wrong.
function address.base_path(path, host_table)
	if path == "" or path == "/" then
		return ""
	end
	local canonical = host_table.canonical_path(path)
	if not canonical then
		return nil, '"' .. path .. '" is a path that no request can have'
	end
	return (canonical:gsub("/$", ""))
end

-- An IP address, or a prefix of some: what is wrong with it, or nil.
function address.check_prefix(text, host)
	local ip, bits = text:match("^([^/]*)/(%d%d?%d?)$")
	local version = host.ip_version(ip or text)
	if version and (not bits or tonumber(bits) <= (version == 4 and 32 or 128)) then
		return nil
	end
	return 'expected an IP address or a prefix like 10.0.0.0/8 or 2001:db8::/32, found "' .. text
		.. '"'
end

-- Whether `name`, as an address of a service has it, is an IP address that such a prefix holds.
function address.is_within(name, prefix, host)
	local ip, bits = prefix:match("^([^/]*)/(%d+)$")
	local version = host.ip_version(ip or prefix)
	return version ~= nil and host.ip_within(name, ip or prefix, tonumber(bits) or (version == 4 and 32 or 128))
end

return address
