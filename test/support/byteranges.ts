// A reader of multipart/byteranges (RFC 9110 §14.6) that shares nothing with the writer in `src/`
// and forgives nothing: what it gives has been framed to the letter.

import assert from 'node:assert/strict'

export interface BytePart {
  readonly contentType: string | undefined
  /** As it was sent. */
  readonly contentRange: string
  readonly bytes: Buffer
}

export function readByteRanges(contentType: string | undefined, body: Buffer): BytePart[] {
  const boundary = /^multipart\/byteranges; boundary=([A-Za-z0-9'()+_,./:=?-]{1,70})$/.exec(
    contentType ?? '',
  )?.[1]
  assert.ok(boundary !== undefined, `not multipart/byteranges: ${contentType}`)
  const parts: BytePart[] = []
  let at = expectText(body, 0, `--${boundary}\r\n`)
  for (;;) {
    const end = body.indexOf('\r\n\r\n', at)
    assert.ok(end >= 0, 'a part without an end of its fields')
    const fields = readFields(body.toString('latin1', at, end))
    const contentRange = fields.get('content-range') ?? ''
    const [, first, last] = /^bytes (\d+)-(\d+)\/\d+$/.exec(contentRange) ?? []
    assert.ok(first !== undefined && last !== undefined, `a part of ${contentRange}`)
    const start = end + 4
    const stop = start + Number(last) - Number(first) + 1
    parts.push({
      contentType: fields.get('content-type'),
      contentRange,
      bytes: body.subarray(start, stop),
    })
    at = expectText(body, stop, `\r\n--${boundary}`)
    if (body.toString('latin1', at, at + 2) === '--') break
    at = expectText(body, at, '\r\n')
  }
  assert.equal(expectText(body, at, '--\r\n'), body.length, 'something after the last boundary')
  return parts
}

function expectText(body: Buffer, at: number, text: string): number {
  assert.equal(body.toString('latin1', at, at + text.length), text)
  return at + text.length
}

function readFields(text: string): Map<string, string> {
  return new Map(
    text.split('\r\n').map((line): [string, string] => {
      const colon = line.indexOf(': ')
      assert.ok(colon > 0, `not a field: ${line}`)
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)]
    }),
  )
}
