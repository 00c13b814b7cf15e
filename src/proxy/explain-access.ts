// What is told of the checks that a request passes, and of whose pages may read its answer.

import type { Admitted, LimitStanding, Listing } from '../access/access.ts'
import type { Request } from '../exchange/request.ts'
import type { CorsAnswer } from '../http/cors.ts'
import { linesOf } from './account.ts'
import type { ExplainedStep, Told } from './account.ts'

export function tellFilter(listing: Listing | undefined, clientIp: string): Told {
  return { outcome: 'admitted', reason: reasonFor(listing), client_ip: clientIp }
}

function reasonFor(listing: Listing | undefined): string {
  switch (listing) {
    case undefined:
      return 'The bucket has no ip_filter.'
    case 'allowed':
      return 'The address is on the allowlist, and not on the blocklist.'
    case 'not blocked':
      return 'The address is not on the blocklist, and there is no allowlist.'
  }
}

/** Of one that was not refused. */
export function tellPolicy({ policy }: Admitted): Told {
  const because = policy?.reason === undefined ? '' : ` (${policy.reason})`
  const reason =
    policy?.decision === 'error'
      ? `The policy could not decide${because}, and fail_mode is open.`
      : `The policy allows it${because}.`
  return { outcome: 'admitted', reason, remembered: policy?.isRemembered === true }
}

/** As they stand now: to be explained costs nothing. */
export function tellLimits(standings: readonly LimitStanding[]): Told {
  return {
    outcome: 'admitted',
    reason: 'No limit is used up.',
    limits: standings.map(({ name, key, remaining, restoredMs }) => ({
      name,
      key,
      remaining,
      restored_in: restoredMs / 1000,
    })),
  }
}

/** Nothing of a signature is said back: what it says is good for whoever reads it. */
export function tellSignature(isSigned: boolean): Told {
  return isSigned
    ? { outcome: 'admitted', reason: 'The signature is good, and no token is asked for.' }
    : { outcome: 'none', reason: 'There is no signature: a token is asked for.' }
}

/** Nothing is refused by it here: the browser does that. */
export function tellCors({ vary, fields }: CorsAnswer, { headers }: Request): ExplainedStep {
  const isShared = fields.length > 0
  const who = headers.origin === undefined ? 'A page of any origin' : 'The page'
  return {
    step: 'cors',
    outcome: isShared ? 'shared' : 'not shared',
    reason: isShared
      ? `${who} may read the answer.`
      : 'The browser keeps the answer from pages: the origin or the method is not allowed.',
    headers: linesOf(['Vary', vary, ...fields]),
  }
}
