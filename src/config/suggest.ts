// "Did you mean": the setting somebody probably had in mind when they wrote one that is not there.

/** The settings there are: for each section's path (lists as `[]`), the keys it knows. */
export type KnownKeys = ReadonlyMap<string, readonly string[]>

/** A key of the same section that is nearly the same word, else the same word in another section. */
export function suggest(section: string, key: string, known: KnownKeys): string | undefined {
  const here = nearest(key, known.get(section) ?? [])
  if (here !== undefined) return here

  const elsewhere = [...known]
    .filter(([path]) => path !== section)
    .flatMap(([path, keys]) => keys.filter((name) => isSameWord(name, key)).map(inside(path)))
  return elsewhere.length === 0 || elsewhere.length > 2 ? undefined : elsewhere.join(' or ')
}

const inside = (path: string) => (name: string) => (path === '' ? name : `${path}.${name}`)

function nearest(key: string, names: readonly string[]): string | undefined {
  const same = names.find((name) => isSameWord(name, key))
  if (same !== undefined || key.length > 60) return same

  const tolerance = key.length <= 4 ? 1 : 2
  const ranked = names
    .map((name) => ({ name, distance: editDistance(key.toLowerCase(), name) }))
    .sort((left, right) => left.distance - right.distance)
  const best = ranked[0]
  return best !== undefined && best.distance <= tolerance ? best.name : undefined
}

function isSameWord(left: string, right: string): boolean {
  return bare(left) === bare(right)
}

function bare(word: string): string {
  return word.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one word into the other. */
export function editDistance(from: string, to: string): number {
  let twoUp: number[] = []
  let up = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row += 1) {
    const line = [row]
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1]
      const isSwap = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      line[column] = Math.min(
        at(up, column) + 1,
        at(line, column - 1) + 1,
        at(up, column - 1) + (isSame ? 0 : 1),
        isSwap ? at(twoUp, column - 2) + 1 : Infinity,
      )
    }
    twoUp = up
    up = line
  }
  return at(up, to.length)
}

function at(line: readonly number[], column: number): number {
  return line[column] ?? Infinity
}
