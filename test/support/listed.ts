// What a page of a listing says: for people, and in S3's words.

import { parseXml } from '../../src/primitives/xml.ts'
import type { XmlElement } from '../../src/primitives/xml.ts'

export interface Link {
  readonly href: string
  readonly text: string
}

/** Of the table alone, in their order. */
export function linksIn(page: string): Link[] {
  const body = /<tbody>(.*)<\/tbody>/s.exec(page)?.[1] ?? ''
  return [...body.matchAll(/<a href="([^"]*)"><bdi>(.*?)<\/bdi>/gs)].map(([, href, text]) => ({
    href: unescape(href ?? ''),
    text: unescape(text ?? ''),
  }))
}

function unescape(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
}

/** As a browser follows it. */
export function follow(from: string, href: string): string {
  return new URL(href, from).href
}

export interface S3Page {
  readonly keys: readonly string[]
  readonly groups: readonly string[]
  /** By their names. */
  readonly said: Readonly<Record<string, string>>
}

export function readS3Page(xml: string): S3Page {
  const root = parseXml(xml)
  if (root?.name !== 'ListBucketResult') throw new Error(`no listing: ${xml}`)
  const namesIn = (element: string, name: string): string[] =>
    childrenOf(root, element).flatMap((one) => childrenOf(one, name).map(({ text }) => text))
  const said = root.children.filter(({ children }) => children.length === 0)
  return {
    keys: namesIn('Contents', 'Key'),
    groups: namesIn('CommonPrefixes', 'Prefix'),
    said: Object.fromEntries(said.map(({ name, text }) => [name, text])),
  }
}

function childrenOf({ children }: XmlElement, wanted: string): XmlElement[] {
  return children.filter(({ name }) => name === wanted)
}
