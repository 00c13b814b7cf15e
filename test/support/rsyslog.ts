// A throw-away rsyslogd that takes messages over UDP and TCP, and writes down what it understood of them.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { startChild } from './children.ts'
import type { Child } from './children.ts'
import { requirePart } from './parts.ts'
import { freePort } from './redis.ts'
import { until } from './until.ts'

export interface Rsyslog extends AsyncDisposable {
  /** Of both protocols. */
  readonly port: number
  /** All that has come, in the order in which it came. */
  messages(): SyslogMessage[]
  /** At once. */
  kill(): Promise<void>
  /** Again on the same port; what it had written stays. */
  start(): Promise<void>
}

export interface SyslogMessage {
  readonly facility: string
  readonly severity: string
  readonly time: string
  readonly hostname: string
  readonly appName: string
  readonly pid: string
  readonly kind: string
  readonly text: string
}

const FIELDS = [
  'syslogfacility-text',
  'syslogseverity-text',
  'timereported:::date-rfc3339',
  'hostname',
  'app-name',
  'procid',
  'msgid',
  'msg',
]

export async function openRsyslog(): Promise<Rsyslog> {
  const program = requirePart('rsyslogd')
  const folder = mkdtempSync(join(tmpdir(), 'sluice-rsyslog-'))
  const port = await freePort()
  const file = join(folder, 'messages')
  const configFile = join(folder, 'rsyslog.conf')
  writeFileSync(configFile, configOf(folder, port, file))
  let child: Child | undefined
  const start = async (): Promise<void> => {
    child = startChild(program, ['-n', '-f', configFile, '-i', join(folder, 'pid')])
    await until('rsyslogd listens', () => accepts(port), Boolean)
  }
  const kill = async (): Promise<void> => {
    child?.kill('SIGKILL')
    await child?.exited
    rmSync(join(folder, 'pid'), { force: true })
  }
  await start()
  return {
    port,
    messages: () => messagesIn(file),
    kill,
    start,
    [Symbol.asyncDispose]: async () => {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function configOf(folder: string, port: number, file: string): string {
  const template = FIELDS.map((field) => `%${field}%`).join('\\t')
  const place = `port="${port}" address="127.0.0.1"`
  return `global(workDirectory="${folder}")
module(load="imudp")
module(load="imtcp")
input(type="imudp" ${place})
input(type="imtcp" ${place})
template(name="told" type="string" string="${template}\\n")
action(type="omfile" file="${file}" template="told")
`
}

function messagesIn(file: string): SyslogMessage[] {
  let text = ''
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    // Nothing has come yet.
  }
  const lines = text.split('\n').slice(0, -1)
  return lines.flatMap((line) => {
    const [facility = '', severity = '', time = '', hostname = '', ...more] = line.split('\t')
    const [appName = '', pid = '', kind = '', said = ''] = more
    const isOwn = appName !== 'rsyslogd'
    return isOwn ? [{ facility, severity, time, hostname, appName, pid, kind, text: said }] : []
  })
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
