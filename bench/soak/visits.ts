// What clients do during a soak, and what each of them must get.

import { Agent, request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

import { generateBytes } from '../../dev/s3-server.ts'
import { inSeconds, token } from '../../test/support/tokens.ts'
import { BIG, BIG_BYTES, SMALL, smallBytes } from './world.ts'

export interface Visit {
  readonly kind: string
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly wanted: readonly number[]
  /** What a good answer holds. */
  readonly bytes?: (() => Buffer) | undefined
  /** Leaves after so many bytes. */
  readonly leaveAfter?: number
  /** Waits so long at each piece of the body. */
  readonly pauseMs?: number
}

export interface Outcome {
  readonly visit: Visit
  /** 'broken': no answer, or not all of it; 'wrong': other bytes than they should be. */
  readonly status: number | 'broken' | 'wrong'
  /** Of a refusal. */
  readonly code: string | undefined
  readonly startedAt: number
  readonly endedAt: number
}

const DAY_S = 86_400
const claims = (role: string): object => ({ sub: role, role, exp: inSeconds(30 * DAY_S) })
const bearer = (role: string): { authorization: string } => ({
  authorization: `Bearer ${token({ claims: claims(role) })}`,
})
const STAFF = bearer('staff')
const CUSTOMER = bearer('customer')
const agent = new Agent({ keepAlive: true, maxSockets: Infinity })

export function nextVisit(random: () => number): Visit {
  const below = (limit: number): number => Math.floor(random() * limit)
  const small = Math.floor(random() ** 3 * SMALL)
  const big = below(BIG)
  const bytesOfSmall = (): Buffer => generateBytes(`small/${small}`, 0, smallBytes(small))
  const bigBytes = (first: number, last: number) => (): Buffer =>
    generateBytes(`big/${big}`, first, last + 1)
  const asset = `/assets/small/${small}`
  const first = below(BIG_BYTES - 1000)
  const last = Math.min(BIG_BYTES - 1, first + below(900_000))
  const range = `bytes=${first}-${last}`
  const whole = bigBytes(0, BIG_BYTES - 1)
  const plain: Visit = { kind: 'asset', path: asset, wanted: [200], bytes: bytesOfSmall }
  const visits: readonly (readonly [share: number, visit: Visit])[] = [
    [40, plain],
    [3, { ...plain, kind: 'asset, HEAD', method: 'HEAD', bytes: undefined }],
    [
      10,
      {
        kind: 'range',
        path: `/assets/big/${big}`,
        headers: { range },
        wanted: [206],
        bytes: bigBytes(first, last),
      },
    ],
    [3, { kind: 'big', path: `/assets/big/${big}`, wanted: [200], bytes: whole }],
    [
      2,
      { kind: 'big, slowly', path: `/assets/big/${big}`, wanted: [200], bytes: whole, pauseMs: 20 },
    ],
    [
      3,
      {
        kind: 'big, left',
        path: `/assets/big/${big}`,
        wanted: [200],
        leaveAfter: below(BIG_BYTES),
      },
    ],
    [5, { kind: 'missing', path: `/assets/nothing/${below(50)}`, wanted: [404] }],
    [
      8,
      {
        kind: 'private, staff',
        path: `/gallery/private/${small}`,
        headers: STAFF,
        wanted: [200],
        bytes: bytesOfSmall,
      },
    ],
    [4, { kind: 'private, nobody', path: `/gallery/private/${small}`, wanted: [401] }],
    [
      4,
      {
        kind: 'private, customer',
        path: `/gallery/private/${small}`,
        headers: CUSTOMER,
        wanted: [403],
      },
    ],
    [6, { kind: 'limited', path: `/limited/small/${small}`, wanted: [200, 429] }],
    [3, { kind: 'method', method: 'POST', path: asset, wanted: [405] }],
    [3, { kind: 'hostile', path: `/assets/%2e%2e/${small}`, wanted: [400] }],
    [3, { kind: 'no route', path: `/elsewhere/${small}`, wanted: [404] }],
  ]
  let left = random() * visits.reduce((sum, [share]) => sum + share, 0)
  return visits.find(([share]) => (left -= share) < 0)?.[1] ?? plain
}

export async function visit(base: string, what: Visit): Promise<Outcome> {
  const startedAt = performance.now()
  const ended = (status: Outcome['status'], code?: string): Outcome => {
    return { visit: what, status, code, startedAt, endedAt: performance.now() }
  }
  try {
    const answer = await ask(base, what)
    const status = answer.statusCode ?? 0
    const body = await bodyOf(answer, what)
    if (!what.wanted.includes(status)) return ended(status, codeIn(body))
    if (what.leaveAfter !== undefined || status === 429 || what.bytes === undefined) {
      return ended(status)
    }
    return ended(body.equals(what.bytes()) ? status : 'wrong')
  } catch (error) {
    return ended('broken', error instanceof Error ? error.message : String(error))
  }
}

function ask(
  base: string,
  { method = 'GET', path, headers = {} }: Visit,
): Promise<IncomingMessage> {
  const { hostname, port } = new URL(base)
  return new Promise((resolve, reject) => {
    const asked = request({ agent, hostname, port, method, path, headers }, resolve)
    asked.once('error', reject)
    asked.setTimeout(30_000, () => asked.destroy(new Error('silence for 30 s')))
    asked.end()
  })
}

async function bodyOf(
  answer: IncomingMessage,
  { leaveAfter, pauseMs = 0 }: Visit,
): Promise<Buffer> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of answer) {
    pieces.push(piece)
    size += piece.length
    if (leaveAfter !== undefined && size > leaveAfter) break
    if (pauseMs > 0) await delay(pauseMs)
  }
  return Buffer.concat(pieces)
}

function codeIn(body: Buffer): string | undefined {
  try {
    return JSON.parse(body.toString('utf8')).error
  } catch {
    return undefined
  }
}
