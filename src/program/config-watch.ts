// Looks again and again whether the files of the configuration are others than before. It looks at what
// their names lead to, since most who change such a file put another in its place, behind a name or a
// link; no watcher of files reports that everywhere. A folder is looked at too: a file may come to match
// what is included. Only when nothing has moved for one look, and what stands there is different, is
// it told.

import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { dirname } from 'node:path'

import type { Environment } from '../config/env.ts'
import { readFiles } from '../config/files.ts'

export interface ConfigWatchOptions {
  readonly file: string
  readonly env: Environment
  readonly changed: () => void
}

const LOOK_MS = 400

export class ConfigWatch {
  readonly #options: ConfigWatchOptions
  #timer: NodeJS.Timeout | undefined
  /** Files and folders. */
  #paths: readonly string[] = []
  #seen = ''
  #isMoving = false
  #content = ''

  constructor(options: ConfigWatchOptions) {
    this.#options = options
  }

  /** What stands there now is known. */
  turn(isOn: boolean): void {
    if (isOn === (this.#timer !== undefined)) return
    clearInterval(this.#timer)
    this.#timer = undefined
    if (!isOn) return
    this.#content = this.#read()
    this.#seen = this.#look()
    this.#timer = setInterval(() => this.#tick(), LOOK_MS)
    this.#timer.unref()
  }

  close(): void {
    this.turn(false)
  }

  #tick(): void {
    const found = this.#look()
    const hasMoved = found !== this.#seen
    this.#seen = found
    if (hasMoved || !this.#isMoving) {
      this.#isMoving = hasMoved
      return
    }
    this.#isMoving = false
    const content = this.#read()
    // Others may have to be looked at from now on.
    this.#seen = this.#look()
    if (content === this.#content) return
    this.#content = content
    this.#options.changed()
  }

  /** What is in the files, and what of them cannot be read. */
  #read(): string {
    const { file, env } = this.#options
    const { sources, problems, files, places } = readFiles(file, env)
    this.#paths = [...new Set([...files, ...places, ...[...files, ...places].map(dirname)])]
    const text = JSON.stringify([files, sources, problems])
    return createHash('sha256').update(text).digest('base64')
  }

  #look(): string {
    return this.#paths.map(traceOf).join(' ')
  }
}

function traceOf(path: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(path)
    return `${ino}:${size}:${mtimeMs}`
  } catch {
    return 'absent'
  }
}
