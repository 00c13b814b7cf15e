// What one thread does for a change of the configuration: here, or at the end of a line.

import type { Config, Problem } from '../config/config.ts'
import { packConfig, unpackConfig } from '../config/transfer.ts'
import type { SharedMemory } from '../live/live.ts'
import type { ProxyThread } from './thread.ts'
import type { ThreadLine } from './thread-line.ts'

/** A configuration, and what threads that begin or change need with it. */
export interface Standing {
  /** Grows with every change. */
  readonly generation: number
  readonly config: Config
  readonly memory: SharedMemory
}

export interface ReloadPart {
  /** What is wrong with it for this thread. Nobody notices that it is ready. */
  prepare(next: Standing): Promise<readonly Problem[]>
  /** It is in force there. */
  swap(generation: number): Promise<void>
  abandon(): Promise<void>
}

/** A thread that opens much answers late, one that hangs never. */
const PREPARE_MS = 30_000
const SWAP_MS = 10_000

export function localReloadPart(thread: ProxyThread): ReloadPart {
  return {
    prepare: (next) => thread.prepare(next),
    swap: async (generation) => thread.swap(generation),
    abandon: async () => thread.abandon(),
  }
}

export function reloadPartAt(line: ThreadLine): ReloadPart {
  // The casts: what comes over a line is what `answerReload` of this very program gave to it.
  return {
    prepare: ({ config, ...next }) =>
      line.ask('prepare', [{ ...next, packed: packConfig(config) }], PREPARE_MS) as Promise<
        readonly Problem[]
      >,
    swap: (generation) => line.ask('swap', [generation], SWAP_MS) as Promise<void>,
    abandon: () => line.ask('abandon', [], SWAP_MS) as Promise<void>,
  }
}

interface Packed extends Omit<Standing, 'config'> {
  readonly packed: unknown
}

/** The other end of `reloadPartAt`; undefined for what it does not know. */
export function answerReload(
  name: string,
  [first]: readonly unknown[],
  part: ReloadPart,
): Promise<unknown> | undefined {
  switch (name) {
    case 'prepare': {
      const { packed, ...next } = first as Packed
      return part.prepare({ ...next, config: unpackConfig(packed) })
    }
    case 'swap':
      return part.swap(Number(first))
    case 'abandon':
      return part.abandon()
    default:
      return undefined
  }
}
