import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { parseTarget } from './path.ts'

/** As node hands it over: each byte of the UTF-8 text as one character. */
const asLatin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

describe('the path of a request target', () => {
  const decoded: readonly (readonly [target: string, path: string, query?: string])[] = [
    ['/', '/'],
    ['/a/b.txt', '/a/b.txt'],
    ['/a?x=1', '/a', 'x=1'],
    ['/a?', '/a', ''],
    ['/a?x=/../%00?y', '/a', 'x=/../%00?y'],
    ['/a%2Fb%2fc', '/a/b/c'],
    ['/a%20b+c', '/a b+c'],
    ['/%C3%A9', '/é'],
    [asLatin1('/é/😀'), '/é/😀'],
    [`/${asLatin1('é').charAt(0)}%a9`, '/é'],
    ['/%F0%9F%98%80', '/😀'],
    ['/%EF%BB%BFa', '/\uFEFFa'],
    ['/a%3Fb%23c', '/a?b#c'],
    ['//a//b//', '//a//b//'],
    ['/a/', '/a/'],
    ['/a\\..\\b', '/a\\..\\b'],
    ['/%252e%252e/a', '/%2e%2e/a'],
    ['/p%2541', '/p%41'],
    ['/a%01%0d%0a%7f', '/a\u0001\r\n\u007f'],
    ['/.a/..b/.../a./a..', '/.a/..b/.../a./a..'],
    ['/a.b/.well-known/x', '/a.b/.well-known/x'],
  ]
  for (const [target, path, query = ''] of decoded) {
    test(`${JSON.stringify(target)} asks for ${JSON.stringify(path)}`, () => {
      assert.deepEqual(parseTarget(target), { kind: 'path', path, query, authority: undefined })
    })
  }
})

describe('a target that is refused', () => {
  const refused = [
    '',
    'a',
    '**',
    'example.com:443',
    'ftp://host/a',
    'http:/host/a',
    '/%',
    '/%2',
    '/%zz',
    '/%2g',
    '/%-1',
    '/a%',
    '/%00',
    '/a\0b',
    '/a b',
    '/a\tb',
    '/a\x7f',
    '/a?b\n',
    '/a#b',
    '/a?b#c',
    '/%80',
    '/%C3',
    '/%C3%28',
    '/\xff',
    '/%C0%AE%C0%AE/',
    '/%C0%AF',
    '/%E0%80%AF',
    '/%ED%A0%80',
    '/%F4%90%80%80',
    '/é'.normalize('NFD'),
    '/.',
    '/..',
    '/./a',
    '/../a',
    '/a/.',
    '/a/..',
    '/a/./b',
    '/a/../b',
    '/a//../b',
    '/%2e',
    '/.%2e',
    '/%2E.',
    '/%2e%2e',
    '/%2e%2e%2f',
    '/a%2f..%2fb',
    '/a/%2e/b',
    '/a/..?x',
    '/.../..',
    '/..a/..',
  ]
  for (const target of refused) {
    test(`${JSON.stringify(target)} is invalid`, () => {
      assert.equal(parseTarget(target).kind, 'invalid')
    })
  }
})

describe('a target in absolute form', () => {
  const accepted: readonly (readonly [target: string, path: string, authority: string])[] = [
    ['http://host/a', '/a', 'host'],
    ['HTTPS://Host:8443/a', '/a', 'Host:8443'],
    ['http://host', '/', 'host'],
    ['http://host?x', '/', 'host'],
    ['http://[::1]:80/a', '/a', '[::1]:80'],
    ['http://host//a', '//a', 'host'],
  ]
  for (const [target, path, authority] of accepted) {
    test(`${target} asks ${authority} for ${path}`, () => {
      const query = target.includes('?') ? 'x' : ''
      assert.deepEqual(parseTarget(target), { kind: 'path', path, query, authority })
    })
  }

  const refused = [
    'http://',
    'http:///a',
    'http://user@host/a',
    'http://user:password@host/a',
    'http://:80/a',
    'http://host:x/a',
    'http://host\\@evil/a',
    'http://host%2f/a',
    'http://host/../a',
    'http://host#a',
  ]
  for (const target of refused) {
    test(`${target} is invalid`, () => {
      assert.equal(parseTarget(target).kind, 'invalid')
    })
  }
})

test('an asterisk is a target of its own', () => {
  assert.deepEqual(parseTarget('*'), { kind: 'asterisk' })
})
