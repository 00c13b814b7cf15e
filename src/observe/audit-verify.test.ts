import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Chain } from './audit-chain.ts'
import { Verifier } from './audit-verify.ts'
import type { Verdict } from './audit-verify.ts'

const TIME = '2026-01-02T03:04:05.678Z'

function chainOf(...entries: readonly string[]): string[] {
  const chain = new Chain()
  return entries.map((entry) => {
    const [kind = '', ...more] = entry.split(',')
    return chain.add([`6${kind}`, `"time":"${TIME}"`, ...more].join(',')).line
  })
}

/** Five requests, the last of them an end. */
function five(...others: readonly string[]): string[] {
  const requests = ['/1', '/2', '/3', '/4'].map((path) => request(path))
  return chainOf(...requests, ...others, '"kind":"end","instance":"x"')
}

function request(path: string): string {
  return `"kind":"request","path":"${path}"`
}

function verdictOn(lines: readonly string[], isWhole = true): Verdict {
  const verifier = new Verifier()
  for (const [index, line] of lines.entries()) {
    const isLast = index === lines.length - 1
    verifier.read(line, { file: 'f', line: index + 1 }, isWhole || !isLast)
  }
  return verifier.verdict()
}

function faultIn(lines: readonly string[]): unknown {
  const verdict = verdictOn(lines)
  return verdict.kind === 'broken' ? [verdict.at.line, verdict.fault] : verdict.kind
}

const WHOLE = {
  kind: 'whole',
  records: 5,
  first: 1,
  last: 5,
  lost: 0,
  isTorn: false,
  isEnded: true,
}

test('a chain is whole, also where its first records have gone with their file', () => {
  assert.deepEqual(verdictOn(five()), WHOLE)
  assert.deepEqual(verdictOn(five().slice(2)), { ...WHOLE, records: 3, first: 3 })
})

test('whether it was ended is told', () => {
  assert.deepEqual(verdictOn(five().slice(0, 4)), {
    ...WHOLE,
    records: 4,
    last: 4,
    isEnded: false,
  })
})

test('without records there is nothing to say', () => {
  assert.deepEqual(verdictOn([]), { kind: 'empty' })
})

test('a line that the program was writing when it ended is no fault, unless something follows it', () => {
  const [first = '', second = ''] = five()
  const torn = second.slice(0, 40)
  const verdict = verdictOn([first, torn], false)
  assert.deepEqual([verdict.kind, verdict.kind === 'whole' && verdict.isTorn], ['whole', true])
  const verifier = new Verifier()
  verifier.read(first, { file: 'f', line: 1 })
  verifier.read(torn, { file: 'f', line: 2 }, false)
  verifier.read(second, { file: 'g', line: 1 })
  const after = verifier.verdict()
  assert.deepEqual(after, {
    kind: 'broken',
    at: { file: 'g', line: 1 },
    fault: 'something follows a line that is not whole',
  })
})

const moved = ([a = '', b = '', c = '', d = '', e = '']: string[]): Record<string, string[]> => ({
  changed: [a, b.replace('/2', '/X'), c, d, e],
  'taken out': [a, c, d, e],
  'two taken out': [a, d, e],
  swapped: [a, c, b, d, e],
  'moved far': [a, c, d, b, e],
  repeated: [a, b, b, c, d, e],
  garbage: [a, 'x', b, c, d, e],
  emptied: [a, '', c, d, e],
})

const FAULTS: Readonly<Record<string, unknown>> = {
  changed: [2, 'record 2 was changed'],
  'taken out': [2, 'record 2 is missing before it'],
  'two taken out': [2, 'records 2 to 3 are missing before it'],
  swapped: [2, 'record 3 is out of order: record 2 comes after it'],
  'moved far': [2, 'record 3 is out of order: record 2 comes after it'],
  repeated: [3, 'record 2 stands there a second time'],
  garbage: [2, 'is no audit record, or one that was changed'],
  emptied: [2, 'is no audit record, or one that was changed'],
}

for (const [what, lines] of Object.entries(moved(five()))) {
  test(`a record that is ${what} is found, at the first line that is wrong`, () => {
    assert.deepEqual(faultIn(lines), FAULTS[what])
  })
}

test('a record that was replaced by another with a right hash of its own is found by the next', () => {
  const lines = five()
  const other = chainOf(request('/1'), request('/forged'))
  assert.deepEqual(faultIn(lines.with(1, other[1] ?? '')), [
    3,
    'record 3 does not follow the one before it, which was replaced',
  ])
})

test('every byte of a record counts', () => {
  const lines = five()
  const line = lines[2] ?? ''
  for (let index = 0; index < line.length; index += 1) {
    const flipped = String.fromCharCode(line.charCodeAt(index) ^ 1)
    const changed = line.slice(0, index) + flipped + line.slice(index + 1)
    assert.equal(verdictOn(lines.with(2, changed)).kind, 'broken', `byte ${index}`)
  }
})

test('another chain does not go on from this one', () => {
  assert.deepEqual(faultIn([...five(), ...five()]), [
    6,
    'a new chain begins, which does not tell of what was before it',
  ])
})

test('what the chain tells to be lost is not missing, and nothing else', () => {
  const lost = '"kind":"lost","sink":"file","from":2,"to":3,"count":2'
  const [a = '', b = '', c = '', d = '', told = '', e = ''] = five(lost)
  assert.deepEqual(verdictOn([a, d, told, e]), { ...WHOLE, records: 4, last: 6, lost: 2 })
  assert.deepEqual(verdictOn([a, b, c, d, told, e]), { ...WHOLE, records: 6, last: 6 })
  assert.deepEqual(faultIn([a, told, e]), [2, 'records 2 to 4 are missing before it'])
  assert.deepEqual(faultIn([a, d, e]), [2, 'records 2 to 3 are missing before it'])
})
