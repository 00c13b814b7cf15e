// The files of the disk tier: one for each entry too large for the index, under a name that is
// used once and never again, so that a reader holds either all of a file or none of it.

import { constants } from 'node:fs'
import { mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { hash, randomUUID } from 'node:crypto'
import { dirname, join } from 'node:path'

import { codeOf, FolderGone } from './disk-trouble.ts'

const SHELF = /^[0-9a-f]{2}$/

/** `unique` is never given twice, by no process. Spread over 256 shelves by the key. */
export function fileNameFor(key: string, unique: string): string {
  const digest = hash('sha1', key)
  return `${digest.slice(0, 2)}/${digest.slice(2, 20)}-${unique}`
}

/** What a crash leaves half written bears a temporary name. */
export async function writeFileWhole(
  folder: string,
  name: string,
  parts: readonly Uint8Array[],
): Promise<void> {
  const path = join(folder, name)
  const temporary = `${path}.tmp`
  const handle = await createFile(temporary)
  try {
    await writeParts(handle, parts)
    await handle.close()
    await rename(temporary, path)
  } catch (error) {
    await handle.close()
    await removeFile(temporary)
    throw error
  }
}

export async function removeFiles(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) await removeFile(join(folder, name))
}

/** The folders that hold files, by name. */
export async function listShelves(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => SHELF.test(name))
}

export async function listShelf(folder: string, shelf: string): Promise<string[]> {
  return (await readdir(join(folder, shelf))).map((name) => `${shelf}/${name}`)
}

/** Epoch ms; undefined for a file that is gone. */
export async function modifiedAt(folder: string, name: string): Promise<number | undefined> {
  try {
    return (await stat(join(folder, name))).mtimeMs
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Throws what a full or broken disk would throw, without leaving anything. */
export async function probeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const name = fileNameFor('probe', randomUUID())
  await writeFileWhole(folder, name, [new Uint8Array(1024 * 1024)])
  await removeFiles(folder, [name])
}

async function createFile(path: string): Promise<FileHandle> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
  try {
    return await open(path, flags)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    await makeShelf(dirname(path))
    return open(path, flags)
  }
}

/** Not recursive: a folder that has vanished must be noticed, not made again behind its index. */
async function makeShelf(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return
    if (codeOf(error) === 'ENOENT') throw new FolderGone(`${dirname(path)} is gone`)
    throw error
  }
}

async function writeParts(handle: FileHandle, parts: readonly Uint8Array[]): Promise<void> {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const { bytesWritten } = await handle.writev([...parts])
  if (bytesWritten === length) return
  // A disk takes fewer bytes than asked when it is about to be full: the next write tells.
  const rest = Buffer.concat(parts).subarray(bytesWritten)
  for (let written = 0; written < rest.length;) {
    written += (await handle.write(rest, written)).bytesWritten
  }
}

async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
}
