// `sluice top`: what passes, in a terminal, anew each second.

import { setTimeout as after } from 'node:timers/promises'

import { withoutCredentials } from '../primitives/secret.ts'
import { converse } from './admin-client.ts'
import type { Terminal } from './admin-client.ts'
import type { AdminPlace } from './arguments.ts'
import { cut } from './terminal-text.ts'
import { topLines } from './top-screen.ts'
import type { ScreenSize, TopFacts } from './top-screen.ts'

export interface TopTerminal extends Terminal {
  readonly input: NodeJS.ReadStream
  readonly output: NodeJS.WriteStream
  /** Aborts when the process shall end. */
  readonly stopped: AbortSignal
}

const EVERY_MS = 1000
/** Where there is no screen to fill. */
const PAPER: ScreenSize = { columns: 120, rows: 60 }

/** A screen of its own, without a cursor; and back to what was there before. */
const ENTER = '\u001b[?1049h\u001b[?25l'
const LEAVE = '\u001b[?25h\u001b[?1049l'
/** From the first place, each line over the one before it: nothing is blank in between. */
const HOME = '\u001b[H'
const REST_OF_LINE = '\u001b[K'
const REST_OF_SCREEN = '\u001b[J'
/** What lies between is shown at once, where the terminal knows how. */
const [HOLD, SHOW] = ['\u001b[?2026h', '\u001b[?2026l']
const BOLD = '\u001b[1m'
/** Those that are not letters: Ctrl-C and Ctrl-D. */
const QUITS: readonly string[] = ['q', 'Q', '\u0003', '\u0004']
const PLAIN = '\u001b[0m'

/** Returns the exit code. */
export function topCommand(
  place: AdminPlace,
  isOnce: boolean,
  terminal: TopTerminal,
): Promise<number> {
  const { input, output, stopped } = terminal
  return converse(place, terminal, async (ask) => {
    const look = async (signal: AbortSignal): Promise<TopFacts> => ({
      traffic: await ask({ method: 'GET', path: '/admin/traffic', query: 'seconds=60', signal }),
      top: await ask({ method: 'GET', path: '/admin/top', query: 'limit=50', signal }),
      url: withoutCredentials(place.url),
    })
    if (isOnce || !output.isTTY || !input.isTTY) {
      for (const line of topLines(await look(stopped), PAPER)) terminal.out(line)
      return 0
    }
    // What is wrong from the beginning is said where it stays to be read.
    await watch(await look(stopped), { look, input, output, stopped })
    return 0
  })
}

interface Watch extends Pick<TopTerminal, 'input' | 'output' | 'stopped'> {
  readonly look: (signal: AbortSignal) => Promise<TopFacts>
}

async function watch(first: TopFacts, { look, input, output, stopped }: Watch): Promise<void> {
  const quit = new AbortController()
  const end = AbortSignal.any([quit.signal, stopped])
  let facts = first
  let trouble = ''
  const show = (): void => void output.write(frameOf(facts, trouble, sizeOf(output)))
  const press = (keys: Buffer): void => {
    // Raw, so that Ctrl-C comes as a key like any other.
    if (QUITS.some((key) => keys.includes(key))) quit.abort()
  }
  input.setRawMode(true).resume().on('data', press)
  output.write(ENTER)
  output.on('resize', show)
  try {
    while (!end.aborted) {
      show()
      await after(EVERY_MS, undefined, { signal: end }).catch(() => undefined)
      if (end.aborted) break
      try {
        facts = await look(end)
        trouble = ''
      } catch (error) {
        trouble = error instanceof Error ? error.message : String(error)
      }
    }
  } finally {
    output.off('resize', show)
    output.write(LEAVE)
    input.off('data', press).setRawMode(false).pause()
  }
}

function sizeOf({ columns, rows }: TopTerminal['output']): ScreenSize {
  return { columns: columns || PAPER.columns, rows: rows || PAPER.rows }
}

function frameOf(facts: TopFacts, trouble: string, { columns, rows }: ScreenSize): string {
  const last = trouble === '' ? 'q quits' : `${trouble}; asking again (q quits)`
  const lines = topLines(facts, { columns, rows: rows - 1 })
  const blank = Array.from({ length: Math.max(0, rows - 1 - lines.length) }, () => '')
  const all = [...lines, ...blank, cut(last, columns)]
  const [head = '', ...others] = all.map((line) => line + REST_OF_LINE)
  return HOLD + HOME + [BOLD + head + PLAIN, ...others].join('\r\n') + REST_OF_SCREEN + SHOW
}
