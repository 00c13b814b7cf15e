// Requests as odd as S3 allows, the same at every run, for holding our signer against others.

import * as fc from 'fast-check'

import { encodeKey } from '../../src/origin/encode.ts'
import { canonicalQuery, createSigner } from '../../src/origin/sign.ts'

export interface RequestToSign {
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | null
  readonly method: string
  readonly host: string
  readonly key: string
  readonly query: readonly (readonly [string, string])[]
  readonly amzHeaders: readonly (readonly [string, string])[]
  /** Epoch seconds. */
  readonly at: number
}

const oddPieces = [
  ' ', '+', '%', '%2F', '%41', '/', '//', '.', '..', '/../', '?', '#', '&', '=', ';', ':', '@', '$',
  ',', '!', "'", '(', ')', '*', '~', '_', '-', '"', '<', '>', '[', ']', '\\', '^', '`', '{', '|', '}',
  'é', 'e\u0301', 'ሴ', '日本', '😀', '\u0001', '\t', '\n', '\u007f', '\u00a0', '\u2028', '\uffff',
] // prettier-ignore

const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(...oddPieces),
      fc.string({ unit: 'binary', maxLength: 3 }),
      fc.stringMatching(/^[a-zA-Z0-9]{1,8}$/),
    ),
    { maxLength: 8 },
  )
  .map((pieces) => pieces.join(''))

const request: fc.Arbitrary<RequestToSign> = fc.record({
  region: fc.constantFrom('us-east-1', 'eu-central-1', 'cn-north-1', 'us-gov-west-1', 'default'),
  accessKeyId: fc.stringMatching(/^AKIA[A-Z2-7]{16}$/),
  secretAccessKey: fc.stringMatching(/^[A-Za-z0-9/+]{40}$/),
  sessionToken: fc.option(fc.base64String({ minLength: 16, maxLength: 400 })),
  method: fc.constantFrom('GET', 'HEAD'),
  host: fc.constantFrom('b.s3.us-east-1.amazonaws.com', 'minio:9000', '127.0.0.1:7480', '[::1]:80'),
  key: text,
  query: fc.array(fc.tuple(text, text), { maxLength: 5 }),
  amzHeaders: fc.constantFrom(
    [],
    [['x-amz-checksum-mode', 'ENABLED'] as const],
    [['x-amz-zz-last', 'z'] as const, ['x-amz-checksum-mode', 'ENABLED'] as const],
  ),
  at: fc.integer({ min: 978_307_200, max: 4_102_444_799 }),
})

export const requestsToSign: readonly RequestToSign[] = fc.sample(request, {
  seed: 20_130_524,
  numRuns: 1000,
})

const signers = new Map<string, ReturnType<typeof createSigner>>()

/** Our header of authorization; one signer for each region lives through all requests. */
export function ourAuthorization(asked: RequestToSign): string | undefined {
  const sign = signers.get(asked.region) ?? createSigner(asked.region)
  signers.set(asked.region, sign)

  const { method, host, key, query, amzHeaders } = asked
  const path = `/${encodeKey(key)}`
  const credentials = { ...asked, sessionToken: asked.sessionToken ?? undefined }
  const unsigned = { method, host, path, query: canonicalQuery(query), amzHeaders }
  return sign(unsigned, credentials, asked.at * 1000).at(-1)
}
