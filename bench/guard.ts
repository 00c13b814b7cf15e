// A bucket that lets not everybody in: a token and what it must say, networks, and how often one may
// come, which here is never too often. And what a client brings who is let in.

import { inSeconds, SECRET, token } from '../test/support/tokens.ts'

export interface Guard {
  /** Of the configuration, beside the bucket. */
  readonly sections: object
  /** Settings of the bucket. */
  readonly bucket: object
  readonly headers: readonly string[]
}

/** As an issuer makes them: more in it than is asked for. */
const CLAIMS = {
  iss: 'https://issuer.example.com/',
  sub: '9f1c6f0e-6c1d-4b7e-9a34-2f8f5f0f5b1a',
  aud: 'sluice',
  iat: inSeconds(0),
  exp: inSeconds(24 * 3600),
  role: 'reader',
  groups: ['staff', 'editors'],
  org: { id: 'acme', plan: 'paid' },
  email: 'ann@example.com',
}

export const GUARD: Guard = {
  sections: {
    jwt: {
      secret: SECRET,
      issuer: CLAIMS.iss,
      audience: CLAIMS.aud,
      claims: [
        { claim: 'role', operator: 'in', value: ['reader', 'admin'] },
        { claim: 'groups', operator: 'contains', value: 'editors' },
        { claim: 'org.plan', operator: 'equals', value: 'paid' },
      ],
    },
    rate_limiting: {
      limits: [{ name: 'per-ip', key: 'ip', requests_per_second: 1_000_000, burst: 1_000_000 }],
    },
    metrics: { enabled: true },
  },
  bucket: {
    auth: { enabled: true },
    ip_filter: {
      allowlist: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '127.0.0.0/8', 'fd00::/8'],
      blocklist: ['192.0.2.0/24', '198.51.100.7', '2001:db8::/32'],
    },
  },
  headers: [
    `Authorization: Bearer ${token({ head: { alg: 'HS256', typ: 'JWT' }, claims: CLAIMS })}`,
  ],
}
