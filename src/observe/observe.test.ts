// That other settings hold from the moment they are given; how spans arrive is tested through the port.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'

import { Exchange } from '../exchange/exchange.ts'
import { Secret } from '../primitives/secret.ts'
import { AuditTrail } from './audit-trail.ts'
import { openObserver } from './observe.ts'

const logging = { level: 'silent', format: 'json', accessLog: true, sample: 1 } as const
const slowQuery = {
  enabled: false,
  thresholdMs: 0,
  includeBreakdown: true,
  logLevel: 'warn',
} as const

async function openCollector() {
  const keys: string[] = []
  const server = createServer((incoming, outgoing) => {
    keys.push(String(incoming.headers['x-key']))
    incoming.resume().on('end', () => outgoing.writeHead(202).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    keys,
    url: `http://127.0.0.1:${port}/`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('tracing begins, changes and ends with the settings, and what was recorded before is sent', async () => {
  await using collector = await openCollector()
  const tracing = (enabled: boolean, key: string) => ({
    slowQuery,
    tracing: {
      enabled,
      exporter: 'zipkin' as const,
      protocol: 'http/protobuf' as const,
      otlpEndpoint: '',
      zipkinEndpoint: collector.url,
      headers: { 'x-key': new Secret(key) },
      serviceName: 's',
      samplingRatio: 1,
      propagateContext: true,
    },
  })
  const observer = openObserver({
    isShared: false,
    logging,
    observability: tracing(false, 'a'),
    random: Math.random,
    version: '1',
    scheme: 'http',
    audit: new AuditTrail(undefined, () => undefined),
  })
  const observe = (): boolean => {
    const trace = observer.traceOf({})
    const arrival = {
      id: 'x',
      receivedAt: 0,
      startedAt: 0,
      method: 'GET',
      target: '/',
      headers: {},
    }
    observer.observe(new Exchange({ ...arrival, clientAddress: '::1', trace }))
    return trace?.spanId !== undefined
  }
  assert.deepEqual([observe(), observer.spans()], [false, undefined])
  observer.reconfigure(logging, undefined, tracing(true, 'a'))
  assert.equal(observe(), true)
  observer.reconfigure(logging, undefined, tracing(true, 'b'))
  assert.equal(observe(), true)
  observer.reconfigure({ ...logging, level: 'warn' })
  assert.deepEqual([observe(), observer.level()], [true, 'warn'])
  observer.reconfigure(logging, undefined, tracing(false, 'b'))
  assert.equal(observe(), false)
  await observer.close()
  assert.deepEqual(collector.keys.toSorted(), ['a', 'b'])
  assert.deepEqual(observer.spans(), { exported: 3, failed: 0, dropped: 0 })
})
