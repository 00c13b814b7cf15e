// The index is shared: another process may hold its lock. SQLite's own waiting stops the thread,
// so it is kept short, and the rest of the waiting is done here.

import { setTimeout as sleep } from 'node:timers/promises'

import { sqliteTrouble } from './disk-trouble.ts'

const TRIES = 40
const PAUSE_MS = 25

export async function patiently<Result>(work: () => Result): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return work()
    } catch (error) {
      if (sqliteTrouble(error) !== 'busy' || tries === TRIES) throw error
      await sleep(PAUSE_MS)
    }
  }
}
