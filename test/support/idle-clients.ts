// Many clients that have asked for something and keep their connection for the next time: a program of
// its own, so that what it takes is not the memory of the test. It says on its output how many there
// are, and tells of each that is closed; it stays until it is ended.
//
// Arguments: port, how many, path, and the kind of connection: http, tls or h2.

import { connect as connectHttp2 } from 'node:http2'
import net from 'node:net'
import tls from 'node:tls'

const OPENED_AT_ONCE = 50
/** Where what comes lands, whoever it is for. */
const LANDING = Buffer.alloc(64 * 1024)

const [port = 0, count = 0] = process.argv.slice(2).map(Number)
const [, , , , path = '/', kind = 'http'] = process.argv
const question = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`

function onClose(): void {
  console.log('closed')
}

/** Settles when the first bytes of an answer have come. */
function openPlain(): Promise<void> {
  return new Promise((resolve, reject) => {
    const onread = { buffer: LANDING, callback: () => (resolve(), true) }
    const socket = net.connect({ port, host: '127.0.0.1', onread })
    socket.on('error', reject).on('close', onClose).write(question)
  })
}

function openTls(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
    socket.on('error', reject).on('close', onClose).write(question)
    socket.on('data', () => resolve())
  })
}

function openHttp2(): Promise<void> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false })
    session.on('error', reject).on('close', onClose)
    const stream = session.request({ ':path': path })
    stream.on('error', reject).on('end', () => resolve())
    stream.resume().end()
  })
}

const open = { http: openPlain, tls: openTls, h2: openHttp2 }[kind] ?? openPlain
for (let opened = 0; opened < count; opened += OPENED_AT_ONCE) {
  const some = Math.min(OPENED_AT_ONCE, count - opened)
  await Promise.all(Array.from({ length: some }, open))
}
console.log(`open ${count}`)
setInterval(() => undefined, 60_000)
