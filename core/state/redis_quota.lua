-- SPDX-License-Identifier: Apache-2.0
-- A quota of sluice/state.h, spent as sdk/util/quota_algorithm.c spends it, by the server's clock.
-- Redis runs this whole.
-- KEYS: the key. ARGV: how it comes back (fixed, sliding, even), what is spent, what is taken ahead beside
-- it; and of each limit: the most, the period (ms), the burst, the interval (ns; of "even").
-- Answers {result, "0", what is left, ms until there is more, "", which limit it tells of, what was
-- spent in all}.
--
-- A key is a hash: `sort` is how it comes back, `quota` the numbers of all limits. It ends when all
-- of it is back, by the very clock that windows go by.
local key, kind, cost, more = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local PIECES, NS_PER_MS, AHEAD_PART = 16, 1000000, 8
local floor, ceil, min, max = math.floor, math.ceil, math.min, math.max
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + floor(tonumber(time[2]) / 1000)

-- `left` also takes an account to this moment; `missing` is more than is left.
local kinds = {
	-- {start, used}
	fixed = {
		numbers = 2,
		open = function()
			return {now, 0}
		end,
		left = function(limit, a)
			if now >= a[1] + limit.period then
				a[1], a[2] = now, 0
			end
			a[2] = min(a[2], limit.most)
			return limit.most - a[2]
		end,
		spend = function(_, a)
			a[2] = a[2] + cost
		end,
		reset = function(limit, a)
			return min(a[1] + limit.period - now, limit.period)
		end,
		ends = function(limit, a)
			return a[1] + limit.period
		end,
	},
}

local function piece(limit)
	return ceil(limit.period / PIECES)
end

local function kept(limit)
	return floor((limit.period + piece(limit) - 2) / piece(limit)) + 1
end

-- {number of the newest piece, total, used in each: of piece n at 3 + n modulo their number}
local function at(n)
	return 3 + n % (PIECES + 1)
end

local function cleared(newest)
	local a = {newest, 0}
	for i = 3, PIECES + 3 do
		a[i] = 0
	end
	return a
end

kinds.sliding = {
	numbers = PIECES + 3,
	open = function(limit)
		return cleared(floor(now / piece(limit)))
	end,
	left = function(limit, a)
		local newest, n = floor(now / piece(limit)), kept(limit)
		if newest >= a[1] + n then
			for i, number in ipairs(cleared(newest)) do
				a[i] = number
			end
		end
		for gone = a[1] + 1 - n, newest - n do
			a[2] = a[2] - a[at(gone)]
			a[at(gone)] = 0
		end
		a[1] = max(a[1], newest)
		return max(0, limit.most - a[2])
	end,
	spend = function(_, a)
		a[at(a[1])] = a[at(a[1])] + cost
		a[2] = a[2] + cost
	end,
	reset = function(limit, a, missing)
		local n, back = kept(limit), 0
		local last = a[1]
		if a[2] == 0 then
			return 0
		end
		for i = a[1] - n + 1, a[1] do
			local used = a[at(i)]
			last = used > 0 and i or last
			back = back + used
			if back >= missing then
				break
			end
		end
		return min((last + n) * piece(limit) - now, n * piece(limit))
	end,
	ends = function(limit, a)
		return (a[1] + kept(limit)) * piece(limit)
	end,
}

-- {seen, arrival, and the ns beyond it}: the arrival is when all that was spent would have come, had it come evenly.
local function ahead(a)
	return max(0, (a[2] - a[1]) * NS_PER_MS + a[3])
end

kinds.even = {
	numbers = 3,
	open = function()
		return {now, now, 0}
	end,
	left = function(limit, a)
		a[1] = max(a[1], now)
		return floor(max(0, limit.burst * limit.interval - ahead(a)) / limit.interval)
	end,
	spend = function(limit, a)
		local ns = ahead(a) + cost * limit.interval
		a[2], a[3] = a[1] + floor(ns / NS_PER_MS), ns % NS_PER_MS
	end,
	reset = function(limit, a, missing, left)
		local fit = min(left + missing, limit.burst)
		return ceil(max(0, ahead(a) - (limit.burst - fit) * limit.interval) / NS_PER_MS)
	end,
	ends = function(_, a)
		return a[2] + (a[3] > 0 and 1 or 0)
	end,
}

local how = kinds[kind]
local limits, accounts = {}, {}
for i = 4, #ARGV, 4 do
	limits[#limits + 1] = {most = tonumber(ARGV[i]), period = tonumber(ARGV[i + 1]),
		burst = tonumber(ARGV[i + 2]), interval = tonumber(ARGV[i + 3])}
end

local function read(text)
	local numbers = {}
	for number in string.gmatch(text, '%S+') do
		numbers[#numbers + 1] = tonumber(number)
	end
	for i = 1, #limits do
		accounts[i] = {unpack(numbers, (i - 1) * how.numbers + 1, i * how.numbers)}
	end
	return #numbers == #limits * how.numbers
end

local function write()
	local texts, ends = {}, 0
	for i, limit in ipairs(limits) do
		for _, number in ipairs(accounts[i]) do
			texts[#texts + 1] = string.format('%.0f', number)
		end
		ends = max(ends, how.ends(limit, accounts[i]))
	end
	redis.call('HSET', key, 'sort', kind, 'quota', table.concat(texts, ' '))
	redis.call('PEXPIREAT', key, string.format('%.0f', ends + 1))
end

local stands = redis.call('HMGET', key, 'sort', 'quota')
if stands[1] and (stands[1] ~= kind or not read(stands[2])) then
	return {'another sort', '0', 0, 0, '', 0, 0}
end

local is_allowed, lefts = true, {}
for i, limit in ipairs(limits) do
	accounts[i] = accounts[i] or how.open(limit)
	lefts[i] = how.left(limit, accounts[i])
	is_allowed = is_allowed and cost <= lefts[i]
end
if is_allowed and more > 0 then
	cost = cost + min(more, floor((min(unpack(lefts)) - cost) / AHEAD_PART))
end

local index, left, reset
for i, limit in ipairs(limits) do
	local missing = cost > lefts[i] and cost - lefts[i] or 1
	if is_allowed then
		how.spend(limit, accounts[i])
		lefts[i] = how.left(limit, accounts[i])
	end
	local until_more = how.reset(limit, accounts[i], missing, lefts[i])
	if not index or lefts[i] < left or (lefts[i] == left and until_more > reset) then
		index, left, reset = i - 1, lefts[i], until_more
	end
end
if is_allowed and cost > 0 then
	write()
end
return {is_allowed and 'ok' or 'conflict', '0', left, reset, '', index, is_allowed and cost or 0}
