// A Sluice with a cache and an operator's token in front of an embedded S3, and the operator's
// calls.

import { request } from './http.ts'
import type { Answer } from './http.ts'
import { openFront } from './front.ts'
import type { Front, FrontOptions } from './front.ts'
import type { ConfigObject } from './sluice.ts'

export const TOKEN = 'Rk3v-9qLwPz7_tYd2XcB'

export interface Called {
  readonly status: number
  readonly answer: Answer
  /** The body, read as JSON. */
  readonly json: Readonly<Record<string, unknown>>
}

export interface CachedFront extends Front {
  /** What the cache had to do with the answer: `HIT`, `MISS`… */
  look(key: string, headers?: Readonly<Record<string, string>>): Promise<string>
  purge(body: unknown, path?: string): Promise<Called>
  call(method: string, path: string, options?: CallOptions): Promise<Called>
}

export interface CallOptions {
  readonly body?: string
  /** '' for none. */
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Memory alone, unless `settings` say otherwise. */
export async function openCachedFront(
  settings: ConfigObject = {},
  options: FrontOptions = {},
): Promise<CachedFront> {
  const cache = { cache_layers: ['memory'] }
  const front = await openFront({ cache, admin: { token: TOKEN }, ...settings }, options)
  const call: CachedFront['call'] = (method, path, called) =>
    callAt(front.opsUrl, method, path, called)
  return {
    ...front,
    look: async (key, headers = {}) => {
      const answer = await request(`${front.url}/files/${key}`, { headers })
      return String(answer.headers['x-cache'])
    },
    purge: (body, path = '') =>
      call('POST', `/admin/cache/purge${path}`, { body: JSON.stringify(body) }),
    call,
  }
}

export async function callAt(
  url: string,
  method: string,
  path: string,
  { body, token = TOKEN, headers = {} }: CallOptions = {},
): Promise<Called> {
  const authorization = token === '' ? {} : { authorization: `Bearer ${token}` }
  const answer = await request(`${url}${path}`, {
    method,
    headers: { ...authorization, ...headers },
    ...(body === undefined ? {} : { body }),
  })
  const json: unknown = answer.text === '' ? {} : JSON.parse(answer.text)
  return { status: answer.status, answer, json: typeof json === 'object' ? { ...json } : {} }
}
