// The life of a request from its plan on, without living it: what the cache would do, what the origin
// would be asked first, and what would be answered as far as that is known without asking.

import type { Refusal } from '../exchange/refusal.ts'
import type { Reply } from '../exchange/reply.ts'
import { BYPASS } from '../http/cache-status.ts'
import type { CacheOutcome } from '../http/cache-status.ts'
import type { Request } from '../exchange/request.ts'
import type { ObjectQuestion, OriginForesight } from '../origin/origin.ts'
import { foresee } from './forecast.ts'
import type { Forecast } from './forecast.ts'
import { obtain, requireKey } from './obtain.ts'
import type { Obtained } from './obtain.ts'
import type { Plan } from './plan.ts'
import { present } from './present.ts'
import { refusalFrom } from './refuse.ts'
import type { Route } from './snapshot.ts'
import { standIn } from './stand-in.ts'
import type { StandIn } from './stand-in.ts'

export type Ending =
  | {
      readonly kind: 'answered'
      readonly reply: Reply
      /** What a page says no to. */
      readonly refusal?: Refusal | undefined
    }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** What the origin says decides; with a key, of the object that would stand in. */
  | { readonly kind: 'asks'; readonly standIn?: string }

export interface Rehearsed {
  readonly forecast: Forecast
  /** What the origin would be asked first. */
  readonly question: ObjectQuestion | undefined
  readonly origin: OriginForesight
  /** What the cache would be told to have had to do with it, by the last that was looked for. */
  readonly outcome: CacheOutcome
  readonly ending: Ending
}

export interface Rehearsing {
  readonly route: Route
  readonly request: Request
  readonly plan: Plan
}

/** The origin would be asked, and nobody is. */
class WouldAsk extends Error {
  readonly question: ObjectQuestion

  constructor(question: ObjectQuestion) {
    super('the origin would be asked')
    this.question = question
  }
}

export async function rehearse(life: Rehearsing): Promise<Rehearsed> {
  const { route, plan } = life
  const origin = route.foreseeOrigin()
  const forecast: Forecast = {}
  const stage: Stage = { origin, standIn: {} }
  let question: ObjectQuestion | undefined
  const own = foreseer(life, origin, forecast, (asked) => (question ??= asked))
  const ending = await own(plan).then(
    (obtained) => presented(obtained, life, stage),
    (error: unknown) => instead(error, life, stage),
  )
  const outcome = stage.standIn.outcome ?? forecast.outcome ?? BYPASS
  return { forecast, question, origin, outcome, ending }
}

interface Stage {
  readonly origin: OriginForesight
  /** Of what is shown where there is no object. */
  readonly standIn: Forecast
}

type ForeseeObtain = (plan: Plan) => Promise<Obtained>

/** As `obtain` of the route, up to where it would ask. */
function foreseer(
  { route, request }: Rehearsing,
  origin: OriginForesight,
  forecast: Forecast,
  note: (question: ObjectQuestion) => void,
): ForeseeObtain {
  const requireOrigin = (): void => {
    if (origin.failure !== undefined) throw origin.failure
  }
  const ask = (question: ObjectQuestion): never => {
    note(question)
    requireOrigin()
    throw new WouldAsk(question)
  }
  const { cached } = route
  const { headers } = request
  if (cached !== undefined) {
    return (plan) => foresee(plan, { cached, headers, forecast, ask, requireOrigin })
  }
  return async (plan) => {
    requireKey(plan)
    return obtain(plan, async (question) => ask(question))
  }
}

async function presented(obtained: Obtained, life: Rehearsing, stage: Stage): Promise<Ending> {
  const { plan, route } = life
  try {
    return { kind: 'answered', reply: present(obtained, plan, route) }
  } catch (error) {
    return instead(error, life, stage)
  }
}

/** A website may have something to show where there is no object. */
async function instead(error: unknown, life: Rehearsing, stage: Stage): Promise<Ending> {
  if (error instanceof WouldAsk) return { kind: 'asks' }
  if (life.route.website.isPlain) return refused(error)
  let asked: ObjectQuestion | undefined
  const { origin } = stage
  const obtainOther = foreseer(life, origin, stage.standIn, (question) => (asked ??= question))
  let stands: StandIn | undefined
  try {
    stands = await standIn({ ...life, error, obtain: obtainOther })
  } catch (late) {
    if (!(late instanceof WouldAsk)) return refused(late)
  }
  if (asked !== undefined && origin.failure === undefined) {
    return { kind: 'asks', standIn: asked.key }
  }
  return stands === undefined ? refused(error) : { kind: 'answered', ...stands }
}

/** A bug is the caller's to hear of. */
function refused(error: unknown): Ending {
  const refusal = refusalFrom(error)
  if (refusal.code === 'internal_error') throw error
  return { kind: 'refused', refusal }
}
