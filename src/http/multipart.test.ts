import assert from 'node:assert/strict'
import { test } from 'node:test'

import { multipartFraming } from './multipart.ts'

const content = Buffer.from('0123456789')
const parts = [
  { first: 7, last: 9 },
  { first: 0, last: 0 },
]

function assemble(contentType: string | undefined): { body: string; length: number } {
  const { heads, tail, length } = multipartFraming(parts, 10, contentType, 'B')
  const pieces = parts.flatMap(({ first, last }, index) => [
    heads[index] ?? Buffer.alloc(0),
    content.subarray(first, last + 1),
  ])
  return { body: Buffer.concat([...pieces, tail]).toString('latin1'), length }
}

test('each part carries the type and its own Content-Range (RFC 9110 §14.6)', () => {
  const { body } = assemble('text/plain')
  const expected = [
    '--B',
    'Content-Type: text/plain',
    'Content-Range: bytes 7-9/10',
    '',
    '789',
    '--B',
    'Content-Type: text/plain',
    'Content-Range: bytes 0-0/10',
    '',
    '0',
    '--B--',
    '',
  ]
  assert.equal(body, expected.join('\r\n'))
  assert.equal(
    multipartFraming(parts, 10, 'text/plain', 'B').contentType,
    'multipart/byteranges; boundary=B',
  )
})

test('the length is that of the body, bytes above ASCII and an unknown type included', () => {
  for (const type of ['text/plain; name="\xe9"', undefined]) {
    const { body, length } = assemble(type)
    assert.equal(body.length, length)
  }
  assert.equal(assemble(undefined).body.includes('Content-Type'), false)
})
