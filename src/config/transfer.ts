// A configuration on its way to a worker thread: plain data, in which secrets are plain too for as
// long as the message lives, and are secrets again on the other side.

import { createHash } from 'node:crypto'

import { Secret } from '../primitives/secret.ts'
import type { Config } from './config.ts'

const REVEALED = 'revealed-secret'

export function packConfig(config: Config): unknown {
  return pack(config)
}

export function unpackConfig(packed: unknown): Config {
  // What `packConfig` made of a Config, and nothing else, is handed to a worker.
  return unpack(packed) as Config
}

/** The same for the same settings, secrets included, none of which can be read from it. */
export function fingerprint(settings: unknown): string {
  const text = JSON.stringify([pack(settings)], (_name, value: unknown) =>
    value instanceof Map ? { map: [...value] } : value,
  )
  return createHash('sha256').update(text).digest('base64url')
}

function pack(value: unknown): unknown {
  if (value instanceof Secret) return { [REVEALED]: value.reveal() }
  return mapChildren(value, pack)
}

function unpack(value: unknown): unknown {
  if (typeof value === 'object' && value !== null && REVEALED in value) {
    return new Secret(String(value[REVEALED]))
  }
  return mapChildren(value, unpack)
}

function mapChildren(value: unknown, change: (child: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(change)
  if (value instanceof Map) return value
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, change(child)]))
}
