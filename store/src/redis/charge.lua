-- Charges buckets of one slot: all of them, or none when one refuses (GCRA).
--   KEYS  buckets: microseconds since 1970 at which each is full again; none: it is full. After them,
--         perhaps, a token's mark: which request was admitted, or, while that is not decided, when it
--         was charged
--   ARGV  what the mark says once this one is admitted (it begins with a letter), whether it is then
--         (1) or may not be yet (0), and the mark's milliseconds; then interval and slack of each
--         bucket, microseconds
-- Answers {'charged', now, 0}, {'refused', which, wait}, {'known', 0, 0}, {'reused', 0, 0} or
-- {'undecided', 0, 0}.

local values = redis.call('MGET', unpack(KEYS))
local count = (#ARGV - 3) / 2
local token, mark = KEYS[count + 1], values[count + 1]
if mark == ARGV[1] then
  return {'known', 0, 0}
elseif mark then
  return {tonumber(mark) and 'undecided' or 'reused', 0, 0}
end

local now, full, which, longest = server_us(), {}, 0, 0
for i = 1, count do
  local interval, slack = tonumber(ARGV[2 * i + 2]), tonumber(ARGV[2 * i + 3])
  local from, latest = math.max(now, tonumber(values[i] or now)), now + interval + slack
  if from > latest then
    -- Left by another rate, or by a clock that was ahead. Written down, or each ask would move it.
    from = latest
    fill_at(KEYS[i], from, now)
  end
  local wait = from - slack - now
  if wait > longest then
    which, longest = i, wait
  end
  full[i] = from + interval
end
if which > 0 then
  return {'refused', which, int(longest)}
end
for i = 1, count do
  fill_at(KEYS[i], full[i], now)
end
if token then
  redis.call('SET', token, ARGV[2] == '1' and ARGV[1] or int(now), 'PX', ARGV[3])
end
return {'charged', int(now), 0}
