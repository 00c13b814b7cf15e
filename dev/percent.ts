// Percent-encoding as S3 reads and signs it: byte by byte, decoded once, never normalised.

const hexPair = /^[0-9A-Fa-f]{2}$/
const unreserved = new Set(
  Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~'),
)
const slash = 0x2f

/** The bytes a piece of a request target stands for, or undefined when an escape is broken. */
export function decodePercent(text: string, plusIsSpace: boolean): Buffer | undefined {
  const bytes = Buffer.alloc(text.length)
  let length = 0
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at)
    if (char === '%') {
      const pair = text.slice(at + 1, at + 3)
      if (!hexPair.test(pair)) return undefined
      bytes[length] = Number.parseInt(pair, 16)
      at += 2
    } else {
      bytes[length] = plusIsSpace && char === '+' ? 0x20 : char.charCodeAt(0)
    }
    length += 1
  }
  return bytes.subarray(0, length)
}

/** Every byte but A–Z a–z 0–9 - . _ ~ becomes %XX; in a path the slash stays itself. */
export function encodeS3(bytes: Buffer, keepSlash: boolean): string {
  let text = ''
  for (const byte of bytes) {
    const isPlain = unreserved.has(byte) || (keepSlash && byte === slash)
    text += isPlain
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return text
}
