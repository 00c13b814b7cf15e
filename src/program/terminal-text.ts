// Texts as a terminal shows them: how wide they are, and without what it would obey.

/** Escapes, other controls, and what changes the direction of what follows. */
const OBEYED = /[\p{Cc}\p{Cf}\u2028\u2029]/gu
/** What takes two places: East Asian wide letters and pictures. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u
/** What takes none. */
const ABOVE = /\p{Mark}/u
const CUT = '…'

/** What would be obeyed is shown as what it is not. */
export function harmless(text: string): string {
  return text.replace(OBEYED, '·')
}

export function widthOf(text: string): number {
  let width = 0
  for (const character of text) width += placesOf(character)
  return width
}

/** At most so wide, and harmless. */
export function cut(text: string, width: number): string {
  const safe = harmless(text)
  if (widthOf(safe) <= width) return safe
  let kept = ''
  let room = width - 1
  for (const character of safe) {
    room -= placesOf(character)
    if (room < 0) break
    kept += character
  }
  return width > 0 ? kept + CUT : ''
}

export function padStart(text: string, width: number): string {
  const safe = harmless(text)
  return ' '.repeat(Math.max(0, width - widthOf(safe))) + safe
}

export function padEnd(text: string, width: number): string {
  const safe = harmless(text)
  return safe + ' '.repeat(Math.max(0, width - widthOf(safe)))
}

function placesOf(character: string): number {
  if (ABOVE.test(character)) return 0
  return WIDE.test(character) ? 2 : 1
}
