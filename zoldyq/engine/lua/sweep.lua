-- What time alone does to a queue: messages at the head expire, an idle queue goes. ARGV: prefix of the
-- channels, the front end that asks, milliseconds after which a reply is overdue. Returns {-1} without a
-- queue, {1, generation} if it was deleted, else {0, front ends whose replies are overdue, 1 if more may have
-- expired}.
if not queue.exists then return {-1} end
local bell = ARGV[1]
local expired = drop_expired(EXPIRED_AT_ONCE)
write_counters()
local idle = redis_call('HMGET', H, 'idle', 'used')
if idle[1] and size == 0 and redis_call('ZCARD', W) == 0 and redis_call('ZCARD', R) == 0
  and tonumber(idle[2]) + tonumber(idle[1]) < now_ms then
  redis_call('UNLINK', H, M, W, R, L)
  return {1, queue.generation}
end
if expired > 0 and redis_call('ZCARD', R) > 0 then
  ring(bell, string.match(redis_call('ZRANGE', R, 0, 0)[1], '^([^.]+)'), '1')
end
return {0, overdue_front_ends(ARGV[2], tonumber(ARGV[3])), expired >= EXPIRED_AT_ONCE and 1 or 0}
