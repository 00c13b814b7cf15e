// Objects whose length S3 does not tell, as gateways send them: what a length is needed for, clients
// have all the same, and S3 is not asked more often for it than it must be.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, describe, test } from 'node:test'

import { openDictatedOrigin } from '../support/dictated-origin.ts'
import type { Dictated } from '../support/dictated-origin.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { openSluice } from '../support/sluice.ts'

const TEXT = 'hello world'
/** More than is taken in to know how long it is. */
const LONG = 'x'.repeat(1024 * 1024 + 1)
const TAGGED = { ETag: '"v1"', 'Cache-Control': 'max-age=1000' }
const SHORT: Dictated = { untold: 'chunked', headers: TAGGED, body: TEXT }

const origin = await openDictatedOrigin()

function bucket(name: string, settings: object): object {
  const s3 = {
    bucket: name,
    endpoint: origin.endpoint,
    credentials: 'anonymous',
    health_check: { enabled: false },
    retry: { max_attempts: 2, initial_backoff_ms: 1, budget_percent: 100 },
    circuit_breaker: { failure_threshold: 1000 },
  }
  return { name, path_prefix: `/${name}`, s3, ...settings }
}

const sluice = await openSluice({
  cache: { cache_layers: ['memory'], disk: { enabled: false } },
  buckets: [bucket('kept', {}), bucket('plain', { cache: { enabled: false } })],
})
after(async () => {
  await sluice.close()
  await origin[Symbol.asyncDispose]()
})

let keys = 0

interface Subject {
  ask(headers?: Record<string, string>, method?: string): Promise<Answer>
  /** The methods that S3 was asked with. */
  asked(): readonly string[]
}

function dictated(name: 'kept' | 'plain', ...answers: readonly Dictated[]): Subject {
  const key = `object-${(keys += 1)}`
  origin.dictate(key, answers)
  return {
    ask: (headers = {}, method = 'GET') =>
      request(`${sluice.url}/${name}/${key}`, { headers, method }),
    asked: () => origin.asked(key).map(({ method }) => method),
  }
}

/** Status, length as it is told, bytes. */
function told({ status, headers, text }: Answer): readonly unknown[] {
  return [status, headers['content-length'], text]
}

const ASKED: readonly (readonly [
  says: string,
  headers: Record<string, string>,
  method: string,
  told: readonly unknown[],
])[] = [
  ['the whole', {}, 'GET', [200, '11', TEXT]],
  ['a range', { Range: 'bytes=4-6' }, 'GET', [206, '3', 'o w']],
  ['a range by its end', { Range: 'bytes=-5' }, 'GET', [206, '5', 'world']],
  ['what is held already', { 'If-None-Match': '"v1"' }, 'GET', [304, undefined, '']],
  ['what has changed', { 'If-None-Match': '"v0"' }, 'GET', [200, '11', TEXT]],
  ['another version', { 'If-Match': '"v0"' }, 'HEAD', [412, undefined, '']],
]

describe('a short object in chunks', () => {
  for (const [says, headers, method, expected] of ASKED) {
    test(`is answered to whoever asks for ${says}, and kept`, async () => {
      const { ask, asked } = dictated('kept', SHORT)
      const check = async (): Promise<void> => {
        const answer = told(await ask(headers, method))
        assert.deepEqual(
          expected[1] === undefined ? [answer[0], undefined, answer[2]] : answer,
          expected,
        )
      }
      await check()
      const questions = asked().length
      assert.deepEqual(
        asked().filter((by) => by === 'GET'),
        ['GET'],
      )
      for (const [, others, by, wanted] of ASKED) {
        const answer = await ask(others, by)
        assert.deepEqual([answer.status, answer.text], [wanted[0], wanted[2]])
        assert.equal(answer.headers['x-cache'], 'HIT')
      }
      assert.equal(asked().length, questions)
    })

    test(`is answered to whoever asks for ${says} where nothing is kept`, async () => {
      const { ask, asked } = dictated('plain', SHORT)
      const answer = told(await ask(headers, method))
      assert.deepEqual(
        expected[1] === undefined ? [answer[0], undefined, answer[2]] : answer,
        expected,
      )
      assert.ok(asked().length <= 2, String(asked()))
    })
  }

  test('is asked for once by all who want it at once', async () => {
    const { ask, asked } = dictated('kept', SHORT)
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask()))
    for (const answer of answers) assert.deepEqual(told(answer), [200, '11', TEXT])
    assert.deepEqual(asked(), ['GET'])
  })

  test('costs one request each time where nothing is kept', async () => {
    const { ask, asked } = dictated('plain', SHORT)
    for (let time = 0; time < 3; time += 1) assert.deepEqual(told(await ask()), [200, '11', TEXT])
    assert.deepEqual(asked(), ['GET', 'GET', 'GET'])
  })

  test('of no bytes at all has the length 0', async () => {
    const { ask, asked } = dictated('kept', { ...SHORT, body: '' })
    for (let time = 0; time < 2; time += 1) assert.deepEqual(told(await ask()), [200, '0', ''])
    assert.deepEqual(asked(), ['GET'])
  })

  test('tells a HEAD its length, and is a hit from then on', async () => {
    const { ask, asked } = dictated('kept', SHORT)
    assert.deepEqual(told(await ask({}, 'HEAD')), [200, '11', ''])
    assert.deepEqual(asked(), ['HEAD', 'GET'])
    assert.equal((await ask()).headers['x-cache'], 'HIT')
    assert.equal(asked().length, 2)
  })

  test('tells a HEAD no length where nothing is kept and S3 tells none', async () => {
    const { ask, asked } = dictated('plain', SHORT)
    assert.deepEqual(told(await ask({}, 'HEAD')), [200, undefined, ''])
    assert.deepEqual(asked(), ['HEAD'])
  })
})

describe('a body that is cut before its last chunk', () => {
  const cut: Dictated = { ...SHORT, untold: 'cut' }

  for (const name of ['kept', 'plain'] as const) {
    test(`is no answer, and is asked for again (${name})`, async () => {
      const { ask, asked } = dictated(name, cut, SHORT)
      assert.deepEqual(told(await ask()), [200, '11', TEXT])
      assert.deepEqual(asked(), ['GET', 'GET'])
    })

    test(`again and again is refused, and nothing of it is kept (${name})`, async () => {
      const { ask, asked } = dictated(name, cut, cut, SHORT)
      const answer = await ask()
      assert.deepEqual([answer.status, JSON.parse(answer.text).error], [503, 'origin_unavailable'])
      assert.deepEqual(told(await ask()), [200, '11', TEXT])
      assert.deepEqual(asked(), ['GET', 'GET', 'GET'])
    })
  }
})

describe('a body that ends with its connection', () => {
  const open: Dictated = { ...SHORT, untold: 'until-closed' }

  test('is not taken for whole, and S3 is asked for its length', async () => {
    const { ask, asked } = dictated('kept', { ...open, isToldByHead: true })
    assert.deepEqual(told(await ask()), [200, '11', TEXT])
    assert.deepEqual(asked(), ['GET', 'HEAD'])
    assert.equal((await ask()).headers['x-cache'], 'HIT')
  })

  test('is taken for whole where its tag is that of its bytes', async () => {
    const tag = `"${createHash('md5').update(TEXT).digest('hex')}"`
    const { ask, asked } = dictated('kept', { ...open, headers: { ...TAGGED, ETag: tag } })
    assert.deepEqual(told(await ask()), [200, '11', TEXT])
    assert.equal((await ask()).headers['x-cache'], 'HIT')
    assert.deepEqual(asked(), ['GET'])
  })

  test('is passed on without a length where there is none to be had', async () => {
    const { ask } = dictated('kept', open)
    const answer = await ask()
    assert.deepEqual(told(answer), [200, undefined, TEXT])
    assert.equal(answer.headers['transfer-encoding'], 'chunked')
  })
})

test('a tag that denies the bytes of a body in chunks has S3 asked for its length', async () => {
  const headers = { ...TAGGED, ETag: `"${createHash('md5').update('other').digest('hex')}"` }
  const { ask, asked } = dictated('kept', { ...SHORT, headers, isToldByHead: true })
  assert.deepEqual(told(await ask()), [200, '11', TEXT])
  assert.deepEqual(asked(), ['GET', 'HEAD'])
})

describe('a long object in chunks', () => {
  const long: Dictated = { ...SHORT, body: LONG }

  test('is kept where a HEAD tells its length', async () => {
    const { ask, asked } = dictated('kept', { ...long, isToldByHead: true })
    const answer = await ask()
    assert.deepEqual([answer.headers['content-length'], answer.text], [String(LONG.length), LONG])
    const part = await ask({ Range: `bytes=${LONG.length - 3}-` })
    assert.deepEqual([...told(part), part.headers['x-cache']], [206, '3', 'xxx', 'HIT'])
    assert.deepEqual(asked(), ['GET', 'HEAD'])
  })

  for (const name of ['kept', 'plain'] as const) {
    test(`goes to the client in chunks where nobody tells its length (${name})`, async () => {
      const { ask, asked } = dictated(name, long)
      for (let time = 1; time <= 2; time += 1) {
        const answer = await ask()
        assert.equal(answer.headers['transfer-encoding'], 'chunked')
        assert.deepEqual([answer.status, answer.text === LONG], [200, true])
        assert.equal(asked().filter((method) => method === 'GET').length, time)
      }
    })
  }

  test('without a tag is asked for once, since no HEAD could be told to be of the same', async () => {
    const { ask, asked } = dictated('plain', { ...long, headers: {} })
    assert.equal((await ask()).text, LONG)
    assert.deepEqual(asked(), ['GET'])
  })
})

test('what is taken in counts towards fill_memory: without room for both it is not kept', async () => {
  await using tight = await openSluice({
    cache: {
      cache_layers: ['memory'],
      disk: { enabled: false },
      slice_size: '64KiB',
      fetch_span: '1MiB',
      fill_memory: '1MiB',
    },
    buckets: [bucket('kept', {})],
  })
  for (const [size, second] of [
    [1024 * 1024, 'MISS'],
    [512 * 1024, 'HIT'],
  ] as const) {
    const key = `filling-${size}`
    origin.dictate(key, [{ ...SHORT, body: 'x'.repeat(size) }])
    const ask = (): Promise<Answer> => request(`${tight.url}/kept/${key}`)
    assert.equal((await ask()).headers['content-length'], String(size))
    assert.equal((await ask()).headers['x-cache'], second)
  }
})
