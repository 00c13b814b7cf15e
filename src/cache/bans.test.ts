import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import fc from 'fast-check'

import type { Ban, BanRule } from './ban.ts'
import { Bans, compileGlob, matcherFor } from './bans.ts'
import type { EntryFacts } from './tier.ts'

const FACTS: EntryFacts = {
  bucket: 'b',
  objectKey: 'img/a/1.png',
  tags: ['red', 'sale'],
  objectBytes: 1,
  receivedAt: 1000,
  keepUntil: Infinity,
}

function banOf(id: string, at: number, isSoft = false, rule: BanRule = { kind: 'all' }): Ban {
  return { id, rule, at, isSoft }
}

describe('a rule covers', () => {
  const bucket = undefined
  const cases: readonly (readonly [BanRule, boolean])[] = [
    [{ kind: 'all' }, true],
    [{ kind: 'bucket', bucket: 'b' }, true],
    [{ kind: 'bucket', bucket: 'B' }, false],
    [{ kind: 'key', bucket: 'b', key: 'img/a/1.png' }, true],
    [{ kind: 'key', bucket: 'b', key: 'img/a/1.pn' }, false],
    [{ kind: 'key', bucket: 'other', key: 'img/a/1.png' }, false],
    [{ kind: 'prefix', bucket: 'b', prefix: 'img/' }, true],
    [{ kind: 'prefix', bucket, prefix: '' }, true],
    [{ kind: 'prefix', bucket, prefix: 'mg/' }, false],
    [{ kind: 'prefix', bucket: 'other', prefix: 'img/' }, false],
    [{ kind: 'glob', bucket, pattern: 'img/*/1.png' }, true],
    [{ kind: 'glob', bucket, pattern: 'img/*.png' }, false],
    [{ kind: 'glob', bucket, pattern: 'img/**.png' }, true],
    [{ kind: 'glob', bucket: 'other', pattern: '**' }, false],
    [{ kind: 'tag', bucket, tag: 'sale' }, true],
    [{ kind: 'tag', bucket, tag: 'sal' }, false],
    [{ kind: 'tag', bucket: 'other', tag: 'sale' }, false],
  ]
  for (const [rule, isCovered] of cases) {
    test(`${JSON.stringify(rule)} ${isCovered ? 'covers it' : 'does not'}`, () => {
      assert.equal(matcherFor(rule)(FACTS), isCovered)
    })
  }
})

describe('a ban', () => {
  test('covers what was received before it or with it, and nothing later', () => {
    const bans = new Bans()
    bans.declare(banOf('x', 1000))
    const covered = [999, 1000, 1001].map((receivedAt) => bans.covering({ ...FACTS, receivedAt }))
    assert.deepEqual(
      covered.map((ban) => ban?.id),
      ['x', 'x', undefined],
    )
  })

  test('is declared once', () => {
    const bans = new Bans()
    assert.deepEqual([bans.declare(banOf('x', 1)), bans.declare(banOf('x', 2)), bans.size], [true, false, 1]) // prettier-ignore
  })

  test('that is hard goes before any soft one, and of soft ones the oldest that covers it counts', () => {
    const bans = new Bans()
    bans.declare(banOf('before', 999, true))
    bans.declare(banOf('second', 4000, true, { kind: 'bucket', bucket: 'b' }))
    bans.declare(banOf('first', 3000, true))
    bans.declare(banOf('third', 5000, true))
    assert.equal(bans.covering(FACTS)?.id, 'first')
    bans.declare(banOf('hard', 2000))
    assert.equal(bans.covering(FACTS)?.id, 'hard')
  })

  test('that is retired covers nothing', () => {
    const bans = new Bans()
    bans.declare(banOf('x', 2000))
    bans.retire('x')
    assert.deepEqual([bans.covering(FACTS), bans.size], [undefined, 0])
  })

  test('costs what came after all of them nothing, however many there are', () => {
    const bans = new Bans()
    for (let i = 0; i < 1000; i += 1) bans.declare(banOf(`ban ${i}`, 1000))
    let looks = 0
    const facts = {
      ...FACTS,
      get receivedAt(): number {
        looks += 1
        return 1001
      },
    }
    assert.deepEqual([bans.covering(facts), looks], [undefined, 1])
  })
})

describe('a glob', () => {
  /** What it means, in the words of regular expressions. */
  function reference(pattern: string): RegExp {
    const source = pattern.replaceAll(/\*\*|\*|\?|[\s\S]/gu, (token) => {
      if (token === '**') return '[^]*'
      if (token === '*') return '[^/]*'
      if (token === '?') return '[^/]'
      return token.replaceAll(/[\\^$.|+()[\]{}/-]/g, '\\$&')
    })
    return new RegExp(`^${source}$`, 'u')
  }

  test('means what the same regular expression means', () => {
    const letters = fc.constantFrom('a', 'b', '/', '.', '😀')
    const text = fc.string({ unit: letters, maxLength: 12 })
    const pattern = fc.string({ unit: fc.oneof(letters, fc.constantFrom('*', '**', '?')), maxLength: 8 }) // prettier-ignore
    fc.assert(
      fc.property(pattern, text, (glob, key) => {
        assert.equal(compileGlob(glob)(key), reference(glob).test(key))
      }),
      { numRuns: 3000, seed: 11 },
    )
  })

  test('that would cost a regular expression for ever costs next to nothing', () => {
    assert.equal(compileGlob(`${'**a'.repeat(30)}b`)('a'.repeat(1024)), false)
  })
})
