// A span as it is written down: plain data, of no library, until somebody exports it.

export interface Span {
  readonly name: string
  readonly kind: 'internal' | 'server' | 'client'
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  /** The parent is in another process. */
  readonly isParentRemote: boolean
  readonly state: string | undefined
  /** Epoch ms, with fractions. */
  readonly startedAt: number
  readonly endedAt: number
  readonly attributes: Attributes
  /** Undefined: all went as it should. */
  readonly error: string | undefined
}

export type Attributes = Readonly<Record<string, string | number | boolean>>
