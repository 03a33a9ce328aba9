-- Takes in how many viewers a gateway has of a video.
--   KEYS[1] viewers  HASH  incarnation -> how many
--   KEYS[2] tallied  ZSET  as in report.lua
--   ARGV: video, incarnation, how many

local VIEWERS_TTL = 600 -- seconds after the last one told: gateways tell theirs again every minute

local before = redis.call('HGET', KEYS[1], ARGV[2])
if ARGV[3] == '0' then
  redis.call('HDEL', KEYS[1], ARGV[2])
else
  redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
  redis.call('EXPIRE', KEYS[1], VIEWERS_TTL)
end
if (before or '0') ~= ARGV[3] then
  note(ARGV[1])
end
return 1
