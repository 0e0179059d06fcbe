-- Reserves all holds or none. See doc.go for the layout, and policy.Grantable for the rule.
-- KEYS: epoch, reservation, tombstone, expiry, then those the holds are counted in
-- ARGV: now µs ('' for Redis's clock), ttl ms, want, usual, least, id, draft, first, try, the holds packed. Of each:
--       which key, field, window (m rolling minute, v live, c calendar, f lifetime), limit, fixed, per token, kind, soft, window's end ms
if redis.call('EXISTS', KEYS[1]) == 0 then return {'epoch'} end
-- Attempts are numbered, those of one call from first on. What an earlier one was granted, this answers; those
-- that have yet to arrive are void from now on, for the caller will have been told something else.
local first, try = tonumber(ARGV[8]), tonumber(ARGV[9])
local earlier = redis.call('HMGET', KEYS[2], 'try', 'at', 'out')
if earlier[2] then
  local by = tonumber(earlier[1]) or -1
  if by < first or by > try then return {'exists'} end
else
  local tomb = redis.call('GET', KEYS[3])
  if tomb then
    local valid = tonumber(string.match(tomb, '^x(%d+)$'))
    if not valid or try < valid then return {'exists'} end
  end
  if try > first then redis.call('SET', KEYS[3], 'x' .. ARGV[9], 'EX', 3600) end
end

local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end
if earlier[2] then now = tonumber(earlier[2]) end
local want, usual, least = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local WITHIN, MINUTE = 500000, 60000000
local asked = cmsgpack.unpack(ARGV[10])
local n = #asked
local output, refused = want, {}
local used, held, fresh, listed, minutes = {}, {}, {}, {}, {}

local function int(x)
  if x == 0 then return '0' end -- '-0' is no integer to Redis
  return string.format('%.0f', x)
end

-- A sub-window's first and last taking, and the name of the next one ('0': none).
local function info(key, field, id)
  local from, to, after = string.match(redis.call('HGET', key, field .. ':' .. id .. 'i') or '', '(%d+) (%d+) (%d+)')
  return tonumber(from), tonumber(to), after
end

local function note(key, field, id, from, to, after)
  redis.call('HSET', key, field .. ':' .. id .. 'i', int(from) .. ' ' .. int(to) .. ' ' .. after)
end

-- Drops the sub-windows that count no more, each once; what a clock that was ahead dated ahead was taken by now.
local function expire(key, field)
  local v = redis.call('HMGET', key, field .. ':s', field .. ':o', field .. ':l')
  local m = {sum = tonumber(v[1] or 0), oldest = v[2], newest = v[3]}
  if not m.newest then return m end
  m.from, m.to = info(key, field, m.newest)
  if m.to - now > WITHIN then
    local id = m.oldest
    while id ~= '0' do
      local from, to, after = info(key, field, id)
      if to - now > WITHIN then note(key, field, id, math.min(from, now), now, after) end
      id = after
    end
    m.from, m.to = info(key, field, m.newest)
  end
  local id = m.oldest
  while id ~= '0' do
    local _, to, after = nil, m.to, '0'
    if id ~= m.newest then _, to, after = info(key, field, id) end
    if now < to + MINUTE then break end
    m.sum = redis.call('HINCRBY', key, field .. ':s', int(-tonumber(redis.call('HGET', key, field .. ':' .. id))))
    redis.call('HDEL', key, field .. ':' .. id, field .. ':' .. id .. 'i')
    id = after
  end
  if id == '0' then
    redis.call('HDEL', key, field .. ':o', field .. ':l', field .. ':s')
    return {sum = 0, last = m.newest}
  elseif id ~= m.oldest then
    redis.call('HSET', key, field .. ':o', id)
    m.oldest = id
  end
  return m
end

for i = 1, n do
  local h = asked[i]
  local key, field = KEYS[4 + h[1]], h[2]
  if h[3] == 'm' then
    minutes[i] = expire(key, field)
    used[i], held[i] = minutes[i].sum, 0
  else
    local v = redis.call('HMGET', key, field .. ':u', field .. ':h', field .. ':b', field .. ':e')
    used[i], held[i], fresh[i], listed[i] = tonumber(v[1] or 0), tonumber(v[2] or 0), not v[3], v[4]
  end
  if h[8] == 0 and not earlier[2] then
    local limit, fixed, per = h[4], h[5], h[6]
    local taken = used[i] + held[i]
    local left = limit - taken
    if math.abs(limit) > 9007199254740992 or math.abs(taken) > 9007199254740992 then left = left - 2048 end
    local grant = -1
    if limit > 0 and fixed <= left then
      if per <= 0 then
        grant = want
      else
        local eighth = math.floor(math.max(math.floor(left / 8) - fixed, 0) / per)
        if least > want then -- whole, and out of an eighth, or not at all
          if eighth >= want then grant = want end
        else
          grant = math.min(math.max(eighth, usual, least), math.floor((left - fixed) / per), want)
          if grant < least then grant = -1 end
        end
      end
    end
    if grant >= 0 then
      output = math.min(output, grant)
    else
      refused[#refused + 1] = i
    end
  end
end

if #refused > 0 then
  local waits = {}
  for i = 1, n do waits[i] = 0 end
  for j, i in ipairs(refused) do
    refused[j] = i - 1
    local h = asked[i]
    local key = KEYS[4 + h[1]]
    if h[3] == 'm' then
      -- When enough sub-windows have gone for the least this request would take.
      local over = used[i] + h[5] + h[6] * least - h[4]
      local wait, id = MINUTE + WITHIN, minutes[i].oldest or '0'
      if h[4] <= 0 then wait, id = MINUTE, '0' end
      while id ~= '0' do
        local _, to, after = info(key, h[2], id)
        over = over - tonumber(redis.call('HGET', key, h[2] .. ':' .. id))
        if over <= 0 then
          wait = to + MINUTE - now
          break
        end
        id = after
      end
      waits[i] = wait
    end
  end
  return {'refused', now, used, held, refused, waits}
end

if earlier[2] then
  return {'granted', now, used, held, tonumber(earlier[3])}
end

local kept = {}

-- Counts an amount now, and tells in which sub-window.
local function take(key, field, m, amount)
  local at, id = now, m.newest
  if id then at = math.max(now, m.to) end -- never for less than a minute
  if id and at - m.from < WITHIN then
    note(key, field, id, m.from, at, '0')
  else
    local name = at
    local last = tonumber(id or m.last)
    if last and last >= name then name = last + 1 end
    name = int(name)
    if id then
      note(key, field, id, m.from, m.to, name)
      redis.call('HSET', key, field .. ':l', name)
    else
      redis.call('HSET', key, field .. ':l', name, field .. ':o', name)
    end
    note(key, field, name, at, at, '0')
    id = name
  end
  redis.call('HINCRBY', key, field .. ':' .. id, int(amount))
  if not kept[key] then
    redis.call('PEXPIRE', key, 180000)
    kept[key] = true
  end
  return redis.call('HINCRBY', key, field .. ':s', int(amount)), id
end

-- A new calendar window joins the list of its kind's, and those a day over are forgotten: until then
-- who began in them may still settle. Limits of one length may be anchored apart, so several can be under way.
local function enlist(key, field, ends)
  local kind, model = string.match(field, '^([^|]*|[^|]*|)[^|]*|(.*)$')
  local list = kind .. '|' .. model .. ':w'
  redis.call('HSET', key, field .. ':e', int(ends))
  local kept = {field}
  local all = redis.call('HGET', key, list)
  for _, other in ipairs(all and cmsgpack.unpack(all) or {}) do
    local over = tonumber(redis.call('HGET', key, other .. ':e') or 0)
    if other == field then
    elseif now / 1000 > over + 90000000 then
      redis.call('HDEL', key, other .. ':u', other .. ':h', other .. ':b', other .. ':d', other .. ':e')
    else
      kept[#kept + 1] = other
    end
  end
  redis.call('HSET', key, list, cmsgpack.pack(kept))
end

local holds = {}
for i = 1, n do
  local h = asked[i]
  local key, field, window = KEYS[4 + h[1]], h[2], h[3]
  local amount = h[5] + h[6] * output
  local at = '0'
  if window == 'm' then
    used[i], at = take(key, field, minutes[i], amount)
  else
    held[i] = redis.call('HINCRBY', key, field .. ':h', int(amount))
    if fresh[i] then redis.call('HSETNX', key, field .. ':b', int(now)) end
    if window == 'c' and not listed[i] then enlist(key, field, h[9]) end
  end
  holds[i] = {key, field, window, h[7], int(amount), at}
end
redis.call('HSET', KEYS[2], 'at', int(now), 'out', int(output), 'holds', cmsgpack.pack(holds), 'draft', ARGV[7], 'try', ARGV[9])
redis.call('ZADD', KEYS[4], int(now / 1000 + tonumber(ARGV[2])), ARGV[6])
return {'granted', now, used, held, output}
