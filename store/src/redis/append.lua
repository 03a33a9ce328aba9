-- Gives events of one video their places.
--   KEYS[6] subs     SET   incarnations of gateways with viewers of the video
--   KEYS[7] changed  ZSET  video -> milliseconds of its last append, the bucket's last minute
--   ARGV: replay_ttl ms, replay_max, dedup ms, video, until ms (0: none), then for each event
--         id, payload, and what else: nothing, or the milliseconds of an id that is to be erased:
--         then payload, which has no content, takes the place of what is there; and the slot
--         that it sets, or nothing
-- Answers {epoch, now, place of each event, members of subs}. An id that has a place gets it again;
-- an `x` behind it says that what stood there was erased.
-- After `until` nothing is appended if an id is unknown: it may be one that was forgotten.
-- Each call costs a microsecond or two, so what needs no call per append has none. The first write
-- is one that Redis refuses when memory or disk is full, and once a script has written it is not
-- stopped: it happens as a whole or not at all.

local CHUNK = 1000 -- arguments per call: unpack() ends at some 8000
local KEPT_MS = 60000 -- what `changed` remembers
local SPARE = 64 -- trimmed beyond what was added, so that a backlog shrinks without a long stop

local replay_ttl, replay_max = tonumber(ARGV[1]), tonumber(ARGV[2])
local dedup, video, until_ms = tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local FIRST, STEP = 6, 4 -- where events begin in ARGV, and arguments of each
local SLACK_MS = 5000 -- by which the clocks that made ids may differ from this one
local FOUND_IN = 64 -- entries looked through at a time
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

-- Index in the list of the first entry that is not older than `at_ms`.
local function first_since(at_ms, length)
  local low, high = 0, length
  while low < high do
    local middle = math.floor((low + high) / 2)
    if tonumber(string.sub(redis.call('LINDEX', KEYS[2], int(middle)), 1, 13)) < at_ms then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

-- Place of an event whose id is forgotten already: entries are kept for longer. It was appended
-- within one dedup after its id was made.
local function find(id, id_ms)
  local length = redis.call('LLEN', KEYS[2])
  local at = first_since(id_ms - SLACK_MS, length)
  while at < length do
    for i, entry in ipairs(redis.call('LRANGE', KEYS[2], int(at), int(at + FOUND_IN - 1))) do
      if tonumber(string.sub(entry, 1, 13)) > id_ms + dedup + SLACK_MS then
        return nil
      elseif string.find(entry, id, 17, true) then
        return string.sub(entry, 1, 16) .. int(log.seq - length + at + i)
      end
    end
    at = at + FOUND_IN
  end
end

-- Places of all events. What is to be written: entries of new ones, places by id, and what takes the
-- place of erased ones: seq, entry.
local function assign()
  local ids, ms, rank = {}, string.format('%013d', now), rank_before()
  for i = FIRST, #ARGV, STEP do
    ids[#ids + 1] = ARGV[i]
  end
  local recent, older = with_all('HMGET', KEYS[3], ids), with_all('HMGET', KEYS[4], ids)
  local seq, places, entries, fresh, erased = log.seq, {}, {}, {}, {}
  for i, id in ipairs(ids) do
    local at = FIRST + STEP * (i - 1)
    local payload, id_ms = ARGV[at + 1], tonumber(ARGV[at + 2])
    local place = fresh[id] or recent[i] or older[i] or id_ms and find(id, id_ms)
    if not place then
      seq, rank = seq + 1, math.min(rank + 1, 999)
      log.last = ms .. string.format('%03d', rank)
      place = log.last .. int(seq)
      entries[seq - log.seq] = log.last .. payload
      fresh[id] = place
    end
    if id_ms and string.sub(place, -1) ~= 'x' then
      erased[#erased + 1] = {tonumber(string.sub(place, 17)), string.sub(place, 1, 16) .. payload}
      place = place .. 'x'
      fresh[id] = place
    end
    places[i] = place
  end
  return seq, places, entries, fresh, erased
end

-- Puts what is left of erased entries where they are: among the new ones, or in the list.
local function erase(erased, entries)
  local first = log.seq - redis.call('LLEN', KEYS[2]) + 1
  for _, left in ipairs(erased) do
    local seq, entry = left[1], left[2]
    if seq > log.seq then
      entries[seq - log.seq] = entry
    elseif seq >= first then
      redis.call('LSET', KEYS[2], int(seq - first), entry)
    end
  end
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
  if redis.call('ZADD', KEYS[7], int(now), video) == 1 then
    local past = redis.call('ZRANGEBYSCORE', KEYS[7], '-inf', int(now - KEPT_MS), 'LIMIT', 0, 8)
    if #past > 0 then
      redis.call('ZREM', KEYS[7], unpack(past))
    end
  end
end

local seq, places, entries, fresh, erased = assign()
if seq > log.seq and until_ms > 0 and now > until_ms then
  return redis.error_reply('LATE these events are too old to be taken as new')
end
-- (Nothing is erased without an event that tells of it, which is new then.)
if seq > log.seq then
  local begins, fields = advance(seq), {}
  for id, place in pairs(fresh) do
    fields[#fields + 1] = id
    fields[#fields + 1] = place
  end
  erase(erased, entries)
  local _, length = with_all('RPUSH', KEYS[2], entries)
  with_all('HSET', KEYS[3], fields)
  for i = FIRST, #ARGV, STEP do
    if ARGV[i + 3] ~= '' then
      set_slot(ARGV[i + 3], ARGV[i], ARGV[i + 1])
    end
  end
  expire(begins, length == #entries)
  trim(length, #entries)
  note()
end
return {log.epoch, int(now), places, redis.call('SMEMBERS', KEYS[6])}
