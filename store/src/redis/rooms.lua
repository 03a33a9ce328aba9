-- What the rooms of some videos of one bucket are like: KEYS[1] names those that are wanted, then come
-- meta and room of each video; ARGV are the videos. Answers a list for each, of what its slots hold and
-- `1`; an empty one where there is no room of this run of the server, which is wanted from then on.

local WANTED_TTL = 600 -- seconds: gateways that still want a room ask again

local run = run_of_server()
local rooms = {}
for i, video in ipairs(ARGV) do
  local meta, room = KEYS[2 * i], KEYS[2 * i + 1]
  if redis.call('HGET', meta, 'run') == run and redis.call('HEXISTS', room, 'known') == 1 then
    rooms[i] = redis.call('HVALS', room)
  else
    rooms[i] = {}
    redis.call('SADD', KEYS[1], video)
    redis.call('EXPIRE', KEYS[1], WANTED_TTL)
  end
end
return rooms
