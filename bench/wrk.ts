// The load: wrk, for some seconds, and what it saw.

import { fileURLToPath } from 'node:url'

import { coresOf, output } from './place.ts'

export interface WrkReport {
  readonly requests: number
  readonly bytes: number
  readonly durationUs: number
  readonly p50Us: number
  readonly p99Us: number
  readonly p999Us: number
  /** Connections that broke, answers that took too long, and statuses of 400 and above. */
  readonly failures: number
}

export interface Load {
  readonly url: string
  readonly headers: readonly string[]
  readonly connections: number
  readonly seconds: number
}

const REPORT = fileURLToPath(new URL('report.lua', import.meta.url))

export async function wrk({ url, headers, connections, seconds }: Load): Promise<WrkReport> {
  const threads = coresOf()?.load.length ?? 1
  const amounts = [`-t${threads}`, `-c${connections}`, `-d${seconds}s`, '--timeout', '30s']
  const fields = headers.flatMap((header) => ['-H', header])
  const text = await output('load', ['wrk', ...amounts, ...fields, '--latency', '-s', REPORT, url])
  return JSON.parse(text.slice(text.lastIndexOf('\n{')))
}
