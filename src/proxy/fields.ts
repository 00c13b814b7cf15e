// Flat lists of header fields, cut and added to. A list that nothing has to be taken from is not
// copied.

import type { HeaderList } from '../http/headers.ts'

/** The fields whose names, in lower case, are among `names`. */
export function keepFields(list: HeaderList, names: ReadonlySet<string>): string[] {
  return select(list, (name) => names.has(name))
}

/** All fields but those. */
export function dropFields(list: HeaderList, names: ReadonlySet<string>): HeaderList {
  return names.size === 0 ? list : select(list, (name) => !names.has(name))
}

function select(list: HeaderList, isWanted: (lowerName: string) => boolean): string[] {
  const kept: string[] = []
  for (let index = 0; index + 1 < list.length; index += 2) {
    const name = list[index] ?? ''
    if (isWanted(name.toLowerCase())) kept.push(name, list[index + 1] ?? '')
  }
  return kept
}
