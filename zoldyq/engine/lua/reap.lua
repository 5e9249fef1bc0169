-- Take back what a front end was given and never confirmed. Key 6 is its stored reply.
-- ARGV: the front end, milliseconds that its last reply must be old, prefix of the channels.
local front_end, age_ms, bell = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local at = tonumber(redis_call('HGET', L, 'f|' .. front_end))
if not at or at + age_ms >= now_ms then return -1 end
local stored = redis_call('GET', KEYS[6])
redis_call('HDEL', L, 'f|' .. front_end, 'n|' .. front_end)
if not stored then return 0 end
redis_call('DEL', KEYS[6])
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
