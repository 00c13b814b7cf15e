// What a value takes in memory, estimated: V8 does not tell. Rather too much than too little, since
// the bound of the memory tier is held by it; a test measures it.

const OBJECT_BYTES = 24
const FIELD_BYTES = 8
const TEXT_BYTES = 24
const NUMBER_BYTES = 16
/** The view, its buffer's wrapper on the heap, and what the allocator and V8 keep outside of it. */
const BUFFER_BYTES = 640

export function memoryBytesOf(value: unknown): number {
  if (typeof value === 'string') return TEXT_BYTES + value.length
  if (typeof value === 'number') return NUMBER_BYTES
  if (typeof value !== 'object' || value === null) return 0
  if (ArrayBuffer.isView(value)) return BUFFER_BYTES + value.byteLength
  let bytes = OBJECT_BYTES
  for (const child of Array.isArray(value) ? value : Object.values(value)) {
    bytes += FIELD_BYTES + memoryBytesOf(child)
  }
  return bytes
}
