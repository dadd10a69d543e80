-- KEYS: the record of a table, and what says that it is live. ARGV: our mark and what is said about the table.
-- From now on the table may be read and written.
redis.call('HSET', KEYS[1], 'table', ARGV[1])
redis.call('SET', KEYS[2], '1')
return 1
