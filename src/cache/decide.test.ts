import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import * as fc from 'fast-check'

import { parseRequestDirectives } from '../http/cache-control.ts'
import { decide, periodsOf } from './decide.ts'
import type { CacheQuestion, Verdict } from './decide.ts'
import type { StorageTerms } from './store-decision.ts'

const RECEIVED = Date.UTC(2030, 0, 1)

/** Fresh for 100 s, then 50 s while it is renewed and 200 s if the origin fails. */
const stored: StorageTerms = {
  receivedAt: RECEIVED,
  dateAt: RECEIVED,
  initialAgeMs: 0,
  freshUntil: at(100),
  staleWhileRevalidateUntil: at(150),
  staleIfErrorUntil: at(300),
  isAlwaysValidated: false,
  isNeverStale: false,
  selecting: [],
  keepUntil: at(10_000),
}

const neverStale: StorageTerms = {
  ...stored,
  isNeverStale: true,
  staleWhileRevalidateUntil: at(100),
  staleIfErrorUntil: at(100),
}
const alwaysValidated: StorageTerms = { ...neverStale, isAlwaysValidated: true }
const aged: StorageTerms = { ...stored, initialAgeMs: 1_800_000 }

function at(seconds: number): number {
  return RECEIVED + seconds * 1000
}

interface Row {
  readonly head?: StorageTerms
  /** Seconds after the reception. */
  readonly after: number
  readonly asks?: string
  readonly purgedAfter?: number
  readonly verdict: string
}

/** The verdict in a word or two; instants as seconds after the reception. */
function told(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'serve':
    case 'fetch':
      return `${verdict.kind} ${verdict.why}`
    case 'revalidate': {
      const { staleIfErrorUntil: until, why } = verdict
      return `revalidate ${why}, ${until === 0 ? 'no stale' : `stale until ${(until - RECEIVED) / 1000}`}`
    }
    case 'refresh':
    case 'refuse':
      return verdict.kind
  }
}

function ask(row: Row, changes: Partial<CacheQuestion> = {}): Verdict {
  const question: CacheQuestion = {
    stored: row.head ?? stored,
    hasOtherVariants: false,
    request: parseRequestDirectives(row.asks, undefined),
    softPurgedAt: row.purgedAfter === undefined ? undefined : at(row.purgedAfter),
    policy: { staleIfSlowMs: 0, honourRequestDirectives: true },
    ...changes,
  }
  return decide(question, at(row.after))
}

function table(title: string, rows: readonly Row[]): void {
  describe(title, () => {
    for (const row of rows) {
      const purged = row.purgedAfter === undefined ? '' : `, purged at ${row.purgedAfter} s`
      test(`${row.asks ?? 'any'} at ${row.after} s${purged}: ${row.verdict}`, () => {
        assert.equal(told(ask(row)), row.verdict)
      })
    }
  })
}

table('what is fresh is served, what is stale is renewed (RFC 9111 §4)', [
  { after: 0, verdict: 'serve fresh' },
  { after: 99.999, verdict: 'serve fresh' },
  { after: 100, verdict: 'refresh' },
  { after: 149.999, verdict: 'refresh' },
  { after: 150, verdict: 'revalidate stale, stale until 300' },
  { after: 301, verdict: 'revalidate stale, stale until 300' },
  { after: 9999.999, verdict: 'revalidate stale, stale until 300' },
  { after: 10_000, verdict: 'fetch uri-miss' },
])

table('what must not be served stale is asked for (§5.2.2.2)', [
  { head: neverStale, after: 99, verdict: 'serve fresh' },
  { head: neverStale, after: 100, verdict: 'revalidate stale, stale until 100' },
  { head: neverStale, after: 101, asks: 'max-stale', verdict: 'revalidate stale, stale until 100' },
  {
    head: neverStale,
    after: 101,
    asks: 'stale-if-error=60',
    verdict: 'revalidate stale, stale until 100',
  },
])

table('what is no-cache is asked for every time (§5.2.2.4)', [
  { head: alwaysValidated, after: 0, verdict: 'revalidate stale, no stale' },
  { head: alwaysValidated, after: 500, verdict: 'revalidate stale, no stale' },
  { head: alwaysValidated, after: 1, asks: 'max-stale', verdict: 'revalidate stale, no stale' },
  {
    head: alwaysValidated,
    after: 1,
    asks: 'stale-if-error=60',
    verdict: 'revalidate stale, no stale',
  },
  { head: alwaysValidated, after: 1, asks: 'only-if-cached', verdict: 'refuse' },
])

table('a request may ask for the origin’s word (§5.2.1.4)', [
  { after: 1, asks: 'no-cache', verdict: 'revalidate request, stale until 300' },
  { after: 120, asks: 'no-cache', verdict: 'revalidate stale, stale until 300' },
  { after: 120, asks: 'no-cache, max-stale', verdict: 'revalidate stale, stale until 300' },
  { head: neverStale, after: 1, asks: 'no-cache', verdict: 'revalidate request, stale until 100' },
])

table('a request may ask for something young (§5.2.1.1)', [
  { after: 0, asks: 'max-age=0', verdict: 'revalidate request, stale until 300' },
  { after: 3, asks: 'max-age=0', verdict: 'revalidate request, stale until 300' },
  { after: 3, asks: 'max-age=1', verdict: 'revalidate request, stale until 300' },
  { after: 3, asks: 'max-age=3', verdict: 'serve fresh' },
  { after: 3.001, asks: 'max-age=3', verdict: 'revalidate request, stale until 300' },
  { after: 3, asks: 'max-age=600', verdict: 'serve fresh' },
  { head: aged, after: 0, asks: 'max-age=600', verdict: 'revalidate request, stale until 300' },
  { head: aged, after: 0, asks: 'max-age=1800', verdict: 'serve fresh' },
  { after: 120, asks: 'max-age=600', verdict: 'revalidate stale, stale until 300' },
  { after: 120, asks: 'max-age=600, max-stale', verdict: 'refresh' },
  { after: 160, asks: 'max-age=600, max-stale', verdict: 'serve max-stale' },
  { after: 160, asks: 'max-age=60, max-stale', verdict: 'revalidate stale, stale until 300' },
])

table('a request may ask for something that stays fresh (§5.2.1.3)', [
  { after: 50, asks: 'min-fresh=50', verdict: 'serve fresh' },
  { after: 50, asks: 'min-fresh=51', verdict: 'revalidate request, stale until 300' },
  { after: 50, asks: 'min-fresh=2000', verdict: 'revalidate request, stale until 300' },
  { after: 120, asks: 'min-fresh=0', verdict: 'revalidate stale, stale until 300' },
  { after: 120, asks: 'min-fresh=1, max-stale', verdict: 'revalidate stale, stale until 300' },
])

table('a request may take something stale, and say how stale (§5.2.1.2)', [
  { after: 50, asks: 'max-stale=0', verdict: 'serve fresh' },
  { after: 160, asks: 'max-stale', verdict: 'serve max-stale' },
  { after: 160, asks: 'max-stale=60', verdict: 'serve max-stale' },
  { after: 160.001, asks: 'max-stale=60', verdict: 'revalidate stale, stale until 300' },
  { after: 5000, asks: 'max-stale=1000', verdict: 'revalidate stale, stale until 300' },
  { after: 5000, asks: 'max-stale', verdict: 'serve max-stale' },
  { after: 120, asks: 'max-stale=60', verdict: 'refresh' },
  { after: 120, asks: 'max-stale=5', verdict: 'revalidate stale, stale until 300' },
])

table('a request may say how long an error may be hidden (RFC 5861 §4)', [
  { after: 160, asks: 'stale-if-error=1000', verdict: 'revalidate stale, stale until 1100' },
  { after: 160, asks: 'stale-if-error=1', verdict: 'revalidate stale, stale until 101' },
  { after: 160, asks: 'stale-if-error=0', verdict: 'revalidate stale, stale until 100' },
  { after: 120, asks: 'stale-if-error=1', verdict: 'refresh' },
])

table('only-if-cached never asks the origin (§5.2.1.7)', [
  { after: 1, asks: 'only-if-cached', verdict: 'serve fresh' },
  { after: 120, asks: 'only-if-cached', verdict: 'refresh' },
  { after: 160, asks: 'only-if-cached', verdict: 'refuse' },
  { after: 160, asks: 'only-if-cached, max-stale', verdict: 'serve max-stale' },
  { after: 1, asks: 'only-if-cached, no-cache', verdict: 'refuse' },
  { after: 1, asks: 'only-if-cached, max-age=0', verdict: 'refuse' },
  { after: 10_000, asks: 'only-if-cached', verdict: 'refuse' },
])

table('no-store of a request does not reach what is stored (§5.2.1.5)', [
  { after: 1, asks: 'no-store', verdict: 'serve fresh' },
])

table('a soft purge makes stale at once, and the stale times count from it', [
  { after: 20, purgedAfter: 20, verdict: 'refresh' },
  { after: 69, purgedAfter: 20, verdict: 'refresh' },
  { after: 70, purgedAfter: 20, verdict: 'revalidate stale, stale until 220' },
  { after: 120, purgedAfter: 110, verdict: 'refresh' },
  { after: 120, purgedAfter: 20, verdict: 'revalidate stale, stale until 220' },
  { head: neverStale, after: 20, purgedAfter: 20, verdict: 'revalidate stale, stale until 20' },
  { after: 80, purgedAfter: 20, asks: 'max-stale=60', verdict: 'serve max-stale' },
])

describe('what is not stored is fetched', () => {
  const nothing: Partial<CacheQuestion> = { stored: undefined }
  const rows: readonly (readonly [
    asks: string | undefined,
    hasOthers: boolean,
    verdict: string,
  ])[] = [
    [undefined, false, 'fetch uri-miss'],
    [undefined, true, 'fetch vary-miss'],
    ['no-cache', false, 'fetch uri-miss'],
    ['max-stale', true, 'fetch vary-miss'],
    ['only-if-cached', false, 'refuse'],
    ['only-if-cached', true, 'refuse'],
  ]
  for (const [asks, hasOtherVariants, verdict] of rows) {
    test(`${asks ?? 'any'}, with ${hasOtherVariants ? '' : 'no '}other variants: ${verdict}`, () => {
      const row = { after: 0, verdict, ...(asks === undefined ? {} : { asks }) }
      assert.equal(told(ask(row, { ...nothing, hasOtherVariants })), verdict)
    })
  }
})

describe('a policy may not listen to requests', () => {
  const policy = { staleIfSlowMs: 0, honourRequestDirectives: false }
  const deaf: readonly Row[] = [
    { after: 1, asks: 'no-cache', verdict: 'serve fresh' },
    { after: 1, asks: 'max-age=0', verdict: 'serve fresh' },
    { after: 160, asks: 'max-stale', verdict: 'revalidate stale, stale until 300' },
    { after: 160, asks: 'stale-if-error=0', verdict: 'revalidate stale, stale until 300' },
    { after: 160, asks: 'only-if-cached', verdict: 'revalidate stale, stale until 300' },
  ]
  for (const row of deaf) {
    test(`${row.asks} at ${row.after} s: ${row.verdict}`, () => {
      assert.equal(told(ask(row, { policy })), row.verdict)
    })
  }
})

describe('a slow origin is not waited for, unless its word was asked for', () => {
  const policy = { staleIfSlowMs: 250, honourRequestDirectives: true }
  const rows: readonly (readonly [after: number, asks: string, slowMs: number])[] = [
    [160, 'stale-if-error=5', 250],
    [160, 'max-stale=1', 250],
    [160, 'no-cache', 0],
    [160, 'max-age=600', 0],
    [160, 'min-fresh=1', 0],
    [1, 'no-cache', 0],
    [1, 'max-age=0', 0],
  ]
  for (const [after, asks, slowMs] of rows) {
    test(`${asks} at ${after} s: ${slowMs} ms`, () => {
      const verdict = ask({ after, asks, verdict: '' }, { policy })
      assert.equal(verdict.kind === 'revalidate' ? verdict.staleIfSlowMs : undefined, slowMs)
    })
  }
})

test('a soft purge after the end of freshness changes nothing', () => {
  assert.deepEqual(periodsOf(stored, at(100)), periodsOf(stored, undefined))
})

test('nothing stale is served without leave: not by the answer, the policy nor the request', () => {
  const seconds = fc.integer({ min: 0, max: 400 })
  const asks = fc.constantFrom(
    '',
    'no-cache',
    'max-age=9',
    'max-stale=50',
    'max-stale',
    'min-fresh=9',
  )
  const head = fc.constantFrom(stored, neverStale, alwaysValidated, aged)
  fc.assert(
    fc.property(
      seconds,
      asks,
      head,
      fc.option(seconds, { nil: -1 }),
      (after, asked, kept, purged) => {
        const purge = purged < 0 ? {} : { purgedAfter: purged }
        const verdict = ask({ head: kept, after, asks: asked, verdict: '', ...purge })
        const { freshUntil } = periodsOf(kept, purged < 0 ? undefined : at(purged))
        const isStale = at(after) >= freshUntil
        if (kept.isAlwaysValidated) assert.equal(verdict.kind, 'revalidate')
        if (kept.isNeverStale && isStale) assert.equal(verdict.kind, 'revalidate')
        if (verdict.kind === 'serve') assert.equal(verdict.why, isStale ? 'max-stale' : 'fresh')
      },
    ),
    { seed: 9111, numRuns: 2000 },
  )
})
