// The Helm chart, rendered as it would be installed: what comes of it is what Kubernetes knows, and a
// configuration that Sluice takes.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { load, loadAll } from 'js-yaml'

import { checkCommand } from '../../src/config/commands.ts'
import { goIfThere, partIfThere } from '../support/parts.ts'
import { keyPair, pem } from '../support/tokens.ts'

type Labels = Readonly<Record<string, string>>

interface Named {
  readonly name: string
}

/** What the tests look at, of any kind of manifest; Kubernetes' own types are held against all of it. */
interface Manifest {
  readonly kind: string
  readonly metadata: Named & { readonly labels: Labels }
  readonly data: Labels
  readonly spec: Spec
}

interface Spec {
  readonly replicas?: number
  /** Flat in a Service. */
  readonly selector?: { readonly matchLabels?: Labels }
  readonly podSelector?: { readonly matchLabels: Labels }
  readonly ports?: readonly (Named & { readonly targetPort: string })[]
  readonly endpoints?: readonly { readonly port: string }[]
  readonly scaleTargetRef?: Named & { readonly kind: string }
  readonly volumeClaimTemplates?: readonly { readonly metadata: Named }[]
  readonly template: {
    readonly metadata: { readonly labels: Labels; readonly annotations?: Labels }
    readonly spec: PodSpec
  }
}

interface PodSpec {
  readonly terminationGracePeriodSeconds: number
  readonly automountServiceAccountToken: boolean
  readonly securityContext: { readonly runAsNonRoot: boolean }
  readonly volumes: readonly Named[]
  readonly containers: readonly [Container]
}

interface Container {
  readonly ports: readonly (Named & { readonly containerPort: number })[]
  readonly env?: readonly { readonly value?: string }[]
  readonly volumeMounts: readonly Named[]
  readonly resources: { readonly limits: { readonly memory: string } }
  readonly securityContext: object
  readonly startupProbe: Probe
  readonly readinessProbe: Probe
  readonly livenessProbe: Probe
}

interface Probe {
  readonly httpGet: { readonly port: string }
}

interface SluiceConfig {
  readonly server: {
    readonly address: string
    readonly shutdown: Labels
    readonly reload?: { readonly watch: boolean }
  }
  readonly admin: { readonly address: string }
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CHART = join(ROOT, 'deploy/helm/sluice')
const VALUES = globSync('ci/*.yaml', { cwd: CHART }).map((file) => basename(file, '.yaml'))
/** What the chart's page shows to begin with. */
const EXAMPLE = 'the example'
const SELECTING = ['Deployment', 'StatefulSet', 'Service', 'PodDisruptionBudget']
const SECRET = 'kX3v9Qw7Lr2Zt8Yp5Nc1Hb6Mf4Gd0Js7'
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

const folder = mkdtempSync(join(tmpdir(), 'sluice-chart-'))
after(() => rmSync(folder, { recursive: true, force: true }))

test('chart, package and image have one version, and the image the Node of the tests', () => {
  const { version, devDependencies } = JSON.parse(read('package.json')) as Package
  const chart = load(read('deploy/helm/sluice/Chart.yaml')) as Labels
  assert.deepEqual([chart['version'], chart['appVersion']], [version, version])
  const image = read('Dockerfile')
  assert.match(image, new RegExp(`^ARG VERSION=${version.replaceAll('.', '\\.')}$`, 'm'))
  assert.match(devDependencies['node'] ?? '', /^\^\d/)
  const bases = [...image.matchAll(/^FROM node:(\S+?)-/gm)].map(([, node = '']) => `v${node}`)
  assert.deepEqual(new Set(bases), new Set([process.version]))
})

interface Package {
  readonly version: string
  readonly devDependencies: Readonly<Record<string, string>>
}

const helm = partIfThere('helm')

function run(program: string, args: readonly string[], input = ''): { code: number; said: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: 'utf8' })
  return { code: status ?? -1, said: status === 0 ? stdout : stdout + stderr }
}

function fileOf(values: string): string {
  if (values !== EXAMPLE) return join(CHART, 'ci', `${values}.yaml`)
  const file = join(folder, 'example.yaml')
  const [, text = ''] = /^```yaml\n([^]*?)^```$/m.exec(read('deploy/helm/sluice/README.md')) ?? []
  writeFileSync(file, text)
  return file
}

function rendered(values: string, ...args: string[]): { code: number; said: string } {
  const file = fileOf(values)
  const how = ['--kube-version', '1.30.0', '--namespace', 'web', '--values', file, ...args]
  return run(helm ?? '', ['template', 'cdn', CHART, ...how])
}

function manifests(values: string, ...args: string[]): readonly Manifest[] {
  const { code, said } = rendered(values, ...args)
  assert.equal(code, 0, said)
  // The chart's own; a template that gives nothing leaves an empty document.
  return (loadAll(said) as (Manifest | null)[]).filter((manifest) => manifest !== null)
}

function oneOf(all: readonly Manifest[], ...kinds: string[]): Manifest {
  const found = all.find(({ kind }) => kinds.includes(kind))
  assert.ok(found, `no ${kinds.join()}`)
  return found
}

function workloadOf(all: readonly Manifest[]): Manifest {
  return oneOf(all, 'Deployment', 'StatefulSet')
}

// Only Helm itself renders a chart. Where there is none, the runner of the tests says so.
if (helm !== undefined) {
  for (const values of [...VALUES, EXAMPLE]) {
    test(`helm finds nothing to say against the values ${values}`, () => {
      const how = ['--strict', '--kube-version', '1.30.0', '--values', fileOf(values)]
      const { code, said } = run(helm, ['lint', CHART, ...how])
      assert.equal(code, 0, said)
    })

    test(`Sluice takes the configuration of the values ${values}`, () => {
      const all = manifests(values)
      const { kind, spec } = workloadOf(all)
      const text = configOf(all)
      const config = load(text) as SluiceConfig
      const issuer = join(folder, 'issuer.pem')
      writeFileSync(issuer, pem(keyPair('rsa')))
      const file = join(folder, `${values}.yaml`)
      writeFileSync(file, text.replace('/etc/sluice-keys/issuer.pem', issuer))
      const env = { S3_ACCESS_KEY: 'AKID', S3_SECRET_KEY: SECRET, ADMIN_TOKEN: `${SECRET}a` }
      const lines: string[] = []
      const variables = { ...env, REDIS_URL: 'redis://redis:6379' }
      assert.equal(
        checkCommand(file, variables, (line) => lines.push(line)),
        0,
        lines.join('\n'),
      )

      const [container] = spec.template.spec.containers
      const ports = container.ports.map(({ containerPort: port }) => `0.0.0.0:${port}`)
      assert.deepEqual(ports, [config.server.address, config.admin.address])
      const { drain = '', lame_duck: lameDuck = '' } = config.server.shutdown
      const needed = Number.parseInt(drain, 10) + Number.parseInt(lameDuck, 10)
      assert.ok(spec.template.spec.terminationGracePeriodSeconds > needed)
      assert.equal(kind, values === 'full' ? 'StatefulSet' : 'Deployment')
    })

    test(`what belongs together finds itself with the values ${values}`, () => {
      const all = manifests(values)
      const { spec } = workloadOf(all)
      const { labels } = spec.template.metadata
      const [container] = spec.template.spec.containers
      const ports = container.ports.map(({ name }) => name)
      const selectors = [
        ...all
          .filter(({ kind }) => SELECTING.includes(kind))
          .map((one) => one.spec.selector?.matchLabels ?? one.spec.selector),
        ...all.map((one) => one.spec?.podSelector?.matchLabels).filter((one) => one !== undefined),
      ]
      assert.ok(selectors.length >= 3)
      for (const selector of selectors) assert.deepEqual({ ...labels, ...selector }, labels)
      for (const service of all.filter(({ kind }) => kind === 'Service')) {
        for (const { targetPort } of service.spec.ports ?? []) assert.ok(ports.includes(targetPort))
      }
      for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'] as const) {
        assert.equal(container[probe].httpGet.port, 'operations')
      }
      const volumes = [
        ...spec.template.spec.volumes.map(({ name }) => name),
        ...(spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata.name),
      ]
      for (const { name } of container.volumeMounts) assert.ok(volumes.includes(name), name)
    })

    test(`pods may do nothing they need not, with the values ${values}`, () => {
      const { spec } = workloadOf(manifests(values)).spec.template
      const [container] = spec.containers
      assert.equal(spec.automountServiceAccountToken, false)
      assert.equal(spec.securityContext.runAsNonRoot, true)
      assert.deepEqual(container.securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      })
      assert.ok(container.resources.limits.memory)
      for (const { value } of container.env ?? []) assert.equal(value, undefined)
    })
  }

  test('the monitor finds the port of operations, and no other service', () => {
    const all = manifests('full')
    const { spec } = oneOf(all, 'ServiceMonitor')
    const wanted = spec.selector?.matchLabels ?? {}
    const services = all.filter(({ kind }) => kind === 'Service')
    const found = services.filter(({ metadata }) => matches(wanted, metadata.labels))
    assert.equal(found.length, 1)
    assert.deepEqual(
      found[0]?.spec.ports?.map(({ name }) => name),
      spec.endpoints?.map(({ port }) => port),
    )
    const { scaleTargetRef: scaled } = oneOf(all, 'HorizontalPodAutoscaler').spec
    const { kind, metadata, spec: workload } = workloadOf(all)
    assert.deepEqual([scaled?.kind, scaled?.name], [kind, metadata.name])
    assert.equal(workload.replicas, undefined)
  })

  test('pods are replaced when the configuration changes, and only then', () => {
    const sum = (...args: string[]): string => {
      const { annotations } = workloadOf(manifests('minimal', ...args)).spec.template.metadata
      return annotations?.['checksum/config'] ?? ''
    }
    assert.notEqual(sum(), '')
    assert.notEqual(sum(), sum('--set', 'config.cache.fill_memory=64MiB'))
    assert.notEqual(sum(), sum('--set', 'threads=3'))
    assert.equal(sum(), sum('--set', 'resources.limits.memory=2Gi'))
    assert.equal(watched('minimal'), undefined)

    // Else they watch it.
    assert.equal(workloadOf(manifests('bare')).spec.template.metadata.annotations, undefined)
    assert.equal(watched('bare'), true)
  })

  test('values that are mis-spelt or missing are refused', () => {
    const said = (...args: string[]): string => {
      const { code, said } = rendered('minimal', ...args)
      assert.notEqual(code, 0, args.join(' '))
      return said
    }
    assert.match(said('--set', 'replicas=3'), /replicas/)
    assert.match(said('--set', 'shutdown.drainSecond=3'), /drainSecond/)
    assert.match(said('--set', 'threads=auto'), /threads/)
    assert.match(said('--set', 'config.buckets=null'), /buckets/)
  })

  const go = goIfThere()
  if (go !== undefined) {
    test('Kubernetes knows every field of every manifest', { timeout: 300_000 }, () => {
      const program = join(folder, 'strict')
      const built = spawnSync(go, ['build', '-o', program, '.'], {
        cwd: join(import.meta.dirname, 'kubernetes'),
        encoding: 'utf8',
      })
      assert.equal(built.status, 0, built.stderr)
      for (const values of VALUES) {
        assert.deepEqual(run(program, [], rendered(values).said), { code: 0, said: '' })
      }
      const wrong = rendered('minimal').said.replace('maxSurge', 'maxSruge')
      assert.match(run(program, [], wrong).said, /unknown field "spec.*maxSruge|"maxSruge"/)
    })
  }
}

function configOf(all: readonly Manifest[]): string {
  return oneOf(all, 'ConfigMap').data['config.yaml'] ?? ''
}

function watched(values: string): boolean | undefined {
  return (load(configOf(manifests(values))) as SluiceConfig).server.reload?.watch
}

function matches(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value)
}
