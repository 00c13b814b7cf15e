// Slow and silent peers. A transfer may take as long as it likes while it moves; a peer that takes
// nothing for the stall timeout, while bytes wait for it, is cut off.

import type { ServerResponse } from 'node:http'
import type { Http2Session, ServerHttp2Stream } from 'node:http2'

const HTTP2_CANCEL = 8

/**
 * Called when nothing has moved on the connection of an answer: Node restarts a socket's timer
 * whenever bytes move either way and also while its write queue shrinks. Without bytes waiting it
 * is the origin we wait for, and not the peer.
 */
export function cutIfStalled(response: ServerResponse): void {
  if (response.writableLength > 0) response.destroy()
}

/** HTTP/2: streams stall each for itself, and a session without streams is idle. */
export function timeHttp2Session(
  session: Http2Session,
  limits: { readonly stallTimeoutMs: number; readonly keepAliveTimeoutMs: number },
): void {
  let openStreams = 0
  session.on('stream', (stream: ServerHttp2Stream) => {
    openStreams += 1
    stream.on('close', () => (openStreams -= 1))
    stream.setTimeout(limits.stallTimeoutMs, () => {
      if (stream.writableLength > 0) stream.close(HTTP2_CANCEL)
    })
  })
  // Node's own listener would end the session with its streams.
  session.removeAllListeners('timeout')
  session.setTimeout(limits.keepAliveTimeoutMs, () => {
    if (openStreams === 0) session.close()
  })
}
