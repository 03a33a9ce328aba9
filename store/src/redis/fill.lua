-- Fills a video's room. ARGV: replay_ttl ms, then slot, id, payload, slot, … of the events that set it.

local log = open(server_us())
for i = 2, #ARGV, 3 do
  set_slot(ARGV[i], ARGV[i + 1], ARGV[i + 2])
end
redis.call('HSET', KEYS[5], 'known', 1)
redis.call('EXPIRE', KEYS[5], ROOM_TTL)
keep_meta(KEYS[1], log.seq, tonumber(ARGV[1]))
return 1
