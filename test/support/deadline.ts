// Loaded before each test file. The runner ends a test that takes too long, but not a process: one
// that something keeps alive, that never comes back from a loop, or whose runner is gone, ends here.

import { isMainThread, Worker } from 'node:worker_threads'

/** Later than the runner's own timeout, which names the test. */
const DEADLINE_MS = 420_000
/** For a loop that lets no timer of its own thread run. */
const LAST_RESORT_MS = DEADLINE_MS + 5_000
const LOOK_MS = 1_000

if (isMainThread) {
  setTimeout(tellWhatHolds, DEADLINE_MS).unref()
  // Without this process's own options, which would load this file again.
  new Worker(new URL(import.meta.url), { execArgv: [] }).unref()
} else {
  const runner = process.ppid
  const until = performance.now() + LAST_RESORT_MS
  setInterval(() => {
    if (process.ppid !== runner || performance.now() > until) process.kill(process.pid, 'SIGKILL')
  }, LOOK_MS)
}

function tellWhatHolds(): never {
  const held = process.getActiveResourcesInfo().join(', ')
  console.error(`${process.argv[1]} did not end in ${DEADLINE_MS} ms, held by: ${held}`)
  process.exit(1)
}
