// A real receiver of OTLP, over HTTP and gRPC, and the spans that came to it, in plain words.

import { MockOtlpServer } from '@elastic/mockotlpserver'

import { until } from './until.ts'

export interface SeenSpan {
  readonly service: unknown
  readonly name: string
  /** 'SERVER', 'CLIENT' or 'INTERNAL'. */
  readonly kind: string
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly state: string | undefined
  /** Epoch nanoseconds. */
  readonly startedAt: bigint
  readonly endedAt: bigint
  readonly attributes: Readonly<Record<string, unknown>>
  readonly isError: boolean
}

export interface OtlpReceiver extends AsyncDisposable {
  readonly httpUrl: string
  readonly grpcUrl: string
  readonly spans: readonly SeenSpan[]
  /** All of a trace, once its server span and so many others have come. */
  trace(traceId: string, atLeast?: number): Promise<readonly SeenSpan[]>
  /** All of the exchange with this request id. */
  exchange(requestId: string): Promise<readonly SeenSpan[]>
}

export async function openOtlp(): Promise<OtlpReceiver> {
  const spans: SeenSpan[] = []
  const server = new MockOtlpServer({
    logLevel: 'warn',
    services: ['http', 'grpc'],
    httpHostname: '127.0.0.1',
    httpPort: 0,
    grpcHostname: '127.0.0.1',
    grpcPort: 0,
    // The cast: what the receiver has decoded, in the shape of OTLP.
    onTrace: (sent: unknown) => spans.push(...spansIn(sent as Sent)),
  })
  await server.start()
  const exchange = async (requestId: string): Promise<readonly SeenSpan[]> => {
    const find = async (): Promise<SeenSpan | undefined> =>
      spans.find(({ attributes }) => attributes['sluice.request_id'] === requestId)
    const own = await until(`the spans of ${requestId}`, find, (found) => found !== undefined)
    return spans.filter(({ traceId }) => traceId === own?.traceId)
  }
  return {
    httpUrl: server.httpUrl.origin,
    grpcUrl: server.grpcUrl.origin,
    spans,
    exchange,
    trace: (traceId, atLeast = 1) =>
      until(
        `the trace ${traceId}`,
        async () => spans.filter((span) => span.traceId === traceId),
        (found) => found.length >= atLeast && found.some(({ kind }) => kind === 'SERVER'),
      ),
    [Symbol.asyncDispose]: () => server.close(),
  }
}

interface Sent {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Pair[] }
    readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[]
  }[]
}

interface Pair {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

interface SentSpan {
  readonly traceId: unknown
  readonly spanId: unknown
  readonly parentSpanId?: unknown
  readonly traceState?: string
  readonly name: string
  readonly kind: unknown
  readonly startTimeUnixNano: unknown
  readonly endTimeUnixNano: unknown
  readonly attributes?: readonly Pair[]
  readonly status?: { readonly code?: unknown }
}

function spansIn({ resourceSpans }: Sent): SeenSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = recordOf(resource.attributes)['service.name']
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => seen(span, service)))
  })
}

const KINDS: Readonly<Record<string, string>> = { 1: 'INTERNAL', 2: 'SERVER', 3: 'CLIENT' }

function seen(span: SentSpan, service: unknown): SeenSpan {
  const kind = String(span.kind)
  const code = String(span.status?.code)
  return {
    service,
    name: span.name,
    kind: KINDS[kind] ?? kind.replace('SPAN_KIND_', ''),
    traceId: hexOf(span.traceId) ?? '',
    spanId: hexOf(span.spanId) ?? '',
    parentId: hexOf(span.parentSpanId),
    state: span.traceState === '' ? undefined : span.traceState,
    startedAt: BigInt(String(span.startTimeUnixNano)),
    endedAt: BigInt(String(span.endTimeUnixNano)),
    attributes: recordOf(span.attributes ?? []),
    isError: code === '2' || code === 'STATUS_CODE_ERROR',
  }
}

function recordOf(pairs: readonly Pair[]): Record<string, unknown> {
  return Object.fromEntries(
    pairs.map(({ key, value }) => {
      const [kind] = Object.keys(value).filter((name) => name.endsWith('Value'))
      const held = value[kind ?? '']
      return [key, kind === 'intValue' ? Number(String(held)) : held]
    }),
  )
}

function hexOf(id: unknown): string | undefined {
  if (id === undefined || id === null) return undefined
  const bytes = typeof id === 'string' ? Buffer.from(id, 'base64') : Buffer.from(id as Uint8Array)
  return bytes.byteLength === 0 ? undefined : bytes.toString('hex')
}
