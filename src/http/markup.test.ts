import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { parseXml } from '../primitives/xml.ts'
import { escapeHtml, escapeXml } from './markup.ts'

test('any text stands in XML as itself', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const wanted = text.toWellFormed().replaceAll('\0', '')
      assert.equal(parseXml(`<a>${escapeXml(wanted)}</a>`)?.text, wanted)
    }),
    { seed: 7 },
  )
})

test('what XML cannot hold is a reference', () => {
  assert.equal(escapeXml('\u0001\n\ufffe'), '&#x1;&#xA;&#xFFFE;')
})

test('nothing of a text is markup for people', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.doesNotMatch(escapeHtml(text), /[<>"'\p{Cc}\u202a-\u202e\u2066-\u2069]/u)
    }),
    { seed: 7 },
  )
})

test('what turns the text around it, or cannot be seen, is shown by its number', () => {
  assert.equal(escapeHtml('a\u202eb\u200b<'), 'a\\u{202e}b\\u{200b}&lt;')
})
