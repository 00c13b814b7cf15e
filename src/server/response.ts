// Node's response with a shorter way to write the head of a good answer. Node looks at every name
// and value again for what our own lists never hold (what comes from S3 and from an operator has been
// looked at where it came in), and that is a tenth of what a cache hit costs.

import { ServerResponse } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

import type { FieldBlock } from '../exchange/field-block.ts'
import { headText, keepAliveText } from './head-text.ts'

export class HeadedResponse<Request extends IncomingMessage> extends ServerResponse<Request> {
  /** The head as Node is going to send it, before the first bytes of the body. */
  declare _header: string | null
  declare _keepAliveTimeout: number
  declare _expect_continue?: boolean

  writeFields(status: number, fields: string[], block: FieldBlock | undefined): void {
    const head = this.#headOf(status, fields, block)
    if (head === undefined) {
      this.writeHead(status, block === undefined ? fields : [...block.fields, ...fields])
      return
    }
    this.statusCode = status
    this._header = head
  }

  /** One that still waits for its turn on the connection takes that with it then: Node forgets to. */
  override destroy(error?: Error): this {
    if (this.socket === null) this.once('socket', (socket: Socket) => socket.destroy())
    return super.destroy(error)
  }

  /** Undefined for all but an answer with a body of known length, after which more may be asked. */
  #headOf(
    status: number,
    fields: readonly string[],
    block: FieldBlock | undefined,
  ): string | undefined {
    if (status !== 200 && status !== 206 && status !== 503) return undefined
    if (!this.shouldKeepAlive || this._expect_continue === true) return undefined
    if (this._keepAliveTimeout === 0) return undefined
    const { text, hasLength, isLast } = headText(status, fields, block)
    if (isLast || !hasLength) return undefined
    return `${text}${keepAliveText(this._keepAliveTimeout)}\r\n`
  }
}
