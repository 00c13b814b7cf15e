// An explanation as a person reads it: what would come of the request, then a paragraph a step.

type Fields = Readonly<Record<string, unknown>>

/** Told in the first line of a step. */
const HEADLINE: readonly string[] = ['step', 'outcome', 'reason']

export function explainedLines(explanation: Fields): string[] {
  const { summary, steps, threads } = explanation
  return [
    ...headOf(fieldsOf(summary)),
    ...(Array.isArray(steps) ? steps.flatMap((step) => linesOfStep(fieldsOf(step))) : []),
    ...(Array.isArray(threads) ? linesOfThreads(threads.map(fieldsOf)) : []),
  ]
}

function headOf({ served, status, code, reason, bucket, key, ...more }: Fields): string[] {
  const word = served === false ? 'refused' : served === null ? 'the origin decides' : 'served'
  const numbers = [status, code].filter((part) => part !== null && part !== undefined)
  const first = [word, ...numbers.map(written)].join(' ')
  const place = bucket === undefined ? [] : [`  ${written(bucket)}: ${written(key ?? '')}`]
  const cache = [`  Cache-Status: ${written(more['cache_status'])}`]
  return [`${first}: ${written(reason)}`, ...place, ...cache]
}

function linesOfStep(step: Fields): string[] {
  const { step: name, outcome, reason } = step
  const facts = Object.entries(step).filter(([fact]) => !HEADLINE.includes(fact))
  return [
    '',
    `${written(name)}: ${written(outcome)}. ${written(reason)}`,
    ...facts.flatMap(([fact, value]) => linesOfFact(fact, value)),
  ]
}

/** Of a list a line each. */
function linesOfFact(fact: string, value: unknown): string[] {
  if (!Array.isArray(value) || value.length === 0) return [`  ${fact}: ${written(value)}`]
  return [`  ${fact}:`, ...value.map((one) => `    ${written(one)}`)]
}

/** Each thread has turns of its own. */
function linesOfThreads(threads: readonly Fields[]): string[] {
  const told = threads.map(({ verdict, status, cache_status: cache }, index) => {
    const what = [verdict, status, cache].filter((part) => part !== undefined && part !== null)
    return `  ${index + 1}: ${what.map(written).join(', ')}`
  })
  return ['', 'threads: each has turns of its own; the steps are those of the first', ...told]
}

/** Of an object, name and value of each field. */
function written(value: unknown): string {
  if (Array.isArray(value))
    return value.length === 0 ? 'none' : `[${value.map(written).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .map(([name, one]) => `${name}=${written(one)}`)
      .join(' ')
  }
  if (value === null || value === undefined) return 'none'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
