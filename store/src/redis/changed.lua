-- Videos of one bucket that were appended to since ARGV[1] (milliseconds): KEYS[1] is the bucket's
-- `changed`, KEYS[2] its `heads`. Answers video, head, video, head, …

local videos = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '+inf')
local changes = {}
for from = 1, #videos, 1000 do
  local to = math.min(from + 999, #videos)
  local heads = redis.call('HMGET', KEYS[2], unpack(videos, from, to))
  for i = from, to do
    local head = heads[i - from + 1]
    if head then
      changes[#changes + 1] = videos[i]
      changes[#changes + 1] = head
    end
  end
end
return changes
