// How plain connections are read: all of them into one room, which the next read overwrites. As a stream
// a connection makes an object of each read, hands it through its buffer and looks a tick later whether
// more is wanted, which is a tenth of what a hit in memory costs. Node spares those who connect all that
// (`onread`), and those who listen not: here it is made to do for these what it does for those. In a
// release that does it in another way connections are read as streams.

import type { Socket } from 'node:net'

type Callback = (bytes: number) => boolean

/** What of Node's own a socket has in it. */
interface Inside {
  readonly _handle?: { readonly useUserBuffer?: (room: Uint8Array) => void } | null
  [name: symbol]: unknown
}

const ROOM = Buffer.allocUnsafeSlow(64 * 1024)

/** So many bytes have come, at the beginning of a room; they are gone after the call. */
export type Take = (room: Buffer, bytes: number) => void

/** Gives what makes a stream of the connection again; undefined where it is and stays one. */
export function readBare(socket: Socket, take: Take): (() => void) | undefined {
  // Something has come already, and waits in the stream.
  if (socket.readableLength > 0) return undefined
  // The cast: looked at before it is used.
  const inside = socket as unknown as Inside
  const roomName = nameOf(inside, 'kBuffer')
  const callbackName = nameOf(inside, 'kBufferCb')
  const { _handle: handle } = inside
  if (roomName === undefined || callbackName === undefined) return undefined
  if (handle?.useUserBuffer === undefined) return undefined
  const giving: Callback = (bytes) => {
    take(ROOM, bytes)
    return true
  }
  const pushing: Callback = (bytes) => socket.push(Buffer.from(ROOM.subarray(0, bytes)))
  handle.useUserBuffer(ROOM)
  inside[roomName] = ROOM
  inside[callbackName] = giving
  return () => {
    inside[callbackName] = pushing
  }
}

const names = new Map<string, symbol>()

function nameOf(inside: Inside, name: string): symbol | undefined {
  const known = names.get(name)
  if (known !== undefined) return known
  const found = Object.getOwnPropertySymbols(inside).find(({ description }) => description === name)
  if (found !== undefined) names.set(name, found)
  return found
}
