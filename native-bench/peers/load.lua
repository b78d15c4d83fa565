-- For wrk: what to send by the environment, and the result as one line of JSON. Nothing here runs once a request, but with
-- WRK_URLS=N (the path followed by 1..N, in turn) or WRK_UNIQUE=TEXT (every request the path, the text and another number).
local bytes = tonumber(os.getenv("WRK_BODY_BYTES") or "0")
if bytes > 0 then
  wrk.method = "POST"
  wrk.body = string.rep("a", bytes)
  wrk.headers["Content-Type"] = "application/octet-stream"
end

local urls = tonumber(os.getenv("WRK_URLS") or "0")
local unique = os.getenv("WRK_UNIQUE") or ""
local count = 0
if urls > 0 then
  local heads = {}
  function init(args)
    for i = 1, urls do heads[i] = wrk.format("GET", wrk.path .. i) end
  end
  function request()
    count = count % urls + 1
    return heads[count]
  end
elseif unique ~= "" then
  local before, after
  function init(args)
    local head = wrk.format("GET", wrk.path .. unique .. "-")
    local mark = head:find(" HTTP/1.1", 1, true)
    before = head:sub(1, mark - 1)
    after = head:sub(mark)
  end
  function request()
    count = count + 1
    return before .. count .. after
  end
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"durationUs":%d,"bytes":%d,"connectErrors":%d,"readErrors":%d,"writeErrors":%d,"statusErrors":%d,"timeouts":%d,' ..
    '"p50Us":%d,"p90Us":%d,"p99Us":%d,"p999Us":%d,"maxUs":%d}\n',
    summary.requests, summary.duration, summary.bytes, e.connect, e.read, e.write, e.status, e.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9), latency.max))
end
