// One page of ListObjectsV2, read strictly: what does not fit the question is a failure of the
// replica, because a listing with a hole in it looks like one without.

import { decodeFormPercent } from '../http/percent.ts'
import { parseXml } from '../primitives/xml.ts'
import type { XmlElement } from '../primitives/xml.ts'
import { OriginFailure } from './failure.ts'
import type { ListedReplica } from './list-query.ts'
import type { ListedObject, ListPage, ListQuestion } from './listing.ts'

/** Throws a failure. */
export function readListPage(
  xml: string,
  question: ListQuestion,
  replica: ListedReplica,
): ListPage {
  const root = parseXml(xml)
  if (root?.name !== 'ListBucketResult') throw wrong('it is no ListBucketResult')
  const nameOf = nameReader(root, replica.keyPrefix + question.prefix, replica.keyPrefix)
  const objects = all(root, 'Contents').map((element) => objectOf(element, nameOf))
  const prefixes = all(root, 'CommonPrefixes').map((element) => nameOf(only(element, 'Prefix')))
  const { from } = question
  const isBegunAnew = from !== undefined && from.replica !== replica.name
  // Where a group was the last, it is told again by those who begin after its name.
  const isNew = (name: string): boolean => !isBegunAnew || compareKeys(name, from.after) > 0
  return {
    kind: 'page',
    // The prefix may be a key itself; below it nobody can ask for that one.
    objects: objects.filter(({ key }) => key !== '' && isNew(key)),
    prefixes: prefixes.filter((name) => name !== '' && isNew(name)),
    next: nextOf(root, question, replica.name, lastOf(objects.at(-1)?.key, prefixes.at(-1))),
  }
}

type NameOf = (element: XmlElement | undefined) => string

/** Some servers encode nothing, and say so by leaving out that they did. */
function nameReader(root: XmlElement, wanted: string, keyPrefix: string): NameOf {
  const isEncoded = only(root, 'EncodingType')?.text === 'url'
  return (element) => {
    if (element === undefined) throw wrong('a name is missing')
    const name = isEncoded ? decodeFormPercent(element.text) : element.text
    if (name === undefined) throw wrong('a name is not encoded as it says')
    if (!name.startsWith(wanted)) throw wrong('a name lies outside of the prefix')
    return name.slice(keyPrefix.length)
  }
}

function objectOf(element: XmlElement, nameOf: NameOf): ListedObject {
  const size = only(element, 'Size')?.text ?? ''
  if (!/^\d{1,15}$/.test(size)) throw wrong('an object has no size')
  return {
    key: nameOf(only(element, 'Key')),
    size: Number(size),
    etag: only(element, 'ETag')?.text,
    lastModified: only(element, 'LastModified')?.text,
    storageClass: only(element, 'StorageClass')?.text,
  }
}

function nextOf(
  root: XmlElement,
  { from }: ListQuestion,
  replica: string,
  last: string | undefined,
): ListPage['next'] {
  const isTruncated = only(root, 'IsTruncated')?.text
  if (isTruncated === 'false') return undefined
  const token = only(root, 'NextContinuationToken')?.text ?? ''
  if (isTruncated !== 'true' || token === '') throw wrong('it does not say how to go on')
  if (from?.replica === replica && from.token === token) throw wrong('it leads back to itself')
  return { after: last ?? from?.after ?? '', token, replica }
}

function lastOf(key: string | undefined, group: string | undefined): string | undefined {
  if (key === undefined || group === undefined) return key ?? group
  return compareKeys(key, group) > 0 ? key : group
}

/** S3's order is that of the bytes, which is not the order of JavaScript's texts. */
function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

function all({ children }: XmlElement, name: string): XmlElement[] {
  return children.filter((child) => child.name === name)
}

function only(element: XmlElement, name: string): XmlElement | undefined {
  const [first, second] = all(element, name)
  if (second !== undefined) throw wrong(`there are two of ${name}`)
  return first
}

function wrong(reason: string): OriginFailure {
  return new OriginFailure('protocol', `not an answer to a listing: ${reason}`)
}
