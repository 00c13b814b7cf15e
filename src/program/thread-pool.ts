// How large the pool is in which Node waits for files and for names (DNS): one for the process, as
// large as it was when something first used it. Node's own size is four, which one disk that does not
// answer any more takes, so that no name is found any more and nothing can be asked of an origin.

import { usableCores } from '../server/server.ts'

/** What a thread may have of it: the disk tier reads four files at once, and writes and removes a few. */
const OF_EACH_THREAD = 8
/** For names, the audit log and what else the process has files for. */
const OF_ALL = 4
/** They take little while they wait, but something. */
const MOST = 128

export function poolSizeFor(threads: number | 'auto'): number {
  const count = threads === 'auto' ? usableCores() : threads
  return Math.min(MOST, OF_ALL + OF_EACH_THREAD * count)
}
