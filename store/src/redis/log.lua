-- Stands before append.lua, read.lua and fill.lua, after prelude.lua. All are given a video's log as
--   KEYS[1] meta     HASH  run, epoch, seq, rotated, last: whose log it is, its head, when ids
--                          rotated, the stamp of the newest entry
--   KEYS[2] log      LIST  entries seq - LLEN + 1 to seq: stamp, payload
--   KEYS[3] ids      HASH  event id -> place: stamp, seq, `x` if it was erased
--   KEYS[4] ids.old  HASH  the generation before
--   KEYS[5] room     HASH  slot -> id of the event that set it (16 bytes), payload; `known` once all
--                          slots are there
-- A stamp is 13 digits of milliseconds, and 3 of how many came before in the same second (999 at most).

local ROOM_TTL = 2 * 86400 -- seconds after the last change, or filling; then it is filled again

-- The log's run, epoch (text), seq, rotated and last. What another run of the server wrote may be older
-- than what was handed out, so a new epoch takes its place; so does a log without `last`, which an
-- earlier release wrote.
local function open(now_us)
  local run = run_of_server()
  local meta = redis.call('HMGET', KEYS[1], 'run', 'epoch', 'seq', 'rotated', 'last')
  if meta[1] == run and meta[5] then
    local seq, rotated = tonumber(meta[3]), tonumber(meta[4])
    return {run = run, epoch = meta[2], seq = seq, rotated = rotated, last = meta[5]}
  end
  local epoch = int(math.max(now_us, (tonumber(meta[2]) or 0) + 1))
  local now = math.floor(now_us / 1000)
  redis.call('HSET', KEYS[1], 'run', run, 'epoch', epoch, 'seq', 0, 'rotated', int(now), 'last', '')
  redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
  return {run = run, epoch = epoch, seq = 0, rotated = now, last = ''}
end

-- Drops entries older than oldest_ms from the log's front, at most `bound` of them. Doubling
-- steps find where they end: one look when there are none, a dozen when there are thousands.
local function drop_aged(oldest_ms, bound)
  local function aged(index)
    local entry = index < bound and redis.call('LINDEX', KEYS[2], int(index))
    return entry and tonumber(string.sub(entry, 1, 13)) < oldest_ms
  end
  local count, step = 0, 1
  while aged(count + step - 1) do
    count, step = count + step, step * 2
  end
  while step > 1 do
    step = step / 2
    if aged(count + step - 1) then
      count = count + step
    end
  end
  if count > 0 then
    redis.call('LTRIM', KEYS[2], int(count), -1)
  end
end


-- Sets a slot of the room, unless a later event has set it.
local function set_slot(slot, id, payload)
  local now_there = redis.call('HGET', KEYS[5], slot)
  if not now_there or string.sub(now_there, 1, 16) < id then
    redis.call('HSET', KEYS[5], slot, id .. payload)
    redis.call('EXPIRE', KEYS[5], ROOM_TTL)
  end
end
