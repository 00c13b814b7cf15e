import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { load } from './loaded.contract.ts'

const S3 = 's3: {bucket: b, credentials: anonymous}'

/** What is told of a configuration in which a variable holds this. */
function told(yaml: string, value: string): string {
  const { lines } = load({ 'config.yaml': yaml }, { SEC: value })
  assert.equal(lines.length, 1)
  return lines.join()
}

describe('where a message would show what a variable holds, it shows the name', () => {
  const rows: readonly (readonly [says: string, yaml: string, value: string, line: string])[] = [
    [
      'in a hint',
      `buckets: [{name: a, path_prefix: "\${SEC}", ${S3}}]`,
      'hunter2/hunter2',
      '(write /${SEC})',
    ],
    [
      'of a setting that is fine by itself',
      `buckets: [{name: "\${SEC}", path_prefix: /a, ${S3}}, {name: "\${SEC}", path_prefix: /b, ${S3}}]`,
      'hunter2hunter2',
      'buckets[1].name: is "${SEC}", the name of buckets[0] too',
    ],
    [
      'of a file',
      `jwt: {public_key_path: "/keys/\${SEC}.pem"}\nbuckets: [{name: a, path_prefix: /a, ${S3}, auth: {enabled: true}}]`,
      'hunter2hunter2',
      '/keys/${SEC}.pem cannot be read',
    ],
    [
      'of an included file',
      `include: "\${SEC}.yaml"\nbuckets: [{name: a, path_prefix: /a, ${S3}}]`,
      'hunter2hunter2',
      'include: ${SEC}.yaml cannot be read',
    ],
    [
      'of many included files',
      `include: "\${SEC}/*.yaml"\nbuckets: [{name: a, path_prefix: /a, ${S3}}]`,
      'hunter2hunter2',
      'include: ${SEC}/*.yaml matches no file',
    ],
    [
      'that is long and would be cut',
      `buckets: [{name: "\${SEC}", path_prefix: /a, ${S3}}, {name: "\${SEC}", path_prefix: /b, ${S3}}]`,
      'hunter2'.repeat(9),
      'is "${SEC}',
    ],
  ]
  for (const [says, yaml, value, line] of rows) {
    test(says, () => {
      const shown = told(yaml, value)
      assert.ok(shown.includes(line), shown)
      assert.ok(!shown.includes('hunter2'), shown)
    })
  }

  test('and not of a short one, which is a word that messages have of their own', () => {
    const line = told(
      `logging: {level: "\${SEC}x"}\nbuckets: [{name: a, path_prefix: /a, ${S3}}]`,
      'warn',
    )
    assert.match(line, /wanted one of debug, info, warn, error/)
  })
})
