-- Prolongs the lease KEYS[1] to ARGV[1] milliseconds from now; answers 0 when there is none. One
-- from an earlier run of the server is none: what its holder subscribed to since the snapshot that
-- this run began with is missing, and only a holder that registers anew subscribes again.

local lease = redis.call('GET', KEYS[1])
if not lease then
  return 0
end
if string.sub(lease, 1, 40) ~= run_of_server() then
  redis.call('DEL', KEYS[1])
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
