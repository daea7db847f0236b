"""The scripts that limits.py runs inside Valkey. All time is Valkey's own clock, in microseconds.

State hash: tat_us (when the next even call would be due), factor and factor_at_us (the shrunken rate and since when),
paused_until_us, spent_until_us. Window hash: weight by slice of a sixtieth of the window. Month hash: used.
"""

from __future__ import annotations

from typing import Final

_COMMON: Final = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local function number(field, default)
    return tonumber(redis.call('HGET', KEYS[1], field) or default)
end
local function current_factor(recovery_us)
    local factor = number('factor', 1)
    if factor >= 1 then return 1 end
    return math.min(1, factor + (now - number('factor_at_us', now)) / recovery_us)
end
"""

# KEYS state window month; ARGV weight rate window_us burst units per_month recovery_us keep_seconds.
# Returns {verdict, figure}: go 0 | wait microseconds | month 0 | spent until_us | unseeded 0.
ACQUIRE: Final = (
    _COMMON
    + """
local weight, rate, window_us, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local units, per_month, keep_seconds = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[8])
local function figure(value) return string.format('%.0f', math.max(0, math.ceil(value))) end

local spent_until = number('spent_until_us', 0)
if now < spent_until then return {'spent', figure(spent_until)} end
if per_month >= 0 then
    local used = redis.call('HGET', KEYS[3], 'used')
    if not used then return {'unseeded', '0'} end
    if tonumber(used) + units > per_month then return {'month', '0'} end
end

local factor = current_factor(tonumber(ARGV[7]))
local wait = math.max(0, number('paused_until_us', 0) - now)

-- Even distance: a full bucket holds `burst`, and refills at the rate.
local interval_us = window_us / (rate * factor)
local tat = math.max(number('tat_us', 0), now)
wait = math.max(wait, tat - math.max(0, burst - 1) * interval_us - now)

-- Sliding window: nothing that went out within the last window may sum to more than the rate.
local slice_us = window_us / 60
local room = math.max(math.floor(rate * factor), 1)
local slices, sum = {}, 0
local entries = redis.call('HGETALL', KEYS[2])
for i = 1, #entries, 2 do
    local slice = tonumber(entries[i])
    if (slice + 1) * slice_us + window_us <= now then
        redis.call('HDEL', KEYS[2], entries[i])
    else
        sum = sum + tonumber(entries[i + 1])
        slices[#slices + 1] = {slice, tonumber(entries[i + 1])}
    end
end
if sum > 0 and sum + weight > room then
    table.sort(slices, function(a, b) return a[1] < b[1] end)
    local free, free_at = room - sum, 0
    for _, entry in ipairs(slices) do
        free, free_at = free + entry[2], (entry[1] + 1) * slice_us + window_us
        if free >= weight then break end
    end
    wait = math.max(wait, free_at - now)
end
if wait > 0 then return {'wait', figure(wait)} end

redis.call('HSET', KEYS[1], 'tat_us', string.format('%.0f', tat + weight * interval_us))
redis.call('EXPIRE', KEYS[1], keep_seconds)
redis.call('HINCRBY', KEYS[2], string.format('%.0f', math.floor(now / slice_us)), weight)
redis.call('PEXPIRE', KEYS[2], math.ceil(window_us / 500))
if per_month >= 0 then redis.call('HINCRBY', KEYS[3], 'used', units) end
return {'go', '0'}
"""
)

# KEYS state; ARGV pause_us shrink smallest recovery_us keep_seconds.
PENALISE: Final = (
    _COMMON
    + """
local paused_until = number('paused_until_us', 0)
local factor = current_factor(tonumber(ARGV[4]))
-- Several calls that were under way together and are refused together are one refusal.
if now >= paused_until then factor = math.max(tonumber(ARGV[3]), factor * tonumber(ARGV[2])) end
local paused = math.max(paused_until, now + tonumber(ARGV[1]))
redis.call('HSET', KEYS[1], 'factor', tostring(factor), 'factor_at_us', string.format('%.0f', now),
    'paused_until_us', string.format('%.0f', paused))
redis.call('EXPIRE', KEYS[1], ARGV[5])
return tostring(factor)
"""
)

# KEYS month; ARGV used keep_seconds. What calls under way have reserved beyond the ledger is kept.
SEED: Final = """
local used = tonumber(redis.call('HGET', KEYS[1], 'used') or '0')
if tonumber(ARGV[1]) > used then used = tonumber(ARGV[1]) end
redis.call('HSET', KEYS[1], 'used', string.format('%.0f', used))
redis.call('EXPIRE', KEYS[1], ARGV[2])
return used
"""

# KEYS state; ARGV recovery_us. Returns {factor, paused_until_us, spent_until_us}; an instant that is over is 0.
STANDING: Final = (
    _COMMON
    + """
local function coming(field)
    local at = number(field, 0)
    return string.format('%.0f', at > now and at or 0)
end
return {tostring(current_factor(tonumber(ARGV[1]))), coming('paused_until_us'), coming('spent_until_us')}
"""
)
