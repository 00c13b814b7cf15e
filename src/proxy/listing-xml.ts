// A listing in the words of S3, both versions of it.

import { escapeXml } from '../http/markup.ts'
import { encodePath } from '../http/percent.ts'
import type { ListedObject } from '../origin/origin.ts'
import type { ListingPlan, S3Listing } from './listing-plan.ts'
import { writePageToken } from './listing-token.ts'
import type { ListedPage } from './listing.ts'

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
const NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'

/** The first of all regions has no name there; it is what clients sign for who know of none. */
export function writeLocation(): string {
  return `${DECLARATION}<LocationConstraint ${NAMESPACE}></LocationConstraint>`
}

type Spell = (name: string) => string

export function writeListing(plan: ListingPlan, page: ListedPage, bucket: string): string {
  const { prefix, delimiter, maxKeys, s3 } = plan
  if (s3 === undefined) throw new Error('a listing for S3 that was not asked for in its words')
  const spell: Spell = s3.isUrlEncoded ? encodePath : (name) => name
  return [
    `${DECLARATION}<ListBucketResult ${NAMESPACE}>`,
    element('Name', bucket),
    element('Prefix', spell(prefix)),
    ...(s3.version === 2 ? placeV2(s3, page, spell) : placeV1(s3, page, spell)),
    element('MaxKeys', String(maxKeys)),
    delimiter === '' ? '' : element('Delimiter', spell(delimiter)),
    s3.isUrlEncoded ? element('EncodingType', 'url') : '',
    element('IsTruncated', String(page.next !== undefined)),
    ...page.objects.map((object) => contents(object, spell)),
    ...page.prefixes.map(
      (name) => `<CommonPrefixes>${element('Prefix', spell(name))}</CommonPrefixes>`,
    ),
    '</ListBucketResult>',
  ].join('')
}

function placeV2({ token, startAfter }: S3Listing, page: ListedPage, spell: Spell): string[] {
  const { next, objects, prefixes } = page
  return [
    startAfter === undefined ? '' : element('StartAfter', spell(startAfter)),
    token === undefined ? '' : element('ContinuationToken', token),
    next === undefined ? '' : element('NextContinuationToken', writePageToken(next)),
    element('KeyCount', String(objects.length + prefixes.length)),
  ]
}

/** S3 itself leaves out the next marker without a delimiter; clients take it wherever it is. */
function placeV1({ marker }: S3Listing, { next }: ListedPage, spell: Spell): string[] {
  return [
    element('Marker', spell(marker)),
    next === undefined ? '' : element('NextMarker', spell(next)),
  ]
}

function contents(
  { key, lastModified, etag, size, storageClass }: ListedObject,
  spell: Spell,
): string {
  return [
    '<Contents>',
    element('Key', spell(key)),
    lastModified === undefined ? '' : element('LastModified', lastModified),
    etag === undefined ? '' : element('ETag', etag),
    element('Size', String(size)),
    element('StorageClass', storageClass ?? 'STANDARD'),
    '</Contents>',
  ].join('')
}

function element(name: string, text: string): string {
  return `<${name}>${escapeXml(text)}</${name}>`
}
