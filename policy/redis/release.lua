-- Takes back a reservation whose request never came to be, and keeps one that is still on its way from being made.
-- KEYS: epoch, reservation, tombstone, expiry
-- ARGV: id, tombstone life s
local packed = redis.call('HGET', KEYS[2], 'holds')
if not packed then
  local tomb = redis.call('GET', KEYS[3])
  if not tomb or string.sub(tomb, 1, 1) == 'x' then redis.call('SET', KEYS[3], 'r', 'EX', ARGV[2]) end
  return 0
end
local function minus(x)
  if tonumber(x) == 0 then return '0' end -- '-0' is no integer to Redis
  return string.format('%.0f', -tonumber(x))
end
for _, h in ipairs(cmsgpack.unpack(packed)) do -- key, field, window, kind, amount, sub-window
  local key, field = h[1], h[2]
  if h[3] ~= 'm' then
    if redis.call('HEXISTS', key, field .. ':b') == 1 then redis.call('HINCRBY', key, field .. ':h', minus(h[5])) end
  elseif redis.call('HEXISTS', key, field .. ':' .. h[6]) == 1 then
    redis.call('HINCRBY', key, field .. ':' .. h[6], minus(h[5]))
    redis.call('HINCRBY', key, field .. ':s', minus(h[5]))
  end
end
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[4], ARGV[1])
redis.call('SET', KEYS[3], 'r', 'EX', ARGV[2])
return 1
