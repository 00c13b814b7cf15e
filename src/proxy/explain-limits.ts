// What is told of how much there is of everything: places for requests, and the pace of answers.

import type { RequestSlots } from '../exchange/slots.ts'
import type { ByteRate } from '../primitives/byte-pace.ts'
import type { ExplainedStep, Facts, Told } from './account.ts'
import type { Bandwidth } from './paced-body.ts'

/** In all threads, at this moment. */
export function tellSlots(server: RequestSlots, bucket?: RequestSlots): Told {
  return {
    outcome: 'admitted',
    reason:
      bucket === undefined
        ? 'The server has room for the request; the bucket has no limit of its own.'
        : 'The server and the bucket have room for the request.',
    ...slotsInUse(server, bucket),
    ...(server.shed.origin > 0 && { shed_ratio: server.shed }),
  }
}

export function slotsInUse(server: RequestSlots, bucket: RequestSlots | undefined): Facts {
  return { server: usageOf(server), ...(bucket && { bucket: usageOf(bucket) }) }
}

function usageOf({ inUse, limit }: RequestSlots): object {
  return { in_use: inUse, limit }
}

export function isFull({ inUse, limit }: RequestSlots): boolean {
  return inUse >= limit
}

export function tellBandwidth({ perRequest, perClient }: Bandwidth): ExplainedStep {
  const rates = [rateOf(perRequest, 'one answer'), rateOf(perClient, 'all answers to one client')]
  return {
    step: 'bandwidth',
    outcome: 'paced',
    reason: `A body leaves at most at ${rates.flatMap((rate) => rate ?? []).join(' and at ')}.`,
    burst_bytes: (perRequest ?? perClient)?.burstBytes,
  }
}

function rateOf(rate: ByteRate | undefined, of: string): string | undefined {
  return rate && `${rate.bytesPerSecond} bytes a second for ${of}`
}
