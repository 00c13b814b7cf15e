// A section: a closed mapping of settings, and the rules between them. Rules run even when
// single settings are wrong, so that an operator sees every problem at once; a rule therefore
// trusts no value it has not looked at.

import type { PathSegment } from './problem.ts'
import { isMapping } from './tree.ts'
import { z } from './zod.ts'

export type Loose = Readonly<Record<string, unknown>>

export interface RuleProblem {
  readonly path: readonly PathSegment[]
  readonly message: string
  readonly hint?: string
}

export type Rule = (settings: Loose) => readonly RuleProblem[]

export function section<Shape extends z.ZodRawShape>(
  shape: Shape,
  ...rules: readonly Rule[]
): z.ZodObject<Shape, z.core.$strict> {
  const object = z.strictObject(shape)
  if (rules.length === 0) return object
  return object.superRefine(
    (settings, context) => {
      const loose: Loose = settings
      for (const problem of rules.flatMap((rule) => rule(loose))) {
        const params = problem.hint === undefined ? {} : { hint: problem.hint }
        const { message } = problem
        context.addIssue({ code: 'custom', path: [...problem.path], message, params })
      }
    },
    { when: ({ value }) => isMapping(value) },
  )
}

/** An optional setting whose default a rule or a conversion supplies, told here for the JSON Schema. */
export function documentedDefault<S extends z.ZodType>(
  schema: S,
  value: unknown,
): z.ZodOptional<S> {
  return schema.optional().meta({ documentedDefault: value })
}

const SAME = 'The same settings as '

/** A section that has been told of elsewhere; the list of all settings does not repeat what is in it. */
export function sameAs<S extends z.ZodType>(schema: S, path: string): S {
  return schema.meta({ description: `${SAME}${path}` })
}

export function isToldElsewhere(description: string | undefined): boolean {
  return description?.startsWith(SAME) === true
}
