-- Reserve a name in the index (key 1) for a queue that is to be created. ARGV: name, generation, the most
-- names there may be. A name that is there belongs to a queue that is gone, or is being deleted: it gets the
-- new generation, so that its late removal does not hide the new queue. Returns 0 if there is no room.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
