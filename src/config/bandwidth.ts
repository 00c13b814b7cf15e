// How fast the answers of a bucket may leave.

import { formatSize } from '../primitives/units.ts'
import type { ByteRate } from '../primitives/byte-pace.ts'
import { size } from './fields.ts'
import { section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import type { z } from './zod.ts'

export interface BandwidthConfig {
  /** One answer alone. */
  readonly perRequest: ByteRate | undefined
  /** All that goes to one client at the same time. */
  readonly perClient: ByteRate | undefined
}

const leastRate = 1024
const mostRate = 1024 ** 4

const rate = size(leastRate, mostRate)

export const bandwidthSchema = section(
  {
    per_request: rate.optional(),
    per_client: rate.optional(),
    burst: size(0, mostRate).prefault('64KB'),
  },
  boundsSomething,
)

export type BandwidthSettings = z.output<typeof bandwidthSchema>

function boundsSomething({ per_request: one, per_client: all }: Loose): RuleProblem[] {
  if (one === undefined && all === undefined) {
    const message = 'is missing, and per_client too: one of them says what is bounded'
    return [{ path: ['per_request'], message, hint: 'leave bandwidth out for as fast as it goes' }]
  }
  if (typeof one !== 'number' || typeof all !== 'number' || one <= all) return []
  const message = `is above per_client (${formatSize(one)} > ${formatSize(all)}), which bounds it`
  return [{ path: ['per_request'], message }]
}

export function toBandwidth(settings: BandwidthSettings | undefined): BandwidthConfig | undefined {
  if (settings === undefined) return undefined
  const { per_request: one, per_client: all, burst: burstBytes } = settings
  return {
    perRequest: one === undefined ? undefined : { bytesPerSecond: one, burstBytes },
    perClient: all === undefined ? undefined : { bytesPerSecond: all, burstBytes },
  }
}

export function printBandwidth({ perRequest, perClient }: BandwidthConfig): object {
  return {
    ...(perRequest && { per_request: formatSize(perRequest.bytesPerSecond) }),
    ...(perClient && { per_client: formatSize(perClient.bytesPerSecond) }),
    burst: formatSize((perRequest ?? perClient)?.burstBytes ?? 0),
  }
}
