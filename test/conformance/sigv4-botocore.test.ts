import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { partMissing, requirePart } from '../support/parts.ts'
import { ourAuthorization, requestsToSign } from './sigv4-requests.ts'

const script = fileURLToPath(new URL('sigv4-botocore.py', import.meta.url))

test(
  '1,000 requests get the authorization that botocore (of awscli and boto3) gives them',
  { skip: partMissing('botocore') },
  () => {
    const lines = requestsToSign.map((asked) => `${JSON.stringify(asked)}\n`).join('')
    const answer = spawnSync(requirePart('botocore'), [script], {
      input: lines,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    })
    assert.equal(answer.status, 0, answer.stderr)

    const theirs = answer.stdout.trimEnd().split('\n')
    assert.equal(theirs.length, requestsToSign.length)
    for (const [index, asked] of requestsToSign.entries()) {
      assert.equal(ourAuthorization(asked), theirs[index], JSON.stringify(asked))
    }
  },
)
