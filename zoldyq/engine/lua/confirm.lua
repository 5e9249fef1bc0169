-- Confirm a front end's last reply: its messages are about to be handed out. Key 1 is the hash of front ends,
-- key 2 the stored reply. ARGV: the front end, the number of the call. Returns 0 if another front end has taken
-- the messages back: then they must not be handed out.
local taken_back = redis.call('HGET', KEYS[1], 'r|' .. ARGV[1])
if taken_back and string.find(taken_back, ',' .. ARGV[2] .. ',', 1, true) then return 0 end
if tonumber(redis.call('GETRANGE', KEYS[2], 0, 15)) == tonumber(ARGV[2]) then redis.call('DEL', KEYS[2]) end
return 1
