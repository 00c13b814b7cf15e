// The object is no longer the one whose head was seen. Before a byte has left it is looked at
// afresh; afterwards the answer cannot be completed.

export class ObjectChanged extends Error {
  constructor() {
    super('the object changed while it was read')
    this.name = 'ObjectChanged'
  }
}
