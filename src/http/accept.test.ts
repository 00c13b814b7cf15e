import assert from 'node:assert/strict'
import { test } from 'node:test'

import { prefersHtml, prefersJson, prefersOpenMetrics } from './accept.ts'

const html = [
  'text/html',
  'TEXT/HTML; charset=utf-8',
  'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'application/xhtml+xml',
  'text/html;q=0.5, application/json;q=0.5',
  'application/json;q=0.4, text/html ; Q=0.5',
  'text/html, */*',
]
for (const accept of html) {
  test(`${accept} prefers HTML`, () => {
    assert.equal(prefersHtml(accept), true)
  })
}

const notHtml = [
  undefined,
  '',
  '*/*',
  'text/*',
  'application/json',
  'application/json, text/html;q=0.9',
  'text/html;q=0',
  'text/html;q=0.000, */*;q=0',
  'text/html;q=0.5, */*',
  'text/html;q=0.5, application/*;q=0.6, */*;q=0.1',
  'application/json;q=0.6, text/html;Q=0.5',
  'text/html;q=high',
  'text/html;q=2',
  'text/htmlx',
]
for (const accept of notHtml) {
  test(`${JSON.stringify(accept)} does not prefer HTML`, () => {
    assert.equal(prefersHtml(accept), false)
  })
}

test('JSON is preferred where it is named before a page', () => {
  for (const [accept, wanted] of [
    [undefined, false],
    ['*/*', false],
    ['application/json', true],
    ['application/json, text/html;q=0.9', true],
    ['text/html, application/json', false],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', false],
    ['application/json;q=0', false],
  ] as const) {
    assert.equal(prefersJson(accept), wanted, `${accept}`)
  }
})
const OPEN = 'application/openmetrics-text'

for (const [accept, wanted] of [
  [undefined, false],
  ['*/*', false],
  ['text/plain', false],
  [OPEN, true],
  [`${OPEN};version=1.0.0`, true],
  [`${OPEN}; Version=1.0.0; escaping=allow-utf-8`, true],
  [`${OPEN};version=0.0.1`, false],
  [`${OPEN};version=1.0.0;q=0`, false],
  [
    `${OPEN};version=1.0.0;q=0.5,${OPEN};version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2`,
    true,
  ],
  [`text/plain;q=0.6, ${OPEN};q=0.5`, false],
  [`text/plain;q=0.5, ${OPEN};q=0.5`, true],
] as const) {
  test(`OpenMetrics is ${wanted ? '' : 'not '}preferred by ${accept ?? 'who says nothing'}`, () => {
    assert.equal(prefersOpenMetrics(accept), wanted)
  })
}
