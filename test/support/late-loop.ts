// Loaded before a program: makes its event loop late from one SIGUSR2 to the next, as work would.

/** Each turn of the loop takes at least so long. */
const TURN_MS = 400

const never = new Int32Array(new SharedArrayBuffer(4))
let isLate = false

function turn(): void {
  if (!isLate) return
  Atomics.wait(never, 0, 0, TURN_MS)
  setTimeout(turn, 0)
}

process.on('SIGUSR2', () => {
  isLate = !isLate
  turn()
})
