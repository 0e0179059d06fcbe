-- Reserves all holds or none. See doc.go for the layout, and policy.Grantable for the rule.
-- KEYS: epoch, reservation, tombstone, expiry, then one per hold
-- ARGV: now µs ('' for Redis's clock), ttl ms, want, usual, least, id, draft, then 8 per hold:
--       field, base field, window (m rolling minute, v live, c calendar, f lifetime), limit, fixed, per token, kind, soft
if redis.call('EXISTS', KEYS[1]) == 0 then return {'epoch'} end
if redis.call('EXISTS', KEYS[2], KEYS[3]) > 0 then return {'exists'} end

local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end
local want, usual, least = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local SLOT, SPAN = 500000, 60000000
local slot = math.floor(now / SLOT)
local n = #KEYS - 4
local output, refused = want, {}
local used, held, fresh, slots = {}, {}, {}, {}

for i = 1, n do
  local key, a = KEYS[4 + i], 7 + (i - 1) * 8
  local field, window = ARGV[a + 1], ARGV[a + 3]
  if window == 'm' then
    local v = redis.call('HMGET', key, field .. ':s', field .. ':o', field .. ':l')
    local sum, oldest, newest = tonumber(v[1] or 0), tonumber(v[2]), tonumber(v[3])
    if oldest then
      -- Drop each sub-window once all of it is older than a minute.
      local gone = math.min(slot - 121, newest)
      if oldest <= gone then
        for s = oldest, gone do
          local c = redis.call('HGET', key, field .. ':' .. s)
          if c then
            sum = redis.call('HINCRBY', key, field .. ':s', -tonumber(c))
            redis.call('HDEL', key, field .. ':' .. s)
          end
        end
        redis.call('HSET', key, field .. ':o', gone + 1)
        oldest = gone + 1
      end
    end
    slots[i] = {oldest, newest}
    used[i], held[i] = sum, 0
  else
    local v = redis.call('HMGET', key, field .. ':u', field .. ':h', field .. ':b')
    used[i], held[i], fresh[i] = tonumber(v[1] or 0), tonumber(v[2] or 0), not v[3]
  end
  local limit, fixed, per = tonumber(ARGV[a + 4]), tonumber(ARGV[a + 5]), tonumber(ARGV[a + 6])
  local taken = used[i] + held[i]
  local left = limit - taken
  if math.abs(limit) > 9007199254740992 or math.abs(taken) > 9007199254740992 then left = left - 2048 end
  local grant = -1
  if limit > 0 and fixed <= left then
    if per <= 0 then
      grant = want
    else
      local floor = math.min(least, math.max(math.floor((limit - fixed) / per), 1))
      local eighth = math.floor(math.max(math.floor(left / 8) - fixed, 0) / per)
      grant = math.min(math.max(eighth, usual), math.floor((left - fixed) / per), want)
      if grant < floor then grant = -1 end
    end
  end
  if grant >= 0 then
    output = math.min(output, grant)
  elseif ARGV[a + 8] ~= '1' then
    refused[#refused + 1] = i
  end
end

local function int(x) return string.format('%.0f', x) end

if #refused > 0 then
  local out = {'refused', int(now), {}, {}, {}, {}}
  for i = 1, n do
    out[3][i], out[4][i] = int(used[i]), int(held[i])
    out[6][i] = '0'
  end
  for j, i in ipairs(refused) do
    out[5][j] = i - 1
    local key, a = KEYS[4 + i], 7 + (i - 1) * 8
    local limit = tonumber(ARGV[a + 4])
    if ARGV[a + 3] == 'm' then
      -- When enough sub-windows have gone for the least this request would take.
      local over = used[i] + tonumber(ARGV[a + 5]) + tonumber(ARGV[a + 6]) * least - limit
      local wait = SPAN
      if limit > 0 and slots[i][1] then
        wait = SPAN + SLOT
        for s = slots[i][1], slots[i][2] do
          over = over - tonumber(redis.call('HGET', key, ARGV[a + 1] .. ':' .. s) or 0)
          if over <= 0 then
            wait = (s + 1) * SLOT + SPAN - now
            break
          end
        end
      end
      out[6][i] = int(math.max(wait, 1000))
    end
  end
  return out
end

local holds = {}
for i = 1, n do
  local key, a = KEYS[4 + i], 7 + (i - 1) * 8
  local field, window = ARGV[a + 1], ARGV[a + 3]
  local amount = tonumber(ARGV[a + 5]) + tonumber(ARGV[a + 6]) * output
  local at = '0'
  if window == 'm' then
    local s = slot
    if slots[i][2] and slots[i][2] > s then s = slots[i][2] end -- the clock stepped back: count into the newest
    at = int(s)
    used[i] = redis.call('HINCRBY', key, field .. ':s', int(amount))
    redis.call('HINCRBY', key, field .. ':' .. at, int(amount))
    redis.call('HSET', key, field .. ':l', at)
    if not slots[i][1] or slots[i][1] > s then redis.call('HSET', key, field .. ':o', at) end
    slots[i] = {slots[i][1] or s, s} -- a later hold of this counter goes on from here
    redis.call('PEXPIRE', key, 180000)
  else
    held[i] = redis.call('HINCRBY', key, field .. ':h', int(amount))
    if fresh[i] then
      redis.call('HSETNX', key, field .. ':b', int(now))
      if window == 'c' then
        -- A new calendar window: forget the one before the last, keep the last for who is still under way in it.
        local base = ARGV[a + 2]
        local last = redis.call('HMGET', key, base .. ':w', base .. ':p')
        if last[1] ~= field then
          if last[2] and last[2] ~= field then
            redis.call('HDEL', key, last[2] .. ':u', last[2] .. ':h', last[2] .. ':b', last[2] .. ':d')
          end
          redis.call('HSET', key, base .. ':w', field)
          if last[1] then redis.call('HSET', key, base .. ':p', last[1]) end
        end
      end
    end
  end
  holds[#holds + 1] = table.concat({key, field, window, ARGV[a + 7], int(amount), at}, '\30')
end
redis.call('HSET', KEYS[2], 'at', int(now), 'out', int(output), 'holds', table.concat(holds, '\29'), 'draft', ARGV[7])
redis.call('ZADD', KEYS[4], int(now / 1000 + tonumber(ARGV[2])), ARGV[6])
local out = {'granted', int(now), {}, {}, int(output)}
for i = 1, n do
  out[3][i], out[4][i] = int(used[i]), int(held[i])
end
return out
