// Files of the disk tier while they are read, and for a while after. To open a file and to close it
// again are two ways to another thread and back, which cost more than to read what the kernel still
// has of it. A name is used once and never again, so what is open under it is what the index means.

import { close, closeSync, fstatSync, open, read } from 'node:fs'
import { join } from 'node:path'

import { removeFiles } from './disk-files.ts'

interface OpenFile {
  readonly number: number
  readonly length: number
  /** It is closed when nobody reads it and it is not kept. */
  readers: number
  isKept: boolean
  /** Nobody has read it since it was looked at last. */
  isIdle: boolean
}

const MOST_FILES = 256

export class OpenFiles {
  readonly #folder: string
  readonly #mostBytes: () => number
  /** Kept for later; what was used longest ago comes first. */
  readonly #kept = new Map<string, OpenFile>()
  #keptBytes = 0
  #isClosed = false

  /** `mostBytes` bounds what is kept open: what others remove takes its place on disk until then. */
  constructor(folder: string, mostBytes: () => number) {
    this.#folder = folder
    this.#mostBytes = mostBytes
  }

  get count(): number {
    return this.#kept.size
  }

  /** False where there is none, or it is not as long as the bytes that it is to fill. */
  async readInto(name: string, bytes: Uint8Array): Promise<boolean> {
    const file = this.#known(name) ?? (await this.#open(name, bytes.byteLength))
    if (file === undefined) return false
    try {
      for (let filled = 0; filled < bytes.byteLength;) {
        const count = await readAt(file.number, bytes, filled)
        if (count === 0) return false
        filled += count
      }
      return true
    } finally {
      file.readers -= 1
      closeUnused(file)
    }
  }

  /** From the disk, and with the last hold on them. */
  remove(names: readonly string[]): Promise<void> {
    for (const name of names) this.#forget(name)
    return removeFiles(this.#folder, names)
  }

  /** Lets go of what was not needed since it was done last. */
  trim(): void {
    for (const [name, file] of this.#kept) {
      if (file.isIdle) this.#forget(name)
      file.isIdle = true
    }
  }

  /** What is being read is closed behind its readers. */
  close(): void {
    this.#isClosed = true
    for (const name of this.#kept.keys()) this.#forget(name)
  }

  /** For one more reader. */
  #known(name: string): OpenFile | undefined {
    const file = this.#kept.get(name)
    if (file === undefined) return undefined
    this.#kept.delete(name)
    this.#kept.set(name, file)
    file.readers += 1
    file.isIdle = false
    return file
  }

  async #open(name: string, length: number): Promise<OpenFile | undefined> {
    const number = await openFile(join(this.#folder, name))
    if (number === undefined) return undefined
    const file = { number, length, readers: 1, isKept: false, isIdle: false }
    // Of several who open one file at once, the first keeps it.
    if (!this.#isClosed && !this.#kept.has(name)) this.#keep(name, file)
    return file
  }

  #keep(name: string, file: OpenFile): void {
    file.isKept = true
    this.#kept.set(name, file)
    this.#keptBytes += file.length
    const most = this.#mostBytes()
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MOST_FILES && this.#keptBytes <= most) break
      this.#forget(oldest)
    }
  }

  #forget(name: string): void {
    const file = this.#kept.get(name)
    if (file === undefined) return
    this.#kept.delete(name)
    this.#keptBytes -= file.length
    file.isKept = false
    closeUnused(file)
  }
}

// A number for a file, and not an object with a finalizer: reading is what a hit on disk is made of.

function openFile(path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    open(path, (error, number) => {
      if (error === null) resolve(number)
      else if (error.code === 'ENOENT') resolve(undefined)
      else reject(error)
    })
  })
}

function readAt(number: number, bytes: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const left = bytes.byteLength - position
    read(number, bytes, position, left, position, (error, count) => {
      if (error === null) resolve(count)
      else reject(error)
    })
  })
}

function closeUnused({ number, readers, isKept }: OpenFile): void {
  if (isKept || readers > 0) return
  // Nothing hangs on how it ends: it was only read.
  if (isNamed(number)) closeSync(number)
  else close(number, () => undefined)
}

/** Whoever closes a file without a name frees what it held, which may take as long as a disk takes. */
function isNamed(number: number): boolean {
  try {
    return fstatSync(number).nlink > 0
  } catch {
    return false
  }
}
