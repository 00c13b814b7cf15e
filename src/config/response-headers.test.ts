import assert from 'node:assert/strict'
import { test } from 'node:test'

import { load } from './loaded.contract.ts'

function linesOf(headers: string): string[] {
  const bucket = '{name: a, path_prefix: /a, s3: {bucket: b, credentials: anonymous}, '
  return load({ 'config.yaml': `buckets: [${bucket}response_headers: ${headers}}]` }).lines
}

test('what conditions are answered by cannot be another’s', () => {
  for (const name of ['ETag', 'last-modified']) {
    assert.deepEqual(linesOf(`{set: {${name}: x}}`), [
      `config.yaml: buckets[0].response_headers.set.${name}: ${name} is what conditions are answered by; it can only be removed`,
    ])
    assert.deepEqual(linesOf(`{remove: [${name}]}`), [])
  }
})
