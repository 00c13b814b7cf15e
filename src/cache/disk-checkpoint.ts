// Moves what SQLite has written ahead into its place, in a thread of its own: that waits for the
// disk, and the thread that serves must not.

import { DatabaseSync } from 'node:sqlite'
import { parentPort, Worker, workerData } from 'node:worker_threads'

interface Orders {
  readonly checkpointsOf: string
}

export class Checkpointer {
  readonly #path: string
  #worker: Worker | undefined
  #isAtWork = false

  constructor(path: string) {
    this.#path = path
  }

  /** One after the other: asked again meanwhile, it has nothing more to do. */
  run(): void {
    if (this.#isAtWork) return
    this.#isAtWork = true
    this.#worker ??= this.#spawn()
    this.#worker.postMessage('checkpoint')
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
  }

  #spawn(): Worker {
    const orders: Orders = { checkpointsOf: this.#path }
    const worker = new Worker(new URL(import.meta.url), { workerData: orders })
    worker.unref()
    worker.on('message', () => (this.#isAtWork = false))
    // Without it the index makes its own checkpoints, later and in the way.
    worker.on('error', () => (this.#worker = undefined))
    return worker
  }
}

function serveCheckpoints(path: string): void {
  const database = new DatabaseSync(path, { timeout: 1000 })
  parentPort?.on('message', () => {
    database.exec('PRAGMA wal_checkpoint(PASSIVE)')
    parentPort?.postMessage('done')
  })
}

function isOrders(value: unknown): value is Orders {
  return typeof value === 'object' && value !== null && 'checkpointsOf' in value
}

if (isOrders(workerData)) serveCheckpoints(workerData.checkpointsOf)
