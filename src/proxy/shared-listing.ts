// Whoever asks for the same page of a listing at the same time has the same page: nothing of it is kept
// for those who come later, but a crowd asks S3 once.

import { Cancellation } from '../primitives/cancel.ts'
import { Flight } from '../primitives/flight.ts'
import { OriginFailure } from '../origin/origin.ts'
import type { ListAnswer } from '../origin/origin.ts'
import type { Route } from './snapshot.ts'

export function shareListing(list: Route['list']): Route['list'] {
  const flights = new Map<string, Flight<ListAnswer>>()
  return (question, { signal, trail }) => {
    const name = JSON.stringify(question)
    const known = flights.get(name)
    if (known !== undefined) return known.join(signal)
    const leaving = new Cancellation()
    const ended = (): void => {
      if (flights.get(name) === flight) flights.delete(name)
    }
    const answer = list(question, { signal: leaving, trail }).finally(ended)
    const giveUp = (): void => {
      ended()
      leaving.cancel()
    }
    const flight: Flight<ListAnswer> = new Flight({ answer, giveUp, left })
    flights.set(name, flight)
    return flight.join(signal)
  }
}

function left(): OriginFailure {
  return new OriginFailure('cancelled', 'the caller left')
}
