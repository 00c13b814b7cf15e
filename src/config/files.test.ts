import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { after, test } from 'node:test'

import { readFiles } from './files.ts'
import { formatProblem } from './problem.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-files-'))
after(() => rmSync(folder, { recursive: true }))

let count = 0

/** Writes the files into a folder of their own and reads the first. */
function read(
  files: Readonly<Record<string, string>>,
  links: Readonly<Record<string, string>> = {},
) {
  count += 1
  const home = join(folder, String(count))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, name)), { recursive: true })
    writeFileSync(join(home, name), text)
  }
  for (const [name, target] of Object.entries(links))
    symlinkSync(join(home, target), join(home, name))
  const result = readFiles(join(home, Object.keys(files)[0] ?? ''), { DIR: 'conf.d' })
  const lines = (problems: typeof result.problems) =>
    problems.map((problem) => formatProblem(problem).replaceAll(`${home}/`, ''))
  return {
    files: result.files.map((file) => relative(home, file)),
    problems: lines(result.problems),
    warnings: lines(result.warnings),
    isWhole: result.isWhole,
  }
}

test("a file comes first, then what it includes, a pattern's matches by name", () => {
  const { files, problems } = read({
    'config.yaml': 'include: ["${DIR}/*.yaml", one.yaml]',
    'conf.d/b.yaml': '',
    'conf.d/a.yaml': 'include: ../more/?.yaml',
    'conf.d/.hidden.yaml': '',
    'conf.d/c.txt': '',
    'conf.d/d.yaml/e.yaml': '',
    'more/x.yaml': '',
    'more/xy.yaml': '',
    'one.yaml': '',
  })
  assert.deepEqual(problems, [])
  assert.deepEqual(files, [
    'config.yaml',
    'conf.d/a.yaml',
    'more/x.yaml',
    'conf.d/b.yaml',
    'one.yaml',
  ])
})

test('an include that matches nothing is a problem by name, a warning by pattern', () => {
  const { problems, warnings, isWhole } = read({
    'config.yaml': 'include: [gone.yaml, gone/*.yaml]',
  })
  assert.deepEqual(problems, ['config.yaml: include[0]: gone.yaml cannot be read: no such file'])
  assert.deepEqual(warnings, ['config.yaml: include[1]: gone/*.yaml matches no file'])
  assert.equal(isWhole, false)
})

test('files that include each other are a problem', () => {
  const { problems } = read({ 'config.yaml': 'include: a.yaml', 'a.yaml': 'include: config.yaml' })
  assert.deepEqual(problems, [
    'a.yaml: include: config.yaml includes itself, directly or by way of others',
  ])
})

test('a file is read once, however many include it and by whatever name', () => {
  const { files, problems } = read(
    {
      'config.yaml': 'include: [a.yaml, b.yaml, link.yaml]',
      'a.yaml': 'include: c.yaml',
      'b.yaml': 'include: c.yaml',
      'c.yaml': '',
    },
    { 'link.yaml': 'c.yaml' },
  )
  assert.deepEqual(problems, [])
  assert.deepEqual(files, ['config.yaml', 'a.yaml', 'c.yaml', 'b.yaml'])
})

test('what is no file name is no include', () => {
  const { problems } = read({ 'config.yaml': 'include: [7, "", {a: 1}, "${GONE}"]' })
  const wanted = 'wanted a file name or a list of file names'
  assert.deepEqual(problems, [
    `config.yaml: include[0]: ${wanted}, found 7`,
    `config.yaml: include[1]: ${wanted}, found ""`,
    `config.yaml: include[2]: ${wanted}, found a mapping`,
    'config.yaml: include[3]: the environment variable GONE is not set (set GONE, or write ${GONE:-default})',
  ])
})

test('a folder and a huge file are problems', () => {
  const { problems } = read({
    'config.yaml': 'include: [folder, big.yaml]',
    'folder/x': '',
    'big.yaml': `#${'x'.repeat(10 * 1024 * 1024)}`,
  })
  assert.deepEqual(problems, [
    'config.yaml: include[0]: folder cannot be read: it is a folder',
    'config.yaml: include[1]: big.yaml is larger than 10485760 bytes',
  ])
})
