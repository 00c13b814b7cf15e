// A Sluice whose configuration a test changes while it runs: the object that was written last, changed
// and written again, and the operator's call that puts it in force.

import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'

import { bucketAt, openFront } from './front.ts'
import type { Front, FrontOptions } from './front.ts'
import { callAt, TOKEN } from './cached-front.ts'
import type { Called, CallOptions } from './cached-front.ts'
import type { ConfigObject } from './sluice.ts'

export interface Reloadable extends Front {
  /** What is written there now. */
  readonly config: ConfigObject
  /** Puts other settings in the place of those of these names; `undefined` takes one away. */
  write(settings: ConfigObject): void
  /** Any text. */
  writeText(text: string): void
  reload(): Promise<Called>
  /** Writes, and reloads, which must succeed. Gives the generation. */
  change(settings: ConfigObject): Promise<number>
  call(method: string, path: string, options?: CallOptions): Promise<Called>
  /** Of one at the embedded S3. */
  bucket(settings: ConfigObject & { readonly name: string }): object
}

/** `settings` are the sections of the configuration; without `buckets` there is one at `/files`. */
export async function openReloadable(
  settings: ConfigObject = {},
  options: FrontOptions = {},
): Promise<Reloadable> {
  const front = await openFront({ admin: { token: TOKEN }, ...settings }, options)
  const { configFile } = front.sluice
  // The cast: it is what the support has written.
  let config = (await readJson(configFile)) as ConfigObject
  const writeText = (text: string): void => {
    // As an editor does.
    writeFileSync(`${configFile}.new`, text)
    renameSync(`${configFile}.new`, configFile)
  }
  const write = (changed: ConfigObject): void => {
    config = { ...config, ...changed }
    writeText(JSON.stringify(config))
  }
  const call: Reloadable['call'] = (...args) => callAt(front.opsUrl, ...args)
  const reload = (): Promise<Called> => call('POST', '/admin/reload')
  return {
    ...front,
    get config() {
      return config
    },
    write,
    writeText,
    reload,
    change: async (changed) => {
      write(changed)
      const { status, json } = await reload()
      assert.equal(status, 200, JSON.stringify(json))
      return Number(json['config_generation'])
    },
    call,
    bucket: (own) => bucketAt(front.s3.endpoint, own),
  }
}

async function readJson(file: string): Promise<unknown> {
  const { readFile } = await import('node:fs/promises')
  return JSON.parse(await readFile(file, 'utf8'))
}

/** The section there is now, with others of its settings. */
export function within(config: ConfigObject, name: string, settings: ConfigObject): ConfigObject {
  const section = config[name]
  return { [name]: { ...(typeof section === 'object' && section), ...settings } }
}
