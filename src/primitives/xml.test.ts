import assert from 'node:assert/strict'
import { test } from 'node:test'

import { parseXml } from './xml.ts'

test('elements, their texts and their order are read', () => {
  const root = parseXml(`<?xml version="1.0" encoding="UTF-8"?>
    <a xmlns="http://example.com/" b='1'>one<c/><d> two </d><c>&lt;&amp;&gt;&quot;&apos;</c> three</a>
  `)
  assert.deepEqual(root, {
    name: 'a',
    text: 'one three',
    children: [
      { name: 'c', text: '', children: [] },
      { name: 'd', text: ' two ', children: [] },
      { name: 'c', text: '<&>"\'', children: [] },
    ],
  })
})

test('characters may be numbered', () => {
  assert.equal(parseXml('<a>&#65;&#x1F600;&#xe9;&#10;</a>')?.text, 'A😀é\n')
})

const REFUSED: readonly string[] = [
  '',
  'text',
  '<a>',
  '<a></b>',
  '<a><b></a></b>',
  '<a/><b/>',
  '<a/>text',
  'text<a/>',
  '</a>',
  '<a',
  '<a b=1/>',
  '<a b="<"/>',
  '<a></a b="1">',
  '<1/>',
  '<a>&unknown;</a>',
  '<a>& b</a>',
  '<a>&#0;</a>',
  '<a>&#xD800;</a>',
  '<a>&#x110000;</a>',
  '<a><!-- said aside --></a>',
  '<a><![CDATA[b]]></a>',
  '<a><?php ?></a>',
  '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
  '<a>'.repeat(17) + '</a>'.repeat(17),
]

for (const document of REFUSED) {
  test(`${JSON.stringify(document.slice(0, 50))} is no document`, () => {
    assert.equal(parseXml(document), undefined)
  })
}

test('a document of a thousand entries is read in little time, and so is half of one', () => {
  const entry = `<c><k>${'%E2%82%AC'.repeat(300)}</k><s>1</s></c>`
  const whole = `<a>${entry.repeat(1000)}</a>`
  const startedAt = performance.now()
  assert.equal(parseXml(whole)?.children.length, 1000)
  assert.equal(parseXml(whole.slice(0, -2)), undefined)
  assert.equal(parseXml(`<a>${'<'.repeat(1_000_000)}`), undefined)
  assert.equal(parseXml(`<a ${'b="" '.repeat(200_000)}`), undefined)
  assert.ok(performance.now() - startedAt < 2000)
})
