// What cannot change while the program runs. A configuration that changes it all the same is good, but
// not now: it is told as a problem, and nothing of it comes into force.

import { formatAddress } from '../config/address.ts'
import type { Config } from '../config/config.ts'
import type { Problem } from '../config/problem.ts'

type Setting = readonly [path: string, of: (config: Config) => string | number | boolean]

/** Sockets are bound, threads begun and folders locked once. */
const SETTINGS: readonly Setting[] = [
  ['server.address', ({ server }) => formatAddress(server.address)],
  ['server.threads', ({ server }) => server.threads],
  ['server.https.enabled', ({ server }) => server.https !== undefined],
  ['server.http2', ({ server }) => server.http2 || server.https === undefined],
  ['server.proxy_protocol', ({ server }) => server.proxyProtocol !== undefined],
  ['cache.disk.cache_dir', ({ cache }) => (hasDisk(cache) ? cache.disk.folder : '')],
  ['admin.address', ({ admin }) => formatAddress(admin.address)],
]

export function restartProblems(from: Config, to: Config): readonly Problem[] {
  return SETTINGS.flatMap(([path, of]) => {
    const [before, after] = [of(from), of(to)]
    // A tier that comes or goes uses a folder anew, or none.
    if (before === after || (path.startsWith('cache') && (before === '' || after === ''))) return []
    const message = `needs a restart to change from ${written(before)} to ${written(after)}`
    return [{ path, message }]
  })
}

function hasDisk({ enabled, layers }: Config['cache']): boolean {
  return enabled && layers.includes('disk')
}

function written(value: string | number | boolean): string {
  if (value === true) return 'on'
  return value === false ? 'off' : String(value)
}
