// What a failure under the disk tier means: wait and try again, one entry lost, or no folder to
// work in.

/** Primary result codes (sqlite.org/rescode.html), by what they mean here. */
const SQLITE_BUSY: ReadonlySet<number> = new Set([5, 6])
const SQLITE_CORRUPT: ReadonlySet<number> = new Set([11, 26])
/** PERM, NOMEM, READONLY, IOERR, FULL, CANTOPEN, PROTOCOL. */
const SQLITE_UNUSABLE: ReadonlySet<number> = new Set([3, 7, 8, 10, 13, 14, 15])

export type SqliteTrouble = 'busy' | 'corrupt' | 'unusable' | 'misuse'

/** The folder, or the disk under it, is not in a state to work with. */
const FOLDER_TROUBLE: ReadonlySet<string> = new Set([
  'EACCES',
  'EDQUOT',
  'EIO',
  'ENODEV',
  'ENOSPC',
  'ENOTCONN',
  'ENOTDIR',
  'ENXIO',
  'EPERM',
  'EROFS',
  'ESTALE',
])

const SQLITE_FULL = 13

/** There is no more room: what is there is as good as ever. */
export function isFull(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'ENOSPC' || code === 'EDQUOT' || sqliteCode(error) === SQLITE_FULL
}

/** Undefined for what did not come from SQLite. */
export function sqliteTrouble(error: unknown): SqliteTrouble | undefined {
  const primary = sqliteCode(error)
  if (primary === undefined) return undefined
  if (SQLITE_BUSY.has(primary)) return 'busy'
  if (SQLITE_CORRUPT.has(primary)) return 'corrupt'
  return SQLITE_UNUSABLE.has(primary) ? 'unusable' : 'misuse'
}

function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined
  // The low byte is the primary code; the others say more about it.
  return typeof error.errcode === 'number' ? error.errcode & 0xff : undefined
}

/** Thrown where a file's place is missing, not the file. */
export class FolderGone extends Error {
  override readonly name = 'FolderGone'
}

/** True when nothing can be kept until somebody has seen to it. */
export function isFolderTrouble(error: unknown): boolean {
  const trouble = sqliteTrouble(error)
  if (trouble !== undefined) return trouble === 'corrupt' || trouble === 'unusable'
  if (error instanceof FolderGone) return true
  const code = codeOf(error)
  return code !== undefined && FOLDER_TROUBLE.has(code)
}

/** True for what is no fault of the world's, so one of ours. */
export function isBug(error: unknown): boolean {
  if (error instanceof FolderGone) return false
  const trouble = sqliteTrouble(error)
  if (trouble !== undefined) return trouble === 'misuse'
  return codeOf(error)?.startsWith('ERR_') ?? true
}

export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
