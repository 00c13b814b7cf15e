// What Redis does in one step. The arithmetic is that of `primitives/rate.ts`, which a test holds
// against it.

import { createHash } from 'node:crypto'

import { PARTS } from '../primitives/rate.ts'

/**
 * KEYS: one for each limit. ARGV: take or look, then algorithm, quota and window (ms) of each. Gives
 * of each: the wait, what remains, the time until all is back, in whole ms; and 1 if one of each was taken.
 */
export const COUNT_SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local origin = 1767225600000
local slackMs = 0.001
local parts = ${PARTS}
local since = now - origin

local function load(key)
  local words = {}
  for word in string.gmatch(redis.call('GET', key) or '', '%S+') do
    words[#words + 1] = tonumber(word)
  end
  local spent = { at = words[1] or 0, count = words[2] or 0, past = {} }
  for index = 1, parts do spent.past[index] = words[index + 2] or 0 end
  return spent
end

local function keep(key, spent, ms)
  local text = string.format('%.17g %d %s', spent.at, spent.count, table.concat(spent.past, ' '))
  redis.call('SET', key, text, 'PX', string.format('%d', math.max(1, math.ceil(ms)) + 1000))
end

local function fullFrom(spent, window)
  if spent.at == 0 then return since end
  return math.min(math.max(spent.at, since), since + window)
end

local bucket = {}
function bucket.wait(spent, quota, window)
  local wait = fullFrom(spent, window) + window / quota - window - since
  if wait > slackMs then return math.ceil(wait - slackMs) end
  return 0
end
function bucket.take(spent, quota, window)
  spent.at = fullFrom(spent, window) + window / quota
end
function bucket.remaining(spent, quota, window)
  return math.floor((window - (fullFrom(spent, window) - since) + slackMs) / (window / quota))
end
function bucket.restored(spent, quota, window)
  return fullFrom(spent, window) - since
end

local function countUp(spent)
  spent.count = spent.count + 1
end

local function roll(spent, window)
  local start = now - now % window
  if spent.at == start then return end
  spent.count = 0
  spent.at = start
end

local fixed = { take = countUp }
function fixed.wait(spent, quota, window)
  roll(spent, window)
  if spent.count < quota then return 0 end
  return spent.at + window - now
end
function fixed.remaining(spent, quota, window)
  roll(spent, window)
  return math.max(0, quota - spent.count)
end
function fixed.restored(spent, quota, window)
  if spent.count == 0 then return 0 end
  return spent.at + window - now
end

local function slide(spent, window)
  local past = spent.past
  local part = math.floor(since * parts / window)
  local gone = part - spent.at
  if gone == 0 or (gone < 0 and gone >= -parts) then return end
  spent.at = part
  if gone < 0 then
    spent.isBack = true
    return
  end
  for index = parts, 1, -1 do past[index] = past[index - gone] or 0 end
  if gone <= parts then past[gone] = spent.count end
  spent.count = 0
end
local function used(spent)
  local sum = spent.count
  for index = 1, parts do sum = sum + spent.past[index] end
  return sum
end
local function goneIn(part, window)
  return origin + math.ceil((part + parts + 1) * window / parts) - now
end

local sliding = { take = countUp }
function sliding.wait(spent, quota, window)
  slide(spent, window)
  local left = used(spent)
  if left < quota then return 0 end
  for index = parts, 1, -1 do
    left = left - spent.past[index]
    if left < quota then return goneIn(spent.at - index, window) end
  end
  return goneIn(spent.at, window)
end
function sliding.remaining(spent, quota, window)
  slide(spent, window)
  return math.max(0, quota - used(spent))
end
function sliding.restored(spent, quota, window)
  if spent.count > 0 then return goneIn(spent.at, window) end
  for index = 1, parts do
    if spent.past[index] > 0 then return goneIn(spent.at - index, window) end
  end
  return 0
end

local algorithms = { token_bucket = bucket, fixed_window = fixed, sliding_window = sliding }
local limits = {}
local isTaken = ARGV[1] == 'take'
for index, key in ipairs(KEYS) do
  local limit = { key = key, spent = load(key) }
  limit.by = algorithms[ARGV[index * 3 - 1]]
  limit.quota = tonumber(ARGV[index * 3])
  limit.window = tonumber(ARGV[index * 3 + 1])
  limit.wait = limit.by.wait(limit.spent, limit.quota, limit.window)
  if limit.wait > 0 then isTaken = false end
  limits[index] = limit
end
local reply = {}
for _, limit in ipairs(limits) do
  local by, spent, quota, window = limit.by, limit.spent, limit.quota, limit.window
  if isTaken then by.take(spent, quota, window) end
  local restored = math.ceil(by.restored(spent, quota, window))
  if isTaken then
    keep(limit.key, spent, restored)
    limit.wait = by.wait(spent, quota, window)
  elseif by == bucket and spent.at > since + window then
    -- The clock has gone back; else it would be seen to have gone back each time.
    spent.at = since + window
    keep(limit.key, spent, window)
  elseif spent.isBack then
    keep(limit.key, spent, restored)
  end
  reply[#reply + 1] = limit.wait
  reply[#reply + 1] = by.remaining(spent, quota, window)
  reply[#reply + 1] = restored
end
reply[#reply + 1] = isTaken and 1 or 0
return reply
`

export const COUNT_SCRIPT_SHA = createHash('sha1').update(COUNT_SCRIPT).digest('hex')

/** KEYS: the nodes. ARGV: this one. Gives how many have been here of late. */
export const MEET_SCRIPT = `
local seconds = redis.call('TIME')[1]
redis.call('ZADD', KEYS[1], seconds, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', seconds - 10)
redis.call('EXPIRE', KEYS[1], 60)
return redis.call('ZCARD', KEYS[1])
`
