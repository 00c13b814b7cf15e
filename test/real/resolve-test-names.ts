// Loaded into Sluice by a test: every name below `s3.test` is this machine, as a wildcard in the
// DNS would have it. `s3.test` itself is not, so that only a bucket's own host leads anywhere.

import dns from 'node:dns'

const { lookup } = dns

Object.assign(dns, {
  lookup: (hostname: string, ...rest: unknown[]): unknown => {
    const known = hostname.endsWith('.s3.test') ? '127.0.0.1' : hostname
    return Reflect.apply(lookup, dns, [known, ...rest])
  },
})
