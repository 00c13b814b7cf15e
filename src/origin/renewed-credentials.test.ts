import assert from 'node:assert/strict'
import { test } from 'node:test'

import { type LoadedCredentials, RenewedCredentials } from './renewed-credentials.ts'

const minute = 60_000

/** A metadata service whose answers the test gives, one load at a time. */
function createService() {
  const waiting: PromiseWithResolvers<LoadedCredentials>[] = []
  let asked = 0

  const source = new RenewedCredentials(() => {
    const load = Promise.withResolvers<LoadedCredentials>()
    waiting.push(load)
    asked += 1
    return load.promise
  })
  return {
    source,
    asked: () => asked,
    give: (accessKeyId: string, expiresAt = Number.POSITIVE_INFINITY) => {
      waiting.shift()?.resolve({ credentials: named(accessKeyId), expiresAt })
      return settled()
    },
    fail: (message: string) => {
      waiting.shift()?.reject(new Error(message))
      return settled()
    },
  }
}

function named(accessKeyId: string) {
  return { accessKeyId, secretAccessKey: 's', sessionToken: undefined }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** A promise that is watched from the start, so that a failure is never unhandled. */
function failing(got: unknown, message: string | RegExp): Promise<void> {
  return assert.rejects(Promise.resolve(got), { message })
}

/** Credentials at hand from the start, until the given instant. */
async function createHolder(expiresAt?: number) {
  const service = createService()
  const first = service.source.get(0)
  await service.give('first', expiresAt)
  await first
  return service
}

test('callers who ask at once share one load, and afterwards the credentials are at hand', async () => {
  const service = createService()
  const all = [service.source.get(0), service.source.get(1), service.source.get(2)]
  await service.give('a')
  for (const credentials of all) assert.deepEqual(await credentials, named('a'))

  assert.deepEqual(service.source.get(365 * 24 * 60 * minute), named('a'))
  assert.equal(service.asked(), 1)
})

test('five minutes before the end they are renewed, and nobody waits', async () => {
  const service = await createHolder(60 * minute)

  assert.deepEqual(service.source.get(55 * minute - 1), named('first'))
  assert.equal(service.asked(), 1)
  assert.deepEqual(service.source.get(55 * minute), named('first'))
  assert.deepEqual(service.source.get(55 * minute), named('first'))
  assert.equal(service.asked(), 2)

  await service.give('second', 120 * minute)
  assert.deepEqual(service.source.get(55 * minute), named('second'))
  assert.deepEqual(service.source.get(115 * minute - 1), named('second'))
  assert.equal(service.asked(), 2)
})

test('credentials with a short life are renewed at its half, not in a loop', async () => {
  const service = await createHolder(4 * minute)

  void service.source.get(2 * minute - 1)
  assert.equal(service.asked(), 1)
  void service.source.get(2 * minute)
  assert.equal(service.asked(), 2)
  // The service gives the same ones again: two minutes are left, so the next is in one.
  await service.give('first', 4 * minute)
  void service.source.get(3 * minute - 1)
  assert.equal(service.asked(), 2)
  void service.source.get(3 * minute)
  assert.equal(service.asked(), 3)
})

test('a failed renewal keeps the old ones until they end, trying once a second', async () => {
  const service = await createHolder(60 * minute)

  void service.source.get(55 * minute)
  await service.fail('down')
  assert.deepEqual(service.source.get(55 * minute + 999), named('first'))
  assert.equal(service.asked(), 2)
  assert.deepEqual(service.source.get(55 * minute + 1000), named('first'))
  assert.equal(service.asked(), 3)
  await service.fail('still down')

  const expired = failing(service.source.get(60 * minute), 'down for good')
  await service.fail('down for good')
  await expired
})

test('credentials that have ended are waited for and never used', async () => {
  const service = await createHolder(60 * minute)
  const next = service.source.get(60 * minute)
  await service.give('second', 120 * minute)
  assert.deepEqual(await next, named('second'))
})

test('after a failure callers get the same error for a second without asking again', async () => {
  const service = createService()
  const first = failing(service.source.get(0), 'no service')
  // The service takes five seconds to fail; the pause counts from then.
  const second = failing(service.source.get(5000), 'no service')
  await service.fail('no service')
  await Promise.all([first, second])

  for (const now of [5000, 5500, 5999]) await failing(service.source.get(now), 'no service')
  assert.equal(service.asked(), 1)

  const retried = service.source.get(6000)
  await service.give('a')
  assert.deepEqual(await retried, named('a'))
  assert.equal(service.asked(), 2)
})

test('credentials that arrive already expired are a failure', async () => {
  const service = createService()
  const first = failing(service.source.get(10), /expired already/)
  await service.give('stale', 10)
  await first
})

test('credentials that S3 turned down are loaded afresh, once', async () => {
  const service = await createHolder()
  service.source.invalidate()

  const callers = [service.source.get(1000), service.source.get(1000)]
  assert.equal(service.asked(), 2)
  await service.give('second')
  for (const caller of callers) assert.deepEqual(await caller, named('second'))
  assert.deepEqual(service.source.get(minute), named('second'))
  assert.equal(service.asked(), 2)
})

test('turning down credentials again and again asks once a second', async () => {
  const service = await createHolder()
  for (const now of [0, 500, 999]) {
    service.source.invalidate()
    assert.deepEqual(service.source.get(now), named('first'))
  }
  assert.equal(service.asked(), 1)
})

test('credentials turned down stay in use when no others can be had', async () => {
  const service = await createHolder(60 * minute)
  service.source.invalidate()
  const next = service.source.get(1000)
  await service.fail('down')
  assert.deepEqual(await next, named('first'))
})
