-- Takes in what sources have counted of a video so far.
--   KEYS[1] tally    HASH  `s:SOURCE` -> its totals, as text: counter number counter number …;
--                          `sums` -> those of all sources; `run` -> the run of the server that it was
--                          filled in; `filled` -> milliseconds when it was filled last
--   KEYS[2] tallied  ZSET  video -> milliseconds of its last change, the bucket's last minute
--   KEYS[3] unkept   HASH  `VIDEO SOURCE` -> totals that somebody is to keep
--   ARGV: video, what the rows are ('told'; 'unkept': somebody is to keep them; 'filled': there are no
--         others), then source, totals, source, …
-- Of one source's totals the greatest count. Sums are kept, so that who reads needn't add up.

-- Seconds. Where nothing was counted it is little: anybody may ask for any video.
local TALLY_TTL, NONE_TTL = 86400, 900

local function parse(text)
  local totals = {}
  for counter, count in string.gmatch(text or '', '(%S+) (%d+)') do
    totals[counter] = tonumber(count)
  end
  return totals
end

local function text_of(totals)
  local words = {}
  for counter, count in pairs(totals) do
    words[#words + 1] = counter .. ' ' .. int(count)
  end
  return table.concat(words, ' ')
end

-- A source may come twice: a fill has what was kept of it and what it counts itself.
local video, what = ARGV[1], ARGV[2]
local sums, rows, grown = parse(redis.call('HGET', KEYS[1], 'sums')), {}, {}
for i = 3, #ARGV, 2 do
  local source = ARGV[i]
  rows[source] = rows[source] or parse(redis.call('HGET', KEYS[1], 's:' .. source))
  local row = rows[source]
  for counter, count in pairs(parse(ARGV[i + 1])) do
    local more = count - (row[counter] or 0)
    if more > 0 then
      row[counter], sums[counter] = count, (sums[counter] or 0) + more
      grown[source] = row
    end
  end
end
if what == 'unkept' then
  for source, row in pairs(rows) do
    redis.call('HSET', KEYS[3], video .. ' ' .. source, text_of(row))
  end
  redis.call('EXPIRE', KEYS[3], TALLY_TTL)
end
local is_news = next(grown) ~= nil
if what == 'filled' then
  local run, now = run_of_server(), math.floor(server_us() / 1000)
  is_news = is_news or redis.call('HGET', KEYS[1], 'run') ~= run
  redis.call('HSET', KEYS[1], 'run', run, 'filled', int(now))
elseif not is_news then
  return 0
end
for source, row in pairs(grown) do
  redis.call('HSET', KEYS[1], 's:' .. source, text_of(row))
end
redis.call('HSET', KEYS[1], 'sums', text_of(sums))
redis.call('EXPIRE', KEYS[1], next(sums) and TALLY_TTL or NONE_TTL)
if is_news then
  note(video)
end
return 1
