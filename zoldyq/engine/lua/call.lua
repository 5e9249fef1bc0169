-- The one script of a queue: all that a front end wants of it, in one call with a number.
--
-- Fields of L, for a front end `e` whose places are numbered by epochs `e.k`:
--   e.k     until when its places hold, in milliseconds     x|e.k   its places are void
--   n|e     the number of its last call                     f|e     when its last reply was stored
--   r|e     numbers of calls whose messages were taken back before they were confirmed: ',8,9,'
--   #seq    the last number given to a place in line
-- F (key 6) holds the number and the reply of the front end's last call, until it is confirmed.
--
-- ARGV[1] is MessagePack: an array, in this order
local request = cmsgpack.unpack(ARGV[1])
local me = request[1]           -- e.k
local front_end = request[2]    -- e
local number = request[3]       -- of this call
local lease_ms = request[4]
local beat = request[5]         -- whether to look after others, too
local has_places = request[6]   -- whether this front end has places in line
local creation = request[7]     -- what to create the queue with; false: do not
local returned = request[8]     -- how many messages come back: ARGV[2...], the newest first
local leaving = request[9]      -- places to give up: {'w' or 'r', token, whether its time was up}
local offers = request[10]      -- {count, bytes, token to wait with or '', token it waited with or ''}
local takes = request[11]       -- {count, payload bytes at the most, token to wait with or ''}
local bell = request[12]        -- prefix of the channels on which this queue's front ends are rung
local next_payload = 2 + returned

local F = KEYS[6]
-- After so many leases without a call, what a front end has not confirmed is taken back.
local OVERDUE_LEASES = 3
-- The most dead places to strike off in one call: about 3 ms of work.
local STRIKES = 2000

-- -- the same call twice -------------------------------------------------------------------------

-- A call whose reply was lost comes again with its number, and gets the reply that was stored. A late
-- packet of an older call must not run again.
local seen = redis_call('HMGET', L, 'n|' .. front_end, 'r|' .. front_end)
local last, taken_back = tonumber(seen[1]), seen[2] or ''
if last and number <= last then
  local stored = redis_call('GET', F)
  if stored and tonumber(string.sub(stored, 1, 16)) == number then
    return cmsgpack.unpack(string.sub(stored, 17))
  end
  return {'STALE', taken_back}
end
-- This call would confirm the last reply. If its messages were taken back, the front end must not hand them out.
if taken_back ~= '' and last then
  if string.find(taken_back, ',' .. last .. ',', 1, true) then
    redis_call('HSET', L, 'r|' .. front_end, ',' .. last .. ',')  -- of older ones nobody asks any more
  else
    redis_call('HDEL', L, 'r|' .. front_end)
  end
end

local added = 0        -- messages that this call has put into the list

-- -- creation ------------------------------------------------------------------------------------

if creation and not queue.exists then
  local fields = {'v', '1', 'gen', creation[1], 'capacity', whole(creation[2]), 'bytes', '0'}
  if creation[3] then fields[#fields + 1] = 'max_bytes'; fields[#fields + 1] = whole(creation[3]) end
  if creation[4] then fields[#fields + 1] = 'ttl'; fields[#fields + 1] = whole(creation[4]) end
  fields[#fields + 1] = 'overflow'; fields[#fields + 1] = creation[5]
  if creation[6] then fields[#fields + 1] = 'idle'; fields[#fields + 1] = whole(creation[6]) end
  fields[#fields + 1] = 'created'; fields[#fields + 1] = whole(now_us)
  redis_call('HSET', H, unpack(fields))
  queue.exists, queue.generation = true, creation[1]
  queue.capacity, queue.max_bytes, queue.lifetime_us = creation[2], creation[3] or nil, creation[4] or nil
  queue.drops = creation[5] == 'drop_oldest'
end

drop_expired(EXPIRED_AT_ONCE)

-- -- messages that come back -----------------------------------------------------------------------

-- To the head, above capacity too. What has expired meanwhile is counted twice and stays away.
local kept = 0
if returned > 0 and queue.exists then
  local back = {}
  for i = 2, 1 + returned do
    if is_expired(ARGV[i]) then
      count('expired', 1)
    else
      back[#back + 1] = ARGV[i]
      charge(cost(ARGV[i]))
      note_own_life(ARGV[i])
    end
  end
  -- What came back before and is older stays in front.
  local older = {}
  while #back > 0 and #older < 1000 do
    local head = redis_call('LINDEX', M, 0)
    if not head or enqueued_at(head) >= enqueued_at(back[#back]) then break end
    older[#older + 1] = redis_call('LPOP', M)
    size = size - 1
  end
  push('LPUSH', back, 1, #back)
  local in_front = {}
  for i = #older, 1, -1 do in_front[#in_front + 1] = older[i] end
  push('LPUSH', in_front, 1, #in_front)
  count('put_back', returned)
  added = added + #back
  kept = returned
end

-- -- places that are given up ----------------------------------------------------------------------

-- How many places the two lines have.
local length = {[W] = redis_call('ZCARD', W), [R] = redis_call('ZCARD', R)}

local function remove(line, ...)
  local removed = redis_call('ZREM', line, ...)
  length[line] = length[line] - removed
  return removed
end

local left = {}
for i, place in ipairs(leaving) do
  left[i] = remove(place[1] == 'w' and W or R, place[2])
  if place[3] then count(place[1] == 'w' and 'timeouts' or 'full', left[i]) end
end

-- -- who is alive ------------------------------------------------------------------------------------

local my_places_void = 0
if has_places and (redis_call('HEXISTS', L, 'x|' .. me) == 1 or not redis_call('HGET', L, me)) then
  my_places_void = 1
  redis_call('HDEL', L, me, 'x|' .. me)
end

-- Whether another front end's places hold: its lease runs, nobody has called them void, and, if there
-- is something to tell it, somebody heard the ring.
local alive = {[me] = true}
local rung = {}
local function holds(epoch, tell)
  if alive[epoch] == nil or (tell and alive[epoch] and epoch ~= me and not rung[epoch]) then
    local till = tonumber(redis_call('HGET', L, epoch))
    local good = till ~= nil and till >= now_ms and redis_call('HEXISTS', L, 'x|' .. epoch) == 0
    if good and tell then
      good = ring(bell, string.match(epoch, '^[^.]+'), '1')
      rung[epoch] = true
    end
    alive[epoch] = good
    if till and not good then redis_call('HSET', L, 'x|' .. epoch, 1) end
  end
  return alive[epoch]
end

local more = 0    -- whether dead places are left to be struck off

-- Strike off dead places at the front of a line; return the first living one, nil if there is none.
local function first_living(line, tell)
  local struck, page = 0, redis_call('ZRANGE', line, 0, 0)
  while struck < STRIKES do
    if #page == 0 then return nil end
    local dead = {}
    for _, token in ipairs(page) do
      if holds(string.match(token, '^([^|]+)|'), tell) then
        if #dead > 0 then remove(line, unpack(dead)) end
        return token
      end
      dead[#dead + 1] = token
    end
    remove(line, unpack(dead))
    struck = struck + #dead
    page = redis_call('ZRANGE', line, 0, 511)
  end
  more = 1
  return nil
end

-- Have a place stand at the end of a line. A front end whose places are void takes new ones for all of them with
-- its next call, so that their order stays.
local joined = false
local function stand(line, token)
  if my_places_void == 1 then return end
  redis_call('ZADD', line, redis_call('HINCRBY', L, '#seq', 1), token)
  length[line] = length[line] + 1
  joined = true
end

-- -- offers: each whole or not at all -----------------------------------------------------------------

-- Outcome codes of an offer; the client side has the same list.
local NO_QUEUE, ACCEPTED, FULL, WAITS, TOO_MANY, TOO_LARGE = 0, 1, 2, 3, 4, 5

local function fits(messages, bytes)
  return size + messages <= queue.capacity
    and (not queue.max_bytes or queue.bytes + bytes <= queue.max_bytes)
end

-- Drop the oldest until so much fits, and return how many went.
local function make_room(messages, bytes)
  local dropped = 0
  while size > 0 and not fits(messages, bytes) do
    local page = redis_call('LPOP', M, math.min(size, math.max(size + messages - queue.capacity, 1)))
    size = size - #page
    for i = 1, #page do charge(-cost(page[i])) end
    dropped = dropped + #page
  end
  count('overflow_dropped', dropped)
  return dropped
end

-- Messages that were accepted and are not in the list yet: ARGV[run_begin..run_end]. Offers that are accepted one
-- after the other go into it together.
local run_begin, run_end = 1, 0

local function store()
  push('RPUSH', ARGV, run_begin, run_end)
  run_begin, run_end = 1, 0
end

-- Accept an offer. Its messages have lifetimes of their own together, or none has.
local function append(messages, bytes)
  if run_end ~= next_payload - 1 then store() end
  if run_end < run_begin then run_begin = next_payload end
  run_end = next_payload + messages - 1
  size = size + messages
  note_own_life(ARGV[next_payload])
  charge(bytes)
  count('enqueued', messages)
  added = added + messages
end

local function offer(one)
  local messages, bytes, wait_with, waited_with = one[1], one[2], one[3], one[4]
  if not queue.exists then return {NO_QUEUE, 0, 0} end
  if messages > queue.capacity then return {TOO_MANY, size, 0} end
  if queue.max_bytes and bytes > queue.max_bytes then return {TOO_LARGE, size, 0} end
  if not fits(messages, bytes) then
    store()
    drop_expired(20000)
  end
  local first = length[R] > 0 and first_living(R, false) or nil
  local my_turn = first == nil or (waited_with ~= '' and first == waited_with)
  if my_turn and (queue.drops or fits(messages, bytes)) then
    local dropped = queue.drops and make_room(messages, bytes) or 0
    if waited_with ~= '' then remove(R, waited_with) end
    append(messages, bytes)
    return {ACCEPTED, math.max(size - length[W], 0), dropped}
  end
  if waited_with ~= '' then return {WAITS, size, 0} end
  if wait_with ~= '' then
    stand(R, wait_with)
    return {WAITS, size, 0}
  end
  count('full', 1)
  return {FULL, size, length[R]}
end

local offered = {}
for i, one in ipairs(offers) do
  offered[i] = offer(one)
  next_payload = next_payload + one[1]
end
store()

-- -- the line of consumers ---------------------------------------------------------------------------

-- The first `size` places of the line have a right to one message each; any front end may hold them. Ours are
-- served now; those of others are rung, and their messages stay. A claim is {token or '', count, bytes,
-- places of others ahead of it}.
local claims = {}
local planned, ahead = 0, 0
if size > 0 and length[W] > 0 then
  local struck, at = 0, 0
  while planned + ahead < size and struck < STRIKES do
    local page = redis_call('ZRANGE', W, at, at + 511)
    if #page == 0 then break end
    local dead = {}
    for _, token in ipairs(page) do
      if planned + ahead >= size then break end
      local epoch, wanted, bytes = string.match(token, '^([^|]+)|[^|]+|(%d+)|(%d+)$')
      if epoch == me then
        local share = math.min(tonumber(wanted), size - planned - ahead)
        claims[#claims + 1] = {token, share, tonumber(bytes), ahead}
        planned = planned + share
        at = at + 1
      elseif holds(epoch, added > 0 or beat) then
        ahead = ahead + 1
        at = at + 1
      else
        dead[#dead + 1] = token
      end
    end
    if #dead > 0 then
      remove(W, unpack(dead))
      struck = struck + #dead
    end
  end
  if struck >= STRIKES then more = 1 end
end

-- Newcomers take only what is beyond the rights of everybody in line.
local others = math.max(length[W] - #claims, 0)
local newcomers = {}
local spare, asked = size - planned - others, 0
for i, take in ipairs(takes) do
  local share = math.max(math.min(take[1], spare), 0)
  spare, asked = spare - share, asked + share
  newcomers[i] = {take[3], share, take[2], others}
end

-- -- messages leave the list --------------------------------------------------------------------------

-- They are read in pages and removed in one go: what goes to replicas and into the file of Redis is then one
-- short command, however many stay.
local given = {}                 -- messages, in the order of the claims
local passed = 0                 -- messages at the head of the list that leave
local page, page_begin, page_bytes = {}, 0, 0
local may_expire = queue.lifetime_us or queue.own_lives

-- The message after those that leave; nil if the others that are left are `reserved`.
local function next_message(reserved)
  while size - passed > reserved do
    local message = page[passed - page_begin + 1]
    if not message then
      -- As many as are still asked for; one at a time where messages are large.
      local wanted = page_bytes > 65536 and 1 or math.min(planned + asked - #given, 100)
      page_begin = passed
      page = redis_call('LRANGE', M, passed, passed + math.max(wanted, 1) - 1)
      page_bytes = 0
      for i = 1, #page do page_bytes = page_bytes + #page[i] end
      message = page[1]
    end
    if not may_expire or not is_expired(message) then return message end
    passed = passed + 1
    charge(-cost(message))
    count('expired', 1)
  end
  return nil
end

-- Give a claim its share: at least one message, and payloads of up to its bytes. Return how many.
local function give(claim)
  local got, bytes, given_bytes = 0, 0, 0
  while got < claim[2] do
    local message = next_message(claim[4])
    if not message then break end
    bytes = bytes + payload_bytes(message)
    if got > 0 and bytes > claim[3] then break end
    passed = passed + 1
    given_bytes = bytes
    given[#given + 1] = message
    got = got + 1
  end
  if got > 0 then charge(-given_bytes - got * OVERHEAD) end
  return got
end

local served = {}
for _, claim in ipairs(claims) do
  local got = give(claim)
  if got > 0 then
    remove(W, claim[1])
    served[#served + 1] = claim[1]
    served[#served + 1] = got
  end
end
local taken = {}
for i, claim in ipairs(newcomers) do
  taken[i] = give(claim)
  if taken[i] == 0 then
    if claim[1] ~= '' then
      stand(W, claim[1])
    else
      count('timeouts', 1)
    end
  end
end
if passed > 0 then
  redis_call('LTRIM', M, passed, -1)
  size = size - passed
end

-- -- producers that wait for room ----------------------------------------------------------------------

-- The first one in line is told, if something may fit now: its front end sends the messages by its place.
local my_turn = ''
if queue.exists and length[R] > 0 then
  local first = first_living(R, false)
  if first then
    local messages, bytes = string.match(first, '|(%d+)|(%d+)$')
    if queue.drops or fits(tonumber(messages), tonumber(bytes)) then
      if string.match(first, '^([^|]+)|') == me then
        my_turn = first
      elseif not holds(string.match(first, '^([^|]+)|'), true) then
        more = 1  -- it has just been found dead: look again with the next call
      end
    end
  end
end

-- -- the reply -------------------------------------------------------------------------------------------

write_counters()
if queue.exists then redis_call('HSET', H, 'used', whole(now_ms)) end
local known = {'n|' .. front_end, whole(number), 'f|' .. front_end, whole(now_ms)}
if joined or (has_places and my_places_void == 0) then
  known[5], known[6] = me, whole(now_ms + lease_ms)
end
redis_call('HSET', L, unpack(known))

-- For those who are told that there is no room: the bounds, what is charged, and who waits for room.
local bounds = {queue.capacity or 0, queue.max_bytes or 0, queue.bytes, length[R]}

-- At a beat: front ends whose unconfirmed replies may have to be taken back.
local overdue = beat and overdue_front_ends(front_end, OVERDUE_LEASES * lease_ms) or {}

local reply = {
  'OK', queue.generation, math.max(size - length[W], 0), whole(now_us),
  offered, left, served, taken, given, my_places_void, kept, my_turn, more, overdue, bounds, taken_back,
}
redis_call('SET', F, string.format('%016d', number) .. cmsgpack.pack(reply))
return reply
