// The audit log by syslog: to a real receiver, and to those that are away, that hang, or that are not
// who they should be.

import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { hostname } from 'node:os'
import { test } from 'node:test'

import { createAuditFolder } from '../support/audit.ts'
import { createCertificate } from '../support/certificates.ts'
import { openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import { scrape, untilMetrics } from '../support/metrics.ts'
import { partMissing } from '../support/parts.ts'
import { openRsyslog } from '../support/rsyslog.ts'
import { openReceiver } from '../support/syslog-receiver.ts'
import type { SyslogReceiver } from '../support/syslog-receiver.ts'
import { until } from '../support/until.ts'

type Audited = { readonly audit_log: object }

function auditBy(port: number, syslog: object, more: object = {}): Audited {
  const address = `127.0.0.1:${port}`
  const outputs = ['syslog', ...Object.keys(more)]
  return { audit_log: { enabled: true, outputs, syslog: { address, ...syslog }, ...more } }
}

async function ask(front: Front, count: number, path = '/files/none'): Promise<void> {
  for (let done = 0; done < count; done += 1) await request(`${front.url}${path}`)
}

async function end(front: Front): Promise<void> {
  front.sluice.kill('SIGTERM')
  assert.equal((await front.sluice.exited).code, 0)
}

const text = (message: string): Record<string, unknown> =>
  JSON.parse(message.slice(message.indexOf('{')))

for (const protocol of ['udp', 'tcp'] as const) {
  test(
    `rsyslog receives every record over ${protocol}, in order, from whatever thread`,
    { skip: partMissing('rsyslogd') },
    async () => {
      await using rsyslog = await openRsyslog()
      const settings = auditBy(rsyslog.port, { protocol, facility: 'local3' })
      await using front = await openFront({ ...settings, server: { threads: 2 } })
      front.put('a.txt', 'hello')
      await ask(front, 100)
      await ask(front, 1, '/files/a.txt')
      await end(front)
      const messages = await until(
        'all messages',
        async () => rsyslog.messages(),
        ({ length }) => length >= 103,
      )
      const records = messages.map((message) => JSON.parse(message.text))
      assert.deepEqual(
        records.map(({ seq }) => seq),
        Array.from({ length: 103 }, (_, index) => index + 1),
      )
      assert.deepEqual([messages[0]?.kind, messages.at(-1)?.kind], ['start', 'end'])
      for (const [index, message] of messages.entries()) {
        const { status, time, kind } = records[index]
        const severity = status === 200 ? 'info' : status === 404 ? 'warning' : 'notice'
        const { pid } = front.sluice
        assert.deepEqual(message, {
          ...message,
          facility: 'local3',
          severity,
          hostname: hostname(),
          appName: 'sluice',
          pid: String(pid),
          kind,
        })
        assert.equal(Date.parse(message.time), Date.parse(time))
      }
    },
  )
}

test(
  'a receiver that was away gets what waited for it',
  { skip: partMissing('rsyslogd') },
  async () => {
    await using rsyslog = await openRsyslog()
    await using front = await openFront(auditBy(rsyslog.port, { protocol: 'tcp' }))
    await ask(front, 5)
    await until(
      'the first messages',
      async () => rsyslog.messages().length,
      (length) => length === 6,
    )
    await rsyslog.kill()
    // Those that the kernel had taken for a receiver that was gone are lost with it.
    await until(
      'trouble',
      async () => {
        await ask(front, 1)
        return front.sluice.logLines()
      },
      (lines) => lines.some((line) => line['event'] === 'audit' && line['state'] === 'failing'),
    )
    await ask(front, 20, '/files/later')
    await rsyslog.start()
    await end(front)
    const later = (): number =>
      rsyslog.messages().filter((message) => message.text.includes('/files/later')).length
    await until(
      'what waited',
      async () => later(),
      (count) => count >= 20,
    )
  },
)

test('a message is of RFC 5424, as configured', async () => {
  await using receiver = await openReceiver()
  const named = { protocol: 'tcp', facility: 'authpriv', hostname: 'edge-7', app_name: 'cdn' }
  await using front = await openFront(auditBy(receiver.port, named))
  front.put('a.txt', 'hello')
  await ask(front, 1, '/files/a.txt')
  await ask(front, 1, '/nowhere')
  await front.s3.close()
  await ask(front, 1, '/files/b.txt')
  await end(front)
  const heads = receiver.messages().map((message) => message.slice(0, message.indexOf('{')))
  const [pid, time] = [front.sluice.pid, String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`]
  const wanted = [
    ['85', 'start'],
    ['86', 'request'],
    ['84', 'request'],
    ['83', 'request'],
    ['85', 'end'],
  ]
  assert.equal(heads.length, wanted.length)
  for (const [index, [priority, kind]] of wanted.entries()) {
    const head = new RegExp(`^<${priority}>1 ${time} edge-7 cdn ${pid} ${kind} - $`)
    assert.match(heads[index] ?? '', head)
  }
})

test('a record that is longer than a message may be is shortened, and says so', async () => {
  using audit = createAuditFolder()
  const socket = createSocket('udp4')
  const come: Buffer[] = []
  socket.on('message', (message) => come.push(message))
  await once(socket.bind(0, '127.0.0.1'), 'listening')
  try {
    const { port } = socket.address()
    const file = { file: { path: audit.path } }
    const settings = auditBy(port, { max_message_size: '1KiB' }, file)
    await using front = await openFront(settings)
    await ask(front, 1, `/files/${'%22'.repeat(1000)}`)
    await end(front)
    await until(
      'three datagrams',
      async () => come.length,
      (count) => count === 3,
    )
    const message = come[1] ?? Buffer.alloc(0)
    assert.ok(message.byteLength <= 1024)
    const sent = text(String(message))
    const whole = audit.records()[1] ?? {}
    assert.deepEqual([sent['cut'], whole['cut']], [true, undefined])
    for (const name of ['seq', 'previous', 'hash', 'time', 'request_id', 'decision', 'status']) {
      assert.equal(sent[name], whole[name], name)
    }
    assert.equal(text(String(come[0]))['cut'], undefined)
  } finally {
    socket.close()
  }
})

test('that nobody listens over UDP is told, once and not at every record', async () => {
  const socket = createSocket('udp4')
  await once(socket.bind(0, '127.0.0.1'), 'listening')
  const { port } = socket.address()
  await new Promise<void>((resolve) => socket.close(resolve))
  await using front = await openFront(auditBy(port, {}))
  await until(
    'a failure',
    async () => {
      await ask(front, 1)
      return scrape(front.opsUrl)
    },
    (metrics) => metrics.sum('sluice_audit_records_total', { outcome: 'failed' }) >= 3,
  )
  const told = front.sluice.logLines().filter((line) => line['state'] === 'failing')
  assert.equal(told.length, 1)
  assert.match(String(told[0]?.['reason']), /ECONNREFUSED/)
})

test('a receiver that hangs delays no request and no end; what is lost is counted and told', async () => {
  await using receiver = await openReceiver({ isDeaf: true })
  const settings = auditBy(receiver.port, { protocol: 'tcp', buffer_size: '64KiB' })
  await using front = await openFront(settings)
  const long = `/files/${'x'.repeat(1100)}`
  const lost = async (): Promise<number> => {
    await Promise.all(Array.from({ length: 50 }, () => request(front.url + long)))
    const metrics = await scrape(front.opsUrl)
    return metrics.sum('sluice_audit_records_total', { sink: 'syslog', outcome: 'dropped' })
  }
  // The kernels on both sides take some megabytes first.
  await until('records that are lost', lost, (count) => count > 0, 45_000)
  const told = await front.sluice.logLine(
    (line) => line['event'] === 'audit' && line['state'] === 'losing',
  )
  assert.equal(told['sink'], 'syslog')
  const { status } = await request(`${front.url}/health`)
  assert.equal(status, 200)
  await end(front)
})

const TLS = { protocol: 'tls' }

async function connectionsUntilTrouble(front: Front, receiver: SyslogReceiver): Promise<string> {
  const line = await front.sluice.logLine((found) => found['event'] === 'audit')
  assert.deepEqual([line['state'], receiver.messages()], ['failing', []])
  return String(line['reason'])
}

test('over TLS records go to whom the certificate names', async () => {
  using certificate = createCertificate('logs.example')
  await using receiver = await openReceiver({ certificate })
  const tls = { ca_path: certificate.certPath, server_name: 'logs.example' }
  await using front = await openFront(auditBy(receiver.port, { ...TLS, tls }))
  await ask(front, 3)
  await end(front)
  assert.deepEqual(
    receiver.messages().map((message) => text(message)['seq']),
    [1, 2, 3, 4, 5],
  )
  assert.equal(receiver.rest(), '')
})

test('over TLS nothing goes to whom nobody vouches for', async () => {
  using certificate = createCertificate('logs.example')
  await using receiver = await openReceiver({ certificate })
  const tls = { server_name: 'logs.example' }
  await using front = await openFront(auditBy(receiver.port, { ...TLS, tls }))
  assert.match(await connectionsUntilTrouble(front, receiver), /self.signed/)
})

test('over TLS nothing goes to whom the certificate does not name', async () => {
  using certificate = createCertificate('logs.example')
  await using receiver = await openReceiver({ certificate })
  const tls = { ca_path: certificate.certPath }
  await using front = await openFront(auditBy(receiver.port, { ...TLS, tls }))
  assert.match(await connectionsUntilTrouble(front, receiver), /127\.0\.0\.1/)
})

test('over TLS a client certificate is shown', async () => {
  using certificate = createCertificate('logs.example')
  using client = createCertificate('sluice')
  await using receiver = await openReceiver({ certificate, clients: client })
  const server = { ca_path: certificate.certPath, server_name: 'logs.example' }
  const own = { cert_path: client.certPath, key_path: client.keyPath }
  await using front = await openFront(
    auditBy(receiver.port, { ...TLS, tls: { ...server, ...own } }),
  )
  await end(front)
  assert.equal(receiver.messages().length, 2)
  await using other = await openFront(auditBy(receiver.port, { ...TLS, tls: server }))
  await untilMetrics(
    other.opsUrl,
    'a failure',
    (metrics) => metrics.sum('sluice_audit_records_total', { outcome: 'failed' }) > 0,
  )
  assert.equal(receiver.messages().length, 2)
})
