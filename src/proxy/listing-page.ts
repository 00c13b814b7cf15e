// A directory for people: one page without scripts or anything from elsewhere, in light and dark.

import { createHash } from 'node:crypto'

import { escapeHtml } from '../http/markup.ts'
import type { ListedObject } from '../origin/origin.ts'
import { baseOf, linkTo, ownName } from './listing-names.ts'
import type { ListingPlan } from './listing-plan.ts'
import { writePageToken } from './listing-token.ts'
import type { ListedPage } from './listing.ts'

const STYLE = `:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:64rem;margin:0 auto;padding:1rem}
h1{font-size:1.25rem;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.25rem .5rem;border-bottom:1px solid color-mix(in srgb,currentColor 20%,transparent)}
td:first-child{overflow-wrap:anywhere;white-space:pre-wrap}
.size{text-align:right;white-space:nowrap}.date{white-space:nowrap}
a:focus-visible{outline:2px solid;outline-offset:2px}`

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64')
const RULES = [
  "default-src 'none'",
  `style-src 'sha256-${STYLE_HASH}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
]

/** Nothing but the page's own style is loaded by it, whatever a name says. */
export const PAGE_POLICY: readonly string[] = ['Content-Security-Policy', RULES.join('; ')]

export function writePage(plan: ListingPlan, page: ListedPage, requestPath: string): string {
  const base = baseOf(requestPath)
  const title = escapeHtml(`Index of ${plan.root}${plan.prefix}`)
  const { objects, prefixes, next } = page
  const rows = [
    ...prefixes.map((name) => row(ownName(name, plan), base, undefined)),
    ...objects.map((object) => row(ownName(object.key, plan), base, object)),
  ]
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width,initial-scale=1">',
    `<title>${title}</title><style>${STYLE}</style></head><body><main><h1>${title}</h1>`,
    plan.prefix === ''
      ? ''
      : '<nav aria-label="Parent"><p><a href="../">Parent directory</a></p></nav>',
    rows.length === 0 ? '<p>There is nothing here.</p>' : table(rows),
    next === undefined ? '' : nextLink(next, requestPath),
    '</main></body></html>\n',
  ].join('')
}

function table(rows: readonly string[]): string {
  const head =
    '<thead><tr><th scope="col">Name</th><th scope="col" class="size">Size</th>' +
    '<th scope="col">Last modified (UTC)</th></tr></thead>'
  return `<table>${head}<tbody>${rows.join('')}</tbody></table>`
}

function row(name: string, base: string, object: ListedObject | undefined): string {
  const shown = `<bdi>${escapeHtml(name)}</bdi>`
  const href = linkTo(name, base)
  const cell =
    href === undefined
      ? `${shown} (no address leads here)`
      : `<a href="${escapeHtml(href)}">${shown}</a>`
  const size =
    object === undefined ? '' : `<span title="${object.size} bytes">${sizeText(object.size)}</span>`
  return `<tr><td>${cell}</td><td class="size">${size}</td><td class="date">${dateText(object)}</td></tr>\n`
}

function nextLink(next: string, requestPath: string): string {
  const here = requestPath.endsWith('/') ? './' : ''
  const href = `${here}?continuation-token=${writePageToken(next)}`
  return `<nav aria-label="Pages"><p><a rel="next" href="${escapeHtml(href)}">Next page</a></p></nav>`
}

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB']

function sizeText(bytes: number): string {
  let size = bytes
  let unit = 'B'
  for (const larger of UNITS) {
    if (size < 1024) break
    size /= 1024
    unit = larger
  }
  return `${unit === 'B' ? size : size.toFixed(1)} ${unit}`
}

/** As S3 writes it, down to the minute. */
function dateText(object: ListedObject | undefined): string {
  const [, day, minute] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)/.exec(object?.lastModified ?? '') ?? []
  if (day === undefined || minute === undefined) return ''
  return `<time datetime="${day}T${minute}Z">${day} ${minute}</time>`
}
