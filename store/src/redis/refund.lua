-- Gives back what was charged for an ask that is refused elsewhere.
--   KEYS  as in charge.lua
--   ARGV  when it was charged, microseconds; then the interval of each bucket
-- What has come back by itself since is not given back again: a bucket that was full meanwhile has
-- lost it, and would admit more than it may.

local now = server_us()
local since = math.max(0, now - tonumber(ARGV[1]))
for i = 2, #ARGV do
  local full, back = redis.call('GET', KEYS[i - 1]), tonumber(ARGV[i]) - since
  if full and back > 0 then
    fill_at(KEYS[i - 1], tonumber(full) - back, now)
  end
end
local token = KEYS[#ARGV]
if token and redis.call('GET', token) == ARGV[1] then
  redis.call('DEL', token)
end
return 1
