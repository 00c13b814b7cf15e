// docker-compose.yml: what it starts is pinned and shut in, waits for what it needs, and gives Sluice a
// configuration and an environment with which it serves.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { CORE_SCHEMA, load, mergeTag } from 'js-yaml'

import { openS3Server } from '../../dev/s3-server.ts'
import { request } from '../support/http.ts'
import { openOpa } from '../support/opa.ts'
import { partMissing } from '../support/parts.ts'
import { openRedis } from '../support/redis.ts'
import { openSluice, runSluice } from '../support/sluice.ts'

interface Service {
  readonly image: string
  readonly read_only: boolean
  readonly cap_drop: readonly string[]
  readonly security_opt: readonly string[]
  readonly restart: string
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly networks: readonly string[]
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly environment?: Readonly<Record<string, string>>
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly stop_grace_period?: string
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, null>>
  readonly networks: Readonly<Record<string, unknown>>
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CONFIG = join(ROOT, 'deploy/compose/sluice.yaml')
const text = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8')
// The project's own file. Anchors are merged, as Compose does it.
const compose = load(text, { schema: CORE_SCHEMA.withTags(mergeTag) }) as Compose
const services = Object.entries(compose.services)
const sluice = compose.services['sluice']

const folder = mkdtempSync(join(tmpdir(), 'sluice-compose-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** As `docker compose` has it: what .env says, put where it is asked for. */
function environmentOf(secrets: ReadonlyMap<string, string>): Record<string, string> {
  const filled = Object.entries(sluice?.environment ?? {}).map(([name, value]) => {
    const asked = /^\$\{(\w+):\?.*\}$/.exec(value)?.[1]
    return [name, asked === undefined ? value : (secrets.get(asked) ?? '')] as const
  })
  return Object.fromEntries(filled)
}

function makeSecrets(): Map<string, string> {
  cpSync(join(ROOT, 'deploy'), join(folder, 'deploy'), { recursive: true })
  const { status, stderr } = spawnSync('sh', [join(folder, 'deploy/compose/secrets.sh')], {
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  const lines = readFileSync(join(folder, '.env'), 'utf8').trim().split('\n')
  return new Map(lines.map((line) => [line.split('=')[0] ?? '', line.split('=')[1] ?? '']))
}

test('everything is pinned, and may do nothing it need not', () => {
  for (const [name, service] of services) {
    assert.match(service.image, /:(?:v?\d+\.\d+\.\d+|RELEASE\.\d{4})/, name)
    assert.equal(service.read_only, true, name)
    assert.deepEqual(service.cap_drop, ['ALL'], name)
    assert.ok(service.security_opt.includes('no-new-privileges:true'), name)
  }
})

test('only the port for clients is published beyond loopback', () => {
  const published = services.flatMap(([, { ports = [] }]) => ports)
  assert.deepEqual(
    published.filter((port) => !port.startsWith('127.0.0.1:')),
    ['8080:8080'],
  )
  assert.ok(published.includes('127.0.0.1:9090:9090'))
})

test('everything that runs says whether it is well, and is waited for by those who need it', () => {
  for (const [name, { healthcheck, restart, depends_on: needs = {} }] of services) {
    const isJob = restart.startsWith('on-failure')
    // That of Sluice is in its image.
    assert.equal(healthcheck !== undefined, !isJob && name !== 'sluice', name)
    for (const [other, { condition }] of Object.entries(needs)) {
      const waited = compose.services[other]?.restart.startsWith('on-failure') ?? false
      assert.equal(condition, waited ? 'service_completed_successfully' : 'service_healthy', other)
    }
  }
  assert.match(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'), /^HEALTHCHECK /m)
})

test('what is mounted is there', () => {
  for (const [name, { volumes = [], networks }] of services) {
    for (const volume of volumes) {
      const [source = ''] = volume.split(':')
      const isThere = source.startsWith('.')
        ? existsSync(join(ROOT, source))
        : source in compose.volumes
      assert.ok(isThere, `${name}: ${volume}`)
      assert.ok(!source.startsWith('.') || volume.endsWith(':ro'), `${name}: ${volume}`)
    }
    for (const network of networks) assert.ok(network in compose.networks, `${name}: ${network}`)
  }
})

test('there is no secret in the project, and those that are made are made once', () => {
  const asked = [...text.matchAll(/\$\{(\w+):\?/g)].map(([, name = '']) => name)
  const made = makeSecrets()
  assert.deepEqual(new Set(asked), new Set(made.keys()))
  assert.deepEqual(makeSecrets(), made)
  assert.equal(new Set(made.values()).size, made.size)
  for (const value of made.values()) assert.match(value, /^[0-9a-f]{48}$/)
  const named = /(?:PASSWORD|SECRET\w*|TOKEN): (?!\$\{)/
  for (const file of ['docker-compose.yml', ...globSync('deploy/compose/*.yaml', { cwd: ROOT })]) {
    assert.doesNotMatch(readFileSync(join(ROOT, file), 'utf8'), named, file)
  }
})

test('Sluice takes its configuration with the environment it is given', async () => {
  const env = environmentOf(makeSecrets())
  const { code, stdout } = await runSluice(['check', '--config', CONFIG], { env })
  assert.equal(code, 0, stdout)
  assert.equal(stdout.trim().split('\n').length, 1, stdout)
  const { stdout: effective } = await runSluice(['config', '--config', CONFIG], { env })
  const { server } = load(effective) as { server: { shutdown: Record<string, string> } }
  const { drain = '', lame_duck: lameDuck = '' } = server.shutdown
  const needed = Number.parseInt(drain, 10) + Number.parseInt(lameDuck, 10)
  assert.ok(Number.parseInt(sluice?.stop_grace_period ?? '', 10) > needed)
})

test(
  'with a Redis and an OPA it serves what it should',
  { skip: partMissing('redis-server') },
  async () => {
    const secrets = makeSecrets()
    const env = environmentOf(secrets)
    await using redis = await openRedis({ password: secrets.get('REDIS_PASSWORD') ?? '' })
    await using opa = await openOpa()
    const keys = {
      accessKeyId: env['S3_ACCESS_KEY'] ?? '',
      secretAccessKey: env['S3_SECRET_KEY'] ?? '',
    }
    const s3 = await openS3Server({ root: join(ROOT, 'dev'), credentials: [keys] })
    try {
      s3.putObject('documents', 'finance/budget.txt', 'for finance')
      const config = readFileSync(CONFIG, 'utf8')
        .replaceAll(/0\.0\.0\.0:\d+/g, '127.0.0.1:0')
        .replace('/var/cache/sluice', join(folder, 'cache'))
      const places = { S3_ENDPOINT: s3.endpoint, REDIS_URL: redis.url, OPA_URL: opa.url }
      await using front = await openSluice(config, { env: { ...env, ...places } })
      assert.equal((await request(`${front.url}/samples/`)).status, 200)
      const document = `${front.url}/documents/finance/budget.txt`
      assert.equal((await request(document)).status, 401)
      const withClaim = async (claim: string): Promise<number> => {
        const args = ['token', '--secret', env['JWT_SECRET'] ?? '', '--claim', claim]
        const { stdout } = await runSluice(args)
        const headers = { authorization: `Bearer ${stdout.trim()}` }
        return (await request(document, { headers })).status
      }
      assert.equal(await withClaim('department=finance'), 200)
      assert.equal(await withClaim('department=sales'), 403)
    } finally {
      await s3.close()
    }
  },
)
