-- Gives an incarnation its lease: KEYS[1], with address ARGV[1], for ARGV[2] milliseconds; and
-- notes it as ARGV[3] among all, KEYS[2]. The lease says in which run of the server it was given.

redis.call('SET', KEYS[1], run_of_server() .. ' ' .. ARGV[1], 'PX', ARGV[2])
redis.call('SADD', KEYS[2], ARGV[3])
return 1
