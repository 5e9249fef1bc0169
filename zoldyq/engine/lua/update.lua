-- Change the policy. ARGV[1]: prefix of the channels, then pairs of a field and its value ('' for none).
-- Returns {-1} without a queue, else {1 if something changed, messages dropped, the five fields}.
if not queue.exists then return {-1} end
local bell, changed = ARGV[1], 0
drop_expired(20000) -- what the old lifetime has ended is counted as such, and a longer one revives none of it
for i = 2, #ARGV, 2 do
  local field, value = ARGV[i], ARGV[i + 1]
  if (redis_call('HGET', H, field) or '') ~= value then
    changed = 1
    if value == '' then redis_call('HDEL', H, field) else redis_call('HSET', H, field, value) end
  end
end
local policy = redis_call('HMGET', H, 'capacity', 'max_bytes', 'ttl', 'overflow', 'idle')
queue.capacity, queue.max_bytes = tonumber(policy[1]), tonumber(policy[2])
queue.lifetime_us, queue.drops = tonumber(policy[3]), policy[4] == 'drop_oldest'
drop_expired(20000)
local dropped = 0
if queue.drops then
  while size > 0 and (size > queue.capacity or (queue.max_bytes and queue.bytes > queue.max_bytes)) do
    local page = redis_call('LPOP', M, math.min(math.max(size - queue.capacity, 1), 1000))
    size = size - #page
    dropped = dropped + #page
    for i = 1, #page do charge(-cost(page[i])) end
  end
  count('overflow_dropped', dropped)
end
write_counters()
local first = redis_call('ZRANGE', R, 0, 0)[1]
if first then ring(bell, string.match(first, '^([^.]+)'), '1') end
for i = 1, 5 do policy[i] = policy[i] or '' end
return {changed, dropped, policy}
