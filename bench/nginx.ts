// nginx in its two parts: the origin, which serves a folder as cheaply as can be and does not look
// at signatures, and a contender: with the settings that its package brings, or with those that made
// it fastest for each road and size.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Certificate } from '../test/support/certificates.ts'
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

export interface NginxOptions {
  readonly originPort: number
  /** Keep what the origin says, or ask it each time. */
  readonly keeps: boolean
  readonly isTuned: boolean
  readonly certificate: Certificate | undefined
  readonly logs: boolean
}

/** Where the origin tells how many requests it has had. */
export const COUNTS_PATH = '/counts'
// A connection that is closed after a number of requests would be a cost of its own.
const NO_REQUEST_LIMIT = 'keepalive_requests 1000000000;'
const LOG = `log_format line escape=json '{"time":"$time_iso8601","ip":"$remote_addr","method":"$request_method",'
    '"path":"$uri","status":$status,"bytes":$body_bytes_sent,"duration":$request_time,"id":"$request_id",'
    '"cache":"$upstream_cache_status","user_agent":"$http_user_agent","referer":"$http_referer"}';
  access_log /dev/null line buffer=64k flush=1s;`

export function openOrigin({ folder, root, bucket }: OriginPlace): Promise<Nginx> {
  // Sluice asks the bucket itself whether it is well; nginx would redirect to the folder.
  const server = `
    open_file_cache max=100;
    open_file_cache_valid 1h;
    root ${root};
    location = /${bucket} { return 200; }
    location = ${COUNTS_PATH} { stub_status; }
    location / { }`
  return openNginx('load', join(folder, 'origin'), { server })
}

/** The third number of the line of three: connections accepted, handled, and requests. */
export function requestsIn(counts: string): number {
  return Number(/^ \d+ \d+ (\d+)/m.exec(counts)?.[1])
}

export function openNginxContender(folder: string, options: NginxOptions): Promise<Nginx> {
  const { originPort, keeps, isTuned, certificate, logs } = options
  const upstream = `upstream origin { server 127.0.0.1:${originPort}; keepalive 64; ${NO_REQUEST_LIMIT} }`
  const kept = `proxy_cache_path ${join(folder, 'kept')} keys_zone=kept:10m use_temp_path=off;`
  const passes = `proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      ${keeps ? KEEPING : ''}
      ${isTuned ? (keeps ? KEPT_OPEN : PASSED_ON) : ''}`
  const server = `
    location / {
      ${passes}
    }
    location ~ ${SMALL} {
      ${isTuned ? 'sendfile off;' : 'tcp_nopush on;'}
      ${passes}
    }`
  const http = keeps ? `${upstream}\n  ${kept}` : upstream
  return openNginx('server', folder, { http, server, certificate, logs })
}

const KEEPING = `proxy_cache kept;
      proxy_cache_valid 200 1h;
      add_header X-Cache $upstream_cache_status;`
const KEPT_OPEN = 'open_file_cache max=100;'
/** A long body waits in memory, and not in a file, for a client who takes it at once. */
const PASSED_ON = `proxy_max_temp_file_size 0;
      proxy_buffer_size 16k;
      proxy_buffers 8 256k;
      proxy_busy_buffers_size 512k;`
/**
 * Head and body leave together: `tcp_nopush`, which Debian's package has everywhere, makes each larger
 * answer wait forty milliseconds on loopback. Read and written in one go, they leave sooner still.
 */
const SMALL = String.raw`/1KB\.bin$`

interface Parts {
  readonly http?: string
  readonly server: string
  readonly certificate?: Certificate | undefined
  readonly logs?: boolean
}

async function openNginx(side: Side, folder: string, parts: Parts): Promise<Nginx> {
  mkdirSync(folder)
  const port = await freePort()
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, configuration(folder, port, parts))
  const program = findProgram('nginx') ?? 'nginx'
  const child = run(side, [program, '-p', folder, '-e', 'stderr', '-c', file])
  await listening(child, port)
  return { child, port }
}

/** One process, which is its own only worker: so that it can be measured and ended by its id. */
function configuration(
  folder: string,
  port: number,
  { http = '', server, certificate, logs = false }: Parts,
): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `  ${name}_temp_path ${join(folder, name)};`)
    .join('\n')
  return `daemon off;
master_process off;
worker_processes 1;
pid ${join(folder, 'nginx.pid')};
events { worker_connections 16384; }
http {
  ${logs ? LOG : 'access_log off;'}
  error_log stderr crit;
  default_type application/octet-stream;
  sendfile on;
  ${NO_REQUEST_LIMIT}
${temporary}
  ${http}
  server {
    listen 127.0.0.1:${port}${certificate === undefined ? '' : ' ssl'};
    ${certificate === undefined ? '' : tlsOf(certificate)}
    ${server}
  }
}
`
}

function tlsOf({ certPath, keyPath }: Certificate): string {
  return `ssl_certificate ${certPath};
    ssl_certificate_key ${keyPath};
    ssl_protocols TLSv1.2 TLSv1.3;`
}
