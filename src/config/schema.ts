// The whole file as one schema, and what can be read off it: the JSON Schema for editors,
// and the list of settings that the documentation is held against.

import { adminAddress, adminClaimsAreVerified, adminSchema } from './admin.ts'
import { auditLogSchema } from './audit-log.ts'
import { everyAuthHasKeys } from './auth.ts'
import { policyIsToldNoToken } from './authorization.ts'
import { isWrittenAddress, wouldCollide } from './address.ts'
import { bucketSchema, bucketsRule } from './buckets.ts'
import { cacheSchema } from './cache.ts'
import { field, textOf } from './fields.ts'
import { jwtSchema } from './jwt.ts'
import { loggingSchema } from './logging.ts'
import { metricsSchema } from './metrics.ts'
import { observabilitySchema } from './observability.ts'
import { limitRules, rateLimitingSchema } from './rate-limiting.ts'
import { isToldElsewhere, section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import { serverAddress, serverSchema } from './server.ts'
import type { KnownKeys } from './suggest.ts'
import { isMapping } from './tree.ts'
import { z } from './zod.ts'

const include = field({
  wanted: 'a file name',
  json: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] },
  read: textOf,
})

export const configShape = section(
  {
    include: include.optional(),
    server: serverSchema.prefault({}),
    buckets: z.array(bucketSchema).min(1),
    jwt: jwtSchema.optional(),
    rate_limiting: rateLimitingSchema.prefault({}),
    cache: cacheSchema.prefault({}),
    logging: loggingSchema.prefault({}),
    admin: adminSchema.prefault({}),
    metrics: metricsSchema.prefault({}),
    observability: observabilitySchema.prefault({}),
    audit_log: auditLogSchema.prefault({}),
  },
  ({ buckets }) =>
    bucketsRule(buckets).map((found) => ({ ...found, path: ['buckets', ...found.path] })),
  everyAuthHasKeys,
  policyIsToldNoToken,
  limitRules,
  adminClaimsAreVerified,
  listenersDiffer,
  oneOperationsPort,
)

export type Settings = z.output<typeof configShape>

/** Both settings name the operations listener. */
function oneOperationsPort({ admin, metrics }: Loose): RuleProblem[] {
  if (!isMapping(admin) || !isMapping(metrics)) return []
  const { address } = admin
  const { port } = metrics
  if (!isWrittenAddress(address) || address.port === undefined) return []
  if (typeof port !== 'number' || address.port === port) return []
  const message = `contradicts admin.address, which names port ${address.port}; they are one listener`
  return [{ path: ['metrics', 'port'], message, hint: 'name the port once' }]
}

function listenersDiffer({ server, admin, metrics }: Loose): RuleProblem[] {
  if (!isMapping(server) || !isMapping(admin) || !isMapping(metrics)) return []
  const { address: main, port } = server
  const operations = admin['address']
  const metricsPort = metrics['port']
  if (isBroken(main) || isBroken(operations)) return []
  const collides = wouldCollide(
    serverAddress(
      isWrittenAddress(main) ? main : undefined,
      typeof port === 'number' ? port : undefined,
    ),
    adminAddress(
      isWrittenAddress(operations) ? operations : undefined,
      typeof metricsPort === 'number' ? metricsPort : undefined,
    ),
  )
  if (!collides) return []
  const message = 'is the port of server.address too; two listeners need two'
  const isOfMetrics = operations === undefined && metricsPort !== undefined
  const path = isOfMetrics ? ['metrics', 'port'] : ['admin', 'address']
  return [{ path, message, hint: 'its default is 127.0.0.1:9090' }]
}

function isBroken(address: unknown): boolean {
  return address !== undefined && !isWrittenAddress(address)
}

/** For editors: `sluice config --schema`. */
export function configSchema(): JsonSchema {
  return z.toJSONSchema(configShape, {
    io: 'input',
    override: ({ zodSchema, jsonSchema }) => {
      delete jsonSchema['documentedDefault']
      const value = z.globalRegistry.get(zodSchema)?.['documentedDefault']
      if (typeof value === 'string' || typeof value === 'number') jsonSchema.default = value
    },
  })
}

export type JsonSchema = z.core.JSONSchema.JSONSchema

export interface Setting {
  /** Lists as `[]`: `buckets[].s3.replicas[].name`. */
  readonly path: string
  readonly isRequired: boolean
  /** As an operator would write it; undefined when there is none. */
  readonly default: unknown
}

/** Every setting there is, sections left out. */
export function listSettings(): readonly Setting[] {
  return settingsBelow(configSchema(), '')
}

function settingsBelow(schema: JsonSchema, path: string): readonly Setting[] {
  return propertiesOf(schema).flatMap(([name, property]) => {
    const at = path === '' ? name : `${path}.${name}`
    const nested = isToldElsewhere(property.description) ? undefined : nestedIn(property)
    if (nested !== undefined) return settingsBelow(nested, property === nested ? at : `${at}[]`)
    const isRequired = schema.required?.includes(name) === true
    return [{ path: at, isRequired, default: property.default }]
  })
}

export function knownKeys(): KnownKeys {
  const keys = new Map<string, readonly string[]>()
  const visit = (schema: JsonSchema, path: string) => {
    const properties = propertiesOf(schema)
    keys.set(
      path,
      properties.map(([name]) => name),
    )
    for (const [name, property] of properties) {
      const nested = nestedIn(property)
      const at = path === '' ? name : `${path}.${name}`
      if (nested !== undefined) visit(nested, property === nested ? at : `${at}[]`)
    }
  }
  visit(configSchema(), '')
  return keys
}

function propertiesOf(schema: JsonSchema): [string, JsonSchema][] {
  return Object.entries(schema.properties ?? {}).filter(
    (entry): entry is [string, JsonSchema] => typeof entry[1] === 'object',
  )
}

/** The section a property is, or is a list of. */
function nestedIn(property: JsonSchema): JsonSchema | undefined {
  if (property.properties !== undefined) return property
  const { items } = property
  return typeof items === 'object' && !Array.isArray(items) && items.properties !== undefined
    ? items
    : undefined
}
