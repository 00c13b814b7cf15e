import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import * as rules from './support/architecture.ts'

type Rule = (sources: rules.Sources) => string[]

const root = new URL('..', import.meta.url)
const project: rules.Sources = new Map(
  globSync('{src,dev,test,bench}/**/*.ts', { cwd: root })
    .toSorted()
    .map((path) => [path, readFileSync(new URL(path, root), 'utf8')]),
)

/** A sentence, its rule, sources that break it with what is said of them, sources that keep it. */
interface Case {
  readonly rule: Rule
  readonly breaks: Readonly<Record<string, string>>
  readonly offences: readonly string[]
  readonly keeps: Readonly<Record<string, string>>
}

const cases: Readonly<Record<string, Case>> = {
  'imports point only downward, and siblings never import each other': {
    rule: rules.importsThatClimb,
    breaks: {
      'src/http/date.ts': "import type { Proxy } from '../proxy/proxy.ts'",
      'src/cache/cache.ts': "import {\n  fetch,\n} from '../origin/origin.ts'",
      'src/config/env.ts': "const late = () => import('../exchange/reply.ts')",
      'src/extra/extra.ts': "export * from '../http/date.ts'",
      'src/proxy/proxy.ts': "import '../extra/extra.ts'",
    },
    offences: [
      'src/http/date.ts (level 1) imports src/proxy/proxy.ts (level 4)',
      'src/cache/cache.ts (level 3) imports src/origin/origin.ts (level 3)',
      'src/config/env.ts (level 2) imports src/exchange/reply.ts (level 2)',
      'src/extra/extra.ts is in no level: give extra one',
      'src/proxy/proxy.ts (level 4) imports src/extra/extra.ts (level unknown)',
    ],
    keeps: {
      'src/cache/cache.ts': "import { a } from './slices.ts'\nimport { b } from '../http/date.ts'",
      'src/main.ts': "// import { x } from '../dev/x.ts'\nimport { s } from './server/server.ts'",
    },
  },
  'a folder is entered by the file with its name': {
    rule: rules.importsPastTheFrontDoor,
    breaks: { 'src/proxy/proxy.ts': "import { sign } from '../origin/sign.ts'" },
    offences: ['src/proxy/proxy.ts imports src/origin/sign.ts, not src/origin/origin.ts'],
    keeps: {
      'src/proxy/proxy.ts':
        "import { o } from '../origin/origin.ts'\nimport { send } from './send.ts'",
      'src/origin/sign.ts': "import { formatDate } from '../http/date.ts'",
    },
  },
  'a third-party package is imported by one file': {
    rule: rules.packagesWithSeveralImporters,
    breaks: {
      'src/config/config.ts': "import { z } from 'zod'",
      'src/config/env.ts': "import type { ZodType } from 'zod'",
      'src/origin/a.ts': "import { A } from '@scope/name/deep'",
      'src/origin/b.ts': "import { B } from '@scope/name'",
    },
    offences: [
      'zod is imported by src/config/config.ts and src/config/env.ts',
      '@scope/name is imported by src/origin/a.ts and src/origin/b.ts',
    ],
    keeps: {
      'src/config/config.ts': "import { z } from 'zod'\nimport fs from 'node:fs'",
      'src/config/config.test.ts': "import { z } from 'zod'",
      'src/config/env.ts': "import fs from 'node:fs'\nimport { a } from '@other/name'",
    },
  },
  'only primitives/clock.ts reads the clock': {
    rule: rules.clockReaders,
    breaks: {
      'src/http/date.ts': 'const a = Date.now()\nconst b = new Date()\nconst c = `${Date.now()}`',
      'src/cache/head.ts': 'const a = performance.now()\nprocess.hrtime.bigint()\nnew Date',
    },
    offences: [
      'src/http/date.ts: Date.now',
      'src/http/date.ts: new Date()',
      'src/http/date.ts: Date.now',
      'src/cache/head.ts: performance.now',
      'src/cache/head.ts: hrtime',
      'src/cache/head.ts: new Date',
    ],
    keeps: {
      'src/primitives/clock.ts': 'Date.now()',
      'src/http/date.ts': "// Date.now() is elsewhere\nconst said = 'Date.now()' + new Date(at)",
      'src/http/date.test.ts': 'Date.now()',
    },
  },
  'a file has at most 400 lines': {
    rule: rules.longFiles,
    breaks: { 'src/http/date.ts': 'line\n'.repeat(401) },
    offences: ['src/http/date.ts has 401 lines'],
    keeps: { 'src/http/date.ts': 'line\n'.repeat(400) },
  },
  'main.ts reaches every module': {
    rule: rules.unreachableFiles,
    breaks: {
      'src/main.ts': "import { a } from './http/a.ts'",
      'src/http/a.ts': "export { b } from './b.ts'",
      'src/http/b.ts': '',
      'src/http/forgotten.ts': "import { b } from './b.ts'",
    },
    offences: ['src/http/forgotten.ts'],
    keeps: {
      'src/main.ts': "new Worker(new URL('./server/worker.ts', import.meta.url))",
      'src/server/worker.ts': '',
      'src/server/worker.test.ts': '',
      'src/cache/tier.contract.ts': '',
    },
  },
  'the program and the embedded S3 share no code, and neither needs the tests': {
    rule: rules.importsAcrossTrees,
    breaks: {
      'src/main.ts': "import { s3 } from '../dev/s3.ts'",
      'src/http/a.test.ts': "import { x } from '../../test/support/x.ts'",
      'dev/s3.ts': "import { parseRange } from '../src/http/range.ts'",
    },
    offences: [
      'src/main.ts imports dev/s3.ts',
      'src/http/a.test.ts imports test/support/x.ts',
      'dev/s3.ts imports src/http/range.ts',
    ],
    keeps: { 'test/a.test.ts': "import '../dev/s3.ts'\nimport '../src/main.ts'" },
  },
  'no test is set aside': {
    rule: rules.unfinishedTests,
    breaks: {
      'src/a.test.ts': "test.skip('x', f)\ndescribe.only('y', f)\ntest('z', { todo: 'later' }, f)",
      'src/a.contract.ts': 't.todo()',
    },
    offences: [
      'src/a.test.ts: .skip',
      'src/a.test.ts: .only',
      "src/a.test.ts: todo: ''",
      'src/a.contract.ts: .todo',
    ],
    keeps: { 'test/a.test.ts': "test('.skip', { skip: partMissing('rclone') }, f)" },
  },
  'a file name says what the file is': {
    rule: rules.emptyNames,
    breaks: { 'src/http/utils.ts': '', 'src/cache/tier-manager.ts': '', 'test/base.ts': '' },
    offences: ['src/http/utils.ts', 'src/cache/tier-manager.ts', 'test/base.ts'],
    keeps: { 'src/http/base64.ts': '' },
  },
}

for (const [sentence, { rule, breaks, offences, keeps }] of Object.entries(cases)) {
  describe(sentence, () => {
    test('in this project', () => {
      const found = rule(project)
      assert.ok(found.length === 0, `${sentence}:\n  ${found.join('\n  ')}`)
    })
    test('and a breach is seen', () => {
      assert.deepEqual(rule(new Map(Object.entries(breaks))), offences)
    })
    test('and what keeps it passes', () => {
      assert.deepEqual(rule(new Map(Object.entries(keeps))), [])
    })
  })
}
