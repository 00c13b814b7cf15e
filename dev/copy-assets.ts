// The end of `npm run build`: what the compiler leaves behind because it is no TypeScript goes where
// the compiled program looks for it.

import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const out = process.argv[2] ?? join(root, 'dist')
const target = join(out, 'admin/console')
// What was renamed or removed must not be shipped along.
rmSync(target, { recursive: true, force: true })
cpSync(join(root, 'src/admin/console'), target, { recursive: true })
