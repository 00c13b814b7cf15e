import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { generateBytes } from '../../dev/s3-server.ts'
import { request } from '../support/http.ts'
import { partMissing } from '../support/parts.ts'
import { openRgw } from '../support/rgw.ts'
import { openSluice, type Sluice } from '../support/sluice.ts'
import { putCopies } from './huge-object.ts'
import { bucketAt, s3Of } from './rgw-bucket.ts'

const MiB = 1024 * 1024
const GiB = 1024 * MiB
const PART_BYTES = 64 * MiB
const HUGE = 5 * GiB
const LOOK_EVERY = 8 * MiB
const ALLOWED = 64 * MiB
/** A period that nothing divides, so that bytes out of place are found out, and Ceph can compress. */
const PART = Buffer.alloc(PART_BYTES, generateBytes('huge', 0, 65_521))

describe('an object of 5 GiB, kept by Ceph', { skip: partMissing('radosgw') }, () => {
  const opened = new AsyncDisposableStack()
  after(() => opened.disposeAsync())
  let sluice: Sluice
  let idle = 0

  before(async () => {
    const rgw = opened.use(await openRgw({ sizeMiB: 6144, isCompressed: true }))
    await rgw.createBucket('huge')
    await rgw.putObject('huge', 'part', PART)
    const copies = HUGE / PART_BYTES
    await putCopies(rgw, { bucket: 'huge', part: 'part', key: 'whole', copies })
    sluice = opened.use(await openSluice({ buckets: [bucketAt('huge', s3Of(rgw, 'huge'))] }))
    idle = residentBytes(sluice)
    // What the program grows by with its first large delivery is its code and its buffers.
    await read(`${sluice.url}/huge/part`)
  })

  test('it is delivered whole and exact, in less than 64 MiB more memory than an object of 64 MiB', async () => {
    const beforeIt = residentBytes(sluice)
    let peak = beforeIt
    const length = await read(`${sluice.url}/huge/whole`, () => {
      peak = Math.max(peak, residentBytes(sluice))
    })
    assert.equal(length, HUGE)
    assert.ok(peak - beforeIt < ALLOWED, `grew from ${inMiB(beforeIt)} to ${inMiB(peak)}`)
    assert.ok(peak - idle < 2 * ALLOWED, `grew from ${inMiB(idle)}, idle, to ${inMiB(peak)}`)
  })

  test('a reader that stalls after 200 MB stalls the origin, and costs no memory', async () => {
    const beforeIt = residentBytes(sluice)
    const takenBefore = bytesTakenIn(sluice)
    const stalled = read(`${sluice.url}/huge/whole`, async (position) => {
      if (position < 200 * MiB) return
      await quiet(sluice)
      const ahead = bytesTakenIn(sluice) - takenBefore - position
      const grown = residentBytes(sluice) - beforeIt
      assert.ok(
        ahead >= 0 && ahead < ALLOWED,
        `the proxy has read ${inMiB(ahead)} ahead of its reader`,
      )
      assert.ok(grown < ALLOWED, `grew by ${inMiB(grown)}`)
      throw new Left()
    })
    await assert.rejects(stalled, Left)
  })

  test('its bytes beyond 4 GiB can be asked for by range', async () => {
    const first = 2 ** 32 - 10
    const headers = { range: `bytes=${first}-${first + 19}` }
    const middle = await request(`${sluice.url}/huge/whole`, { headers })
    assert.equal(middle.status, 206)
    assert.equal(middle.headers['content-range'], `bytes ${first}-${first + 19}/${HUGE}`)
    assert.ok(middle.body.equals(Buffer.concat([PART.subarray(-10), PART.subarray(0, 10)])))

    const end = await request(`${sluice.url}/huge/whole`, { headers: { range: 'bytes=-7' } })
    assert.equal(end.headers['content-range'], `bytes ${HUGE - 7}-${HUGE - 1}/${HUGE}`)
    assert.ok(end.body.equals(PART.subarray(-7)))
  })
})

class Left extends Error {}

/** Reads a body of copies of PART, checks every byte, and looks up now and then. */
async function read(
  url: string,
  look: (position: number) => void | Promise<void> = () => undefined,
): Promise<number> {
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.get(url, { agent: false }, resolve).on('error', reject)
  })
  assert.equal(response.statusCode, 200)
  let position = 0
  let nextLook = LOOK_EVERY
  for await (const chunk of response) {
    assert.ok(isPartOfCopies(chunk, position % PART_BYTES), `wrong bytes at ${position}`)
    position += chunk.length
    if (position < nextLook) continue
    nextLook += LOOK_EVERY
    await look(position)
  }
  return position
}

function isPartOfCopies(chunk: Buffer, start: number): boolean {
  const head = Math.min(chunk.length, PART_BYTES - start)
  const isHeadRight = chunk.compare(PART, start, start + head, 0, head) === 0
  return isHeadRight && chunk.compare(PART, 0, chunk.length - head, head) === 0
}

function residentBytes({ pid }: Sluice): number {
  const kibi = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kibi) * 1024
}

/** What the process has read so far, which is nearly all from the origin. */
function bytesTakenIn({ pid }: Sluice): number {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])
}

/** Comes back when the process has read nothing for a moment. */
async function quiet(sluice: Sluice): Promise<void> {
  for (let before = -1; before !== bytesTakenIn(sluice);) {
    before = bytesTakenIn(sluice)
    await delay(500)
  }
}

function inMiB(bytes: number): string {
  return `${Math.round(bytes / MiB)} MiB`
}
