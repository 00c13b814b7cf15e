// The bytes of a reply. A body is started once, into one sink, or discarded; whoever holds it must
// do one of the two, because a body that streams keeps a connection to its source open.

/** Bytes that their owner uses for something else once everybody has given them back. */
export interface Loan {
  /** To one more. */
  lend(): Loan
  /** Once, by whom they were lent to, who reads them no more. */
  giveBack(): void
}

/** Where bytes go. A source calls nothing more after `end` or `fail`. */
export interface Sink {
  /** What it is given may be overwritten as soon as `write` returns. */
  readonly keepsNothing?: boolean
  /**
   * Takes bytes, and the duty to give them back where they are lent. False asks the source to hold
   * until `Flow.resume` is called.
   */
  write(chunk: Uint8Array, loan?: Loan): boolean
  end(): void
  /** The source broke: what was written is not the whole, and must never be ended as if it were. */
  fail(reason: Error): void
}

/** A body on its way. */
export interface Flow {
  resume(): void
  /** The sink wants no more; the source is released and calls the sink no more. */
  stop(): void
}

export interface StreamBody {
  readonly kind: 'stream'
  /** Exactly how many bytes will be written, where that is known beforehand. */
  readonly length: number | undefined
  start(sink: Sink): Flow
  discard(): void
}

export interface BytesBody {
  readonly kind: 'bytes'
  readonly bytes: Uint8Array
  readonly loan: Loan | undefined
}

export type Body = { readonly kind: 'none' } | BytesBody | StreamBody

export const noBody: Body = { kind: 'none' }

export function bytesBody(bytes: Uint8Array, loan?: Loan): BytesBody {
  return { kind: 'bytes', bytes, loan }
}

export function bodyLength(body: Body): number | undefined {
  switch (body.kind) {
    case 'none':
      return 0
    case 'bytes':
      return body.bytes.byteLength
    case 'stream':
      return body.length
  }
}

export function discardBody(body: Body): void {
  if (body.kind === 'stream') body.discard()
  else if (body.kind === 'bytes') body.loan?.giveBack()
}
