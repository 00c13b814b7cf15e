// The bans in force. Each is matched by facts alone, so that declaring one costs the same however
// much is kept; a sweeper frees the space behind it.

import type { Ban, BanRule } from './ban.ts'
import type { EntryFacts } from './tier.ts'

export type Matcher = (facts: Pick<EntryFacts, 'bucket' | 'objectKey' | 'tags'>) => boolean

interface ArmedBan {
  readonly ban: Ban
  readonly matches: Matcher
}

export class Bans {
  /** Those of single keys, of which there may be thousands, are found by their key. */
  readonly #ofKeys = new Map<string, Map<string, Ban>>()
  readonly #wide = new Map<string, ArmedBan>()
  readonly #keyOf = new Map<string, string>()
  /** The newest instant of any ban: what was received later needs no further look. */
  #newestAt = Number.NEGATIVE_INFINITY

  get size(): number {
    return this.#keyOf.size + this.#wide.size
  }

  /** False when it was known already. */
  declare(ban: Ban): boolean {
    if (this.#keyOf.has(ban.id) || this.#wide.has(ban.id)) return false
    if (ban.rule.kind === 'key') this.#declareOfKey(ban, keyName(ban.rule.bucket, ban.rule.key))
    else this.#wide.set(ban.id, { ban, matches: matcherFor(ban.rule) })
    this.#newestAt = Math.max(this.#newestAt, ban.at)
    return true
  }

  /** What it covered is gone everywhere. */
  retire(id: string): void {
    this.#wide.delete(id)
    const key = this.#keyOf.get(id)
    if (key === undefined) return
    this.#keyOf.delete(id)
    const bans = this.#ofKeys.get(key)
    bans?.delete(id)
    if (bans?.size === 0) this.#ofKeys.delete(key)
  }

  /**
   * The hardest ban that covers an entry: a hard one before a soft one, and of soft ones the oldest,
   * since stale is what it has been from then on. What is shared with other nodes is swept by whoever
   * purges: it is not this node's to disbelieve.
   */
  covering(facts: EntryFacts, isShared = false): Ban | undefined {
    if (facts.receivedAt > this.#newestAt) return undefined
    let hardest: Ban | undefined
    const own =
      this.#ofKeys.size === 0 ? undefined : this.#ofKeys.get(keyName(facts.bucket, facts.objectKey))
    for (const ban of own?.values() ?? []) hardest = harder(hardest, ban, facts)
    for (const { ban, matches } of this.#wide.values()) {
      if (isShared && ban.rule.kind === 'held') continue
      if (matches(facts)) hardest = harder(hardest, ban, facts)
    }
    return hardest
  }

  #declareOfKey(ban: Ban, key: string): void {
    this.#keyOf.set(ban.id, key)
    const bans = this.#ofKeys.get(key) ?? new Map<string, Ban>()
    this.#ofKeys.set(key, bans.set(ban.id, ban))
  }
}

/** Of two that cover the same. */
function harder(known: Ban | undefined, ban: Ban, { receivedAt }: EntryFacts): Ban | undefined {
  if (receivedAt > ban.at) return known
  if (known === undefined) return ban
  if (known.isSoft !== ban.isSoft) return known.isSoft ? ban : known
  const isOlder = ban.at < known.at
  return isOlder === ban.isSoft ? ban : known
}

function keyName(bucket: string, key: string): string {
  return `${bucket}\u0000${key}`
}

export function matcherFor(rule: BanRule): Matcher {
  switch (rule.kind) {
    case 'all':
    case 'held':
      return () => true
    case 'bucket':
      return ({ bucket }) => bucket === rule.bucket
    case 'key':
      return ({ bucket, objectKey }) => bucket === rule.bucket && objectKey === rule.key
    case 'prefix':
      return within(rule.bucket, ({ objectKey }) => objectKey.startsWith(rule.prefix))
    case 'glob': {
      const matches = compileGlob(rule.pattern)
      return within(rule.bucket, ({ objectKey }) => matches(objectKey))
    }
    case 'tag':
      return within(rule.bucket, ({ tags }) => tags.includes(rule.tag))
  }
}

function within(bucket: string | undefined, matches: Matcher): Matcher {
  return bucket === undefined ? matches : (facts) => facts.bucket === bucket && matches(facts)
}

/**
 * `*` stands for any text without '/', `**` for any text, `?` for one character. Matched by hand and
 * not by a regular expression: a pattern comes from outside, and must not be able to take for ever.
 */
export function compileGlob(pattern: string): (text: string) => boolean {
  const tokens = globTokens(pattern)
  return (text) => {
    // Which tokens may stand next, as the text is walked once: an automaton without backtracking.
    let states = closure(tokens, new Set([0]))
    for (const character of text) {
      const next = new Set<number>()
      for (const state of states) step(tokens, state, character, next)
      states = closure(tokens, next)
      if (states.size === 0) return false
    }
    return states.has(tokens.length)
  }
}

type GlobToken =
  { readonly kind: 'text'; readonly text: string } | { readonly kind: 'one' | 'segment' | 'any' }

function globTokens(pattern: string): GlobToken[] {
  const tokens: GlobToken[] = []
  const characters = Array.from(pattern)
  for (let i = 0; i < characters.length; i += 1) {
    const text = characters[i] ?? ''
    if (text === '?') tokens.push({ kind: 'one' })
    else if (text !== '*') tokens.push({ kind: 'text', text })
    else if (characters[i + 1] === '*') {
      tokens.push({ kind: 'any' })
      i += 1
    } else tokens.push({ kind: 'segment' })
  }
  return tokens
}

/** A star may also stand for nothing. */
function closure(tokens: readonly GlobToken[], states: Set<number>): Set<number> {
  for (const state of states) {
    const kind = tokens[state]?.kind
    if (kind === 'segment' || kind === 'any') states.add(state + 1)
  }
  return states
}

function step(
  tokens: readonly GlobToken[],
  state: number,
  character: string,
  next: Set<number>,
): void {
  const token = tokens[state]
  switch (token?.kind) {
    case 'any':
      next.add(state)
      return
    case 'segment':
      if (character !== '/') next.add(state)
      return
    case 'one':
      if (character !== '/') next.add(state + 1)
      return
    case 'text':
      if (character === token.text) next.add(state + 1)
      return
    case undefined:
  }
}
