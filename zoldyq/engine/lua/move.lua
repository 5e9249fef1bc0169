-- Move messages to the end of another queue, whose keys are KEYS[7...11]: all in one piece, so a message is always in
-- one of the two. ARGV: the most, and the prefixes of this queue's channels and of the other's.
-- Returns {-1} without this queue, {-2} without the other, else {how many were moved, how many are left}.
if not queue.exists then return {-1} end
local H2, M2, W2, R2 = KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local most, bell, bell2 = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local other = redis_call('HMGET', H2, 'gen', 'capacity', 'max_bytes', 'bytes')
if not other[1] then return {-2} end
local room = tonumber(other[2]) - redis_call('LLEN', M2)
local room_bytes = other[3] and tonumber(other[3]) - tonumber(other[4]) or math.huge
-- Producers that wait there came earlier.
if redis_call('ZCARD', R2) > 0 then room = 0 end

drop_expired(EXPIRED_AT_ONCE)
local passed, moved, moved_bytes, own_lives, fits = 0, 0, 0, false, true
while fits and moved < most and moved < room and passed < size do
  local page = redis_call('LRANGE', M, passed, passed + math.min(most - moved, room - moved, 100) - 1)
  local batch = {}
  for i = 1, #page do
    local message = page[i]
    local bytes = cost(message)
    if is_expired(message) then
      count('expired', 1)
    else
      fits = moved_bytes + bytes <= room_bytes
      if not fits then break end
      batch[#batch + 1] = message
      moved_bytes = moved_bytes + bytes
      own_lives = own_lives or string.byte(message, 1) >= 128
    end
    passed = passed + 1
    charge(-bytes)
  end
  if #batch > 0 then redis_call('RPUSH', M2, unpack(batch)) end
  moved = moved + #batch
end
if passed > 0 then
  redis_call('LTRIM', M, passed, -1)
  size = size - passed
  if size == 0 then redis_call('HDEL', H, 'own_lives') end
end
write_counters()
if moved > 0 then
  redis_call('HINCRBY', H2, 'enqueued', moved)
  redis_call('HINCRBY', H2, 'bytes', moved_bytes)
  redis_call('HSET', H2, 'used', whole(now_ms))
  if own_lives then redis_call('HSET', H2, 'own_lives', 1) end
  redis_call('HSET', H, 'used', whole(now_ms))
  -- Front ends whose consumers wait there fetch the messages, each once it hears the bell.
  local rung = {}
  for _, token in ipairs(redis_call('ZRANGE', W2, 0, 511)) do
    local front_end = string.match(token, '^([^.]+)')
    if not rung[front_end] then
      rung[front_end] = true
      ring(bell2, front_end, '1')
    end
  end
end
local first = redis_call('ZRANGE', R, 0, 0)[1]
if first then ring(bell, string.match(first, '^([^.]+)'), '1') end
return {moved, size}
