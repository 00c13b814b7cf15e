// The little XML that S3 speaks: elements and escaped text.

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;',
}

/** Control characters become numeric references although XML 1.0 forbids them: S3 answers the same. */
export function escapeXml(text: string): string {
  return text
    .replace(/[&<>"\r]/g, (char) => escapes[char] ?? char)
    .replace(
      // oxlint-disable-next-line no-control-regex -- keys may hold them
      /[\u0001-\u0008\u000b\u000c\u000e-\u001f]/g,
      (char) => `&#x${char.charCodeAt(0).toString(16)};`,
    )
}

export function element(name: string, text: string): string {
  return `<${name}>${escapeXml(text)}</${name}>`
}

export function parent(name: string, ...children: readonly string[]): string {
  return `<${name}>${children.join('')}</${name}>`
}

export function document(root: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${root}`
}
