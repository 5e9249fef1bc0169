-- What wrk sends, told by the arguments behind "--":
--   METHOD HEADER BODY_FILE DEPTH HEADS PATH...
-- A path may begin with a method and a blank ("GET /queues/q/dequeue"), which then has no body.
-- HEADS says what stands in the heads beside HEADER:
--   bare             nothing
--   traced, proxied  what tracing or a proxy adds, another in each request; proxied bodies differ in length
--   traced-same, proxied-same  the same headers, alike in all requests
-- A bare request with one path and a depth of 1 is sent without calling Lua.
-- Several paths take turns; a depth above 1 sends as many requests at once.

local function content(file)
  if file == "-" then return nil end
  local handle = assert(io.open(file, "rb"))
  local text = handle:read("*a")
  handle:close()
  return text
end

-- Numbers that never repeat in a run, as the hexadecimal digits of an id.
local serial = math.random(0, 2 ^ 30)
local function id(digits)
  serial = serial + 1
  local text = string.format("%08x%08x", serial, (serial * 2654435761) % 4294967296)
  return (text .. text):sub(1, digits)
end

local function traced()
  return "traceparent: 00-" .. id(32) .. "-" .. id(16) .. "-01\r\n"
end

local function proxied()
  local address = string.format("10.%d.%d.%d", serial % 200, serial % 250, serial % 254)
  return "X-Request-Id: " .. id(32) .. "\r\n"
    .. "X-Forwarded-For: " .. address .. ", 192.0.2.7\r\n"
    .. "X-Real-IP: " .. address .. "\r\n"
    .. "X-Forwarded-Proto: https\r\nX-Forwarded-Host: queue.example.com\r\n"
    .. "User-Agent: python-requests/2.32.4\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n"
    .. traced()
end

-- Bodies of 40 to 4,000 bytes, each with one payload.
local function bodies()
  local all = {}
  for number = 0, 63 do
    local length = 40 + math.floor(3960 * number / 63)
    all[number + 1] = '{"payload":"' .. ("x"):rep(length - 14) .. '"}'
  end
  return all
end

local function different(path, add, vary)
  local start = wrk.method .. " " .. path .. " HTTP/1.1\r\nHost: " .. wrk.host .. "\r\n"
  for name, value in pairs(wrk.headers) do
    if name ~= "Host" then start = start .. name .. ": " .. value .. "\r\n" end
  end
  local choice = (wrk.body and vary) and bodies() or {wrk.body or ""}
  local turn = 0
  return function()
    turn = turn % #choice + 1
    local body = choice[turn]
    local length = wrk.body and "Content-Length: " .. #body .. "\r\n" or ""
    return start .. add() .. length .. "\r\n" .. body
  end
end

function init(args)
  local depth, heads = tonumber(args[4]), args[5]
  wrk.method = args[1]
  wrk.body = content(args[3])
  if args[2] ~= "-" then
    local name, value = args[2]:match("^(%S+): (.*)$")
    wrk.headers[name] = value
  end
  wrk.path = args[6]
  local kind, same = heads:match("^(%a+)(%-?%a*)$")
  if kind ~= "bare" then
    local make = different(wrk.path, kind == "traced" and traced or proxied, kind == "proxied")
    if same ~= "" then
      local one = make()
      make = function() return one end
    end
    request = make
    return
  end
  if depth == 1 and #args == 6 then return end

  local requests = {}
  for position = 6, #args do
    local method, path = args[position]:match("^(%u+) (.*)$")
    local one
    if method then
      one = wrk.format(method, path, nil, "")
    else
      one = wrk.format(nil, args[position])
    end
    requests[#requests + 1] = one:rep(depth)
  end
  local turn = 0
  request = function()
    turn = turn % #requests + 1
    return requests[turn]
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    "RESULT %d %d %d %d %d %d\n",
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.timeout + errors.status,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
