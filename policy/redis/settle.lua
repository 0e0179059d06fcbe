-- Replaces what a reservation holds by what its request took, and journals it, once.
-- KEYS: epoch, reservation, tombstone, expiry, journal
-- ARGV: now µs ('' for Redis's clock), id, entry, estimated (1 or 0), tombstone life s, reap (1: only if it expired), then what each kind took, by number
local estimated, reap = ARGV[4] == '1', ARGV[6] == '1'
local function actual(kind) return ARGV[7 + tonumber(kind)] end -- kinds count from 0
local function sub(a, b)
  local d = tonumber(a) - tonumber(b)
  if d == 0 then return '0' end -- '-0' is no integer to Redis
  return string.format('%.0f', d)
end

-- Applies the difference between what was charged or held and what is true, and
-- returns the holds as they are charged now.
local function charge(packed, late)
  local holds = cmsgpack.unpack(packed)
  for _, h in ipairs(holds) do -- key, field, window, kind, amount, sub-window
    local key, field, took = h[1], h[2], actual(h[4])
    if h[3] == 'm' then
      local slot = field .. ':' .. h[6]
      if redis.call('HEXISTS', key, slot) == 1 then
        redis.call('HINCRBY', key, slot, sub(took, h[5]))
        redis.call('HINCRBY', key, field .. ':s', sub(took, h[5]))
      end
    elseif redis.call('HEXISTS', key, field .. ':b') == 1 then -- else its window is over and forgotten
      if late then
        redis.call('HINCRBY', key, field .. ':u', sub(took, h[5]))
      else
        redis.call('HINCRBY', key, field .. ':h', sub(0, h[5]))
        redis.call('HINCRBY', key, field .. ':u', took)
      end
    end
    h[5] = took
  end
  return cmsgpack.pack(holds)
end

local r = redis.call('HMGET', KEYS[2], 'holds', 'at')
if r[1] then
  if reap then
    local now = tonumber(ARGV[1])
    if not now then
      local t = redis.call('TIME')
      now = tonumber(t[1]) * 1000000 + tonumber(t[2])
    end
    local due = redis.call('ZSCORE', KEYS[4], ARGV[2])
    if due and tonumber(due) > now / 1000 then return 'alive' end
  end
  local kept = charge(r[1], false)
  redis.call('DEL', KEYS[2])
  redis.call('ZREM', KEYS[4], ARGV[2])
  local tomb = 's'
  if estimated then tomb = 'e' .. kept end
  redis.call('SET', KEYS[3], tomb, 'EX', ARGV[5])
  redis.call('XADD', KEYS[5], '*', 'e', ARGV[3])
  return 'settled'
end
if reap then
  redis.call('ZREM', KEYS[4], ARGV[2])
  return 'gone'
end
local tomb = redis.call('GET', KEYS[3])
if tomb and tomb ~= 'r' and string.sub(tomb, 1, 1) ~= 'x' then -- one that was taken back, and ran all the same, has its row
  if estimated or string.sub(tomb, 1, 1) ~= 'e' then return 'again' end
  charge(string.sub(tomb, 2), true)
  redis.call('SET', KEYS[3], 's', 'EX', ARGV[5])
else
  redis.call('SET', KEYS[3], 's', 'EX', ARGV[5])
end
redis.call('XADD', KEYS[5], '*', 'e', ARGV[3])
return 'settled'
