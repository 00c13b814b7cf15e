// Contenders take turns, so that what comes over the machine comes over all of them alike.

/** What `take` gave for each, in their order. Who begins changes: nobody always follows the same one. */
export async function inTurns<C, R>(
  contenders: readonly C[],
  rounds: number,
  take: (contender: C, round: number) => Promise<R>,
): Promise<R[][]> {
  const own = contenders.map((): R[] => [])
  for (let round = 0; round < rounds; round += 1) {
    const order = [...contenders.keys()].map((turn) => (round + turn) % contenders.length)
    for (const index of order) {
      const contender = contenders[index]
      if (contender !== undefined) own[index]?.push(await take(contender, round))
    }
  }
  return own
}
