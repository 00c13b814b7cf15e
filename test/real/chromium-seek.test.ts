// Somebody who jumps about in a long recording: what a browser's player makes of ranges. The page
// and the recording both come through Sluice.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import { bytesSent, openCached } from '../support/cached.ts'
import type { Cached } from '../support/cached.ts'
import { openChromium } from '../support/chromium.ts'
import { partMissing } from '../support/parts.ts'

const BYTES_A_SECOND = 48_000 * 2 * 2
const SECONDS = 2200
const SOUND_BYTES = SECONDS * BYTES_A_SECOND
const WAV_HEADER_BYTES = 44
const PLACES = [0.1, 0.9, 0.5]

interface Visit {
  readonly duration: number
  /** From where to where it played after each seek. */
  readonly played: readonly (readonly [number, number])[]
  readonly error: string | null
}

const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>A recording</title>
<video id="player" src="sound.wav" preload="metadata" muted></video>
<script>
const player = document.getElementById('player')
const happens = (name) => new Promise((resolve, reject) => {
  player.addEventListener(name, resolve, { once: true })
  player.addEventListener('error', () => reject(new Error(player.error.message)), { once: true })
})
const plays = () => new Promise((resolve) => {
  const from = player.currentTime
  player.addEventListener('timeupdate', () => {
    if (player.currentTime > from + 0.5) resolve([from, player.currentTime])
  })
})
const visit = async () => {
  const played = []
  for (const share of ${JSON.stringify(PLACES)}) {
    const seeked = happens('seeked')
    player.currentTime = share * player.duration
    await seeked
    const playing = plays()
    await player.play()
    played.push(await playing)
    player.pause()
  }
  return { duration: player.duration, played, error: player.error?.message ?? null }
}
const visited = happens('loadedmetadata').then(visit)
</script>
`

describe('a player in Chromium', { skip: partMissing('chromium') }, () => {
  const opened = new AsyncDisposableStack()
  after(() => opened.disposeAsync())
  let cached: Cached

  before(async () => {
    const root = mkdtempSync(join(tmpdir(), 'sluice-recording-'))
    opened.defer(() => rmSync(root, { recursive: true, force: true }))
    writeRecording(join(root, 'b'))
    // Half a second of playing is more than a slice: where it played, slices were finished.
    cached = opened.use(await openCached({ root, cache: { slice_size: '64KiB' } }))
  })

  /** Each time in a browser that has never been here. */
  async function visit(): Promise<Visit> {
    await using chromium = await openChromium()
    const page = await chromium.open(`${cached.sluice().url}/b/player.html`)
    return Object(await page.evaluate('visited'))
  }

  test('seeks in a long recording, and S3 is asked for what is played alone', async () => {
    assertVisited(await visit())
    const sent = bytesSent(cached.asked('sound.wav'))
    assert.ok(sent < SOUND_BYTES / 4, `${sent} of ${SOUND_BYTES} bytes`)
    assert.deepEqual(PLACES.filter(wasSent), PLACES)
  })

  test('finds in the cache what was played before', async () => {
    cached.s3.clearRequests()
    assertVisited(await visit())
    assert.deepEqual(PLACES.filter(wasSent), [])
  })

  /** Whether S3 sent what is played at this place. */
  function wasSent(share: number): boolean {
    const place = WAV_HEADER_BYTES + share * SOUND_BYTES
    return cached.asked('sound.wav').some(({ headers, bytesSent: sent }) => {
      const first = Number(/^bytes=(\d+)-/.exec(headers['range'] ?? '')?.[1])
      return first <= place && place < first + sent
    })
  }
})

/** Of silence, which takes no room on the disk. */
function writeRecording(folder: string): void {
  mkdirSync(folder)
  writeFileSync(join(folder, 'player.html'), PAGE)
  writeFileSync(join(folder, 'sound.wav'), wavHeader())
  truncateSync(join(folder, 'sound.wav'), WAV_HEADER_BYTES + SOUND_BYTES)
}

/** Of PCM: two channels of 16 bits, 48000 times a second. */
function wavHeader(): Buffer {
  const header = Buffer.alloc(WAV_HEADER_BYTES)
  header.write('RIFF', 0, 'latin1')
  header.writeUInt32LE(WAV_HEADER_BYTES - 8 + SOUND_BYTES, 4)
  header.write('WAVEfmt ', 8, 'latin1')
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(2, 22)
  header.writeUInt32LE(48_000, 24)
  header.writeUInt32LE(BYTES_A_SECOND, 28)
  header.writeUInt16LE(4, 32)
  header.writeUInt16LE(16, 34)
  header.write('data', 36, 'latin1')
  header.writeUInt32LE(SOUND_BYTES, 40)
  return header
}

function assertVisited({ duration, played, error }: Visit): void {
  assert.equal(error, null)
  assert.equal(Math.round(duration), SECONDS)
  const places = played.map(([from]) => Math.round(from))
  assert.deepEqual(
    places,
    PLACES.map((share) => share * SECONDS),
  )
  for (const [from, to] of played) assert.ok(to > from, `played from ${from} to ${to}`)
}
