// A directory for programs.

import { baseOf, linkTo, ownName } from './listing-names.ts'
import type { ListingPlan } from './listing-plan.ts'
import { writePageToken } from './listing-token.ts'
import type { ListedPage } from './listing.ts'

export function writeJson(plan: ListingPlan, { objects, prefixes, next }: ListedPage): string {
  const base = baseOf(plan.visited.path)
  const named = (name: string): object => {
    const own = ownName(name, plan)
    return { name: own, href: linkTo(own, base) ?? null }
  }
  return JSON.stringify({
    path: plan.root + plan.prefix,
    prefixes: prefixes.map(named),
    entries: objects.map(({ key, size, lastModified, etag }) => ({
      ...named(key),
      size,
      last_modified: lastModified ?? null,
      etag: etag ?? null,
    })),
    next: next === undefined ? null : writePageToken(next),
  })
}
