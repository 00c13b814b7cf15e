// Which bytes a Range header asks for, as AWS reads it or, with its quirks, as Ceph does.

import type { Quirks } from './quirks.ts'

export type Selection =
  /** `isLabelled`: Ceph puts a Content-Range on the 200 for a unit it does not know. */
  | { readonly kind: 'whole'; readonly isLabelled: boolean }
  | { readonly kind: 'part'; readonly first: number; readonly last: number }
  | { readonly kind: 'unsatisfiable' }

const whole: Selection = { kind: 'whole', isLabelled: false }
const unsatisfiable: Selection = { kind: 'unsatisfiable' }

export function selectRange(header: string | undefined, size: number, quirks: Quirks): Selection {
  if (header === undefined) return whole
  return quirks === 'ceph' ? cephRange(header, size) : awsRange(header, size)
}

function awsRange(header: string, size: number): Selection {
  const spec = /^bytes=(\d*)-(\d*)$/.exec(header.trim())
  if (spec === null || spec[0] === 'bytes=-') return whole
  const [, first = '', last = ''] = spec
  if (first === '') return suffix(Number(last), size)
  if (last !== '' && Number(last) < Number(first)) return whole
  return span(Number(first), last, size)
}

function cephRange(header: string, size: number): Selection {
  if (!header.startsWith('bytes=')) return { kind: 'whole', isLabelled: true }
  const [firstSpec = ''] = header.slice('bytes='.length).split(',')
  const spec = /^\s*(\d*)-(\d*)\s*$/.exec(firstSpec)
  if (spec === null || firstSpec.trim() === '-') return unsatisfiable
  const [, first = '', last = ''] = spec
  if (first === '') return Number(last) === 0 ? span(0, '', size) : suffix(Number(last), size)
  if (last !== '' && Number(last) < Number(first)) return unsatisfiable
  return span(Number(first), last, size)
}

function suffix(length: number, size: number): Selection {
  if (length === 0 || size === 0) return unsatisfiable
  return { kind: 'part', first: Math.max(0, size - length), last: size - 1 }
}

function span(first: number, last: string, size: number): Selection {
  if (first >= size) return unsatisfiable
  return { kind: 'part', first, last: last === '' ? size - 1 : Math.min(Number(last), size - 1) }
}
