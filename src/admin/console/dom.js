// Elements, made without markup: a text is a text whatever stands in it.

/** The element of the page with this id. */
export function byId(id) {
  return document.getElementById(id)
}

/** Attributes by name; `on…` are listeners; undefined, null and false are left out. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  setAll(element, attributes)
  element.append(...present(children))
  return element
}

const SVG = 'http://www.w3.org/2000/svg'

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag)
  setAll(element, attributes)
  element.append(...present(children))
  return element
}

/** Puts these in the place of what was in it. */
export function fill(element, ...children) {
  element.replaceChildren(...present(children))
}

/** Rows are lists of cells; the first cell of each names its row. */
export function table(caption, columns, rows, whenEmpty) {
  if (rows.length === 0) return el('p', { class: 'empty' }, whenEmpty)
  const head = columns.map(({ name, number }) =>
    el('th', { scope: 'col', class: number ? 'number' : undefined }, name),
  )
  const body = rows.map((cells) =>
    el(
      'tr',
      {},
      ...cells.map((cell, index) => {
        const kind = columns[index]?.number ? 'number' : columns[index]?.kind
        return index === 0
          ? el('th', { scope: 'row', class: kind }, cell)
          : el('td', { class: kind }, cell)
      }),
    ),
  )
  return el(
    'table',
    {},
    el('caption', { class: 'unseen' }, caption),
    el('thead', {}, el('tr', {}, ...head)),
    el('tbody', {}, ...body),
  )
}

/** A word with a colour; the word alone says it, too. */
export function tag(text, mood = '') {
  return el('span', { class: `tag ${mood}` }, text)
}

function setAll(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else element.setAttribute(name, value === true ? '' : String(value))
  }
}

function present(children) {
  return children.flat().filter((child) => child !== undefined && child !== null && child !== false)
}
