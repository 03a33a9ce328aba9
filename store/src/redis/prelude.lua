-- Stands before each script that counts, or knows a log's head.
-- Numbers become text by int() alone: Lua's own conversion keeps 14 digits, an epoch and a time in
-- microseconds have 16.

local function int(number)
  return string.format('%d', number)
end

-- The server's clock, microseconds since 1970.
local function server_us()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- Which run of the server this is: another one at least from when it starts or becomes master. That is
-- its replication id, which unlike its run_id also tells a master that was demoted and promoted again,
-- and may know less than others have handed out meanwhile. (It changes without need as well: when a
-- first replica comes, and an hour after the last one left.) Read here and never passed in: clients
-- reconnect unnoticed.
local function run_of_server()
  local info = redis.call('INFO', 'replication')
  local at = string.find(info, 'master_replid:', 1, true) or error('INFO tells no master_replid')
  return string.sub(info, at + 14, at + 53)
end

-- A log that expires takes its positions with it, so a room's head outlives its entries: by a day
-- where something was said, by little where nothing was (anybody may ask for any room). Renewed at
-- half of it, so that a read is seldom a write.
local function keep_meta(meta, seq, replay_ttl_ms)
  local ttl = math.max(seq > 0 and 86400 or 900, math.ceil(replay_ttl_ms / 1000))
  if redis.call('TTL', meta) < ttl / 2 then
    redis.call('EXPIRE', meta, ttl)
  end
end

