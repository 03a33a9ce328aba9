-- Stands before report.lua and watched.lua, after prelude.lua.

local KEPT_MS = 60000 -- what the index of changed numbers remembers

-- Notes in the index KEYS[2] that a video's numbers changed. It grows by one video at a time, so that
-- dropping up to eight keeps it bounded.
local function note(video)
  local now = math.floor(server_us() / 1000)
  if redis.call('ZADD', KEYS[2], int(now), video) == 1 then
    local past = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', int(now - KEPT_MS), 'LIMIT', 0, 8)
    if #past > 0 then
      redis.call('ZREM', KEYS[2], unpack(past))
    end
  end
end
