-- KEYS: keys of rows. ARGV: the packed row for each.
-- Stores each row unless the stored one is newer by (event time, created time); returns how many it stored.
-- The times stand in bytes 6 to 21 of a packed row, little-endian. They are compared as halves of 32 bits: a number here
-- is a double, which holds no 64 bits, and the order of strings depends on the server's locale.
local function is_older(row, times)
  local event_low, event_high, created_low, created_high = struct.unpack('<I4i4I4i4', row, 6)
  local other_event_low, other_event_high, other_created_low, other_created_high = struct.unpack('<I4i4I4i4', times)
  if event_high ~= other_event_high then return event_high < other_event_high end
  if event_low ~= other_event_low then return event_low < other_event_low end
  if created_high ~= other_created_high then return created_high < other_created_high end
  return created_low < other_created_low
end

local written = 0
for place, key in ipairs(KEYS) do
  local times = redis.call('GETRANGE', key, 5, 20)
  if times == '' or not is_older(ARGV[place], times) then
    redis.call('SET', key, ARGV[place])
    written = written + 1
  end
end
return written
