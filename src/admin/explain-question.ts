// The request to be explained, read from the query of the call: `path`, `method`, `host`,
// `address`, and `header`, as often as there are fields.

import { parseAddress } from '../primitives/cidr.ts'
import { Refusal } from '../exchange/refusal.ts'
import { isValidHeaderName, isValidHeaderValue } from '../http/headers.ts'
import { trimOws } from '../http/ows.ts'
import { queryParameters } from '../http/query.ts'
import type { ExplainQuestion } from '../proxy/proxy.ts'

const NAMES: readonly string[] = ['path', 'method', 'host', 'address', 'header']
/** Of no bucket's hosts, unless one is so named. */
const STANDARD_HOST = 'localhost'
const STANDARD_PEER = '127.0.0.1'

/** Throws refusals. */
export function readExplainQuestion(query: string): ExplainQuestion {
  const given = queryParameters(query)
  for (const [name] of given) {
    if (!NAMES.includes(name))
      throw wrong(`A query parameter is not known: say ${NAMES.join(', ')}.`)
  }
  const method = single(given, 'method') ?? 'GET'
  if (!isValidHeaderName(method)) throw wrong('The method is none.')
  if (method === 'PURGE') throw wrong('PURGE is an order, and no request that is served.')
  const target = single(given, 'path') ?? ''
  if (target === '') throw wrong('The query parameter path is missing.')
  const host = single(given, 'host')
  const fields = valuesOf(given, 'header').flatMap(fieldOf)
  const isNamed = fields.some((field, index) => index % 2 === 0 && isHost(field))
  const own = host ?? (isNamed ? undefined : STANDARD_HOST)
  if (own !== undefined && !isValidHeaderValue(own)) throw wrong('The host is none.')
  const peer = parseAddress(single(given, 'address') ?? STANDARD_PEER)
  if (peer === undefined) throw wrong('The address is none: say 192.0.2.1 or 2001:db8::1.')
  const headers = own === undefined ? fields : ['Host', own, ...fields]
  return { method, target: bytesOf(target), headers, peer }
}

type Given = readonly (readonly [name: string, value: string])[]

function valuesOf(given: Given, wanted: string): string[] {
  return given.flatMap(([name, value]) => (name === wanted ? [value] : []))
}

function single(given: Given, name: string): string | undefined {
  const [value, second] = valuesOf(given, name)
  if (second !== undefined) throw wrong(`The query parameter ${name} is given twice.`)
  return value
}

/** `Name: value`. What stands in it is not said back: it may be a credential. */
function fieldOf(line: string): [name: string, value: string] {
  const colon = line.indexOf(':')
  const name = line.slice(0, Math.max(0, colon))
  const value = trimOws(bytesOf(line.slice(colon + 1)))
  if (!isValidHeaderName(name) || !isValidHeaderValue(value)) {
    throw wrong('A header is none: write header=Name: value.')
  }
  return [name, value]
}

function isHost(name: string): boolean {
  return name.toLowerCase() === 'host'
}

/** As it would come by the wire: UTF-8, one character a byte. */
function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1')
}

function wrong(message: string): Refusal {
  return new Refusal('invalid_request', { message })
}
