// The buckets that are folders: every file below `<root>/<bucket>/` is an object.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { Stats } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'

import { fileBytes } from './object-bytes.ts'
import type { StoredObject } from './objects.ts'

const contentTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.gif': 'image/gif',
  '.html': 'text/html; charset=utf-8',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.md': 'text/markdown; charset=utf-8',
  '.mp4': 'video/mp4',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wav': 'audio/wav',
}

export class Folder {
  readonly #root: string
  readonly #etags = new Map<string, { stamp: string; etag: string }>()

  constructor(root: string) {
    this.#root = root
  }

  async hasBucket(bucket: string): Promise<boolean> {
    if (!isSafeSegment(bucket)) return false
    const found = await statOrNothing(join(this.#root, bucket))
    return found?.isDirectory() ?? false
  }

  async find(bucket: string, key: string): Promise<StoredObject | undefined> {
    // What a file system would fold together or climb out of is a key that no file can have.
    if (![bucket, ...key.split('/')].every(isSafeSegment)) return undefined
    const path = join(this.#root, bucket, key)
    const found = await statOrNothing(path)
    if (found === undefined || !found.isFile()) return undefined
    return {
      kind: 'object',
      versionId: 'null',
      bytes: fileBytes(path, found.size),
      etag: await this.#etagOf(path, `${found.mtimeMs}:${found.size}`),
      lastModified: found.mtime,
      storageClass: 'STANDARD',
      headers: {
        'Content-Type': contentTypes[extname(path).toLowerCase()] ?? 'binary/octet-stream',
      },
      checksums: {},
      partBytes: undefined,
    }
  }

  async keys(bucket: string): Promise<string[]> {
    if (!isSafeSegment(bucket)) return []
    return this.#walk(join(this.#root, bucket), '')
  }

  async #walk(path: string, prefix: string): Promise<string[]> {
    const keys: string[] = []
    for (const entry of await readdir(path, { withFileTypes: true })) {
      const key = prefix + entry.name
      if (entry.isDirectory()) keys.push(...(await this.#walk(join(path, entry.name), `${key}/`)))
      else keys.push(key)
    }
    return keys
  }

  async #etagOf(path: string, stamp: string): Promise<string> {
    const known = this.#etags.get(path)
    if (known?.stamp === stamp) return known.etag
    const hash = createHash('md5')
    for await (const piece of createReadStream(path)) hash.update(piece)
    const etag = `"${hash.digest('hex')}"`
    this.#etags.set(path, { stamp, etag })
    return etag
  }
}

function isSafeSegment(segment: string): boolean {
  return segment !== '' && segment !== '.' && segment !== '..' && !/[/\\\0]/.test(segment)
}

async function statOrNothing(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path)
  } catch {
    // Missing, below a file, or too long a name: in each case no such object.
    return undefined
  }
}
