-- KEYS: the record of a table. ARGV: the field of a row schema, and its description.
-- Describes the schema unless it is described; returns the description that is stored, or nothing where there is no table.
if redis.call('HEXISTS', KEYS[1], 'table') == 0 then return false end
redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
return redis.call('HGET', KEYS[1], ARGV[1])
