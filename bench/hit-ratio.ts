// How much of generated traffic the memory tier would serve, beside plain LRU and simulations of
// W-TinyLFU and S3-FIFO. Object hits, then byte hits, in percent.

import { Residency } from '../src/cache/residency.ts'
import { GhostList } from '../src/cache/ghost-list.ts'
import { Queue, Resident } from '../src/cache/resident.ts'
import { lru, s3Fifo, wTinyLfu } from './hit-ratio/policies.ts'
import type { Policy } from './hit-ratio/policies.ts'
import { sizeOf, traces } from './hit-ratio/traces.ts'

const SHARES = [0.01, 0.02, 0.05, 0.1, 0.2]

function ours(maxBytes: number): Policy {
  const held = new Map<number, Resident<undefined>>()
  const gone = GhostList.of(maxBytes)
  const place = { newcomers: new Queue<undefined>(), main: new Queue<undefined>() }
  const residency = new Residency(maxBytes - gone.ownBytes, gone, place, {
    evict: ({ hash }) => held.delete(hash),
  })
  return (id, bytes) => {
    const resident = held.get(id)
    if (resident !== undefined) {
      residency.use(resident)
      return true
    }
    const added = new Resident('', id, bytes, undefined)
    if (residency.makeRoom(bytes)) {
      residency.add(added)
      held.set(id, added)
    }
    return false
  }
}

const policies: readonly (readonly [name: string, open: (maxBytes: number) => Policy])[] = [
  ['ours', ours],
  ['LRU', lru],
  ['W-TinyLFU', wTinyLfu],
  ['S3-FIFO', s3Fifo],
]

function replay(ids: Int32Array, policy: Policy): readonly [objects: number, bytes: number] {
  let hits = 0
  let hitBytes = 0
  let bytes = 0
  for (const id of ids) {
    const size = sizeOf(id)
    bytes += size
    if (!policy(id, size)) continue
    hits += 1
    hitBytes += size
  }
  return [(100 * hits) / ids.length, (100 * hitBytes) / bytes]
}

const row = (cells: readonly string[]): string =>
  cells.map((cell, index) => (index === 0 ? cell.padEnd(38) : cell.padStart(13))).join('')

let worst = Number.POSITIVE_INFINITY
console.log(row(['trace, cache of its bytes', ...policies.map(([name]) => name), 'beside best']))
for (const { name, ids, footprintBytes } of traces()) {
  for (const share of SHARES) {
    const results = policies.map(([, open]) => replay(ids, open(footprintBytes * share)))
    const best = Math.max(...results.slice(1).map(([objects]) => objects))
    const cells = results.map(([objects, bytes]) => `${objects.toFixed(1)} /${bytes.toFixed(1)}`)
    const ahead = (results[0]?.[0] ?? 0) - best
    console.log(row([`${name}, ${share * 100} %`, ...cells, ahead.toFixed(1)]))
    worst = Math.min(worst, ahead)
  }
}
console.log(`ours beside the best of the others, at worst: ${worst.toFixed(1)} points`)
