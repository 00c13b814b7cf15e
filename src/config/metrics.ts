// The metrics for Prometheus: at /metrics of the operations listener.

import { flag, integer } from './fields.ts'
import { section } from './section.ts'
import type { z } from './zod.ts'

export interface MetricsConfig {
  readonly enabled: boolean
}

export const metricsSchema = section({
  enabled: flag().prefault(true),
  port: integer(0, 65_535).optional(),
})

export function toMetrics({ enabled }: z.output<typeof metricsSchema>): MetricsConfig {
  return { enabled }
}

/** The port is that of the operations listener, and is printed there. */
export function printMetrics({ enabled }: MetricsConfig): object {
  return { enabled }
}
