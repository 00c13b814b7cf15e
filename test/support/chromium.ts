// A Chromium without a window, told what to do over its DevTools protocol. It reaches the loopback
// alone and keeps nothing: its profile is a folder that goes with it.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { startChild } from './children.ts'
import type { Child } from './children.ts'
import { requirePart } from './parts.ts'
import { soon } from './peer.ts'
import { until } from './until.ts'

export interface Chromium extends AsyncDisposable {
  /** Opens a page in a tab of its own. */
  open(url: string): Promise<Page>
}

export interface Page {
  /** The value of an expression in the page, waited for if it is a promise. */
  evaluate(expression: string): Promise<unknown>
}

/** The first start on a slow machine reads some hundred megabytes. */
const PATIENCE_MS = 90_000
const LEAVING_MS = 10_000

const FLAGS = [
  '--headless=new',
  '--no-sandbox', // It is one's own page; and root, as in a container, cannot have the sandbox.
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-extensions',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
  '--remote-debugging-port=0',
]

export async function openChromium(): Promise<Chromium> {
  const profile = mkdtempSync(join(tmpdir(), 'sluice-chromium-'))
  const args = [...FLAGS, `--user-data-dir=${profile}`, 'about:blank']
  // It keeps more than its profile: what it writes below the home goes there too.
  const env = { ...process.env, HOME: profile, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile }
  const child = startChild(requirePart('chromium'), args, { env })
  const end = async (): Promise<void> => {
    child.kill('SIGKILL')
    await child.exited
    // Its children end a moment after it, and write until then.
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
  try {
    const tools = await DevTools.connect(await addressOf(child))
    return {
      open: (url) => openPage(tools, url),
      [Symbol.asyncDispose]: async () => {
        tools.tell('Browser.close')
        await soon(child.exited, 'the end of Chromium', LEAVING_MS).catch(() => undefined)
        await end()
      },
    }
  } catch (error) {
    await end()
    throw new Error(`Chromium does not start: ${child.stderr()}`, { cause: error })
  }
}

async function addressOf(child: Child): Promise<string> {
  const look = async (): Promise<string | undefined> =>
    /^DevTools listening on (ws:\S+)$/m.exec(child.stderr())?.[1]
  const address = until('DevTools', look, (found) => found !== undefined, PATIENCE_MS)
  const died = child.exited.then(() => undefined)
  const found = await Promise.race([address, died])
  if (found === undefined) throw new Error('it ended')
  return found
}

async function openPage(tools: DevTools, url: string): Promise<Page> {
  const { targetId } = await tools.ask('Target.createTarget', { url: 'about:blank' })
  const { sessionId } = await tools.ask('Target.attachToTarget', { targetId, flatten: true })
  const session = String(sessionId)
  await tools.ask('Page.enable', {}, session)
  const loaded = tools.event('Page.loadEventFired', session)
  const { errorText } = await tools.ask('Page.navigate', { url }, session)
  if (errorText !== undefined) throw new Error(`${url}: ${JSON.stringify(errorText)}`)
  await soon(loaded, `${url} in the browser`, PATIENCE_MS)
  return {
    evaluate: async (expression) => {
      const options = { expression, awaitPromise: true, returnByValue: true }
      const { result, exceptionDetails } = await tools.ask('Runtime.evaluate', options, session)
      if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails))
      return Object(result).value
    },
  }
}

type Fields = Readonly<Record<string, unknown>>
type Listener = (message: Fields) => void

class DevTools {
  readonly #socket: WebSocket
  readonly #listeners = new Set<Listener>()
  #lastId = 0

  static async connect(address: string): Promise<DevTools> {
    const socket = new WebSocket(address)
    await once(socket, 'open', { signal: AbortSignal.timeout(PATIENCE_MS) })
    return new DevTools(socket)
  }

  constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => {
      const message: Fields = Object(JSON.parse(String(data)))
      for (const listener of this.#listeners) listener(message)
    })
  }

  /** Without waiting for what comes of it. */
  tell(method: string, params: Fields = {}, sessionId?: string): number {
    this.#lastId += 1
    this.#socket.send(JSON.stringify({ id: this.#lastId, method, params, sessionId }))
    return this.#lastId
  }

  async ask(method: string, params: Fields, sessionId?: string): Promise<Fields> {
    const id = this.tell(method, params, sessionId)
    const answer = await soon(
      this.#next((message) => message['id'] === id),
      method,
      PATIENCE_MS,
    )
    if (answer['error'] !== undefined)
      throw new Error(`${method}: ${JSON.stringify(answer['error'])}`)
    return Object(answer['result'])
  }

  event(method: string, sessionId: string): Promise<Fields> {
    return this.#next(
      (message) => message['method'] === method && message['sessionId'] === sessionId,
    )
  }

  #next(isIt: (message: Fields) => boolean): Promise<Fields> {
    return new Promise((resolve) => {
      const listener: Listener = (message) => {
        if (!isIt(message)) return
        this.#listeners.delete(listener)
        resolve(message)
      }
      this.#listeners.add(listener)
    })
  }
}
