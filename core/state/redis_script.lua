-- SPDX-License-Identifier: Apache-2.0
-- A question of sluice/state.h, answered as core/state/store.c answers it. Redis runs this whole.
-- KEYS: the key. ARGV: kind, the version that is expected, the version to give, how long it lasts
-- (ms; 0: for ever), delta, limit, value.
-- Answers {result, version, count, remaining ms, value}.
--
-- A key is a hash: `sort` (counter, value, lock), `version`, `count`, `value`. What may lack room is
-- written first: behind the first write Redis lets a script go on, so that it is done whole or not.
local key = KEYS[1]
local kind, expected, fresh, value = ARGV[1], ARGV[2], ARGV[3], ARGV[7]
local lasts, delta, limit = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local sorts = {get = 'value', put = 'value', remove = 'value', count = 'counter', lock = 'lock',
	unlock = 'lock'}
local NUMBER_MAX = 9007199254740992

local stands = redis.call('HMGET', key, 'sort', 'version', 'count')
local sort, version, count = stands[1], stands[2] or '0', tonumber(stands[3] or '0')

-- 0 is for what lasts for ever; what ends within this millisecond has not ended yet.
local function remaining()
	local ms = redis.call('PTTL', key)
	return ms < 0 and 0 or math.max(ms, 1)
end

local function told(result)
	return {result, version, count, remaining(), ''}
end

local function write(...)
	redis.call('HSET', key, ...)
	if lasts > 0 then
		redis.call('PEXPIRE', key, lasts)
	else
		redis.call('PERSIST', key)
	end
end

local is_expected = expected == 'any' or expected == version
local is_removable = kind == 'remove' and sort == 'counter'

if sort and sort ~= sorts[kind] and not is_removable then
	return {'another sort', '0', 0, 0, ''}
end

if kind == 'get' then
	if not sort then
		return {'not found', '0', 0, 0, ''}
	end
	-- Who has that version already needs no copy.
	return {'ok', version, count, remaining(), expected == version and '' or redis.call('HGET', key, 'value')}
end

if kind == 'put' then
	if not is_expected then
		return sort and told('conflict') or {'conflict', '0', 0, 0, ''}
	end
	version = fresh
	write('sort', 'value', 'version', fresh, 'value', value)
	return told('ok')
end

if kind == 'count' then
	local after = math.max(0, math.min(count + delta, NUMBER_MAX))
	local left = sort and remaining() or lasts
	if delta > 0 and limit > 0 and after > limit then
		return {'conflict', '0', count, left, ''}
	end
	if not sort and delta <= 0 then
		return {'ok', '0', count, left, ''}
	end
	if sort then
		redis.call('HSET', key, 'count', string.format('%.0f', after))
	else
		write('sort', 'counter', 'count', string.format('%.0f', after))
	end
	return {'ok', '0', after, left, ''}
end

if kind == 'lock' then
	if sort then
		return {'conflict', '0', 0, remaining(), ''}
	end
	version = fresh
	write('sort', 'lock', 'version', fresh)
	return told('ok')
end

-- remove, unlock
if not sort then
	return {'not found', '0', 0, 0, ''}
end
if not is_expected then
	-- A lock's version is the key to it.
	return sort == 'lock' and {'conflict', '0', 0, 0, ''} or told('conflict')
end
local answer = told('ok')
redis.call('DEL', key)
return answer
