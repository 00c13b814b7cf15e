// The console in a real browser: what an operator does there, and what nobody else can.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { after, before, describe, test } from 'node:test'

import { openBrowser } from '../support/browser.ts'
import type { Browser, Page, Visit, VisitOptions } from '../support/browser.ts'
import { openCachedFront, TOKEN } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { bucketAt } from '../support/front.ts'
import { request } from '../support/http.ts'
import { partMissing } from '../support/parts.ts'
import { until } from '../support/until.ts'

const VIEWER = 'viewer-2pQz8rXw5Tn1Kb7c'
const HOSTILE = '<img src=x onerror="document.title=1">'
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const VIEWS = ['Overview', 'Objects', 'Purge', 'Prewarm', 'Explain', 'Configuration']

describe('the console', { skip: partMissing('chromium') }, () => {
  const opened = new AsyncDisposableStack()
  after(() => opened.disposeAsync())
  let front: CachedFront
  let browser: Browser

  before(async () => {
    front = opened.use(
      await openCachedFront(
        {
          admin: { token: TOKEN, roles: { viewer: { token: VIEWER } } },
          cache: { cache_layers: ['memory'], warming: { concurrency: 1, rate_limit: 20 } },
        },
        { buckets: otherBuckets },
      ),
    )
    browser = opened.use(await openBrowser())
  })

  async function visit(options: VisitOptions = {}): Promise<Visit> {
    return browser.visit(`${front.opsUrl}/console/`, options)
  }

  async function enter(token: string, options: VisitOptions = {}): Promise<Visit> {
    const visited = await visit(options)
    await signIn(visited.page, token)
    await visited.page.getByText('configuration 1').waitFor()
    return visited
  }

  test('shows nothing to whoever has no token, and asks for one', async () => {
    await using stranger = await visit()
    const { page, asked } = stranger
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    assert.deepEqual(
      asked.filter((url) => url.includes('/admin/')),
      [],
    )
    const text = await page.locator('body').innerText()
    for (const secret of ['files', 'memory', 'configuration 1', TOKEN]) {
      assert.ok(!text.includes(secret), text)
    }
    assert.equal(await page.getByRole('navigation').count(), 0)
  })

  test('refuses a wrong token, says so, and keeps nothing of it', async () => {
    await using stranger = await visit()
    const { page } = stranger
    await signIn(page, 'wrong-token-that-is-long-enough')
    await page.getByRole('alert').getByText('401').waitFor()
    assert.equal(await page.getByRole('heading', { name: 'Overview' }).count(), 0)
    assert.deepEqual(await keptBy(page), { session: '{}', local: '{}', cookies: '' })
    assert.equal(await page.getByLabel('Token').inputValue(), '')
  })

  test('keeps the token in its tab alone: not in an address, not in a cookie, and not after the end', async () => {
    await using operator = await enter(TOKEN)
    const { page, asked } = operator
    const { session, local, cookies } = await keptBy(page)
    assert.deepEqual([session.includes(TOKEN), local, cookies], [true, '{}', ''])
    assert.ok(!asked.some((url) => url.includes(TOKEN)))
    assert.ok(!page.url().includes(TOKEN))
    await page.reload()
    await page.getByText('configuration 1').waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    assert.deepEqual(await keptBy(page), { session: '{}', local: '{}', cookies: '' })
    assert.equal(await page.getByText('configuration 1').count(), 0)
  })

  test('shows what passes: requests, hit ratio by layer, what was saved, replicas', async () => {
    front.put('shown', 'x'.repeat(50_000))
    for (let turn = 0; turn < 10; turn += 1) await front.look('shown')
    await using operator = await enter(TOKEN)
    const { page, complaints } = operator
    await page.locator('#tile-requests').getByText(/\d/).waitFor()
    await page.locator('#tile-hits').getByText('%').waitFor()
    await page.locator('#tile-saved').getByText('KiB').waitFor()
    const layers = page.getByRole('table', { name: 'Cache layers' })
    await layers.getByRole('row', { name: /^memory .*%/ }).waitFor()
    const replicas = page.getByRole('table', { name: 'Replicas' })
    await replicas.getByRole('row', { name: /files primary healthy closed/ }).waitFor()
    assert.deepEqual(complaints, [])
  })

  test('purges what was shown before, and not earlier', async () => {
    front.put('to/purge.txt', 'body')
    await front.look('to/purge.txt')
    assert.equal(await front.look('to/purge.txt'), 'HIT')
    await using operator = await enter(TOKEN)
    const { page, complaints } = operator
    await fillPurge(page, 'to/purge.txt')
    await page.getByRole('button', { name: 'Preview' }).click()
    await page.getByText('Key “to/purge.txt” in files covers 2 entries').waitFor()
    assert.equal(await front.look('to/purge.txt'), 'HIT', 'nothing has been purged')

    await page.getByRole('button', { name: 'Purge', exact: true }).click()
    await page.getByText('Key “to/purge.txt” in files is purged: 2 entries').waitFor()
    assert.equal(await front.look('to/purge.txt'), 'MISS')
    assert.deepEqual(complaints, [])
  })

  test('forgets a preview when what is to be purged is written anew', async () => {
    front.put('kept', 'body')
    await front.look('kept')
    await using operator = await enter(TOKEN)
    const { page } = operator
    await fillPurge(page, 'other')
    await page.getByRole('button', { name: 'Preview' }).click()
    await page.getByRole('heading', { name: 'Preview' }).waitFor()
    await page.locator('#purge-text').fill('kept')
    assert.equal(await page.getByRole('heading', { name: 'Preview' }).count(), 0)
    assert.equal(await page.getByRole('button', { name: 'Purge', exact: true }).count(), 0)
    assert.equal(await front.look('kept'), 'HIT')
  })

  test('explains a request, with the method and the headers that are tried', async () => {
    front.put('a b.txt', 'x'.repeat(1000))
    await front.look('a%20b.txt')
    await using operator = await enter(TOKEN)
    const { page, complaints } = operator
    await goTo(page, 'Explain')
    await page.getByLabel('Path').fill('/files/a%20b.txt')
    await page.getByLabel('Headers, one a line').fill('Range: bytes=0-9\nAccept: */*')
    await page.getByRole('button', { name: 'Explain' }).click()
    await page.getByRole('heading', { name: 'Served 206' }).waitFor()
    const steps = page.getByRole('list', { name: 'Steps' }).getByRole('listitem')
    await steps.filter({ hasText: 'files' }).filter({ hasText: 'a b.txt' }).first().waitFor()
    const text = await page.locator('#explain-answer').innerText()
    assert.match(text, /Cache-Status: sluice; hit/)
    for (const step of ['receive', 'route', 'plan', 'cache', 'answer']) {
      assert.ok(text.includes(step), step)
    }
    await page.getByLabel('Path').fill('/nowhere')
    await page.getByRole('button', { name: 'Explain' }).click()
    await page.getByRole('heading', { name: 'Refused 404 no_route' }).waitFor()
    assert.deepEqual(complaints, [])
  })

  test('follows a prewarming, and ends it', async () => {
    for (let index = 0; index < 200; index += 1) front.put(`warm/${index}`, 'body')
    await using operator = await enter(TOKEN)
    const { page, complaints } = operator
    await goTo(page, 'Prewarm')
    await page.locator('#prewarm-bucket').selectOption('files')
    await page.getByRole('textbox', { name: 'Prefix' }).fill('warm/')
    await page.getByRole('button', { name: 'Start' }).click()
    const row = page.getByRole('row', { name: /files: warm\// })
    await row.getByText('running').waitFor()
    const progress = row.getByRole('progressbar')
    const valueOf = async (): Promise<number> => Number(await progress.getAttribute('value'))
    const first = await until('it moves', valueOf, (value) => value > 0)
    await until('it moves on', valueOf, (value) => value > first)
    await row.getByRole('button', { name: 'Cancel files: warm/' }).click()
    await row.getByText('cancelled').waitFor()
    assert.equal(await row.getByRole('button').count(), 0)
    assert.deepEqual(complaints, [])
  })

  test('shows the hottest objects, from which one leads to its purge', async () => {
    front.put('popular', 'body')
    for (let turn = 0; turn < 30; turn += 1) await request(`${front.url}/second/popular`)
    await using operator = await enter(TOKEN)
    const { page } = operator
    await goTo(page, 'Objects')
    const hottest = page.getByRole('table', { name: 'Hottest objects' })
    await hottest.getByRole('link', { name: 'popular' }).click()
    await page.getByRole('heading', { name: 'Purge' }).waitFor()
    assert.equal(await page.locator('#purge-text').inputValue(), 'popular')
    const bucket = page.locator('#purge-bucket')
    await bucket.getByRole('option', { name: 'second' }).waitFor({ state: 'attached' })
    assert.equal(await bucket.inputValue(), 'second')
  })

  test('lets a viewer look, and tells why there is nothing to press', async () => {
    await using viewer = await enter(VIEWER)
    const { page } = viewer
    await page.locator('#role').getByText('viewer').waitFor()
    await goTo(page, 'Purge')
    assert.ok(await page.getByRole('button', { name: 'Preview' }).isDisabled())
    await page.getByText('A viewer may look and not purge').waitFor()
    await goTo(page, 'Prewarm')
    assert.ok(await page.getByRole('button', { name: 'Start' }).isDisabled())
    await page.getByText('A viewer may look and not fetch ahead').waitFor()
    await goTo(page, 'Configuration')
    await page.getByRole('heading', { name: 'buckets' }).waitFor()
    assert.ok(!(await page.locator('#config').innerText()).includes(TOKEN))
  })

  test('shows keys, paths and settings as text, whatever they hold', async () => {
    front.put(HOSTILE, 'body')
    const address = encodeURIComponent(HOSTILE)
    for (let turn = 0; turn < 40; turn += 1) await front.look(address)
    await using operator = await enter(TOKEN)
    const { page, complaints } = operator
    await goTo(page, 'Objects')
    await page.getByRole('link', { name: HOSTILE }).first().waitFor()
    await fillPurge(page, HOSTILE)
    await page.getByRole('button', { name: 'Preview' }).click()
    await page.getByText(`Key “${HOSTILE}” in files covers`).waitFor()
    await goTo(page, 'Explain')
    await page.getByLabel('Path').fill(`/files/${address}`)
    await page.getByRole('button', { name: 'Explain' }).click()
    await page.getByRole('list', { name: 'Steps' }).getByText('<img src=x').first().waitFor()
    await page.getByLabel('Path').fill(`/files/${HOSTILE}`)
    await page.getByRole('button', { name: 'Explain' }).click()
    await page.getByText('8 steps').waitFor({ state: 'hidden' })
    await goTo(page, 'Prewarm')
    await page.getByLabel('Keys, one a line').fill(`${HOSTILE}-missing`)
    await page.locator('#prewarm-bucket').selectOption('files')
    await page.getByRole('button', { name: 'Start' }).click()
    await page.getByText('has begun').waitFor()
    await page.route('**/admin/reload', (route) => route.fulfill({ json: RELOADED }))
    await goTo(page, 'Configuration')
    await page.locator('#config').getByText('<img src=x').first().waitFor()
    const changes = page.getByRole('table', { name: 'Changes' })
    await changes.getByRole('row', { name: `buckets[0].note none ${HOSTILE}` }).waitFor()
    await page.getByText(`server.${HOSTILE}: is not known`).waitFor()

    assert.equal(await page.locator('main img').count(), 0)
    assert.equal(await page.title(), 'Configuration – Sluice console')
    assert.deepEqual(complaints, [])
  })

  test('loads nothing that is not its own, and runs nothing that was put into it', async () => {
    await using operator = await enter(TOKEN)
    const { page, asked, complaints } = operator
    const { origin } = new URL(page.url())
    assert.deepEqual(
      asked.filter((url) => new URL(url).origin !== origin),
      [],
    )
    assert.deepEqual(complaints, [])
    const violations = await page.evaluate(INJECTIONS)
    assert.deepEqual(violations, {
      blocked: [
        'connect-src',
        'frame-src',
        'img-src',
        'script-src-elem',
        'style-src-elem',
        'trusted types',
      ],
      ran: false,
      markup: 0,
    })
  })

  test('cannot be put into the frame of another page', async () => {
    await using stranger = await visit()
    const response = await stranger.page.goto(`${front.opsUrl}/console/`)
    const policy = response?.headers()['content-security-policy'] ?? ''
    assert.match(policy, /default-src 'none'/)
    assert.match(policy, /frame-ancestors 'none'/)
    assert.match(policy, /base-uri 'none'/)
    assert.match(policy, /form-action 'self'/)
  })

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`is accessible in ${colorScheme}: no view has a violation that axe knows`, async () => {
      front.put('seen', 'body')
      for (let turn = 0; turn < 5; turn += 1) await front.look('seen')
      // axe is put into the page, which the page itself forbids.
      const options = { colorScheme, bypassCSP: true }
      await using stranger = await visit(options)
      await stranger.page.getByRole('heading', { name: 'Sign in' }).waitFor()
      await assertAccessible(stranger.page, 'Sign in')
      for (const [token, role] of [
        [TOKEN, 'operator'],
        [VIEWER, 'viewer'],
      ] as const) {
        await using visited = await enter(token, options)
        const { page } = visited
        for (const view of VIEWS) {
          await goTo(page, view)
          await page.getByRole('heading', { name: view, level: 1 }).waitFor()
          if (view === 'Purge' && role === 'operator') {
            await fillPurge(page, 'seen')
            await page.getByRole('button', { name: 'Preview' }).click()
            await page.getByRole('heading', { name: 'Preview' }).waitFor()
          }
          if (view === 'Explain') {
            await page.getByLabel('Path').fill('/files/seen')
            await page.getByRole('button', { name: 'Explain' }).click()
            await page.getByRole('list', { name: 'Steps' }).waitFor()
          }
          if (view === 'Objects') await page.getByRole('table').first().waitFor()
          if (view === 'Configuration')
            await page.getByRole('heading', { level: 2 }).first().waitFor()
          await assertAccessible(page, `${view} of a ${role}`)
        }
      }
    })
  }

  test('is used by the keyboard alone, and tells where one is', async () => {
    await using stranger = await visit()
    const { page } = stranger
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    // The field has the focus.
    await page.keyboard.type(TOKEN)
    await page.keyboard.press('Enter')
    await page.getByText('configuration 1').waitFor()
    const purge = page.getByRole('navigation').getByRole('link', { name: 'Purge' })
    await purge.focus()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Purge', level: 1 }).waitFor()
    assert.equal(await focusedText(page), 'Purge')
    assert.equal(await purge.getAttribute('aria-current'), 'page')
    await page.locator('#purge-text').focus()
    await page.keyboard.type('some/key')
    await page.keyboard.press('Enter')
    await page.getByText('Key “some/key” in files covers').waitFor()
    // A second Enter, too soon, purges nothing.
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    assert.equal(await focusedText(page), 'Purge')
    await page.keyboard.press('Enter')
    await page.getByText('Key “some/key” in files is purged').waitFor()
  })

  test('fits a narrow screen', async () => {
    await using operator = await enter(TOKEN, { viewport: { width: 360, height: 700 } })
    const { page } = operator
    for (const view of VIEWS) {
      await goTo(page, view)
      await page.getByRole('heading', { name: view, level: 1 }).waitFor()
      const overflow = await page.evaluate(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      )
      assert.equal(overflow, 0, view)
    }
  })

  test('stands still when it is told to', async () => {
    await using operator = await enter(TOKEN)
    const { page, asked } = operator
    const pause = page.getByRole('button', { name: 'Pause' })
    await pause.click()
    assert.equal(await pause.getAttribute('aria-pressed'), 'true')
    await page.waitForTimeout(2500)
    const before = asked.length
    await page.waitForTimeout(4500)
    assert.equal(asked.length, before)
    await pause.click()
    await until(
      'it goes on',
      async () => asked.length,
      (count) => count > before,
    )
  })

  test('asks for the token again where it is not good any more', async () => {
    await using operator = await enter(TOKEN)
    const { page } = operator
    await page.evaluate("sessionStorage.setItem('sluice-console-token', 'not-good-any-more')")
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await page.getByRole('alert').getByText('401').waitFor()
    assert.equal(await page.getByRole('heading', { name: 'Overview' }).count(), 0)
    assert.equal(await page.locator('#replicas').innerHTML(), '', 'nothing of what was seen stays')
    assert.deepEqual(await keptBy(page), { session: '{}', local: '{}', cookies: '' })
  })
})

async function signIn(page: Page, token: string): Promise<void> {
  await page.getByLabel('Token').fill(token)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

async function goTo(page: Page, view: string): Promise<void> {
  await page.getByRole('navigation').getByRole('link', { name: view }).click()
}

async function fillPurge(page: Page, key: string): Promise<void> {
  await goTo(page, 'Purge')
  await page.locator('#purge-bucket').selectOption('files')
  await page.locator('#purge-kind').selectOption('key')
  await page.locator('#purge-text').fill(key)
}

/** What a browser keeps for later. */
async function keptBy(page: Page): Promise<{ session: string; local: string; cookies: string }> {
  const read =
    '({ session: JSON.stringify(sessionStorage), local: JSON.stringify(localStorage), cookies: document.cookie })'
  // The cast: what the expression gives.
  return (await page.evaluate(read)) as { session: string; local: string; cookies: string }
}

async function focusedText(page: Page): Promise<unknown> {
  return page.evaluate('document.activeElement.textContent')
}

async function assertAccessible(page: Page, what: string): Promise<void> {
  await page.evaluate(AXE)
  const found = await page.evaluate(
    `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
       .then(({ violations }) => violations.map(({ id, nodes }) =>
         id + ': ' + nodes.map(({ html, failureSummary }) => html + ' ' + failureSummary).join('; ')))`,
  )
  assert.deepEqual(found, [], what)
}

/** What an attacker would put into the page; gives what the policy had to say of it. */
const INJECTIONS = `new Promise((resolve) => {
  const blocked = new Set()
  window.ran = false
  document.addEventListener('securitypolicyviolation', ({ effectiveDirective: by }) => {
    blocked.add(by === 'require-trusted-types-for' ? 'trusted types' : by)
  })
  const attempt = (make) => { try { make() } catch {} }
  const add = (tag, fields, text = '') => attempt(() => {
    const element = document.createElement(tag)
    element.append(document.createTextNode(text))
    for (const [name, value] of Object.entries(fields)) element.setAttribute(name, value)
    document.body.append(element)
    element.click()
  })
  attempt(() => document.body.insertAdjacentHTML('beforeend', '<b class="injected">bold</b>'))
  attempt(() => document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="ran = true">'))
  attempt(() => setTimeout('window.ran = true'))
  add('img', { src: 'http://127.0.0.2:1/pixel.png' })
  add('style', {}, 'body { display: none }')
  add('iframe', { src: 'http://127.0.0.2:1/' })
  add('script', {}, 'window.ran = true')
  add('script', { src: 'http://127.0.0.2:1/foreign.js' })
  add('button', { onclick: 'window.ran = true' })
  add('a', { href: 'javascript:window.ran = true' })
  fetch('http://127.0.0.2:1/steal').catch(() => {})
  const markup = document.querySelectorAll('.injected').length
  setTimeout(() => resolve({ blocked: [...blocked].sort(), ran: window.ran, markup }), 1000)
})`

const RELOAD = { at: '2026-01-01T00:00:00.000Z', trigger: 'call', config_generation: 2 }
/** As the operations listener tells of reloads. */
const RELOADED = {
  config_generation: 2,
  since: RELOAD.at,
  last: {
    ...RELOAD,
    outcome: 'refused',
    changes: [],
    problems: [{ path: `server.${HOSTILE}`, message: 'is not known' }],
  },
  last_reloaded: {
    ...RELOAD,
    outcome: 'reloaded',
    changes: [{ path: 'buckets[0].note', before: null, after: HOSTILE }],
    problems: [],
  },
}

function otherBuckets(endpoint: string): object[] {
  const response_headers = { set: { 'X-Note': HOSTILE } }
  return [
    bucketAt(endpoint, { name: 'second' }),
    {
      name: 'hostile',
      path_prefix: '/hostile',
      s3: { bucket: 'x', endpoint, credentials: 'anonymous' },
      response_headers,
    },
  ]
}
