-- Stands before charge.lua and refund.lua, after prelude.lua.

-- Notes when a bucket is full again, for as long as that is to come.
local function fill_at(bucket, full, now)
  if full > now then
    redis.call('SET', bucket, int(full), 'PX', int(math.ceil((full - now) / 1000)))
  else
    redis.call('DEL', bucket)
  end
end
