/** What the benchmark is at: written over itself for someone who watches, else line by line. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}\r`)
  else if (text !== '') process.stderr.write(`${text}\n`)
}
