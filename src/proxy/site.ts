// Of a bucket whose prefix has names in it: where the part of it lies that a path has named, among the
// keys of the bucket and among the paths of its clients.

import { encodePath } from '../http/percent.ts'
import { compileTemplate, namesIn } from '../primitives/template.ts'

export interface Site {
  /** Before every key of it: `acme/`. */
  readonly keyRoot: string
  /** Where it hangs, as it is written in a Location: `/u/acme`. */
  readonly pathPrefix: string
}

export type SiteOf = (captured: readonly string[]) => Site

/** Undefined where there are no names. */
export function compileSite(pathPrefix: string, keyTemplate: string): SiteOf | undefined {
  const names = namesIn(pathPrefix)
  if (names.length === 0) return undefined
  const keyRoot = compileTemplate(keyTemplate, names)
  const prefix = compileTemplate(pathPrefix, names)
  return (captured) => ({
    keyRoot: keyRoot(captured),
    pathPrefix: encodePath(prefix(captured)),
  })
}
