// Looks for secrets in what was written, in whatever way they were written down.

export interface Text {
  readonly name: string
  readonly text: string
}

/** As it is, and as it may have been written down on the way. */
function spellingsOf([name, text]: readonly [string, string]): Text[] {
  const parts = text.startsWith('eyJ') ? text.split('.').slice(1) : []
  const spellings = [text, encodeURIComponent(text), Buffer.from(text).toString('base64'), ...parts]
  return [...new Set(spellings)].map((spelling) => ({ name, text: spelling }))
}

export function leaksIn(
  places: readonly Text[],
  secrets: Readonly<Record<string, string>>,
): string[] {
  const needles = Object.entries(secrets).flatMap(spellingsOf)
  return places.flatMap((place) =>
    needles
      .filter(({ text }) => place.text.includes(text))
      .map(({ name, text }) => `${name} in ${place.name}: ${around(place.text, text)}`),
  )
}

function around(text: string, needle: string): string {
  const at = text.indexOf(needle)
  return JSON.stringify(text.slice(Math.max(0, at - 60), at + needle.length + 20))
}
