-- Take back what a front end was given and never confirmed. Key 6 is its stored reply.
-- ARGV: the front end, milliseconds that its last reply must be old, prefix of the channels.
-- A front end that was only cut off or stood still learns of it with its next call: see r|e in call.lua.
local front_end, age_ms, bell = ARGV[1], tonumber(ARGV[2]), ARGV[3]
-- How long the number of its last call is kept, in milliseconds, for a call that comes once more.
local KEPT_MS = 3600000
local at = tonumber(redis_call('HGET', L, 'f|' .. front_end))
if not at or at + age_ms >= now_ms then return -1 end

local function forget_places()
  local all = redis_call('HKEYS', L)
  for i = 1, #all do
    local epoch = string.match(all[i], '^x|(.+)$') or all[i]
    if string.sub(epoch, 1, #front_end + 1) == front_end .. '.' then redis_call('HDEL', L, all[i]) end
  end
end

forget_places()
local stored = redis_call('GET', KEYS[6])
if not stored then
  redis_call('HDEL', L, 'f|' .. front_end, 'n|' .. front_end, 'r|' .. front_end)
  return 0
end
redis_call('DEL', KEYS[6])
local number = string.format('%.0f', tonumber(string.sub(stored, 1, 16)))
local before = redis_call('HGET', L, 'r|' .. front_end) or ','
redis_call('HSET', L, 'r|' .. front_end, before .. number .. ',', 'f|' .. front_end, whole(now_ms + KEPT_MS))
local messages = cmsgpack.unpack(string.sub(stored, 17))[9]
local back = {}
for i = #messages, 1, -1 do
  if is_expired(messages[i]) then
    count('expired', 1)
  else
    back[#back + 1] = messages[i]
    charge(cost(messages[i]))
    note_own_life(messages[i])
  end
end
if queue.exists and #messages > 0 then
  push('LPUSH', back, 1, #back)
  count('put_back', #messages)
  write_counters()
  local first = redis_call('ZRANGE', W, 0, 0)[1]
  if first then ring(bell, string.match(first, '^([^.]+)'), '1') end
end
return queue.exists and #messages or 0
