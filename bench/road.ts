// One road from its beginning to its end: servers are opened, asked once for the right answer, made
// warm, and measured in turns, size after size.

import { openContest } from './contest.ts'
import type { Contender } from './contenders.ts'
import type { Contest } from './contest.ts'
import { measure } from './measure.ts'
import { RESULTS } from './results.ts'
import type { Round } from './measure.ts'
import type { Cell, Options } from './options.ts'
import { probe } from './probe.ts'
import { progress } from './progress.ts'
import type { Ask } from './roads.ts'
import { summarize } from './summary.ts'
import type { Line } from './summary.ts'
import { inTurns } from './turns.ts'

/** So much of a core it has had when it was not kept from it. */
const BUSY_SHARE = 0.7

/** `folder` is for this road alone. */
export async function measureRoad(
  { road, sizes }: Cell,
  folder: string,
  options: Options,
): Promise<Line[]> {
  progress(`${road}, beginning`)
  const { others, cpuProfile } = options
  const profileFolder = cpuProfile ? RESULTS : undefined
  await using contest = await openContest({ folder, road, sizes, others, profileFolder })
  const lines: Line[] = []
  for (const ask of contest.asks) {
    progress(`${road} ${ask.size}, warming up`)
    for (const contender of contest.contenders) await warmUp(contender, ask, contest, options)
    const { rounds, roundSeconds: seconds } = options
    const taken = await inTurns(contest.contenders, rounds, (contender, round) => {
      progress(`${road} ${ask.size}, round ${round + 1} of ${rounds}, ${contender.name}`)
      return measure(contender, ask, { behind: contest.behind, seconds })
    })
    lines.push(...linesOf(contest, { road, size: ask.size }, taken))
  }
  return lines
}

/** Until it has had processor time for it: what has not been compiled would be measured otherwise. */
async function warmUp(
  contender: Contender,
  ask: Ask,
  { behind }: Contest,
  { warmUpSeconds: seconds, mostWarmUps }: Options,
): Promise<void> {
  await probe(contender.name, contender.url, ask)
  for (let times = 0; times < mostWarmUps; times += 1) {
    const { coreShare } = await measure(contender, ask, { behind, seconds })
    if (coreShare >= BUSY_SHARE) return
  }
}

function linesOf(
  { contenders, absent }: Contest,
  place: Pick<Line, 'road' | 'size'>,
  taken: readonly (readonly Round[])[],
): Line[] {
  const present = contenders.map(({ name }, index) => {
    const rounds = taken[index] ?? []
    return { ...place, server: name, figures: summarize(rounds), rounds }
  })
  const dashes = absent.map((server) => ({ ...place, server, figures: undefined, rounds: [] }))
  return [...present, ...dashes]
}
