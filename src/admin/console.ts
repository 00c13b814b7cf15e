// The console: a page for a browser, as files that say nothing of what runs here. All that it shows
// it asks for below /admin/ with the token of whoever sits before it.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'

import { bytesBody, noBody } from '../exchange/body.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { Reply } from '../exchange/reply.ts'

export const CONSOLE_PATH = '/console'

const TYPES = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
} as const

/** All that there is; what is not named here is not read. */
const FILES = [
  'index.html',
  'console.css',
  'icon.svg',
  'api.js',
  'chart.js',
  'config.js',
  'console.js',
  'dom.js',
  'explain.js',
  'format.js',
  'objects.js',
  'overview.js',
  'prewarm.js',
  'purge.js',
] as const

/** Nothing comes from elsewhere, nothing is said to anybody else, and no text becomes markup. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

const GUARDS = [
  'Content-Security-Policy',
  POLICY,
  'X-Content-Type-Options',
  'nosniff',
  'X-Frame-Options',
  'DENY',
  'Referrer-Policy',
  'no-referrer',
  'Cross-Origin-Opener-Policy',
  'same-origin',
  'Cross-Origin-Resource-Policy',
  'same-origin',
]

interface Asset {
  readonly bytes: Buffer
  readonly etag: string
  readonly headers: readonly string[]
}

export class Console {
  readonly #assets = new Map<string, Asset>(FILES.map((name) => [name, readAsset(name)]))

  /** Throws refusals. `path` begins with `CONSOLE_PATH`. */
  answer(method: string, path: string, headers: IncomingHttpHeaders): Reply {
    if (method !== 'GET' && method !== 'HEAD') {
      throw new Refusal('method_not_allowed', { headers: ['Allow', 'GET, HEAD'] })
    }
    // Relative links of the page need the slash; behind a proxy that adds a prefix they hold, too.
    if (path === CONSOLE_PATH) return redirect('console/')
    const name = path.slice(CONSOLE_PATH.length + 1)
    const asset = this.#assets.get(name === '' ? 'index.html' : name)
    if (asset === undefined) throw new Refusal('no_route')
    if (headers['if-none-match'] === asset.etag) return unchanged(asset)
    return {
      status: 200,
      headers: asset.headers,
      body: method === 'HEAD' ? noBody : bytesBody(asset.bytes),
      statedLength: asset.bytes.byteLength,
    }
  }
}

/** Whether the console is meant. */
export function isConsole(path: string): boolean {
  return path === CONSOLE_PATH || path.startsWith(`${CONSOLE_PATH}/`)
}

function readAsset(name: (typeof FILES)[number]): Asset {
  const bytes = readFileSync(new URL(`./console/${name}`, import.meta.url))
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
  // The cast: each name of the list ends in one of the known ways.
  const type = TYPES[name.slice(name.lastIndexOf('.') + 1) as keyof typeof TYPES]
  // Asked about each time: after an upgrade no half of the page is an old one.
  const kept = ['Cache-Control', 'no-cache', 'ETag', etag]
  return { bytes, etag, headers: ['Content-Type', type, ...kept, ...GUARDS] }
}

function redirect(location: string): Reply {
  return { status: 308, headers: ['Location', location, 'Cache-Control', 'no-store'], body: noBody }
}

function unchanged({ etag, bytes }: Asset): Reply {
  const headers = ['ETag', etag, 'Cache-Control', 'no-cache', ...GUARDS]
  return { status: 304, headers, body: noBody, statedLength: bytes.byteLength }
}
