-- One consistent look at a queue; nothing is changed, so what has expired is counted out, not dropped.
-- ARGV: how many messages at the head may be looked at for that.
local h = redis_call('HMGET', H, 'gen', 'capacity', 'max_bytes', 'ttl', 'overflow', 'idle', 'bytes',
  'enqueued', 'put_back', 'purged', 'expired', 'overflow_dropped', 'full', 'timeouts', 'created', 'used')
if not queue.exists then return {} end
local stale, stale_bytes, most = 0, 0, tonumber(ARGV[1])
local oldest = 0
while stale < most do
  local message = redis_call('LINDEX', M, stale)
  if not message then break end
  if not is_expired(message) then
    oldest = enqueued_at(message)
    break
  end
  stale, stale_bytes = stale + 1, stale_bytes + cost(message)
end
return {h, size, redis_call('ZCARD', W), redis_call('ZCARD', R), whole(oldest), stale, stale_bytes}
