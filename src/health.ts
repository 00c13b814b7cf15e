#!/usr/bin/env node
// Asks a running Sluice whether it is ready, for those who can only run a program, such as a container's
// health check: `node dist/health.js [URL]` ends with 0 when the answer is 200, else with 1. A program of
// its own, because to load all of Sluice every few seconds would cost half a second and 100 MB each time.

import { get } from 'node:http'

const STANDARD_URL = 'http://127.0.0.1:9090/ready'
const TIMEOUT_MS = 4000

const url = process.argv[2] ?? STANDARD_URL
try {
  const asked = get(url, { agent: false, signal: AbortSignal.timeout(TIMEOUT_MS) }, (answer) => {
    end(answer.statusCode === 200 ? 0 : 1, `${url} answered ${answer.statusCode}`)
  })
  asked.on('error', (error) => end(1, `${url}: ${error.message}`))
} catch (error) {
  end(1, String(error))
}

/** At once: what else the answer holds is nobody's business here. */
function end(code: number, said: string): never {
  console.log(said)
  process.exit(code)
}
