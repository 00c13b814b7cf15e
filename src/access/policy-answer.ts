// What OPA's answer means. A rule that says nothing has not said yes; an answer that is none is no
// decision at all, and is told apart from it.

import { PolicyFailure } from './policy-failure.ts'

export interface Decision {
  readonly isAllowed: boolean
  /** In the policy's words. */
  readonly reason: string | undefined
}

/** Characters that are kept of a reason. */
const MOST_REASON = 500

/** Throws where what came is no decision. */
export function decisionIn(text: string): Decision {
  const answer = parse(text)
  if (!isObject(answer)) throw unintelligible('the answer is no JSON object')
  if (!Object.hasOwn(answer, 'result')) {
    return { isAllowed: false, reason: 'the policy says nothing of it (undefined)' }
  }
  const { result } = answer
  if (typeof result === 'boolean') return { isAllowed: result, reason: undefined }
  if (!isObject(result) || typeof result['allow'] !== 'boolean') {
    throw unintelligible('the result is neither true, false, nor { allow, reason }')
  }
  return { isAllowed: result['allow'], reason: reasonIn(result['reason']) }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Several reasons may come as a list or a set: they are told as they are. */
function reasonIn(reason: unknown): string | undefined {
  if (reason === undefined || reason === null || reason === '') return undefined
  const text = typeof reason === 'string' ? reason : JSON.stringify(reason)
  return text.length > MOST_REASON ? `${text.slice(0, MOST_REASON)}…` : text
}

function unintelligible(message: string): PolicyFailure {
  return new PolicyFailure('answer', message)
}
