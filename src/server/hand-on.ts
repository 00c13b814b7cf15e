// A connection of which somebody has read the beginning goes on to whoever speaks next.

import type { Socket } from 'node:net'

/** `rest` is what was read and was not for the reader. */
export function handOn(socket: Socket, rest: Uint8Array, welcome: () => void): void {
  // Held until whoever speaks next listens.
  socket.pause()
  if (rest.byteLength > 0) socket.unshift(rest)
  welcome()
  // TLS fetches what is held itself; to whoever else listens it flows.
  if (socket.listenerCount('data') > 0) socket.resume()
}
