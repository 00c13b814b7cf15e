import assert from 'node:assert/strict'
import { test } from 'node:test'

import { requestsIn } from './nginx.ts'

test('the requests that nginx has had are read from what it tells', () => {
  const told = `Active connections: 33 
server accepts handled requests
 120 119 4815162 
Reading: 0 Writing: 1 Waiting: 32 
`
  assert.equal(requestsIn(told), 4_815_162)
  assert.ok(Number.isNaN(requestsIn('404 Not Found')))
})
