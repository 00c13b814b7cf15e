// Run in place of OPA where there is none: `node opa-stand-in.ts <port> <folder of the policies>`. It
// reads their data and decides as they do, which a test holds it to where there is an OPA; and it takes
// no request but one of the shape that Sluice's have.

import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'

import { readPolicyRequest } from './opa-request.ts'
import type { PolicyInput } from './opa-request.ts'

interface Rules {
  readonly prefix: string
  readonly public?: readonly string[]
  readonly require?: readonly string[]
  readonly roles?: { readonly any_of: readonly string[] }
  readonly departments?: {
    readonly for_all?: readonly string[]
    readonly overseers?: readonly string[]
  }
  readonly hours?: {
    readonly zone: string
    readonly days: readonly string[]
    readonly from: string
    readonly to: string
  }
}

interface Decision {
  readonly allow: boolean
  readonly reason: string
}

const [port = '0', folder = '.'] = process.argv.slice(2)
const data = JSON.parse(readFileSync(join(folder, 'sluice/rules/data.json'), 'utf8')) as {
  readonly buckets: Readonly<Record<string, Rules>>
}

const server = createServer((incoming, outgoing) => {
  const answer = (status: number, body: object): void => {
    outgoing.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  if (incoming.url === '/health') {
    answer(200, {})
    return
  }
  readPolicyRequest(incoming).then(
    (input) => answer(200, resultFor(incoming.url ?? '', decide(input))),
    (error: unknown) => answer(400, { code: 'invalid_parameter', message: String(error) }),
  )
})
server.listen(Number(port), '127.0.0.1')

function resultFor(path: string, decision: Decision): object {
  if (path === '/v1/data/sluice/authz/allow') return { result: decision.allow }
  return path === '/v1/data/sluice/authz/decision' ? { result: decision } : {}
}

function decide(input: PolicyInput): Decision {
  const rules = data.buckets[input.bucket]
  if (rules !== undefined && isPublic(input, rules)) return { allow: true, reason: 'public' }
  const { require: required = [] } = rules ?? {}
  if (rules === undefined || required.length === 0) {
    return { allow: false, reason: 'the bucket has no rules' }
  }
  const denials = required.flatMap((name) => {
    const check = CHECKS[name]
    if (check === undefined) return [`${name}: there is no such check`]
    return check.passes(input, rules) ? [] : [`${name}: ${check.reason}`]
  })
  if (denials.length > 0) return { allow: false, reason: denials.toSorted().join('; ') }
  return { allow: true, reason: required.join(', ') }
}

interface Check {
  readonly reason: string
  readonly passes: (input: PolicyInput, rules: Rules) => boolean
}

const CHECKS: Readonly<Record<string, Check>> = {
  roles: {
    reason: 'needs another role',
    passes: (input, { roles }) => hasRole(input, roles?.any_of),
  },
  departments: {
    reason: 'belongs to another department',
    passes: (input, { prefix, departments }) => {
      const folder = folderOf(input, prefix)
      const own = input.jwt_claims?.['department']
      const isOpen = departments?.for_all?.some((name) => name === folder) === true
      if (typeof own === 'string' && folder !== undefined && (own === folder || isOpen)) return true
      return hasRole(input, departments?.overseers)
    },
  },
  tenants: {
    reason: 'belongs to another tenant',
    passes: (input, { prefix }) => {
      const folder = folderOf(input, prefix)
      return folder !== undefined && input.jwt_claims?.['tenant'] === folder
    },
  },
  hours: {
    reason: 'is outside working hours',
    passes: ({ time }, { hours }) => {
      if (hours === undefined) return false
      const at = time === undefined ? new Date() : new Date(time)
      const { zone: timeZone, days, from, to } = hours
      const day = new Intl.DateTimeFormat('en', { timeZone, weekday: 'long' }).format(at)
      const clock = new Intl.DateTimeFormat('en-GB', { timeZone, timeStyle: 'short' }).format(at)
      return days.includes(day) && clock >= from && clock < to
    },
  },
}

function isPublic(input: PolicyInput, { prefix, public: open = [] }: Rules): boolean {
  const below = belowOf(input, prefix)
  return open.some((one) => one.endsWith('/') && below?.startsWith(one) === true)
}

function belowOf({ path }: PolicyInput, prefix: string): string | undefined {
  return path.startsWith(`${prefix}/`) ? path.slice(prefix.length + 1) : undefined
}

function folderOf(input: PolicyInput, prefix: string): string | undefined {
  const below = belowOf(input, prefix) ?? ''
  return below.indexOf('/') > 0 ? below.slice(0, below.indexOf('/')) : undefined
}

function hasRole({ jwt_claims: claims }: PolicyInput, wanted: readonly string[] = []): boolean {
  const { role, roles }: Readonly<Record<string, unknown>> = claims ?? {}
  const own: readonly unknown[] = [role, ...(Array.isArray(roles) ? roles : [])]
  return own.some((one) => typeof one === 'string' && wanted.includes(one))
}
