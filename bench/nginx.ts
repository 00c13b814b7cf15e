// nginx in its two parts: the origin, which serves a folder as cheaply as can be and does not look
// at signatures, and a contender, which passes requests on to that origin.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Child } from '../test/support/children.ts'
import { findProgram, freePort, listening, run } from './place.ts'
import type { Side } from './place.ts'

export interface Nginx {
  readonly child: Child
  readonly port: number
}

export interface OriginPlace {
  readonly folder: string
  /** Holds /bucket/key. */
  readonly root: string
  readonly bucket: string
}

// A connection that is closed after a number of requests would be a cost of its own.
const NO_REQUEST_LIMIT = 'keepalive_requests 1000000000;'

export function openOrigin({ folder, root, bucket }: OriginPlace): Promise<Nginx> {
  // Sluice asks the bucket itself whether it is well; nginx would redirect to the folder.
  const server = `
    open_file_cache max=100;
    open_file_cache_valid 1h;
    root ${root};
    location = /${bucket} { return 200; }
    location / { }`
  return openNginx('load', join(folder, 'origin'), { server })
}

export function openNginxProxy(folder: string, originPort: number): Promise<Nginx> {
  const http = `upstream origin { server 127.0.0.1:${originPort}; keepalive 64; ${NO_REQUEST_LIMIT} }`
  const server = `
    location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }`
  return openNginx('server', join(folder, 'nginx-proxy'), { http, server })
}

export function openNginxCache(folder: string, originPort: number): Promise<Nginx> {
  const place = join(folder, 'nginx-cache')
  const http = `upstream origin { server 127.0.0.1:${originPort}; keepalive 64; ${NO_REQUEST_LIMIT} }
  proxy_cache_path ${join(place, 'kept')} keys_zone=kept:10m use_temp_path=off;`
  const server = `
    location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache kept;
      proxy_cache_valid 200 1h;
      open_file_cache max=100;
      add_header X-Cache $upstream_cache_status;
    }`
  return openNginx('server', place, { http, server })
}

async function openNginx(
  side: Side,
  folder: string,
  { http = '', server }: { http?: string; server: string },
): Promise<Nginx> {
  mkdirSync(folder)
  const port = await freePort()
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, configuration({ folder, port, http, server }))
  const program = findProgram('nginx') ?? 'nginx'
  const child = run(side, [program, '-p', folder, '-e', 'stderr', '-c', file])
  await listening(child, port)
  return { child, port }
}

/** One process, which is its own only worker: so that it can be measured and ended by its id. */
function configuration(parts: {
  folder: string
  port: number
  http: string
  server: string
}): string {
  const { folder, port, http, server } = parts
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `  ${name}_temp_path ${join(folder, name)};`)
    .join('\n')
  return `daemon off;
master_process off;
worker_processes 1;
pid ${join(folder, 'nginx.pid')};
events { worker_connections 1024; }
http {
  access_log off;
  error_log stderr crit;
  default_type application/octet-stream;
  sendfile on;
  ${NO_REQUEST_LIMIT}
${temporary}
  ${http}
  server {
    listen 127.0.0.1:${port};
    ${server}
  }
}
`
}
