-- Reads part of a video's log; one that isn't there begins, empty, so that viewers of a silent
-- room have a position.
--   ARGV: replay_ttl ms, epoch and seq to read after (both empty: the newest), limit
-- Answers {epoch, seq, first held, seq of the first entry below, entries}.

local replay_ttl, limit = tonumber(ARGV[1]), tonumber(ARGV[4])
local epoch, after = ARGV[2], tonumber(ARGV[3])
local now_us = server_us()
local log = open(now_us)
drop_aged(math.floor(now_us / 1000) - replay_ttl, math.huge)
keep_meta(KEYS[1], log.seq, replay_ttl)

local first = log.seq - redis.call('LLEN', KEYS[2]) + 1
local start, entries = first, {}
if limit > 0 and epoch == '' then
  start = math.max(log.seq + 1 - limit, first)
elseif epoch == log.epoch and after < log.seq then
  start = math.max(after + 1, first)
else
  limit = 0
end
if limit > 0 then
  entries = redis.call('LRANGE', KEYS[2], int(start - first), int(start - first + limit - 1))
end
return {log.epoch, int(log.seq), int(first), int(start), entries}
