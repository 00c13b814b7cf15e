// The configuration that is in force: compiled once, started, handed to every exchange, and
// released at the end.

import type { Config } from '../config/config.ts'
import type { Emit } from '../exchange/event.ts'
import type { Backends, Snapshot } from '../proxy/proxy.ts'
import { compile } from './compile.ts'
import type { Compiled } from './compile.ts'

export class Live {
  readonly #compiled: Compiled

  constructor(config: Config, random: () => number, emit: Emit) {
    this.#compiled = compile(config, random, emit)
    for (const origin of this.#compiled.origins.values()) origin.start()
  }

  current(): Snapshot {
    return this.#compiled.snapshot
  }

  backends(): Backends {
    const backends: Record<string, ReturnType<Live['backends']>[string]> = {}
    for (const [bucket, origin] of this.#compiled.origins) backends[bucket] = origin.health()
    return backends
  }

  async close(): Promise<void> {
    const origins = [...this.#compiled.origins.values()]
    await Promise.all(origins.map((origin) => origin.close()))
  }
}
