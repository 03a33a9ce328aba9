-- Heads of videos of one bucket: KEYS are their meta, ARGV[1] is replay_ttl in milliseconds.
-- Answers epoch, seq, epoch, seq, …; empty where there is no log of this run of the server.

local run = run_of_server()
local heads = {}
for i, meta in ipairs(KEYS) do
  local known = redis.call('HMGET', meta, 'run', 'epoch', 'seq')
  local ours = known[1] == run
  heads[2 * i - 1] = ours and known[2] or ''
  heads[2 * i] = ours and known[3] or ''
  if ours then
    keep_meta(meta, tonumber(known[3]), tonumber(ARGV[1]))
  end
end
return heads
