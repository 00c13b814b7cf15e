import assert from 'node:assert/strict'
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { test } from 'node:test'

import {
  HOP_BY_HOP,
  headerValue,
  isValidHeaderName,
  isValidHeaderValue,
  latin1,
} from './headers.ts'

test('a value is found whatever the case of its name, and the first one counts', () => {
  const list = ['Etag', '"a"', 'X-Etag', 'x', 'ETAG', '"b"']
  assert.equal(headerValue(list, 'etag'), '"a"')
  assert.equal(headerValue(list, 'x-etag'), 'x')
  assert.equal(headerValue(list, 'date'), undefined)
})

test('a value is never taken for a name', () => {
  assert.equal(headerValue(['a', 'etag', 'b', 'c'], 'etag'), undefined)
})

const accepts = (check: () => void): boolean => {
  try {
    check()
    return true
  } catch {
    return false
  }
}

test('names and values are valid exactly when node would send them', () => {
  for (let code = 0; code <= 0x101; code++) {
    const text = `a${String.fromCharCode(code)}b`
    const name = accepts(() => validateHeaderName(text))
    const value = accepts(() => validateHeaderValue('x', text))
    assert.deepEqual([isValidHeaderName(text), isValidHeaderValue(text)], [name, value], `${code}`)
  }
  assert.equal(isValidHeaderName(''), false)
  assert.equal(isValidHeaderValue(''), true)
})

test('bytes are carried one character each', () => {
  assert.equal(latin1(Buffer.from([0x41, 0xe9, 0xff])), 'A\xe9\xff')
})

test('fields of one connection are known in lower case', () => {
  assert.equal(HOP_BY_HOP.has('connection') && HOP_BY_HOP.has('transfer-encoding'), true)
  assert.equal(HOP_BY_HOP.has('etag'), false)
})
