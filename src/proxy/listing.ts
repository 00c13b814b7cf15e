// Answers with names: asks for a page of them, leaves out what no path of the bucket leads to, and has
// it written in the words of whoever asked. Nothing of it is kept: what is listed is as it is now.

import { noBody, bytesBody } from '../exchange/body.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { Reply } from '../exchange/reply.ts'
import type { Request } from '../exchange/request.ts'
import type { CancelSignal } from '../primitives/cancel.ts'
import type { ListedObject, ListPosition, Trail } from '../origin/origin.ts'
import type { RouteTable } from '../routing/routing.ts'
import { dropFields } from './fields.ts'
import { PAGE_POLICY, writePage } from './listing-page.ts'
import { behindGroup } from './listing-plan.ts'
import type { ListingPlan } from './listing-plan.ts'
import { writeJson } from './listing-json.ts'
import { writeListing, writeLocation } from './listing-xml.ts'
import { operated } from './present.ts'
import type { Route } from './snapshot.ts'

export interface Listing {
  readonly plan: ListingPlan
  readonly request: Request
  readonly route: Route
  /** Stands before the keys of the part of a bucket that the path has named. */
  readonly keyRoot: string
  readonly routes: RouteTable<Route>
  readonly signal: CancelSignal | undefined
  readonly trail: Trail
}

/** Names below the root, of which a path leads to each. */
export interface ListedPage {
  readonly objects: readonly ListedObject[]
  readonly prefixes: readonly string[]
  /** The last name that was told, where there is more. */
  readonly next: string | undefined
}

/** S3 may have pages with nothing on them, and more behind; nobody is led through many of those. */
const MOST_EMPTY_PAGES = 10
const NOTHING: ListedPage = { objects: [], prefixes: [], next: undefined }

export async function list(listing: Listing): Promise<Reply> {
  const { plan } = listing
  switch (plan.form) {
    case 'bucket':
      return reply(listing, XML, '', ['x-amz-bucket-region', 'us-east-1'])
    case 'location':
      return reply(listing, XML, writeLocation())
    case 's3':
      return reply(listing, XML, writeListing(plan, await pageOf(listing), nameOf(listing)))
    case 'json':
      return reply(
        listing,
        JSON_TYPE,
        writeJson(plan, await directoryOf(listing)),
        negotiated(listing),
      )
    case 'html': {
      const page = writePage(plan, await directoryOf(listing), listing.request.path)
      return reply(listing, HTML, page, [...PAGE_POLICY, ...negotiated(listing)])
    }
  }
}

const XML = 'application/xml'
const JSON_TYPE = 'application/json'
const HTML = 'text/html; charset=utf-8'
/** What is ours to say of a listing, whatever the operator says of objects. */
const OWN = new Set(['content-type', 'cache-control', 'content-security-policy', 'vary'])

function reply(
  { route, request }: Listing,
  contentType: string,
  text: string,
  more: readonly string[] = [],
): Reply {
  const bytes = Buffer.from(text)
  const { headers, commonHeaders } = operated([], route)
  const own = ['Content-Type', contentType, 'Cache-Control', 'no-store', ...more]
  return {
    status: 200,
    headers: [...dropFields(headers, OWN), ...own],
    commonHeaders,
    body: request.method === 'HEAD' ? noBody : bytesBody(bytes),
    statedLength: bytes.byteLength,
  }
}

function negotiated({ route }: Listing): readonly string[] {
  return route.listing === 'html' ? ['Vary', 'Accept'] : []
}

/** As S3's clients call the bucket: the segment of the path that they take for it. */
function nameOf({ plan, route }: Listing): string {
  return plan.root.split('/').at(-2) || route.bucket
}

/** A directory is what something lies in. */
async function directoryOf(listing: Listing): Promise<ListedPage> {
  const { prefix, startAfter } = listing.plan
  const page = await pageOf(listing)
  const isEmpty = page.objects.length === 0 && page.prefixes.length === 0
  if (isEmpty && prefix !== '' && startAfter === undefined && !page.isMarked) {
    throw new Refusal('not_found')
  }
  return page
}

/** `isMarked`: an object has the very name of the directory. */
async function pageOf(listing: Listing): Promise<ListedPage & { readonly isMarked?: boolean }> {
  if (listing.plan.maxKeys === 0) return NOTHING
  let from: ListPosition | undefined
  for (let look = 0; look < MOST_EMPTY_PAGES; look += 1) {
    const page = await askFor(listing, from)
    const last = page.objects.length + page.prefixes.length
    if (last > 0 || page.isMarked || page.from === undefined) return page
    // S3's own mark leads over what has no name to go on from.
    from = page.from
  }
  throw new Refusal('origin_failed', { cause: 'a listing with nothing on many pages' })
}

interface AskedPage extends ListedPage {
  readonly from: ListPosition | undefined
  readonly isMarked: boolean
}

async function askFor(listing: Listing, from: ListPosition | undefined): Promise<AskedPage> {
  const { plan, route, keyRoot, signal, trail } = listing
  const { prefix, delimiter, startAfter, maxKeys } = plan
  const answer = await route.list(
    {
      prefix: keyRoot + prefix,
      delimiter: delimiter === '' ? undefined : delimiter,
      startAfter: startAfter === undefined ? undefined : keyRoot + startAfter,
      from,
      maxKeys,
    },
    { signal, trail },
  )
  if (answer.kind === 'invalid') throw new Refusal('invalid_request')
  if (answer.kind === 'forbidden') {
    throw new Refusal(route.hideForbidden ? 'not_found' : 'origin_forbidden')
  }
  const isTold = teller(listing)
  const objects = answer.objects.map((object) => ({
    ...object,
    key: object.key.slice(keyRoot.length),
  }))
  const prefixes = answer.prefixes.map((name) => name.slice(keyRoot.length))
  const { next } = answer
  const isDirectory = plan.form !== 's3'
  return {
    objects: objects.filter(({ key }) => isTold(key) && !(isDirectory && key === prefix)),
    prefixes: prefixes.filter(isTold),
    next: next && nameBehind(next.after.slice(keyRoot.length), objects.at(-1)?.key),
    from: next,
    isMarked: isDirectory && objects.some(({ key }) => key === prefix),
  }
}

/** What a longer prefix has taken from the bucket, and may guard, is none of its names. */
function teller({ plan: { root }, request, route, routes }: Listing): (name: string) => boolean {
  return (name) => name !== '' && routes.match(request.host, root + name)?.value === route
}

function nameBehind(last: string, lastKey: string | undefined): string {
  return last === lastKey ? last : behindGroup(last)
}
