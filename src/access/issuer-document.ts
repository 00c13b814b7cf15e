// A document of an issuer, over HTTP, in bounded time and size.

const PATIENCE_MS = 5000
const MOST_BYTES = 1024 * 1024

/** Rejects with a reason that may stand in a log. */
export async function readJson(url: string, signal: AbortSignal): Promise<unknown> {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)])
  const response = await fetch(url, {
    headers: { accept: 'application/json' },
    // Where the keys are is for the configuration to say, not for whoever answers there.
    redirect: 'error',
    signal: bounded,
  }).catch((error: unknown) => {
    throw new Error('the issuer does not answer', { cause: error })
  })
  try {
    if (response.status !== 200) throw new Error(`the issuer answered ${response.status}`)
    return parse(await readBounded(response))
  } finally {
    await response.body?.cancel().catch(ignore)
  }
}

async function readBounded({ body }: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength
    if (bytes > MOST_BYTES) throw new Error('the issuer’s document is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    // The parser's own words would quote the document.
    throw new Error('the issuer’s document is no JSON')
  }
}

function ignore(): void {
  // It has been read to its end, or has broken: there is nothing to cancel.
}
