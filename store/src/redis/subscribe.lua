-- Notes a video among those of an incarnation whose lease runs: KEYS[1] lease, KEYS[2] its videos.
-- Without the lease somebody may be removing it right now, and would miss this video.

if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('SADD', KEYS[2], ARGV[1])
return 1
