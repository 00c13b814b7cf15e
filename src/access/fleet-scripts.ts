// What Redis does in one step. The arithmetic is that of `primitives/rate.ts`, which a test holds
// against it.

import { createHash } from 'node:crypto'

/**
 * KEYS: one for each limit. ARGV: take or look, then algorithm, quota and window (ms) of each. Gives
 * of each: the wait, what remains, the time until all is back, in whole ms; and 1 if one of each was taken.
 */
export const COUNT_SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local origin = 1767225600000
local slackMs = 0.001
local slack = 0.000000001
local since = now - origin

local function load(key)
  local at, before, count = string.match(redis.call('GET', key) or '', '^(%S+) (%S+) (%S+)$')
  return { at = tonumber(at) or 0, before = tonumber(before) or 0, count = tonumber(count) or 0 }
end

local function keep(key, spent, ms)
  local text = string.format('%.17g %d %d', spent.at, spent.before, spent.count)
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

local function roll(spent, window)
  local start = now - now % window
  if spent.at == start then return end
  if spent.at == start - window then spent.before = spent.count else spent.before = 0 end
  spent.count = 0
  spent.at = start
end
local function countUp(spent)
  spent.count = spent.count + 1
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

local sliding = { take = countUp }
local function weighed(spent, window)
  return spent.before * (1 - (now - spent.at) / window) + spent.count
end
function sliding.wait(spent, quota, window)
  roll(spent, window)
  if weighed(spent, window) + 1 <= quota + slack then return 0 end
  local room = quota - 1 - spent.count
  local part
  if room >= 0 then part = 1 - room / spent.before else part = 2 - (quota - 1) / spent.count end
  return math.max(1, math.ceil(spent.at + part * window - now - slackMs))
end
function sliding.remaining(spent, quota, window)
  roll(spent, window)
  return math.max(0, math.floor(quota - weighed(spent, window) + slack))
end
function sliding.restored(spent, quota, window)
  if spent.count > 0 then return spent.at + 2 * window - now end
  if spent.before == 0 then return 0 end
  return spent.at + window - now
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
