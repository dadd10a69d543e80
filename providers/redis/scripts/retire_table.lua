-- KEYS: the record of a table, and what says that it is live. Takes the table out of sight of readers and writers; what it
-- holds is deleted later.
local record = redis.call('HGET', KEYS[1], 'table')
if record then
  redis.call('HSET', KEYS[1], 'retired', record)
  redis.call('HDEL', KEYS[1], 'table')
end
redis.call('DEL', KEYS[2])
return 1
