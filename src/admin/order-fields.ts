// The fields of an order, read strictly: what is not understood to the letter is refused, with a
// sentence that says what is wrong with it.

import { Refusal } from '../exchange/refusal.ts'

export type Fields = Readonly<Record<string, unknown>>

/** No key is longer in S3, and nothing that an order names need be. */
const MAX_TEXT_BYTES = 1024

/** Those of a JSON object, all of them among the known. */
export function fieldsIn(body: unknown, known: readonly string[]): Fields {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw wrong('The body is not a JSON object.')
  }
  const fields: Fields = { ...body }
  const strange = Object.keys(fields).find((name) => !known.includes(name))
  if (strange !== undefined) throw wrong(`The field ${shown(strange)} is not known.`)
  return fields
}

export function textOf(fields: Fields, name: string): string | undefined {
  const value = fields[name]
  return value === undefined ? undefined : requireText(value, `The field ${name}`)
}

/** `what` begins the sentence about one that is none. */
export function requireText(value: unknown, what: string): string {
  if (typeof value !== 'string') throw wrong(`${what} is not a text.`)
  if (value === '') throw wrong(`${what} is empty.`)
  if (Buffer.byteLength(value) > MAX_TEXT_BYTES) {
    throw wrong(`${what} is longer than ${MAX_TEXT_BYTES} bytes.`)
  }
  return value
}

export function flagOf(fields: Fields, name: string, fallback: boolean): boolean {
  const value = fields[name]
  if (value === undefined) return fallback
  if (typeof value !== 'boolean') throw wrong(`The field ${name} is neither true nor false.`)
  return value
}

export function wrong(message: string): Refusal {
  return new Refusal('invalid_request', { message })
}

/** Only what cannot be taken for anything but a name is said back. */
function shown(name: string): string {
  return /^[\w-]{1,40}$/.test(name) ? name : 'with that name'
}
