-- Gives events of one video their places.
--   KEYS[5] subs     SET   incarnations of gateways with viewers of the video
--   KEYS[6] changed  ZSET  video -> milliseconds of its last append, the bucket's last minute
--   ARGV: replay_ttl ms, replay_max, dedup ms, video, until ms (0: none), then id, payload, id, …
-- Answers {epoch, now, place of each event, members of subs}. An id that has a place gets it again
-- whatever stands there, so that a deletion can leave a mark of its own to refuse the id by.
-- After `until` nothing is appended if an id is unknown: it may be one that was forgotten.
-- Each call costs a microsecond or two, so what needs no call per append has none. The first write
-- is one that Redis refuses when memory or disk is full, and once a script has written it is not
-- stopped: it happens as a whole or not at all.

local CHUNK = 1000 -- arguments per call: unpack() ends at some 8000
local KEPT_MS = 60000 -- what `changed` remembers
local SPARE = 64 -- trimmed beyond what was added, so that a backlog shrinks without a long stop

local replay_ttl, replay_max = tonumber(ARGV[1]), tonumber(ARGV[2])
local dedup, video, until_ms = tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local FIRST = 6 -- of the ids and payloads in ARGV
local now_us = server_us()
local now = math.floor(now_us / 1000)
local log = open(now_us)

-- Calls `command key argument…` in pieces: lists of answers as one, and the last answer.
local function with_all(command, key, arguments)
  local answers, answer = {}, nil
  for from = 1, #arguments, CHUNK do
    local to = math.min(from + CHUNK - 1, #arguments)
    answer = redis.call(command, key, unpack(arguments, from, to))
    if type(answer) == 'table' then
      for i = from, to do
        answers[i] = answer[i - from + 1]
      end
    end
  end
  return answers, answer
end

-- The rank before the next one's: that of the newest entry, if it is of this second.
local function rank_before()
  local same_second = string.sub(log.last, 1, 10) == string.format('%010d', math.floor(now / 1000))
  return same_second and tonumber(string.sub(log.last, 14, 16)) or -1
end

-- Places of all events; entries and id fields to be written for the new ones.
local function assign()
  local ids, ms, rank = {}, string.format('%013d', now), rank_before()
  for i = FIRST, #ARGV, 2 do
    ids[#ids + 1] = ARGV[i]
  end
  local recent, older = with_all('HMGET', KEYS[3], ids), with_all('HMGET', KEYS[4], ids)
  local seq, places, entries, fields, fresh = log.seq, {}, {}, {}, {}
  for i, id in ipairs(ids) do
    local place = recent[i] or older[i] or fresh[id]
    if not place then
      seq, rank = seq + 1, math.min(rank + 1, 999)
      log.last = ms .. string.format('%03d', rank)
      place = log.last .. int(seq)
      fresh[id] = place
      entries[#entries + 1] = log.last .. ARGV[FIRST - 1 + 2 * i]
      fields[#fields + 1] = id
      fields[#fields + 1] = place
    end
    places[i] = place
  end
  return seq, places, entries, fields
end

-- Moves the head, and tells whether a generation of ids begins. There are two: an id is dropped at
-- the second turn after it came, one dedup later or more. Repeats alone turn nothing.
local function advance(seq)
  local turns = now - log.rotated >= dedup
  local rotated = turns and now or math.min(log.rotated, now)
  redis.call('HSET', KEYS[1], 'seq', int(seq), 'rotated', int(rotated), 'last', log.last)
  if turns then
    redis.call('UNLINK', KEYS[4])
    if redis.call('EXISTS', KEYS[3]) == 1 then
      redis.call('RENAME', KEYS[3], KEYS[4])
    end
  end
  return turns or log.seq == 0
end

-- Set once per generation, in which the last append comes less than one dedup after the first;
-- and for a log that had emptied.
local function expire(begins, log_is_new)
  if begins then
    redis.call('PEXPIRE', KEYS[3], int(2 * dedup))
    keep_meta(KEYS[1], log.seq + 1, replay_ttl)
  end
  if begins or log_is_new then
    redis.call('PEXPIRE', KEYS[2], int(replay_ttl + dedup))
  end
end

local function trim(length, added)
  local over = math.min(length - replay_max, added + SPARE)
  if over > 0 then
    redis.call('LTRIM', KEYS[2], int(over), -1)
  end
  drop_aged(now - replay_ttl, added + SPARE)
end

-- The index grows by one video at a time, so that dropping up to eight keeps it bounded.
local function note()
  if redis.call('ZADD', KEYS[6], int(now), video) == 1 then
    local past = redis.call('ZRANGEBYSCORE', KEYS[6], '-inf', int(now - KEPT_MS), 'LIMIT', 0, 8)
    if #past > 0 then
      redis.call('ZREM', KEYS[6], unpack(past))
    end
  end
end

local seq, places, entries, fields = assign()
if seq > log.seq and until_ms > 0 and now > until_ms then
  return redis.error_reply('LATE these events are too old to be taken as new')
end
if seq > log.seq then
  local begins = advance(seq)
  local _, length = with_all('RPUSH', KEYS[2], entries)
  with_all('HSET', KEYS[3], fields)
  expire(begins, length == #entries)
  trim(length, #entries)
  note()
end
return {log.epoch, int(now), places, redis.call('SMEMBERS', KEYS[5])}
