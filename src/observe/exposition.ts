// A reading in the text that Prometheus reads.

import { Registry } from 'prom-client'

import type { Reading } from './reading.ts'
import { writeText } from './text-format.ts'

export interface Exposition {
  readonly contentType: string
  readonly text: string
}

export async function expose(reading: Reading): Promise<Exposition> {
  return { contentType: Registry.PROMETHEUS_CONTENT_TYPE, text: writeText(reading) }
}
