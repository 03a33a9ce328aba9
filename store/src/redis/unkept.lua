-- Takes some of a bucket's rows that somebody is to keep: KEYS[1] as KEYS[3] in report.lua, ARGV[1] how
-- many at most. Answers `VIDEO SOURCE`, totals, `VIDEO SOURCE`, …

local some = redis.call('HRANDFIELD', KEYS[1], ARGV[1], 'WITHVALUES')
for i = 1, #some, 2 do
  redis.call('HDEL', KEYS[1], some[i])
end
return some
