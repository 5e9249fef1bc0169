-- What all scripts share. Keys of a queue, in the order in which every script gets them:
--   H hash     the queue: generation, policy, counters
--   M list     messages: a head of 8 or 16 bytes, then the payload as it was sent
--   W zset     places of consumers in line, ordered by a number that only grows
--   R zset     places of producers that wait for room, ordered alike
--   L hash     what is known of front ends: see call.lua
-- A message's head is its time stamp in microseconds since the epoch, 8 bytes, the highest first.
-- With the highest bit set, 8 more bytes follow: when it expires, in the same unit.

local H, M, W, R, L = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local redis_call = redis.call

-- What the server charges for a message beyond its payload; the same number as in memory.
local OVERHEAD = 96

local time = redis_call('TIME')
local now_us = time[1] * 1000000 + time[2]
local now_ms = math.floor(now_us / 1000)

local function whole(number) return string.format('%.0f', number) end

-- The eight bytes of a message from this one on, as a number. `first` replaces the first byte.
local function stamp(message, from, first)
  local _, b, c, d, e, f, g, h = string.byte(message, from, from + 7)
  return ((((((first * 256 + b) * 256 + c) * 256 + d) * 256 + e) * 256 + f) * 256 + g) * 256 + h
end

local function head_bytes(message)
  return string.byte(message, 1) >= 128 and 16 or 8
end

local function payload_bytes(message) return #message - head_bytes(message) end

local function cost(message) return payload_bytes(message) + OVERHEAD end

local function enqueued_at(message) return stamp(message, 1, string.byte(message, 1) % 128) end

-- When the message expires: by its own lifetime or by the queue's, whichever ends first.
-- Microseconds since the epoch; nil for never.
local function expires_at(message, lifetime_us)
  local at
  if lifetime_us then at = enqueued_at(message) + lifetime_us end
  if string.byte(message, 1) >= 128 then
    local own = stamp(message, 9, string.byte(message, 9))
    if not at or own < at then at = own end
  end
  return at
end

-- The policy and the counters that the scripts need, read once. `exists` is false without a queue.
local queue = {}
do
  local fields = redis_call('HMGET', H,
    'gen', 'capacity', 'max_bytes', 'ttl', 'overflow', 'bytes', 'own_lives')
  queue.exists = fields[1] ~= false
  queue.generation = fields[1] or ''
  queue.capacity = tonumber(fields[2])
  queue.max_bytes = tonumber(fields[3])           -- nil: no bound
  queue.lifetime_us = tonumber(fields[4])         -- nil: for ever
  queue.drops = fields[5] == 'drop_oldest'
  queue.bytes = tonumber(fields[6]) or 0
  queue.own_lives = fields[7] ~= false            -- some message has a lifetime of its own
end
local size = queue.exists and redis_call('LLEN', M) or 0

-- Counters that this script has changed, written in one go by write_counters().
local counted = {}
local function count(field, by)
  if by ~= 0 then counted[field] = (counted[field] or 0) + by end
end

-- Remember that a message has a lifetime of its own, so that the head of the list is looked at.
local function note_own_life(message)
  if not queue.own_lives and string.byte(message, 1) >= 128 then
    queue.own_lives = true
    redis_call('HSET', H, 'own_lives', 1)
  end
end

local function write_counters()
  if not queue.exists then return end
  for field, by in pairs(counted) do redis_call('HINCRBY', H, field, whole(by)) end
  counted = {}
end

local function charge(by)
  queue.bytes = queue.bytes + by
  count('bytes', by)
end

local function is_expired(message)
  if not queue.lifetime_us and string.byte(message, 1) < 128 then return false end
  local at = expires_at(message, queue.lifetime_us)
  return at ~= nil and at <= now_us
end

-- RPUSH or LPUSH messages[from..to], in runs that fit Lua's stack.
local function push(command, messages, from, to)
  while from <= to do
    local stop = math.min(to, from + 4999)
    size = redis_call(command, M, unpack(messages, from, stop))
    from = stop + 1
  end
end

-- How many expired messages are dropped at once: about 3 ms of work.
local EXPIRED_AT_ONCE = 2000

-- Drop what has expired at the head of the list, at most `most` messages, and return how many.
local function drop_expired(most)
  if not (queue.lifetime_us or queue.own_lives) then return 0 end
  local dropped, bytes, alive = 0, 0, false
  while not alive and dropped < size and dropped < most do
    local page = redis_call('LRANGE', M, dropped, dropped == 0 and 0 or dropped + 99)
    for i = 1, #page do
      alive = not is_expired(page[i])
      if alive then break end
      bytes = bytes + cost(page[i])
      dropped = dropped + 1
    end
  end
  if dropped > 0 then
    redis_call('LTRIM', M, dropped, -1)
    size = size - dropped
    charge(-bytes)
    count('expired', dropped)
    if size == 0 and queue.own_lives then
      redis_call('HDEL', H, 'own_lives')
      queue.own_lives = false
    end
  end
  return dropped
end

-- Ring a front end: the number of receivers tells at once whether it is there.
local function ring(prefix, front_end, text)
  return redis_call('SPUBLISH', prefix .. front_end, text) > 0
end

-- Front ends beside `mine` whose last reply is older than `age_ms`, and was perhaps never confirmed.
local function overdue_front_ends(mine, age_ms)
  local overdue, all = {}, redis_call('HGETALL', L)
  for i = 1, #all, 2 do
    local other = string.match(all[i], '^f|(.+)$')
    if other and other ~= mine and tonumber(all[i + 1]) + age_ms < now_ms then
      overdue[#overdue + 1] = other
    end
  end
  return overdue
end
