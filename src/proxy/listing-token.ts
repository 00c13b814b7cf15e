// Where a page of a listing ended, as the client hands it back for the next one. It holds the last name
// that was told and nothing else: any thread, any node and any replica can go on from it, now or after a
// restart; and one that a client has made up says no more than `start-after` does, which is anybody's to say.

import { Refusal } from '../exchange/refusal.ts'

/** Told apart from what a later version may write. */
const VERSION = '1.'
const MOST_BYTES = 1536

export function writePageToken(after: string): string {
  return VERSION + Buffer.from(after).toString('base64url')
}

export function readPageToken(token: string): string {
  const bytes = Buffer.from(token.slice(VERSION.length), 'base64url')
  const after = bytes.toString()
  // Written in one way only, so that one place has one token.
  const isOurs = token.startsWith(VERSION) && writePageToken(after) === token
  if (!isOurs || after === '' || bytes.length > MOST_BYTES || after.includes('\0')) {
    throw new Refusal('invalid_request', { message: 'The continuation-token is none of ours.' })
  }
  return after
}
