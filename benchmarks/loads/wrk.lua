-- What wrk sends, told by the arguments behind "--":
--   METHOD HEADER BODY_FILE DEPTH PATH...
-- A path may begin with a method and a blank ("GET /queues/q/dequeue"), which then has no body.
-- One path and a depth of 1 make a fixed request, which wrk sends without calling Lua.
-- Several paths take turns; a depth above 1 sends as many requests at once.

local function content(file)
  if file == "-" then return nil end
  local handle = assert(io.open(file, "rb"))
  local text = handle:read("*a")
  handle:close()
  return text
end

function init(args)
  local depth = tonumber(args[4])
  wrk.method = args[1]
  wrk.body = content(args[3])
  if args[2] ~= "-" then
    local name, value = args[2]:match("^(%S+): (.*)$")
    wrk.headers[name] = value
  end
  wrk.path = args[5]
  if depth == 1 and #args == 5 then return end

  local requests = {}
  for position = 5, #args do
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
