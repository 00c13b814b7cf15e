// From a request to a reply: is it S3's, may it be asked, and what does the bucket hold.

import type { Bucket, Buckets } from './buckets.ts'
import type { FaultRule } from './faults.ts'
import { answerBucket } from './get-bucket.ts'
import { answerObject } from './get-object.ts'
import type { Twist } from './get-object.ts'
import type { Quirks } from './quirks.ts'
import type { Reply } from './reply.ts'
import { createS3Error } from './s3-error.ts'
import type { S3Error } from './s3-error.ts'
import { queryValue } from './target.ts'
import type { Pair, Target } from './target.ts'
import { verifySigV4 } from './verify-sigv4.ts'
import type { Credential } from './verify-sigv4.ts'

export interface World {
  readonly buckets: Buckets
  readonly credentials: readonly Credential[]
  readonly region: string
  readonly quirks: Quirks
  readonly now: number
}

export interface Asked {
  readonly method: string
  readonly target: Target
  readonly headers: readonly Pair[]
  readonly bodySha256: string
  readonly fault: FaultRule | undefined
}

export async function answer(asked: Asked, world: World): Promise<Reply | S3Error> {
  const { method, target } = asked
  if (method !== 'GET' && method !== 'HEAD') {
    return createS3Error('MethodNotAllowed', { headers: { Allow: 'GET, HEAD' } })
  }
  if (target.bucket === '') return createS3Error('NotImplemented')
  const bucket = await world.buckets.bucket(target.bucket)
  const admission = admit(asked, bucket, world)
  if ('code' in admission) return admission
  if (bucket === undefined)
    return createS3Error('NoSuchBucket', { fields: { BucketName: target.bucket } })
  if (Buffer.byteLength(target.key) > 1024) return createS3Error('KeyTooLongError')
  const { quirks } = world
  const { query, key } = target
  if (key === '')
    return answerBucket(bucket, world.buckets, { isHead: method === 'HEAD', query, quirks })
  const strange = query.find(([name]) => subResources.has(name))
  if (strange !== undefined && quirks === 'aws') return createS3Error('NotImplemented')
  const lookup = await world.buckets.find(bucket.name, key, queryValue(query, 'versionId'))
  const { isSigned } = admission
  const twist = twistOf(asked.fault)
  return answerObject(lookup, bucket, { headers: asked.headers, query, isSigned, quirks, twist })
}

// Asked for with one of these, AWS answers something else than the object.
const subResources = new Set([
  'acl',
  'attributes',
  'legal-hold',
  'retention',
  'tagging',
  'torrent',
  'uploadId',
])

function admit(
  asked: Asked,
  bucket: Bucket | undefined,
  world: World,
): { readonly isSigned: boolean } | S3Error {
  const region = bucket?.region ?? world.region
  const regionHeader = bucket === undefined ? {} : { 'x-amz-bucket-region': region }
  const verdict = verifySigV4(
    { ...asked, pathBytes: asked.target.pathBytes, query: asked.target.query },
    { credentials: world.credentials, region, now: world.now },
  )
  if (verdict.kind === 'signed') return { isSigned: true }
  if (verdict.kind === 'anonymous') {
    if (bucket?.publicRead === true) return { isSigned: false }
    return createS3Error('AccessDenied', { headers: asked.target.key === '' ? regionHeader : {} })
  }
  if (!verdict.isWrongRegion) return verdict.error
  if (asked.fault?.kind === 'region-redirect') return redirect(asked.target.bucket, region)
  return { ...verdict.error, headers: regionHeader }
}

function redirect(bucket: string, region: string): S3Error {
  return createS3Error('PermanentRedirect', {
    fields: { Endpoint: `${bucket}.s3.${region}.amazonaws.com`, Bucket: bucket },
    headers: { 'x-amz-bucket-region': region },
  })
}

function twistOf(fault: FaultRule | undefined): Twist | undefined {
  if (fault?.kind === 'etag') return { kind: 'etag', etag: fault.etag }
  if (fault?.kind === 'ignore-range' || fault?.kind === 'wrong-range') return { kind: fault.kind }
  return undefined
}
