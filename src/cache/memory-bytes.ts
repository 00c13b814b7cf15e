// What a value takes in memory, estimated: V8 does not tell. Rather too much than too little, since
// the bound of the memory tier is held by it; a test measures it.

const OBJECT_BYTES = 24
const FIELD_BYTES = 8
const TEXT_BYTES = 24
const NUMBER_BYTES = 16

export function memoryBytesOf(value: unknown): number {
  if (typeof value === 'string') return TEXT_BYTES + value.length
  if (typeof value === 'number') return NUMBER_BYTES
  if (typeof value !== 'object' || value === null) return 0
  let bytes = OBJECT_BYTES
  for (const child of Array.isArray(value) ? value : Object.values(value)) {
    bytes += FIELD_BYTES + memoryBytesOf(child)
  }
  return bytes
}
