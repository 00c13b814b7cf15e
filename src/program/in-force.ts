// What is in force: what a thread begins with, whenever it begins.

import type { Config } from '../config/config.ts'
import { createSharedMemory } from '../live/live.ts'
import type { Standing } from './reload-part.ts'

export class InForce {
  #standing: Standing

  constructor(config: Config, threads: number) {
    this.#standing = { generation: 1, config, memory: createSharedMemory(config, threads) }
  }

  get standing(): Standing {
    return this.#standing
  }

  get config(): Config {
    return this.#standing.config
  }

  put(standing: Standing): void {
    this.#standing = standing
  }
}
