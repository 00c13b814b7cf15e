// What is told of a request for names: whether it is one, what it is taken for, and that only the origin
// knows the answer.

import type { Request } from '../exchange/request.ts'
import type { Match } from '../routing/routing.ts'
import type { Account, Told } from './account.ts'
import { planListing } from './listing-plan.ts'
import type { ListingPlan } from './listing-plan.ts'
import { refusalFrom } from './refuse.ts'
import type { Ending } from './rehearse.ts'
import type { Route } from './snapshot.ts'

/** Nothing is told where the bucket tells no names. */
export function takeListing(
  match: Match<Route>,
  request: Request,
  account: Account,
): ListingPlan | undefined {
  if (match.value.listing === 'off') return undefined
  const take = (): ListingPlan | undefined => planListing(match, request)
  return account.take('listing', take, tellListing)
}

function tellListing(plan: ListingPlan | undefined): Told {
  if (plan === undefined) return { outcome: 'none', reason: 'An object is asked for.' }
  const { form, prefix, delimiter, visited, isFallback, scope } = plan
  return {
    outcome: 'planned',
    reason: isFallback
      ? 'A directory is asked for; its names are told where it has no index document.'
      : 'Names are asked for.',
    form,
    prefix,
    delimiter,
    recursive: scope.isDeep,
    // What the checks below are held against.
    authorized_as: visited.path,
  }
}

/** What is listed is never kept, so that the origin is asked each time. */
export function takeNames({ form }: ListingPlan, route: Route, account: Account): void {
  const asksNobody = form === 'bucket' || form === 'location'
  account.take(
    'names',
    () => {
      const { failure } = route.foreseeOrigin()
      if (failure !== undefined && !asksNobody) throw refusalFrom(failure)
    },
    () => ({
      outcome: asksNobody ? 'answered' : 'asks',
      reason: asksNobody
        ? 'Sluice answers this itself.'
        : 'The origin is asked for a page of names, which is not kept.',
    }),
  )
}

export function isMissing(ending: Ending): boolean {
  return ending.kind === 'refused' && ending.refusal.code === 'not_found'
}
