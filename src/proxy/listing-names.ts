// Names of a listing as a page and a program are given them: what to show, and the link that leads back
// to the object, where there is one.

import { isDotSegment } from '../http/path.ts'
import { encodePath } from '../http/percent.ts'
import type { ListingPlan } from './listing-plan.ts'

/** What links begin with: relative, so that they hold behind whatever stands before Sluice. */
export function baseOf(requestPath: string): string {
  if (requestPath.endsWith('/')) return './'
  // Of a root without its slash the last segment is the directory.
  return `./${encodePath(requestPath.slice(requestPath.lastIndexOf('/') + 1))}/`
}

/** Undefined where no path can name it: every client folds `..`, and Sluice refuses it. */
export function linkTo(name: string, base: string): string | undefined {
  return name.split('/').some(isDotSegment) ? undefined : base + encodePath(name)
}

/** Without the directory it lies in. */
export function ownName(name: string, { prefix }: ListingPlan): string {
  return name.slice(prefix.length)
}
