// Makes the pictures of the console in docs/: a Sluice with some traffic behind it, seen by a real
// Chromium in light and in dark. `node test/screenshots.ts [folder]`.

import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'

import { openBrowser } from './support/browser.ts'
import type { Page } from './support/browser.ts'
import { request } from './support/http.ts'
import { openSluice } from './support/sluice.ts'
import { openS3Server } from '../dev/s3-server.ts'
import type { S3Server } from '../dev/s3-server.ts'

const TOKEN = 'screenshots-Rk3v9qLwPz7tYd2X'
const KEYS = { accessKeyId: 'AKIDSCREENS', secretAccessKey: 'a secret of the pictures' }
const SIZE = { width: 1120, height: 800 }
const TRAFFIC_S = 100
const FILES = 60

const folder = process.argv[2] ?? join(import.meta.dirname, '../docs/console')
await using s3 = await openOrigin()
await using sluice = await openSluice({
  server: { threads: 2 },
  admin: { token: TOKEN },
  logging: { level: 'silent' },
  cache: { cache_layers: ['memory'] },
  buckets: [
    bucket('products', [
      { name: 'primary', endpoint: s3.endpoint, priority: 1 },
      { name: 'standby', endpoint: s3.endpoint, priority: 2 },
    ]),
    bucket('films', [{ name: 'archive', endpoint: s3.endpoint, priority: 1 }]),
  ],
})
const stop = new AbortController()
// However it ends, the end of the program is no trouble to those who still ask.
const traffic = Promise.allSettled([1, 2, 3].map(() => keepAsking(sluice.url, stop.signal)))
await after(TRAFFIC_S * 1000)
await using browser = await openBrowser()
for (const colorScheme of ['light', 'dark'] as const) {
  await using visit = await browser.visit(`${sluice.opsUrl}/console/`, {
    colorScheme,
    viewport: SIZE,
  })
  const { page } = visit
  await page.getByLabel('Token').fill(TOKEN)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('configuration 1').waitFor()
  await after(3000)
  await picture(page, `overview-${colorScheme}`)
  if (colorScheme === 'light') {
    await previewPurge(page)
    await picture(page, 'purge-light')
  } else {
    await explain(page)
    await picture(page, 'explain-dark')
  }
}
stop.abort()
await traffic

async function openOrigin(): Promise<S3Server & AsyncDisposable> {
  const server = await openS3Server({ credentials: [KEYS] })
  for (const name of ['products', 'films']) server.createBucket(name)
  for (let index = 0; index < FILES; index += 1) {
    server.putObject('products', `images/2024/${index}.jpg`, {
      size: 3000 + index * 700,
      seed: `${index}`,
    })
    server.putObject('films', `trailers/${index}.mp4`, { size: 400_000, seed: `f${index}` })
  }
  return Object.assign(server, { [Symbol.asyncDispose]: () => server.close() })
}

function bucket(name: string, replicas: readonly object[]): object {
  const keys = { access_key: KEYS.accessKeyId, secret_key: KEYS.secretAccessKey }
  return {
    name,
    path_prefix: `/${name}`,
    s3: { bucket: name, ...keys, replicas },
    cache: { ttl: name === 'films' ? 20 : 3600 },
  }
}

/** Some files more than others, some not there, and most of it soon out of memory. */
async function keepAsking(url: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const index = Math.floor(FILES * Math.random() ** 3)
    const path =
      Math.random() < 0.85 ? `products/images/2024/${index}.jpg` : `films/trailers/${index}.mp4`
    await request(`${url}/${Math.random() < 0.02 ? `products/missing/${index}` : path}`)
    await after(4 * Math.random() * (1 + Math.sin(performance.now() / 6000)))
  }
}

async function picture(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled' })
}

async function explain(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'Explain' }).click()
  await page.getByLabel('Path').fill('/products/images/2024/7.jpg')
  await page.getByLabel('Headers, one a line').fill('Range: bytes=0-99')
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.getByRole('list', { name: 'Steps' }).waitFor()
}

async function previewPurge(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'Purge' }).click()
  await page.locator('#purge-bucket').selectOption('products')
  await page.locator('#purge-kind').selectOption('prefix')
  await page.getByRole('textbox', { name: 'Prefix' }).fill('images/2024/')
  await page.getByRole('button', { name: 'Preview' }).click()
  await page.getByRole('heading', { name: 'Preview' }).waitFor()
}
