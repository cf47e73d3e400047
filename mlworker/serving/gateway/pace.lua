-- Decides calls that wait, for each bound how many: takes calls of its minute, and sets how many
-- slots the asking gateway holds of it. A key's calls pass its organization too, which follows
-- behind its keys: neither gives anything for a call that the other keeps out.
--
-- A minute has a name, so that a gateway's word about one that is over changes nothing. A gateway's
-- minute ends there before it ends here, so one that goes on there and is unknown here was lost.
-- Slots of a gateway that fell silent end by themselves.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local me, answers = ARGV[1], {}

local function minute_look(bound)
  local window = redis.call('HGET', bound.pace, 'window')
  local told = bound.window ~= '' and bound.mine > 0 and bound.left > 0
  if not window and told then
    window = bound.window  -- Redis lost it: the minute goes on
    redis.call('HSET', bound.pace, 'window', window, me, bound.mine)
    redis.call('PEXPIRE', bound.pace, bound.left)
  elseif window and window == bound.window then
    redis.call('HSET', bound.pace, me, bound.mine)
  elseif window and told then
    -- Redis lost the caller's minute and another gateway began one: its calls count in this.
    local counted = tonumber(redis.call('HGET', bound.pace, me) or '0')
    redis.call('HSET', bound.pace, me, math.max(counted, bound.mine))
  end
  local taken, stored = 0, redis.call('HGETALL', bound.pace)
  for i = 1, #stored, 2 do
    if stored[i] ~= 'window' then taken = taken + stored[i + 1] end
  end
  bound.minute, bound.free = window, math.max(bound.rate - taken, 0)
end

local function minute_take(bound, calls)
  local want = calls - bound.tokens
  if want > 0 and bound.free > 0 then
    if not bound.minute then
      bound.minute = me .. ':' .. string.format('%.0f', now)
      redis.call('HSET', bound.pace, 'window', bound.minute)
      redis.call('PEXPIRE', bound.pace, 60000)
    end
    local ahead = math.min(64, math.floor(bound.free / 16))
    bound.granted = math.min(bound.free, math.max(want, ahead))
    bound.free = bound.free - bound.granted
    redis.call('HINCRBY', bound.pace, me, bound.granted)
  end
end

local function slots_look(bound)
  local others, stored = 0, redis.call('HGETALL', bound.flight)
  for i = 1, #stored, 2 do
    local held, ends = string.match(stored[i + 1], '(%d+):(%d+)')
    if tonumber(ends) < now then
      redis.call('HDEL', bound.flight, stored[i])
    elseif stored[i] ~= me then
      others = others + held
    end
  end
  bound.open = bound.most - others
end

local function slots_take(bound, calls)
  local want = math.max(bound.slots, bound.running + calls)
  bound.held = math.max(math.min(want, bound.open), bound.running)
  if bound.held > 0 then
    redis.call('HSET', bound.flight, me, string.format('%.0f:%.0f', bound.held, now + 15000))
    redis.call('PEXPIRE', bound.flight, 15000)
  else
    redis.call('HDEL', bound.flight, me)
  end
  bound.vacant = math.max(bound.open - bound.held, 0)
end

local function room(bound)
  local calls = math.huge
  if bound.rate > 0 then
    minute_look(bound)
    calls = bound.tokens + bound.free
  end
  if bound.most > 0 then
    slots_look(bound)
    calls = math.min(calls, math.max(bound.open - bound.running, 0))
  end
  return calls
end

local function take(bound, calls)
  local left, mine = 0, 0
  if bound.rate > 0 then
    minute_take(bound, calls)
    if bound.minute then
      left = redis.call('PTTL', bound.pace)
      mine = tonumber(redis.call('HGET', bound.pace, me) or '0')
    end
  end
  if bound.most > 0 then slots_take(bound, calls) end
  answers[bound.place] = {
    bound.granted, left, bound.minute or '', mine, bound.free, bound.held, bound.vacant
  }
end

local keys = {}
for i = 1, #KEYS, 2 do
  local at, n = 2 + (i - 1) * 5, {}
  for j = 0, 9 do n[j] = tonumber(ARGV[at + j]) or 0 end
  local bound = {
    place = (i + 1) / 2, pace = KEYS[i], flight = KEYS[i + 1],
    waiting = n[0], rate = n[2], window = ARGV[at + 3], mine = n[4], left = n[5], tokens = n[6],
    most = n[7], slots = n[8], running = n[9],
    granted = 0, free = 0, held = 0, vacant = 0
  }
  if ARGV[at + 1] == 'key' then
    keys[#keys + 1] = bound
  else
    local shared, calls = room(bound), bound.waiting
    for _, key in ipairs(keys) do
      local let = math.min(key.waiting, room(key), shared)
      take(key, let)
      calls = calls + let
    end
    take(bound, math.min(calls, shared))
    keys = {}
  end
end
return answers
