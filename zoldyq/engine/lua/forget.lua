-- Remove a name from the index (key 1), unless it belongs to a successor by now. ARGV: name, generation.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])
