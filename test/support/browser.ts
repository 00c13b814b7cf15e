// A Chromium whose pages are used as a person uses them: fields, buttons, what is to be read. It
// reaches the loopback alone, and each visit is in a browser that has never been here.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { chromium } from 'playwright-core'
import type { BrowserContextOptions, Page } from 'playwright-core'

import { requirePart } from './parts.ts'

export type { Page } from 'playwright-core'

export interface Browser extends AsyncDisposable {
  /** A page of a browser without a past. */
  visit(url: string, options?: VisitOptions): Promise<Visit>
}

export interface VisitOptions extends Pick<
  BrowserContextOptions,
  'colorScheme' | 'viewport' | 'deviceScaleFactor' | 'bypassCSP' | 'reducedMotion'
> {}

export interface Visit extends AsyncDisposable {
  readonly page: Page
  /** What the browser complained of, in its words. */
  readonly complaints: readonly string[]
  /** Every URL that was asked for. */
  readonly asked: readonly string[]
}

/** The first start on a slow machine reads some hundred megabytes. */
const START_MS = 90_000
const STEP_MS = 20_000

const FLAGS = [
  '--no-sandbox', // It is one's own page; and root, as in a container, cannot have the sandbox.
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
]

export async function openBrowser(): Promise<Browser> {
  const home = mkdtempSync(join(tmpdir(), 'sluice-browser-'))
  const remove = (): void =>
    rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  try {
    const browser = await chromium.launch({
      executablePath: requirePart('chromium'),
      args: FLAGS,
      timeout: START_MS,
      // It keeps more than its profile: what it writes below the home goes there too.
      env: { ...definedIn(process.env), HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home },
    })
    return {
      visit: async (url, options = {}) => {
        const context = await browser.newContext({ reducedMotion: 'reduce', ...options })
        context.setDefaultTimeout(STEP_MS)
        const page = await context.newPage()
        const complaints: string[] = []
        const asked: string[] = []
        page.on('pageerror', (error) => complaints.push(String(error)))
        page.on('console', (message) => {
          if (message.type() === 'error') complaints.push(message.text())
        })
        page.on('request', (request) => asked.push(request.url()))
        await page.goto(url)
        return { page, complaints, asked, [Symbol.asyncDispose]: () => context.close() }
      },
      [Symbol.asyncDispose]: async () => {
        await browser.close()
        remove()
      },
    }
  } catch (error) {
    remove()
    throw error
  }
}

function definedIn(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}
