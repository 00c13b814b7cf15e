// Nothing is kept of those who have gone, whatever became of them: no place, no question, no memory.

import { test } from 'node:test'

import { explainAt, stepOf } from '../support/explained.ts'
import { openWorld, reader } from '../support/guarded-world.ts'
import { download } from '../support/http.ts'
import { connect } from '../support/peer.ts'
import type { Peer } from '../support/peer.ts'
import { bearer } from '../support/tokens.ts'
import { until } from '../support/until.ts'

const MIB = 2 ** 20

test('whatever becomes of ten thousand requests, no place and no byte of memory is kept', async () => {
  await using world = await openWorld({ threads: 2 })
  const { front, policy } = world
  front.put('large', { size: 2 * MIB, seed: 'large' })
  front.put('middle', { size: MIB / 8, seed: 'middle' })
  for (let index = 0; index < 6; index += 1) {
    front.put(`room-${index}`, { size: 2 * MIB, seed: `room-${index}` })
  }
  const headers = bearer(reader)
  const askLike = async (turn: number): Promise<void> => {
    const few = turn % 100
    if (few === 0) await download(`${front.url}/vault/large`, { headers, abortAfter: 1 })
    else if (few === 1) await leaveWhenAsked(`/vault/hang/${turn}`)
    else if (few === 2) (await sendAlone('/vault/large')).destroy()
    else if (few === 3) await leaveInLine(`none/${turn}`)
    else await world.ask(PATHS[turn % PATHS.length] ?? '', turn % 3 === 0 ? {} : headers)
  }
  const sendAlone = async (path: string): Promise<Peer> => {
    const peer = await connect(front.port)
    peer.send(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${reader}\r\n\r\n`)
    return peer
  }
  /** Two have a place at the origin, and the others wait for one. */
  const leaveInLine = async (name: string): Promise<void> => {
    const peers = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => sendAlone(`/vault/${name}/${n}`)))
    const isAsked = (): boolean => front.s3.requests.some(({ key }) => key.startsWith(`${name}/`))
    await until('the origin is asked', () => Promise.resolve(isAsked()), Boolean)
    for (const peer of peers) peer.destroy()
  }
  const leaveWhenAsked = async (path: string): Promise<void> => {
    const peer = await sendAlone(path)
    const isAsked = (): boolean => policy.asked.some((input) => input.path === path)
    await until('the policy is asked', () => Promise.resolve(isAsked()), Boolean)
    peer.destroy()
  }
  let turn = 0
  const one = async (): Promise<void> => {
    while (turn < 10_000) {
      turn += 1
      await askLike(turn)
    }
  }
  // As slow as an origin is for whom others wait.
  front.s3.fault({ kind: 'delay', delayMs: 40 })
  await Promise.all(Array.from({ length: 16 }, one))
  const placesInUse = async (): Promise<readonly unknown[]> => {
    const told = await explainAt(front, { path: '/vault/unseen', headers, address: '127.0.0.1' })
    const { server, bucket } = stepOf(told, 'slots')
    const { requests } = stepOf(told, 'origin')
    return [server, bucket, requests, { in_use: Object(requests)['waiting'] }].map(
      (place: unknown) => Object(place)['in_use'],
    )
  }
  await until('every place is free', placesInUse, (places) => places.every((one) => one === 0))
  await until(
    'no question to the policy is open',
    () => Promise.resolve(policy.seen.left),
    (left) => left === 100,
  )
  await front.purge({ all: true })
  // Of each thread nearly all of its memory, twice over.
  for (let index = 0; index < 6; index += 1) {
    let hits = 0
    await until(
      `room-${index} is kept`,
      async () => {
        const answer = await download(`${front.url}/vault/room-${index}`, { headers })
        hits = answer.headers['x-cache'] === 'HIT' ? hits + 1 : 0
        return hits
      },
      (count) => count >= 6,
    )
  }
})

const PATHS = [
  '/vault/a',
  '/vault/a',
  '/vault/no/a',
  '/vault/none',
  '/u/acme/a',
  '/u/rival/a',
  '/person/a',
  '/other/a',
  '/site/deep/link',
  '/site/',
  '/nowhere',
  '/vault/middle',
]
