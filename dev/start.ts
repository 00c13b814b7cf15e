// What `npm start` runs: the embedded S3 server with a bucket of samples, and Sluice in front of it.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { constants } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import { openS3Server } from './s3-server.ts'
import type { Credential } from './s3-server.ts'

const largeBytes = 64 * 2 ** 20
const credential: Credential = {
  accessKeyId: 'SLUICEDEV',
  secretAccessKey: randomBytes(20).toString('hex'),
}

process.exitCode = await start()

async function start(): Promise<number> {
  const s3 = await openS3Server({ root: import.meta.dirname, credentials: [credential] })
  s3.putObject('samples', 'large.bin', { size: largeBytes, seed: 'large.bin' })
  try {
    return await runSluice(s3.endpoint)
  } finally {
    await s3.close()
  }
}

/** Resolves to its exit code. */
async function runSluice(endpoint: string): Promise<number> {
  // As the first line of the program has it.
  const program = ['--max-semi-space-size=4', 'src/main.ts']
  const child = spawn(process.execPath, [...program, 'serve', '--config', 'config.yaml'], {
    cwd: join(import.meta.dirname, '..'),
    // A group of its own, so that Ctrl-C in a terminal reaches it once: by us.
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      S3_ENDPOINT: endpoint,
      S3_ACCESS_KEY: credential.accessKeyId,
      S3_SECRET_KEY: credential.secretAccessKey,
    },
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => child.kill(signal))
  }
  process.once('exit', () => child.kill())
  // Where Sluice would reload, a closed terminal means the end.
  process.once('SIGHUP', () => child.kill('SIGTERM'))
  let isGuided = false
  createInterface({ input: child.stdout }).on('line', (line) => {
    console.log(line)
    if (isGuided || !/\bready\b/i.test(line)) return
    isGuided = true
    console.log(
      guide(/https?:\/\/[^\s,;"'/]+/.exec(line)?.[0] ?? 'http://127.0.0.1:8080', endpoint),
    )
  })
  const [code, signal] = await once(child, 'close')
  return typeof code === 'number' ? code : 128 + (signalNumber(signal) ?? 0)
}

function signalNumber(name: unknown): number | undefined {
  return Object.entries(constants.signals).find(([known]) => known === name)?.[1]
}

function guide(base: string, endpoint: string): string {
  const bucket = `${base}/samples`
  return `
Sluice is serving the files of dev/samples out of an S3 server of its own. To try:

  ${bucket}/index.html            (in a browser)
  curl ${bucket}/%C3%A9t%C3%A9%20%C3%A0%20la%20plage%2B1.txt
  curl -I ${bucket}/picture.svg
  curl -r 1000000-1000063 ${bucket}/large.bin | xxd
  curl -o /dev/null ${bucket}/large.bin

The S3 server behind it, which takes signed requests alone:

  AWS_ACCESS_KEY_ID=${credential.accessKeyId} AWS_SECRET_ACCESS_KEY=${credential.secretAccessKey} \\
    aws --endpoint-url ${endpoint} s3 ls s3://samples

Ctrl-C ends both.
`
}
