// What a bucket itself answers: HEAD, `?location`, and its listings in both versions of the API.

import type { Bucket, Buckets } from './buckets.ts'
import { pageOf } from './list.ts'
import type { ListQuery, Page } from './list.ts'
import { encodeS3 } from './percent.ts'
import type { Quirks } from './quirks.ts'
import type { Reply } from './reply.ts'
import { createS3Error } from './s3-error.ts'
import type { S3Error } from './s3-error.ts'
import { queryValue } from './target.ts'
import type { Pair } from './target.ts'
import { document, element, parent } from './xml.ts'

export interface BucketRequest {
  readonly isHead: boolean
  readonly query: readonly Pair[]
  readonly quirks: Quirks
}

const listingParameters = new Set([
  'continuation-token',
  'delimiter',
  'encoding-type',
  'fetch-owner',
  'list-type',
  'marker',
  'max-keys',
  'prefix',
  'start-after',
  'x-id',
])

export async function answerBucket(
  bucket: Bucket,
  buckets: Buckets,
  request: BucketRequest,
): Promise<Reply | S3Error> {
  if (request.isHead) {
    const headers = {
      'Content-Type': 'application/xml',
      'x-amz-bucket-region': bucket.region,
      'x-amz-access-point-alias': 'false',
    }
    return { status: 200, headers, body: { kind: 'none' } }
  }
  if (queryValue(request.query, 'location') !== undefined) return location(bucket, request.quirks)
  const strange = request.query.find(([name]) => !isListingParameter(name))
  if (strange !== undefined)
    return createS3Error('NotImplemented', { fields: { Header: strange[0] } })
  return listBucket(bucket, buckets, request.query)
}

function isListingParameter(name: string): boolean {
  return listingParameters.has(name) || name.startsWith('X-Amz-')
}

// To S3 the first of all regions has no name.
function location(bucket: Bucket, quirks: Quirks): Reply {
  const named = bucket.region === 'us-east-1' ? '' : bucket.region
  const text = quirks === 'ceph' ? 'default' : named
  return xml(`<LocationConstraint xmlns="${namespace}">${text}</LocationConstraint>`)
}

const namespace = 'http://s3.amazonaws.com/doc/2006-03-01/'

async function listBucket(
  bucket: Bucket,
  buckets: Buckets,
  parameters: readonly Pair[],
): Promise<Reply | S3Error> {
  const value = (name: string): string => queryValue(parameters, name) ?? ''
  const isV2 = value('list-type') === '2'
  const token = decodeToken(value('continuation-token'))
  const maxKeys = value('max-keys') === '' ? '1000' : value('max-keys')
  if (!/^\d{1,9}$/.test(maxKeys)) return refuse('Provided max-keys not an integer or within range')
  if (token === undefined) return refuse('The continuation token provided is incorrect')
  const query: ListQuery = {
    prefix: value('prefix'),
    delimiter: value('delimiter'),
    maxKeys: Math.min(Number(maxKeys), 1000),
    after: isV2 ? token || value('start-after') : value('marker'),
  }
  const page = pageOf(await buckets.keys(bucket.name), query)
  const spell = value('encoding-type') === 'url' ? encodeListed : (text: string): string => text
  const withOwner = !isV2 || value('fetch-owner') === 'true'
  return xml(
    `<ListBucketResult xmlns="${namespace}">`,
    element('Name', bucket.name),
    element('Prefix', spell(query.prefix)),
    element('MaxKeys', String(query.maxKeys)),
    query.delimiter === '' ? '' : element('Delimiter', spell(query.delimiter)),
    value('encoding-type') === 'url' ? element('EncodingType', 'url') : '',
    element('IsTruncated', String(page.next !== undefined)),
    ...(isV2 ? placeV2(page, parameters, spell) : placeV1(page, query, spell)),
    ...(await contents(page, bucket, buckets, { spell, withOwner })),
    ...page.groups.map((group) => parent('CommonPrefixes', element('Prefix', spell(group)))),
    '</ListBucketResult>',
  )
}

type Spell = (text: string) => string

function placeV2(page: Page, parameters: readonly Pair[], spell: Spell): string[] {
  const token = queryValue(parameters, 'continuation-token')
  const startAfter = queryValue(parameters, 'start-after')
  return [
    element('KeyCount', String(page.keys.length + page.groups.length)),
    token === undefined ? '' : element('ContinuationToken', token),
    startAfter === undefined ? '' : element('StartAfter', spell(startAfter)),
    page.next === undefined ? '' : element('NextContinuationToken', encodeToken(page.next)),
  ]
}

function placeV1(page: Page, query: ListQuery, spell: Spell): string[] {
  const next = query.delimiter === '' ? undefined : page.next
  return [
    element('Marker', spell(query.after)),
    next === undefined ? '' : element('NextMarker', spell(next)),
  ]
}

async function contents(
  page: Page,
  bucket: Bucket,
  buckets: Buckets,
  style: { readonly spell: Spell; readonly withOwner: boolean },
): Promise<string[]> {
  const owner = parent('Owner', element('ID', 'sluice-dev'), element('DisplayName', 'sluice-dev'))
  const listed: string[] = []
  for (const key of page.keys) {
    const lookup = await buckets.find(bucket.name, key, undefined)
    if (lookup.state !== 'found') continue
    const { object } = lookup
    listed.push(
      parent(
        'Contents',
        element('Key', style.spell(key)),
        element('LastModified', object.lastModified.toISOString()),
        element('ETag', object.etag),
        element('Size', String(object.bytes.size)),
        style.withOwner ? owner : '',
        element('StorageClass', object.storageClass),
      ),
    )
  }
  return listed
}

// As AWS does under encoding-type=url: a space is a plus, and a slash stays.
function encodeListed(text: string): string {
  return encodeS3(Buffer.from(text), true).replaceAll('%20', '+')
}

function encodeToken(last: string): string {
  return Buffer.from(`after:${last}`).toString('base64url')
}

function decodeToken(token: string): string | undefined {
  if (token === '') return ''
  const text = Buffer.from(token, 'base64url').toString()
  return text.startsWith('after:') ? text.slice('after:'.length) : undefined
}

function refuse(message: string): S3Error {
  return createS3Error('InvalidArgument', { message })
}

function xml(...parts: readonly string[]): Reply {
  return {
    status: 200,
    headers: { 'Content-Type': 'application/xml' },
    body: { kind: 'text', text: document(parts.join('')) },
  }
}
