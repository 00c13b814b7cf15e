// Header fields that leave together again and again: their text is written once.

export class FieldBlock {
  /** Flat name, value… */
  readonly fields: readonly string[]
  /** As HTTP/1 writes them, each with its line end. */
  readonly text: string
  readonly hasDate: boolean

  constructor(fields: readonly string[]) {
    let text = ''
    for (let index = 0; index < fields.length; index += 2) {
      text += `${fields[index]}: ${fields[index + 1]}\r\n`
    }
    this.fields = fields
    this.text = text
    this.hasDate = fields.includes('Date')
  }
}
