import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Commons, Holdings } from './commons.ts'

interface Thing {
  readonly name: string
}

function world(): { commons: Commons<Thing>; closed: string[] } {
  const closed: string[] = []
  return { commons: new Commons<Thing>(({ name }) => closed.push(name)), closed }
}

const make = (name: string) => (): Thing => ({ name })

test('a thing is found again by its key, and made once', () => {
  const { commons } = world()
  const first = commons.take('a', make('a'))
  assert.equal(commons.take('a', make('another')), first)
  assert.notEqual(commons.take('b', make('b')), first)
})

test('a thing is closed when the last who holds it lets go, and made anew for who comes then', () => {
  const { commons, closed } = world()
  const [one, other] = [new Holdings(), new Holdings()]
  const first = one.take(commons, 'a', make('a'))
  other.take(commons, 'a', make('a'))
  one.release()
  one.release()
  assert.deepEqual(closed, [])
  other.release()
  assert.deepEqual(closed, ['a'])
  assert.equal(commons.size, 0)
  assert.notEqual(one.take(commons, 'a', make('a')), first)
})

test('what was taken last is let go first', () => {
  const { commons, closed } = world()
  const holdings = new Holdings()
  for (const name of ['a', 'b', 'c']) holdings.take(commons, name, make(name))
  holdings.release()
  assert.deepEqual(closed, ['c', 'b', 'a'])
})
