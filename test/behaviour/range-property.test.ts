// Any Range of any object, compared with a reading of RFC 9110 §14 that shares nothing with the
// one in `src/`. The seed is fixed: a failure is the same failure everywhere.

import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { after, test } from 'node:test'

import * as fc from 'fast-check'

import { generateBytes } from '../../dev/s3-server.ts'
import { readByteRanges } from '../support/byteranges.ts'
import type { Answer } from '../support/http.ts'
import { openServed } from '../support/served.ts'

const SIZES = [0, 1, 2, 17, 1000, 70_000]
const RUNS = { seed: 20_261_120, numRuns: 250 }

const served = await openServed({ buckets: { aws: {}, ceph: { quirks: 'ceph' } } })
const agent = new Agent({ keepAlive: true })
after(async () => {
  agent.destroy()
  await served.close()
})
for (const bucket of ['aws', 'ceph']) {
  for (const size of SIZES) served.put(bucket, String(size), { seed: 'any', size })
}

type Expected =
  | { readonly status: 200 | 416 }
  | { readonly status: 206; readonly parts: readonly (readonly [number, number])[] }

function reference(header: string, size: number): Expected {
  const list = /^bytes=(.*)$/i.exec(header)?.[1]
  const elements = list?.split(',').map((text) => text.trim()) ?? []
  const specs = elements.filter((text) => text !== '').map((text) => /^(\d*)-(\d*)$/.exec(text))
  if (specs.length === 0) return { status: 200 }

  let parts: [number, number][] = []
  let hasSuffix = false
  for (const spec of specs) {
    const [, from = '', to = ''] = spec ?? []
    if (from === '' && to === '') return { status: 200 }
    if (from !== '' && to !== '' && Number(from) > Number(to)) return { status: 200 }
    const first = from === '' ? Math.max(0, size - Number(to)) : Number(from)
    const last = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1)
    if (from === '' && Number(to) > 0) hasSuffix = true
    if (first <= last) parts = merged(parts, [first, last])
  }
  if (size === 0) return { status: hasSuffix ? 200 : 416 }
  if (parts.length === 0) return { status: 416 }
  return parts.length > 16 ? { status: 200 } : { status: 206, parts }
}

/** Swallows what it overlaps, in the place of the first that was asked for. */
function merged(parts: readonly [number, number][], next: [number, number]): [number, number][] {
  const touching = parts.filter(([first, last]) => first <= next[1] && next[0] <= last)
  if (touching.length === 0) return [...parts, next]
  const union: [number, number] = [
    Math.min(next[0], ...touching.map(([first]) => first)),
    Math.max(next[1], ...touching.map(([, last]) => last)),
  ]
  const at = parts.findIndex((part) => touching.includes(part))
  const rest = (part: [number, number]): boolean => !touching.includes(part)
  return [...parts.slice(0, at), union, ...parts.slice(at + 1).filter(rest)]
}

function check(answer: Answer, expected: Expected, size: number): void {
  const bytes = generateBytes('any', 0, size)
  assert.equal(answer.status, expected.status)
  assert.equal(answer.headers['content-length'], String(answer.body.length))
  if (expected.status === 416) {
    assert.equal(answer.headers['content-range'], `bytes */${size}`)
    return
  }
  if (!('parts' in expected)) {
    assert.deepEqual(answer.body, bytes)
    return
  }
  const { 'content-range': contentRange = '', 'content-type': type } = answer.headers
  const parts =
    expected.parts.length === 1
      ? [{ contentRange, bytes: answer.body }]
      : readByteRanges(type, answer.body)
  assert.deepEqual(
    parts.map((part) => part.contentRange),
    expected.parts.map(([first, last]) => `bytes ${first}-${last}/${size}`),
  )
  for (const [index, [first, last]] of expected.parts.entries()) {
    assert.deepEqual(parts[index]?.bytes, bytes.subarray(first, last + 1))
  }
}

const number = fc.oneof(
  fc.integer({ min: 0, max: 30 }),
  fc.integer({ min: 0, max: 80_000 }),
  fc.constantFrom(999, 1000, 1001, 69_999, 70_000, 9_007_199_254_740_991),
)
const spec = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(number, number).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`) }, // prettier-ignore
  { weight: 3, arbitrary: number.map((first) => `${first}-`) },
  { weight: 3, arbitrary: number.map((length) => `-${length}`) },
  { weight: 1, arbitrary: fc.constantFrom('', ' ', '-', '5-2', 'x', '1-2-3', '0x1-2', ' 0-0 ') },
)
const header = fc
  .tuple(
    fc.constantFrom('bytes=', 'bytes=', 'bytes=', 'BYTES=', 'items=', ''),
    fc.array(spec, { minLength: 1, maxLength: 20 }),
  )
  .map(([unit, specs]) => (unit + specs.join(',')).trim())

for (const bucket of ['aws', 'ceph']) {
  test(`any range of any object is answered by the book, in front of ${bucket}`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...SIZES), header, async (size, range) => {
        const headers = { Range: range }
        const answer = await served.ask(`/${bucket}/${size}`, { headers, agent })
        check(answer, reference(range, size), size)
      }),
      RUNS,
    )
  })
}
