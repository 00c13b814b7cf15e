// The page of a directory in a real browser: what it reads into hostile names, and how it is to read.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { after, before, describe, test } from 'node:test'

import { openChromium } from '../support/chromium.ts'
import type { Page } from '../support/chromium.ts'
import { openFront, bucketAt } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import { partMissing } from '../support/parts.ts'
import { ODD_KEYS } from './odd-keys.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const HOSTILE = [
  '<script>document.title="taken"<',
  '<img src=x onerror="document.title=1">',
  '"><svg onload=alert(1)>',
  'javascript:document.title=1',
  '//other.test/x',
  '\\\\other.test\\x',
  'https:other.test',
  '?query',
  '#fragment',
  '%2e%2e',
]
/** One of which a directory is made of its own. */
const KEYS = [...HOSTILE, ...ODD_KEYS].filter((key) => Buffer.byteLength(`odd/${key}`) <= 1024)

describe('the page of a directory, in Chromium', { skip: partMissing('chromium') }, () => {
  const opened = new AsyncDisposableStack()
  after(() => opened.disposeAsync())
  let front: Front
  let open: (path: string) => Promise<Page>

  before(async () => {
    const buckets = (at: string): object[] => [bucketAt(at, { name: 'page', listing: 'html' })]
    front = opened.use(await openFront({}, { buckets }))
    for (const key of KEYS) front.put(`odd/${key}`, `object ${key}`)
    const chromium = opened.use(await openChromium())
    open = (path) => chromium.open(`${front.url}${path}`)
  })

  test('runs nothing, loads nothing, and asks nobody', async () => {
    const page = await open('/page/odd/')
    assert.equal(await page.evaluate('document.title'), 'Index of /page/odd/')
    assert.equal(
      await page.evaluate('document.querySelectorAll("script,img,svg,iframe").length'),
      0,
    )
    const asked = 'fetch(location.href).then(() => "answered", () => "refused")'
    assert.equal(await page.evaluate(asked), 'refused')
    const loaded = 'performance.getEntriesByType("resource").map(({ name }) => name).join()'
    assert.doesNotMatch(String(await page.evaluate(loaded)), /other|x$/)
    // Its own style is let through by the policy.
    assert.equal(
      await page.evaluate('getComputedStyle(document.querySelector("table")).borderCollapse'),
      'collapse',
    )
  })

  test('leads to every object below it, whatever it is called', async () => {
    const found: string[] = []
    const visit = async (path: string): Promise<void> => {
      const page = await open(path)
      const links =
        'JSON.stringify([...document.querySelectorAll("tbody a")].map(({ href }) => href))'
      const hrefs: readonly string[] = JSON.parse(String(await page.evaluate(links)))
      for (const href of hrefs) {
        assert.ok(href.startsWith(`${front.url}/page/odd/`), href)
        if (href.endsWith('/')) await visit(href.slice(front.url.length))
        else found.push((await request(href)).text)
      }
    }
    await visit('/page/odd/')
    const wanted = KEYS.filter((key) => !key.endsWith('/')).map((key) => `object ${key}`)
    assert.deepEqual(found.toSorted(), wanted.toSorted())
  })

  test('has nothing that keeps people from reading it', async () => {
    for (const path of ['/page/odd/', '/page/', '/page/odd/?max-keys=3']) {
      const page = await open(path)
      await page.evaluate(`${AXE}; undefined`)
      const violations = await page.evaluate(
        'axe.run().then(({ violations }) => JSON.stringify(violations.map(({ id, nodes }) => [id, nodes[0].html])))',
      )
      assert.equal(violations, '[]', path)
    }
  })
})
