// The head of an answer as HTTP/1 writes it. What comes from S3 and from an operator has been looked at
// where it came in, and our own lists hold nothing that a head may not: a good answer is not looked
// through again.

import { STATUS_CODES } from 'node:http'

import type { AnswerHead } from '../exchange/answer-head.ts'
import { now } from '../primitives/clock.ts'
import { formatHttpDate } from '../http/date.ts'

/** Without what says how it goes on with the connection, and without its last line. */
export interface HeadText {
  readonly text: string
  readonly hasLength: boolean
  /** It says itself how it goes on, which is not at all. */
  readonly isLast: boolean
}

const STATUS_LINES: ReadonlyMap<number, string> = new Map(
  Object.entries(STATUS_CODES).map(([code, reason]) => [
    Number(code),
    `HTTP/1.1 ${code} ${reason}\r\n`,
  ]),
)

export function headText({ status, block, told, fields }: AnswerHead): HeadText {
  let text = STATUS_LINES.get(status) ?? `HTTP/1.1 ${status} \r\n`
  let hasDate = false
  let hasLength = false
  let isLast = false
  if (block !== undefined) {
    text += block.text
    hasDate = block.hasDate
  }
  if (told !== undefined) text += told.text
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index]
    if (name === 'Date') hasDate = true
    else if (name === 'Content-Length') hasLength = true
    else if (name === 'Connection') isLast = true
    text += `${name}: ${fields[index + 1]}\r\n`
  }
  if (!hasDate) text += `Date: ${formatHttpDate(now())}\r\n`
  return { text, hasLength, isLast }
}

/** Of a connection on which more may be asked. */
export function keepAliveText(keepAliveTimeoutMs: number): string {
  const seconds = Math.floor(keepAliveTimeoutMs / 1000)
  return `Connection: keep-alive\r\nKeep-Alive: timeout=${seconds}\r\n`
}
