// A client that asks for something big and reads none of it: it takes up a place for as long as a
// test wants.

import { connect } from './peer.ts'
import type { Peer, PeerOptions } from './peer.ts'

/** More than all the buffers between the origin and a client take. */
export const BIG_BYTES = 64 * 1024 * 1024

/** Resolves once the answer has begun. */
export async function occupy(port: number, path: string, options?: PeerOptions): Promise<Peer> {
  const peer = await connect(port, options)
  peer.send(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await peer.until(/^HTTP\/1.1 \d/)
  peer.socket.pause()
  return peer
}
