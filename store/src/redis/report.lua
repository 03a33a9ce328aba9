-- Takes in what sources have counted of a video so far.
--   KEYS[1] tally    HASH  `s:SOURCE` -> its totals, as text: counter number counter number …;
--                          `sums` -> those of all sources; `run` -> the run of the server that it was
--                          filled in
--   KEYS[2] tallied  ZSET  video -> milliseconds of its last change, the bucket's last minute
--   ARGV: video, whether these are all rows there are (1: it is filled), then source, totals, source, …
-- Of one source's totals the greatest count. Sums are kept, so that who reads needn't add up.

local TALLY_TTL = 86400 -- seconds after the last change; then it is filled again

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
local sums, rows, grown = parse(redis.call('HGET', KEYS[1], 'sums')), {}, {}
for i = 3, #ARGV, 2 do
  local field = 's:' .. ARGV[i]
  rows[field] = rows[field] or parse(redis.call('HGET', KEYS[1], field))
  local row = rows[field]
  for counter, count in pairs(parse(ARGV[i + 1])) do
    local more = count - (row[counter] or 0)
    if more > 0 then
      row[counter], sums[counter] = count, (sums[counter] or 0) + more
      grown[field] = row
    end
  end
end
local is_filled = ARGV[2] == '1'
if next(grown) == nil and not is_filled then
  return 0
end
for field, row in pairs(grown) do
  redis.call('HSET', KEYS[1], field, text_of(row))
end
redis.call('HSET', KEYS[1], 'sums', text_of(sums))
if is_filled then
  redis.call('HSET', KEYS[1], 'run', run_of_server())
end
redis.call('EXPIRE', KEYS[1], TALLY_TTL)
note(ARGV[1])
return 1
