-- KEYS: the record of a table. Takes the table out of sight of readers and writers; what it holds is deleted later.
local record = redis.call('HGET', KEYS[1], 'table')
if record then
  redis.call('HSET', KEYS[1], 'retired', record)
  redis.call('HDEL', KEYS[1], 'table')
end
return 1
