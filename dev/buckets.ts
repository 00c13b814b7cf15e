// The buckets and what they hold: objects put by a test, with their versions, over those of a folder.

import { randomBytes } from 'node:crypto'

import type { Folder } from './folder.ts'
import { createObject } from './objects.ts'
import type { DeleteMarker, PutBody, PutOptions, StoredObject } from './objects.ts'

export interface BucketOptions {
  readonly versioned?: boolean
  /** Where the bucket lives; requests must be signed for it. The server's own unless said. */
  readonly region?: string
  /** Anyone may read and list it, unsigned. */
  readonly publicRead?: boolean
}

export interface Bucket extends Required<BucketOptions> {
  readonly name: string
}

type Version = StoredObject | DeleteMarker

interface Entry {
  readonly bucket: Bucket
  /** By key, the newest version first. */
  readonly versions: Map<string, Version[]>
}

export type Lookup =
  | { readonly state: 'found'; readonly object: StoredObject }
  | { readonly state: 'deleted'; readonly marker: DeleteMarker }
  | { readonly state: 'no-such-key' }
  | { readonly state: 'no-such-version' }

export class Buckets {
  readonly #entries = new Map<string, Entry>()
  readonly #folder: Folder | undefined
  readonly #region: string

  constructor(folder: Folder | undefined, region: string) {
    this.#folder = folder
    this.#region = region
  }

  create(name: string, options: BucketOptions): void {
    const bucket = {
      name,
      versioned: false,
      region: this.#region,
      publicRead: false,
      ...options,
    }
    const versions = this.#entries.get(name)?.versions ?? new Map<string, Version[]>()
    this.#entries.set(name, { bucket, versions })
  }

  async bucket(name: string): Promise<Bucket | undefined> {
    const entry = this.#entries.get(name)
    if (entry !== undefined) return entry.bucket
    if (!(await this.#folder?.hasBucket(name))) return undefined
    return { name, versioned: false, region: this.#region, publicRead: false }
  }

  put(name: string, key: string, body: PutBody, options: PutOptions, now: number): StoredObject {
    const entry = this.#entryOf(name)
    const object = createObject(body, options, { versionId: newVersionId(entry.bucket), now })
    this.#push(entry, key, object)
    return object
  }

  /** As S3 deletes: a marker on top where there are versions, unless one of them is named. */
  remove(name: string, key: string, versionId: string | undefined, now: number): void {
    const entry = this.#entryOf(name)
    if (versionId !== undefined) {
      const kept = (entry.versions.get(key) ?? []).filter((held) => held.versionId !== versionId)
      if (kept.length === 0) entry.versions.delete(key)
      else entry.versions.set(key, kept)
    } else if (entry.bucket.versioned) {
      const id = newVersionId(entry.bucket)
      const lastModified = new Date(now)
      this.#push(entry, key, { kind: 'delete-marker', versionId: id, lastModified })
    } else {
      entry.versions.delete(key)
    }
  }

  async find(name: string, key: string, versionId: string | undefined): Promise<Lookup> {
    const held = this.#entries.get(name)?.versions.get(key) ?? []
    const filed = held.length === 0 ? await this.#folder?.find(name, key) : undefined
    const versions = filed === undefined ? held : [filed]
    const version =
      versionId === undefined
        ? versions[0]
        : versions.find((candidate) => candidate.versionId === versionId)
    if (version === undefined) {
      return { state: versionId === undefined ? 'no-such-key' : 'no-such-version' }
    }
    return version.kind === 'object'
      ? { state: 'found', object: version }
      : { state: 'deleted', marker: version }
  }

  async keys(name: string): Promise<string[]> {
    const keys = new Set<string>()
    if (await this.#folder?.hasBucket(name)) {
      for (const key of (await this.#folder?.keys(name)) ?? []) keys.add(key)
    }
    for (const [key, versions] of this.#entries.get(name)?.versions ?? []) {
      if (versions[0]?.kind === 'object') keys.add(key)
      else keys.delete(key)
    }
    return [...keys]
  }

  #entryOf(name: string): Entry {
    if (!this.#entries.has(name)) this.create(name, {})
    const entry = this.#entries.get(name)
    if (entry === undefined) throw new Error(`no bucket ${name}`)
    return entry
  }

  #push(entry: Entry, key: string, version: Version): void {
    const older = entry.versions.get(key) ?? []
    const kept = older.filter((held) => held.versionId !== version.versionId)
    entry.versions.set(key, [version, ...kept])
  }
}

function newVersionId(bucket: Bucket): string {
  return bucket.versioned ? randomBytes(24).toString('base64url') : 'null'
}
