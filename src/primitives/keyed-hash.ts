// HalfSipHash-1-3 of texts, 64 bits: who does not know the key cannot choose texts that collide. It
// works in place and leaves its result in two fields, since it is asked several times a request.

/** After a text, so that two texts are not taken for one; no length of a text has it. */
const END = 0x8000_0000

export class KeyedHash {
  low = 0
  high = 0
  #v0 = 0
  #v1 = 0
  #v2 = 0
  #v3 = 0

  begin(low: number, high: number): void {
    this.#v0 = low
    this.#v1 = high ^ 0xee
    this.#v2 = 0x6c796765 ^ low
    this.#v3 = 0x74656462 ^ high
  }

  add(text: string): void {
    const { length } = text
    for (let index = 0; index + 1 < length; index += 2) {
      this.addWord(text.charCodeAt(index) | (text.charCodeAt(index + 1) << 16))
    }
    if (length % 2 === 1) this.addWord(text.charCodeAt(length - 1))
    this.addWord(END | length)
  }

  addWord(word: number): void {
    this.#v3 ^= word
    this.#mix()
    this.#v0 ^= word
  }

  /** The result is in `low` and `high`. */
  end(): void {
    this.#v2 ^= 0xee
    for (let round = 0; round < 3; round += 1) this.#mix()
    this.low = this.#v1 ^ this.#v3
    this.#v1 ^= 0xdd
    for (let round = 0; round < 3; round += 1) this.#mix()
    this.high = this.#v1 ^ this.#v3
  }

  #mix(): void {
    let v0 = this.#v0
    let v1 = this.#v1
    let v2 = this.#v2
    let v3 = this.#v3
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    this.#v0 = v0
    this.#v1 = v1
    this.#v2 = v2
    this.#v3 = v3
  }
}
