import assert from 'node:assert/strict'
import { test } from 'node:test'

import { parseHost } from './host.ts'

const hosts: readonly (readonly [value: string, host: string])[] = [
  ['cdn.example.com', 'cdn.example.com'],
  ['CDN.Example.COM:8080', 'cdn.example.com'],
  ['example.com.', 'example.com'],
  ['example.com.:80', 'example.com'],
  ['example.com:', 'example.com'],
  ['my_host-1', 'my_host-1'],
  ['az09.example', 'az09.example'],
  ['127.0.0.1:80', '127.0.0.1'],
  ['[::1]', '[::1]'],
  ['[2001:DB8::1]:443', '[2001:db8::1]'],
]
for (const [value, host] of hosts) {
  test(`${value} is the host ${host}`, () => {
    assert.equal(parseHost(value), host)
  })
}

const refused = [
  undefined,
  '',
  '.',
  ':80',
  'a..b',
  '.a',
  'a..',
  'a b',
  'a/b',
  'a,b',
  'user@a',
  'a%2eb',
  'é',
  'a:b',
  'a:80:80',
  '::1',
  '[]',
  '[::1',
  '[::1]x',
  '[::1]:x',
  '[a]',
  '[fe80::1%eth0]',
]
for (const value of refused) {
  test(`${JSON.stringify(value)} is no host`, () => {
    assert.equal(parseHost(value), undefined)
  })
}
