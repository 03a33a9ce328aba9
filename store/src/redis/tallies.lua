-- Numbers of some videos of one bucket: KEYS[1] names those whose totals are wanted, then come tally
-- and viewers of each video; ARGV are the videos. Answers for each the sums of what was counted, or
-- false where that was not filled in this run of the server; and then incarnations and how many viewers
-- each has. What was not filled, or too long ago, is wanted from then on.

local WANTED_TTL = 600 -- seconds: gateways that still want it ask again
local FILL_AGE_MAX_MS = 600000 -- as the contract says

local run, now = run_of_server(), math.floor(server_us() / 1000)
local tallies = {}
for i, video in ipairs(ARGV) do
  local tally, viewers = KEYS[2 * i], KEYS[2 * i + 1]
  local known = redis.call('HMGET', tally, 'run', 'sums', 'filled')
  local is_known = known[1] == run
  tallies[2 * i - 1] = is_known and (known[2] or '')
  if not is_known or now - tonumber(known[3] or 0) > FILL_AGE_MAX_MS then
    redis.call('SADD', KEYS[1], video)
    redis.call('EXPIRE', KEYS[1], WANTED_TTL)
  end
  tallies[2 * i] = redis.call('HGETALL', viewers)
end
return tallies
