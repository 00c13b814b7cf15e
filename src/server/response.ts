// Node's response with a shorter way to write the head of a good answer. Node looks at every name
// and value again for what our own lists never hold (what comes from S3 and from an operator has been
// looked at where it came in), and that is a tenth of what a cache hit costs.

import { ServerResponse } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

import { flatFields } from '../exchange/answer-head.ts'
import type { AnswerHead } from '../exchange/answer-head.ts'
import { headText, keepAliveText } from './head-text.ts'

export class HeadedResponse<Request extends IncomingMessage> extends ServerResponse<Request> {
  /** The head as Node is going to send it, before the first bytes of the body. */
  declare _header: string | null
  declare _keepAliveTimeout: number
  declare _expect_continue?: boolean

  writeAnswerHead(answerHead: AnswerHead): void {
    const { status } = answerHead
    const head = this.#headOf(answerHead)
    if (head === undefined) {
      this.writeHead(status, flatFields(answerHead))
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
  #headOf(answerHead: AnswerHead): string | undefined {
    const { status } = answerHead
    if (status !== 200 && status !== 206 && status !== 503) return undefined
    if (!this.shouldKeepAlive || this._expect_continue === true) return undefined
    if (this._keepAliveTimeout === 0) return undefined
    const { text, hasLength, isLast } = headText(answerHead)
    if (isLast || !hasLength) return undefined
    return `${text}${keepAliveText(this._keepAliveTimeout)}\r\n`
  }
}
