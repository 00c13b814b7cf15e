// Asks for one page of a listing from whichever replica will answer. A page is taken whole or not
// at all: one that breaks off, or cannot be understood, is asked for again elsewhere.

import type { CancelSignal } from '../primitives/cancel.ts'
import type { StreamBody } from '../exchange/body.ts'
import { askAndRead } from './ask-and-read.ts'
import { OriginFailure } from './failure.ts'
import { readListPage } from './list-answer.ts'
import type { ListAnswer, ListQuestion } from './listing.ts'
import type { Leased, ReplicaSet } from './replica-set.ts'
import type { Trail } from './trail.ts'

export interface ListContext {
  readonly signal: CancelSignal | undefined
  readonly trail: Trail
}

/** A thousand keys of a kilobyte, each byte encoded as three, and room for what else is said. */
const PAGE_BYTES = 8 * 1024 * 1024

export function listPage(
  set: Pick<ReplicaSet, 'ask'>,
  listing: ListQuestion,
  context: ListContext,
): Promise<ListAnswer> {
  return askAndRead(set, {
    question: { method: 'GET', key: '', listing },
    context,
    read: (leased) => readPage(leased, listing, context.signal),
  })
}

async function readPage(
  { answer, lease }: Leased,
  listing: ListQuestion,
  signal: CancelSignal | undefined,
): Promise<ListAnswer> {
  if (answer.kind === 'forbidden') return { kind: 'forbidden' }
  // The question is wrong, and would be anywhere: nobody is to blame but who asks.
  if (answer.kind === 'invalid') return { kind: 'invalid' }
  if (answer.kind === 'not-found') {
    throw new OriginFailure('misconfigured', 'there is no bucket to list')
  }
  if (answer.kind !== 'object') {
    throw new OriginFailure('protocol', `a listing was answered '${answer.kind}'`)
  }
  const xml = await readWhole(answer.body, signal)
  const page = readListPage(xml, listing, lease.replica.config)
  lease.settle('success')
  return page
}

function readWhole(body: StreamBody, signal: CancelSignal | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    let size = 0
    const cut = (failure: OriginFailure): void => {
      signal?.offCancel(leave)
      reject(failure)
      // Not from within the source's own call, which may not have returned its flow yet.
      queueMicrotask(() => flow.stop())
    }
    const leave = (): void => cut(new OriginFailure('cancelled', 'the caller left'))
    const flow = body.start({
      write(chunk) {
        chunks.push(chunk)
        size += chunk.byteLength
        if (size > PAGE_BYTES) cut(new OriginFailure('protocol', 'a page of a listing is too long'))
        return size <= PAGE_BYTES
      },
      end: () => {
        signal?.offCancel(leave)
        const bytes = Buffer.concat(chunks)
        resolve(bytes.toString('utf8'))
      },
      fail: cut,
    })
    if (signal?.isCancelled === true) leave()
    else signal?.onCancel(leave)
  })
}
