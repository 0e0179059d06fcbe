-- Adds up what the reservations under way hold, all in one moment, and says it beside the counters.
-- KEYS: expiry
-- ARGV: what a reservation's key begins with, then pairs of key and field of counters to be told of even if nothing holds them
local sums, order, live = {}, {}, 0
local function add(key, field, amount)
  local name = key .. '\n' .. field
  if not sums[name] then
    sums[name] = {key, field, 0}
    order[#order + 1] = name
  end
  sums[name][3] = sums[name][3] + amount
end
for i = 2, #ARGV, 2 do add(ARGV[i], ARGV[i + 1], 0) end
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local packed = redis.call('HGET', ARGV[1] .. id, 'holds')
  if packed then
    live = live + 1
    for _, h in ipairs(cmsgpack.unpack(packed)) do -- key, field, window, kind, amount, sub-window
      if h[3] ~= 'm' then add(h[1], h[2], tonumber(h[5])) end
    end
  end
end
local out = {live}
for _, name in ipairs(order) do
  local s = sums[name]
  out[#out + 1] = {s[1], s[2], redis.call('HGET', s[1], s[2] .. ':h') or '0', string.format('%.0f', s[3])}
end
return out
