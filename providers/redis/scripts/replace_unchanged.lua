-- KEYS: keys of rows. ARGV: for each the row that it must hold, empty for none, and the row to store.
-- Stores each row whose key still holds what was read of it; returns 1 for each stored one and 0 for the others.
local replaced = {}
for place, key in ipairs(KEYS) do
  local stored = redis.call('GET', key) or ''
  if stored == ARGV[2 * place - 1] then
    redis.call('SET', key, ARGV[2 * place])
    replaced[place] = 1
  else
    replaced[place] = 0
  end
end
return replaced
