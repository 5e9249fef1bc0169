-- The oldest messages, which stay. ARGV: how many at the most, bytes of payload at the most.
if not queue.exists then return {-1} end
local most, bytes = tonumber(ARGV[1]), tonumber(ARGV[2])
local seen, at, total = {}, 0, 0
while #seen < most do
  local page = redis_call('LRANGE', M, at, at + 99)
  if #page == 0 then break end
  at = at + #page
  for i = 1, #page do
    if not is_expired(page[i]) then
      total = total + payload_bytes(page[i])
      if #seen > 0 and total > bytes or #seen == most then return {size, seen} end
      seen[#seen + 1] = page[i]
    end
  end
end
return {size, seen}
