-- Put a lot's board, unless a later one is there; then tell those who watch.
-- KEYS[1] board, KEYS[2] channel; ARGV: epoch, seq, state, seconds to keep.
local held = redis.call('HMGET', KEYS[1], 'epoch', 'seq')
local epoch, seq = tonumber(ARGV[1]), tonumber(ARGV[2])
if held[1] then
  local held_epoch, held_seq = tonumber(held[1]), tonumber(held[2])
  if held_epoch > epoch or (held_epoch == epoch and held_seq > seq) then
    return 0
  end
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'seq', ARGV[2], 'state', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('PUBLISH', KEYS[2], ARGV[3])
return 1
