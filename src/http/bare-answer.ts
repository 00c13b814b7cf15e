// What is written where no response object exists, to what is no request.

import { STATUS_CODES } from 'node:http'

import { now } from '../primitives/clock.ts'
import { formatHttpDate } from './date.ts'

/** A request begins so whose method is a word that Node's parser does not know. */
export const STRANGE_METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ \S+ HTTP\/1\.[01]\r?\n/

/** With the date, and with the empty line. */
export function bareHead(status: number, fields: readonly string[]): Buffer<ArrayBuffer> {
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    `Date: ${formatHttpDate(now())}`,
  ]
  for (let i = 0; i < fields.length; i += 2) lines.push(`${fields[i]}: ${fields[i + 1]}`)
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}
