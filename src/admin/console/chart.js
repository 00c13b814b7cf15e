// Lines and bars, drawn by hand. What they show stands beside them in words.

import { svg } from './dom.js'

const WIDTH = 240
const HEIGHT = 48
const EDGE = 2

/** A line that is drawn anew with each reading. */
export function sparkline() {
  const area = svg('path', { class: 'spark-area' })
  const line = svg('path', { class: 'spark-line' })
  const root = svg(
    'svg',
    {
      class: 'spark',
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: 'none',
      'aria-hidden': 'true',
      focusable: 'false',
    },
    area,
    line,
  )
  return {
    root,
    /** `top` is the value at the upper edge; without it the greatest. */
    draw(values, top = Math.max(...values.filter(Number.isFinite), 0)) {
      const points = pointsOf(values, top)
      const [first] = points
      const path = `M${points.map(({ x, y }) => `${x} ${y}`).join(' L')}`
      line.setAttribute('d', first === undefined ? '' : path)
      area.setAttribute('d', first === undefined ? '' : `${path} V${HEIGHT} H${first.x} Z`)
    },
  }
}

/** A gap in the values is bridged. */
function pointsOf(values, top) {
  const step = WIDTH / Math.max(1, values.length - 1)
  const scale = top > 0 ? (HEIGHT - 2 * EDGE) / top : 0
  return values.flatMap((value, index) =>
    Number.isFinite(value)
      ? [{ x: (index * step).toFixed(1), y: (HEIGHT - EDGE - value * scale).toFixed(1) }]
      : [],
  )
}

/** Shares of a whole in one bar: `{ share, mood }` each. */
export function stackedBar(parts) {
  let x = 0
  const pieces = parts.map(({ share, mood }) => {
    const width = Math.max(0, share) * 100
    const piece = svg('rect', {
      x: x.toFixed(2),
      y: 0,
      width: width.toFixed(2),
      height: 10,
      class: `fill-${mood}`,
    })
    x += width
    return piece
  })
  return svg(
    'svg',
    {
      class: 'stack',
      viewBox: '0 0 100 10',
      preserveAspectRatio: 'none',
      'aria-hidden': 'true',
      focusable: 'false',
    },
    svg('rect', { x: 0, y: 0, width: 100, height: 10, class: 'fill-none' }),
    ...pieces,
  )
}
