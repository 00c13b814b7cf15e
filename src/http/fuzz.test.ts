// Random input to the parsers that read what strangers send. The seed is fixed: a failure is the
// same failure everywhere.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import * as fc from 'fast-check'

import { evaluateConditions, ifRangeHolds } from './conditional.ts'
import type { Conditions, Validators } from './conditional.ts'
import { parseEntityTags } from './etag.ts'
import { parseTarget } from './path.ts'
import { queryParameter } from './query.ts'
import { parseRange, selectRanges } from './range.ts'
import type { ByteRange, RangeSpec } from './range.ts'

const RUNS = { seed: 20_261_120, numRuns: 3000 }

const latin1 = fc
  .uint8Array({ maxLength: 24 })
  .map((bytes) => Buffer.from(bytes).toString('latin1'))
const pathPiece = fc.constantFrom(
  ...'/ . .. %2e %2E %2f %2F %25 % %00 %c0%ae %c3%a9 ? # \\ a + \xc3\xa9 \xff \0 http:// @ host'.split(
    ' ',
  ),
)
const target = fc
  .array(fc.oneof({ weight: 9, arbitrary: pathPiece }, latin1), { maxLength: 10 })
  .chain((pieces) => fc.constantFrom(pieces.join(''), `/${pieces.join('')}`))

describe('paths', () => {
  test('no target makes the parser throw, and no path it gives could climb or end early', () => {
    fc.assert(
      fc.property(target, (text) => {
        const parsed = parseTarget(text)
        if (parsed.kind !== 'path') return
        assert.equal(parsed.path.startsWith('/'), true)
        assert.equal(parsed.path.includes('\0'), false)
        const segments = parsed.path.split('/')
        assert.equal(segments.includes('.') || segments.includes('..'), false)
        assert.equal(parsed.path.isWellFormed(), true)
      }),
      RUNS,
    )
  })

  const key = fc
    .string({ unit: 'binary', maxLength: 20 })
    .filter((text) => !text.includes('\0') && !/(^|\/)\.\.?(\/|$)/.test(text))

  test('any key is reached by its encoded path, whether its slashes are encoded or not', () => {
    fc.assert(
      fc.property(key, fc.boolean(), (text, keepsSlashes) => {
        const encoded = encodeURIComponent(text)
        const path = `/${keepsSlashes ? encoded.replaceAll('%2F', '/') : encoded}`
        const expected = { kind: 'path', path: `/${text}`, query: 'q', authority: undefined }
        assert.deepEqual(parseTarget(`${path}?q`), expected)
      }),
      RUNS,
    )
  })

  test('any key is reached by its escaped bytes, and by its raw ones above ASCII', () => {
    fc.assert(
      fc.property(key, fc.boolean(), (text, escapesAll) => {
        const path = Array.from(Buffer.from(text, 'utf8'), (byte) =>
          byte > 0x7f && !escapesAll
            ? String.fromCharCode(byte)
            : `%${byte.toString(16).padStart(2, '0')}`,
        )
        const parsed = parseTarget(`/${path.join('')}`)
        assert.equal(parsed.kind === 'path' && parsed.path, `/${text}`)
      }),
      RUNS,
    )
  })

  test('a query parameter is read back as it was written', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 8 })
    fc.assert(
      fc.property(text, text, (name, value) => {
        fc.pre(name !== '')
        const query = `x=1&${encodeURIComponent(name)}=${encodeURIComponent(value)}&y`
        fc.pre(name !== 'x')
        assert.equal(queryParameter(query, name), value)
      }),
      RUNS,
    )
  })
})

describe('ranges', () => {
  const position = fc.nat({ max: 40 })
  const spec: fc.Arbitrary<RangeSpec> = fc.oneof(
    fc.tuple(position, position).map(([a, b]): RangeSpec => {
      return { kind: 'bounded', first: Math.min(a, b), last: Math.max(a, b) }
    }),
    position.map((first): RangeSpec => ({ kind: 'open', first })),
    position.map((length): RangeSpec => ({ kind: 'suffix', length })),
  )
  const specs = fc.array(spec, { minLength: 1, maxLength: 6 })

  const asks = (asked: RangeSpec, index: number, size: number): boolean => {
    if (asked.kind === 'suffix') return index >= size - asked.length
    return index >= asked.first && (asked.kind === 'open' || index <= asked.last)
  }
  const within = (index: number) => (part: ByteRange) => index >= part.first && index <= part.last

  test('the parts hold each byte that was asked for once, and no other', () => {
    fc.assert(
      fc.property(specs, fc.integer({ min: 1, max: 40 }), (asked, size) => {
        const selection = selectRanges(asked, size)
        assert.notEqual(selection.kind, 'whole')
        const parts = selection.kind === 'parts' ? selection.parts : []
        assert.equal(parts.length === 0, selection.kind === 'unsatisfiable')
        for (const { first, last } of parts) {
          assert.equal(0 <= first && first <= last && last < size, true)
        }
        for (let index = 0; index < size; index++) {
          const wanted = asked.some((one) => asks(one, index, size))
          assert.equal(parts.filter(within(index)).length, wanted ? 1 : 0)
        }
      }),
      RUNS,
    )
  })

  test('the parts come in the order their first byte was asked for', () => {
    fc.assert(
      fc.property(specs, fc.integer({ min: 1, max: 40 }), (asked, size) => {
        const selection = selectRanges(asked, size)
        const parts = selection.kind === 'parts' ? selection.parts : []
        const askedAs = parts.map(({ first, last }) =>
          asked.findIndex((one) => {
            for (let index = first; index <= last; index++) if (asks(one, index, size)) return true
            return false
          }),
        )
        assert.deepEqual(
          askedAs,
          askedAs.toSorted((a, b) => a - b),
        )
      }),
      RUNS,
    )
  })

  test('no Range field makes the parser throw or give a number that is not exact', () => {
    const piece = fc.constantFrom(
      ...'bytes=|bytes|=|-|,| |\t|0|9|99|99999999999999999999|x'.split('|'),
    )
    const header = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(fc.oneof(header, latin1), fc.boolean(), (text, isUnitGiven) => {
        for (const one of parseRange(isUnitGiven ? `bytes=${text}` : text) ?? []) {
          const numbers = one.kind === 'suffix' ? [one.length] : [one.first]
          if (one.kind === 'bounded') {
            numbers.push(one.last)
            assert.equal(one.first <= one.last, true)
          }
          assert.equal(numbers.every(Number.isSafeInteger), true)
        }
      }),
      RUNS,
    )
  })
})

describe('conditions', () => {
  const tag = fc.constantFrom('"a"', 'W/"a"', '"b"', '"a,b"', 'a', '*', '', ',', '"', 'W/')
  const date = fc.constantFrom(
    'Sun, 06 Nov 1994 08:49:36 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'Sun Nov  6 08:49:38 1994',
    'never',
  )
  const tags = fc.array(tag, { maxLength: 3 }).map((list) => list.join(', '))
  const optional = (one: fc.Arbitrary<string>): fc.Arbitrary<string | undefined> =>
    fc.option(fc.oneof({ weight: 5, arbitrary: one }, latin1), { nil: undefined })
  const conditions: fc.Arbitrary<Conditions> = fc.record({
    ifMatch: optional(tags),
    ifNoneMatch: optional(tags),
    ifModifiedSince: optional(date),
    ifUnmodifiedSince: optional(date),
    ifRange: optional(fc.oneof(tag, date)),
  })
  const validators: fc.Arbitrary<Validators> = fc.record({
    etag: fc.option(fc.constantFrom('"a"', 'W/"a"', '"a,b"'), { nil: undefined }),
    lastModified: optional(date),
  })

  test('nothing asked and nothing known makes the evaluation throw', () => {
    fc.assert(
      fc.property(conditions, validators, (asked, known) => {
        evaluateConditions(asked, known)
        ifRangeHolds(asked.ifRange, known)
      }),
      RUNS,
    )
  })

  test('an existing representation satisfies If-Match: * and fails If-None-Match: *', () => {
    fc.assert(
      fc.property(conditions, validators, (asked, known) => {
        assert.notEqual(evaluateConditions({ ...asked, ifMatch: '*' }, known), 'failed')
        assert.notEqual(evaluateConditions({ ...asked, ifNoneMatch: '*' }, known), 'proceed')
      }),
      RUNS,
    )
  })

  test('a date beside an entity tag changes nothing', () => {
    fc.assert(
      fc.property(conditions, validators, (asked, known) => {
        const withTags = { ...asked, ifMatch: asked.ifMatch ?? '"a"', ifNoneMatch: '"b"' }
        const withoutDates = {
          ...withTags,
          ifModifiedSince: undefined,
          ifUnmodifiedSince: undefined,
        }
        assert.equal(evaluateConditions(withTags, known), evaluateConditions(withoutDates, known))
      }),
      RUNS,
    )
  })

  test('a list of well-formed tags is read back whole, whatever they hold', () => {
    const opaque = fc.string({ maxLength: 6 }).map((text) => `"${text.replaceAll('"', ',')}"`)
    const any = fc.tuple(fc.boolean(), opaque).map(([isWeak, one]) => (isWeak ? `W/${one}` : one))
    fc.assert(
      fc.property(fc.array(any), fc.constantFrom(',', ', ', ' ,\t'), (list, separator) => {
        assert.deepEqual(parseEntityTags(list.join(separator)), list)
      }),
      RUNS,
    )
  })
})
