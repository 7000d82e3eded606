-- SPDX-License-Identifier: Apache-2.0
-- A quota of sluice/state.h, spent as sdk/util/quota_algorithm.c spends it, by the server's clock.
-- Redis runs this whole.
-- KEYS: the key. ARGV: how it comes back (fixed, sliding, even), what is spent, what is taken ahead beside
-- it; and of each limit: the most, the period (ms), the burst, the interval (ns; of "even").
-- Answers {result, "0", what is left, ms until there is more, "", which limit it tells of, what was
-- spent in all}.
--
-- A key is a hash: `sort` is how it comes back; `quota` packs when the key ends, and the accounts of all
-- limits. It ends somewhat after all of it is back, by the very clock that windows go by. Whatever is
-- not needed is not even made: a server runs this for each request of all gateways.
local key, kind, cost, more = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local PIECES, NS_PER_MS, AHEAD_PART, ENDS = 16, 1000000, 8, 1
local floor, ceil, min, max = math.floor, math.ceil, math.min, math.max
local time = redis.call('TIME')
local now = time[1] * 1000 + floor(time[2] / 1000)

-- An account is `size` numbers of `a` from `o` on. `left` also takes it to this moment; `missing` is
-- more than is left.
local a, size, open, left, spend, reset, ends

if kind == 'fixed' then
	-- start, used
	size = 2
	open = function(_, o)
		a[o], a[o + 1] = now, 0
	end
	left = function(limit, o)
		if now >= a[o] + limit.period then
			a[o], a[o + 1] = now, 0
		end
		a[o + 1] = min(a[o + 1], limit.most)
		return limit.most - a[o + 1]
	end
	spend = function(_, o)
		a[o + 1] = a[o + 1] + cost
	end
	reset = function(limit, o)
		return min(a[o] + limit.period - now, limit.period)
	end
	ends = function(limit, o)
		return a[o] + limit.period
	end
elseif kind == 'sliding' then
	-- The newest piece's number, the total, and what each has used: piece n at n modulo their number.
	size = PIECES + 3
	local function kept(limit)
		return floor((limit.period + limit.piece - 2) / limit.piece) + 1
	end
	local function at(o, n)
		return o + 2 + n % (PIECES + 1)
	end
	open = function(limit, o)
		a[o] = floor(now / limit.piece)
		for i = o + 1, o + size - 1 do
			a[i] = 0
		end
	end
	left = function(limit, o)
		local newest, n = floor(now / limit.piece), kept(limit)
		if newest >= a[o] + n then
			open(limit, o)
		end
		for gone = a[o] + 1 - n, newest - n do
			a[o + 1] = a[o + 1] - a[at(o, gone)]
			a[at(o, gone)] = 0
		end
		a[o] = max(a[o], newest)
		return max(0, limit.most - a[o + 1])
	end
	spend = function(_, o)
		local i = at(o, a[o])
		a[i], a[o + 1] = a[i] + cost, a[o + 1] + cost
	end
	reset = function(limit, o, missing)
		local n, back, last = kept(limit), 0, a[o]
		if a[o + 1] == 0 then
			return 0
		end
		for i = a[o] - n + 1, a[o] do
			local used = a[at(o, i)]
			last = used > 0 and i or last
			back = back + used
			if back >= missing then
				break
			end
		end
		return min((last + n) * limit.piece - now, n * limit.piece)
	end
	ends = function(limit, o)
		return (a[o] + kept(limit)) * limit.piece
	end
else
	-- The time that was seen last, and when all that was spent would have come, had it come evenly: the ms,
	-- and the ns beyond them.
	size = 3
	local function ahead(o)
		return max(0, (a[o + 1] - a[o]) * NS_PER_MS + a[o + 2])
	end
	open = function(_, o)
		a[o], a[o + 1], a[o + 2] = now, now, 0
	end
	left = function(limit, o)
		a[o] = max(a[o], now)
		return floor(max(0, limit.burst * limit.interval - ahead(o)) / limit.interval)
	end
	spend = function(limit, o)
		local ns = ahead(o) + cost * limit.interval
		a[o + 1], a[o + 2] = a[o] + floor(ns / NS_PER_MS), ns % NS_PER_MS
	end
	reset = function(limit, o, missing, has)
		local fit = min(has + missing, limit.burst)
		return ceil(max(0, ahead(o) - (limit.burst - fit) * limit.interval) / NS_PER_MS)
	end
	ends = function(_, o)
		return a[o + 1] + (a[o + 2] > 0 and 1 or 0)
	end
end

local limits = {}
for i = 4, #ARGV, 4 do
	local period = tonumber(ARGV[i + 1])
	limits[#limits + 1] = {most = tonumber(ARGV[i]), period = period, piece = ceil(period / PIECES),
		burst = tonumber(ARGV[i + 2]), interval = tonumber(ARGV[i + 3])}
end

local stands = redis.call('HMGET', key, 'sort', 'quota')
if stands[1] == kind then
	a = cmsgpack.unpack(stands[2])
end
if stands[1] and (not a or #a ~= ENDS + #limits * size) then
	return {'another sort', '0', 0, 0, '', 0, 0}
end
local is_new = not a
a = a or {0}

local is_allowed, lefts = true, {}
for i, limit in ipairs(limits) do
	local o = ENDS + 1 + (i - 1) * size
	if is_new then
		open(limit, o)
	end
	lefts[i] = left(limit, o)
	is_allowed = is_allowed and cost <= lefts[i]
end
if is_allowed and more > 0 then
	cost = cost + min(more, floor((min(unpack(lefts)) - cost) / AHEAD_PART))
end

local index, least, until_more, last = nil, 0, 0, 0
for i, limit in ipairs(limits) do
	local o, has = ENDS + 1 + (i - 1) * size, lefts[i]
	local missing = cost > has and cost - has or 1
	if is_allowed then
		spend(limit, o)
		has = left(limit, o)
	end
	local ms = reset(limit, o, missing, has)
	if not index or has < least or (has == least and ms > until_more) then
		index, least, until_more = i - 1, has, ms
	end
	last = max(last, ends(limit, o))
end

-- A key that ends somewhat later need not be told so with each request.
if is_allowed and cost > 0 then
	local is_longer = last > a[ENDS]
	if is_longer then
		a[ENDS] = last + ceil((last - now) / PIECES)
	end
	redis.call('HSET', key, 'sort', kind, 'quota', cmsgpack.pack(a))
	if is_longer then
		redis.call('PEXPIREAT', key, string.format('%.0f', a[ENDS]))
	end
end
return {is_allowed and 'ok' or 'conflict', '0', least, until_more, '', index, is_allowed and cost or 0}
