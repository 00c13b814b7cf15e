// Optional whitespace (RFC 9110 §5.6.3). String.trim would take more: NBSP is a legal byte in a value.

export function trimOws(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isOws(text.charCodeAt(start))) start++
  while (end > start && isOws(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

export function isOws(code: number): boolean {
  return code === 0x20 || code === 0x09
}
