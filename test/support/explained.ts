// A request explained by the operator's call.

import assert from 'node:assert/strict'

import type { CachedFront } from './cached-front.ts'

export interface Asked {
  readonly path: string
  readonly method?: string
  /** Of the socket. */
  readonly address?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface Explained {
  readonly summary: {
    readonly served: boolean | null
    readonly status: number | null
    readonly code?: string
    readonly reason: string
    readonly bucket?: string
    readonly key?: string
    readonly verdict?: string
    readonly asks_origin: boolean
    readonly cache_status: string
    readonly x_cache: string
  }
  readonly steps: readonly Step[]
  readonly threads?: readonly object[]
}

export type Step = Readonly<Record<string, unknown>> & {
  readonly step: string
  readonly outcome: string
  readonly reason: string
}

export async function explainAt(
  front: Pick<CachedFront, 'call'>,
  asked: Asked,
): Promise<Explained> {
  const { path, method, address, headers = {} } = asked
  const query = new URLSearchParams({ path })
  if (method !== undefined) query.set('method', method)
  if (address !== undefined) query.set('address', address)
  for (const [name, value] of Object.entries(headers)) query.append('header', `${name}: ${value}`)
  const { status, json, answer } = await front.call('GET', `/admin/explain?${String(query)}`)
  assert.equal(status, 200, answer.text)
  // The shape is what the tests are about.
  return json as unknown as Explained
}

export function stepOf({ steps }: Explained, name: string): Step {
  const found = steps.find(({ step }) => step === name)
  assert.ok(found, `there is no step ${name} in ${steps.map(({ step }) => step).join(', ')}`)
  return found
}
