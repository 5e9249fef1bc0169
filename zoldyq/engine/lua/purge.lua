-- Drop all messages; or, with ARGV[1] == 'delete', the queue. ARGV[2]: prefix of the channels.
if not queue.exists then return -1 end
local what, bell = ARGV[1], ARGV[2]
local dropped = size
local function tell_all(text)
  local all, told = redis_call('HGETALL', L), {}
  for i = 1, #all, 2 do
    local front_end = string.match(all[i], '^n|(.+)$')
    if front_end and not told[front_end] then
      told[front_end] = true
      ring(bell, front_end, text)
    end
  end
end
redis_call('UNLINK', M)
if what == 'delete' then
  tell_all('gone')
  redis_call('UNLINK', H, W, R, L)
  return dropped
end
charge(-queue.bytes)
count('purged', dropped)
write_counters()
redis_call('HDEL', H, 'own_lives')
if redis_call('ZCARD', R) > 0 then
  ring(bell, string.match(redis_call('ZRANGE', R, 0, 0)[1], '^([^.]+)'), '1')
end
return dropped
