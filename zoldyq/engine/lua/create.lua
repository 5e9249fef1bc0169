-- Create a queue, or tell what is there. ARGV: generation, then capacity, max_bytes, ttl, overflow, idle
-- ('' for none). Returns {1} for a new one, else {0, the five fields}.
if queue.exists then
  local have = redis_call('HMGET', H, 'capacity', 'max_bytes', 'ttl', 'overflow', 'idle')
  for i = 1, 5 do have[i] = have[i] or '' end
  return {0, have}
end
local names = {'gen', 'capacity', 'max_bytes', 'ttl', 'overflow', 'idle'}
local fields = {'v', '1', 'bytes', '0', 'created', whole(now_us), 'used', whole(now_ms)}
for i = 1, 6 do
  if ARGV[i] ~= '' then
    fields[#fields + 1] = names[i]
    fields[#fields + 1] = ARGV[i]
  end
end
redis_call('HSET', H, unpack(fields))
return {1, {}}
