// Whom the scripts ask, what is there to be had, and how to ask: all of it from the environment, so that a
// script runs against the world of `npm run k6` and against any other Sluice with the same objects.

import http from 'k6/http'
import type { RefinedParams, RefinedResponse, ResponseType } from 'k6/http'

export type Answer = RefinedResponse<ResponseType>

export const BASE = setting('BASE_URL', 'http://127.0.0.1:8080')
export const OPERATIONS = setting('OPS_URL', 'http://127.0.0.1:9090')
export const TOKEN = setting('ADMIN_TOKEN', '')
/** Where the world can be broken and changed; '' where nobody lends a hand. */
export const CONTROL = setting('CONTROL_URL', '')
/** The bucket, and its path. */
export const BUCKET = setting('BUCKET', 'load')
export const PREFIX = setting('PREFIX', '/load')
/** The same objects in a bucket that is not cached. */
export const UNCACHED = setting('UNCACHED_PREFIX', '/uncached')
export const DURATION = setting('DURATION', '30s')

/** `small/0`… of 2 KiB, `medium/0`… of 64 KiB. */
export const SMALL = number('SMALL', 200)
export const MEDIUM = number('MEDIUM', 50)
/** The last of the small ones: nobody reads them but whoever purges them. */
export const SET_ASIDE = 50
/** `ruler.txt`: lines of 16 bytes that say where they begin, so that the bytes of any range are known. */
export const RULER_BYTES = number('RULER_BYTES', 4 * 1024 * 1024)
const LINE_BYTES = 16

export function setting(name: string, standard: string): string {
  return __ENV[name] ?? standard
}

export function number(name: string, standard: number): number {
  return Number(__ENV[name] ?? standard)
}

/** One of the small objects that are read by everybody, some far more often than others. */
export function popular(): string {
  return `small/${Math.floor((SMALL - SET_ASIDE) * Math.random() ** 3)}`
}

/** `name` is what k6 counts the request under: a series for each key would be too many. */
export function get(key: string, name: string, params: RefinedParams<ResponseType> = {}): Answer {
  return http.get(`${BASE}${PREFIX}/${key}`, { ...params, tags: { name } })
}

/** Each of the small objects once, so that what follows is about what is kept. */
export function warm(): void {
  for (let index = 0; index < SMALL; index++) get(`small/${index}`, 'warming')
}

/** What the cache had to do with the answer. */
export function cacheOf(answer: Answer): string {
  return answer.headers['X-Cache'] ?? ''
}

export function admin(path: string, body: object = {}): Answer {
  return http.post(`${OPERATIONS}/admin/${path}`, JSON.stringify(body), {
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    tags: { name: `admin ${path}` },
  })
}

/** Breaks or changes something in the world; false where there is nobody to do it. */
export function control(order: string): boolean {
  if (CONTROL === '') return false
  return http.post(`${CONTROL}/${order}`, '', { tags: { name: 'control' } }).status === 204
}

/** What stands in the ruler from byte `first` to byte `last`. */
export function ruler(first: number, last: number): string {
  let text = ''
  const begin = Math.floor(first / LINE_BYTES) * LINE_BYTES
  for (let at = begin; at <= last; at += LINE_BYTES) text += `${String(at).padStart(15, '0')}\n`
  return text.slice(first - begin, last - begin + 1)
}
