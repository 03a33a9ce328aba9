-- Numbers of some videos of one bucket: KEYS[1] names those whose totals are wanted, then come tally
-- and viewers of each video; ARGV are the videos. Answers for each the sums of what was counted, or
-- false where that was not filled in this run of the server, which is wanted from then on; and then
-- incarnations and how many viewers each has.

local WANTED_TTL = 600 -- seconds: gateways that still want it ask again

local run = run_of_server()
local tallies = {}
for i, video in ipairs(ARGV) do
  local tally, viewers = KEYS[2 * i], KEYS[2 * i + 1]
  local known = redis.call('HMGET', tally, 'run', 'sums')
  if known[1] == run then
    tallies[2 * i - 1] = known[2] or ''
  else
    tallies[2 * i - 1] = false
    redis.call('SADD', KEYS[1], video)
    redis.call('EXPIRE', KEYS[1], WANTED_TTL)
  end
  tallies[2 * i] = redis.call('HGETALL', viewers)
end
return tallies
