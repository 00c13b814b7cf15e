// How many requests S3 gets at one time, and who waits for a place among them.

import { formatDuration } from '../primitives/units.ts'
import { duration, integer } from './fields.ts'
import { section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'

export interface OriginSlotsConfig {
  readonly maxRequests: number
  /** How many may wait, and how long. */
  readonly queueSize: number
  readonly queueTimeoutMs: number
}

const standard = { size: 1000, timeout: 5000 }

export const originSlotsFields = {
  max_concurrent_requests: integer(1, 1_000_000).optional(),
  queue: section({
    size: integer(0, 1_000_000).prefault(standard.size),
    timeout: duration({ min: 1, max: 3_600_000 }).prefault(formatDuration(standard.timeout)),
  }).optional(),
}

interface OriginSlotsSettings {
  readonly max_concurrent_requests?: number | undefined
  readonly queue?: { readonly size: number; readonly timeout: number } | undefined
}

export function queueHasALimit({ max_concurrent_requests: most, queue }: Loose): RuleProblem[] {
  if (queue === undefined || most !== undefined) return []
  const message = 'means nothing without max_concurrent_requests beside it: nobody would wait'
  return [{ path: ['queue'], message }]
}

export function toOriginSlots(settings: OriginSlotsSettings): OriginSlotsConfig | undefined {
  const { max_concurrent_requests: maxRequests, queue = standard } = settings
  if (maxRequests === undefined) return undefined
  return { maxRequests, queueSize: queue.size, queueTimeoutMs: queue.timeout }
}

export function printOriginSlots(slots: OriginSlotsConfig | undefined): object {
  if (slots === undefined) return {}
  const { maxRequests, queueSize, queueTimeoutMs } = slots
  return {
    max_concurrent_requests: maxRequests,
    queue: { size: queueSize, timeout: formatDuration(queueTimeoutMs) },
  }
}
