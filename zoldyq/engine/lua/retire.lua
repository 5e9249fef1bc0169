-- Forget a front end that wants nothing of this queue any more. Key 6 is its stored reply, which it has
-- confirmed. ARGV: the front end. Without a queue and waiters, nothing is left of the name.
redis_call('DEL', KEYS[6])
redis_call('HDEL', L, 'n|' .. ARGV[1], 'f|' .. ARGV[1], 'r|' .. ARGV[1])
if not queue.exists and redis_call('ZCARD', W) == 0 and redis_call('ZCARD', R) == 0 then
  redis_call('DEL', L)
end
return 1
