// Which pages of other origins may read a bucket's answers.

import type { CorsRules } from '../http/cors.ts'
import { isValidHeaderName } from '../http/headers.ts'
import { formatDuration } from '../primitives/units.ts'
import { choice, duration, field, flag, text, textOf } from './fields.ts'
import { section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import { isMapping } from './tree.ts'
import { z } from './zod.ts'

const ANY = '*'

const origin = field({
  wanted: 'an origin such as https://app.example.com or https://*.example.com, or "*" for all',
  json: { type: 'string' },
  read: (input) => {
    const found = textOf(input)?.toLowerCase()
    return found !== undefined && isOrigin(found) ? found : undefined
  },
  hintFor: (input) => {
    const found = textOf(input) ?? ''
    if (found === 'null') return 'any page can say that it is of no origin'
    const url = URL.parse(found)
    return url === null || !isWeb(url.protocol) ? undefined : `write ${url.origin}`
  },
})

/** In the one spelling in which browsers send it. */
function isOrigin(found: string): boolean {
  if (found === ANY) return true
  const [, scheme = '', wildcard, host = ''] =
    /^([a-z][a-z\d+.-]*:)\/\/(\*\.)?([^*/?#@\s\\]+)$/.exec(found) ?? []
  if (isWeb(scheme)) return URL.parse(`${scheme}//${host}`)?.origin === `${scheme}//${host}`
  // Of an app or an extension, whose names no URL parser knows.
  return wildcard === undefined && /^[\w.:-]+$/.test(host)
}

function isWeb(scheme: string): boolean {
  return scheme === 'https:' || scheme === 'http:'
}

const headerName = text({ wanted: 'a header name, or "*"', test: isValidHeaderName })

export const corsSchema = section(
  {
    origins: z.array(origin).min(1),
    methods: z
      .array(choice(['GET', 'HEAD', 'OPTIONS']))
      .min(1)
      .prefault(['GET', 'HEAD']),
    headers: z.array(headerName).prefault([]),
    expose: z.array(headerName).prefault([]),
    max_age: duration({ min: 0 }).prefault(600),
    credentials: flag().prefault(false),
  },
  anyIsAlone,
  credentialsAreForSome,
)

export type CorsSettings = z.output<typeof corsSchema>

function anyIsAlone({ origins }: Loose): RuleProblem[] {
  const list = listOf(origins)
  if (list.length < 2 || !list.includes(ANY)) return []
  const message = '"*" is every origin: the others say nothing'
  return [{ path: ['origins', list.indexOf(ANY)], message }]
}

// The Fetch standard takes "*" for a mere name as soon as credentials are sent.
function credentialsAreForSome({ origins, expose, credentials }: Loose): RuleProblem[] {
  if (credentials !== true) return []
  const problems: RuleProblem[] = []
  if (listOf(origins).includes(ANY)) {
    const message = 'cannot be with origins "*": every page could read what a visitor may'
    problems.push({ path: ['credentials'], message, hint: 'name the origins' })
  }
  const place = listOf(expose).indexOf(ANY)
  if (place >= 0) {
    const message = '"*" exposes nothing where credentials are sent'
    problems.push({ path: ['expose', place], message, hint: 'name the headers' })
  }
  return problems
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** Of a bucket: two that say who may read an answer are one too many for a browser. */
export function corsIsSaidOnce({ cors, response_headers: headers }: Loose): RuleProblem[] {
  const set = isMapping(headers) ? headers['set'] : undefined
  if (!isMapping(cors) || !isMapping(set)) return []
  return Object.keys(set)
    .filter((name) => /^access-control-/i.test(name))
    .map((name) => ({
      path: ['response_headers', 'set', name],
      message: `${name} is a header that cors answers for`,
    }))
}

export function toCors(settings: CorsSettings | undefined): CorsRules | undefined {
  if (settings === undefined) return undefined
  const { max_age: maxAgeMs, ...rules } = settings
  return { ...rules, maxAgeMs }
}

export function printCors({ maxAgeMs, ...rules }: CorsRules): object {
  return { ...rules, max_age: formatDuration(maxAgeMs) }
}
