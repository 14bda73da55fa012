import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SessionOutcome, type SessionSink } from '../../../src/distcache/remote-sessions.ts'
import { SessionPool } from '../../../src/tls/session-pool.ts'
import { startMemcached, type TestMemcached } from '../../support/memcached.ts'
import { poolPlan, testPool } from '../../support/memcached-pool.ts'
import { startSaslMemcached } from '../../support/sasl-memcached.ts'
import { waitFor } from '../../support/wait.ts'

const secret = Buffer.from('a secret of the whole fleet, long enough')
const id = Buffer.from('0102030405060708090a0b0c0d0e0f10', 'hex')
const data = Buffer.from('a session that nobody else is to see')
const { done, absent, present, failed } = SessionOutcome

interface Answer {
  readonly outcome: number
  readonly data: string
}

function ask(call: (sink: SessionSink) => void): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let isCalling = true
    let answers = 0
    call({
      onSession: (outcome, found) => {
        if (isCalling || ++answers > 1) reject(new Error('told too early, or twice'))
        resolve({ outcome, data: found.toString() })
      },
    })
    isCalling = false
  })
}

const outcomeOf = async (call: (sink: SessionSink) => void): Promise<number> => (await ask(call)).outcome

async function firstKey(server: TestMemcached): Promise<string> {
  const dump = await server.ask('lru_crawler metadump all\r\n', /END\r\n$/)
  return decodeURIComponent(/key=(\S+)/.exec(dump)?.[1] ?? '')
}

async function exerciseAll(sessions: SessionPool): Promise<void> {
  assert.equal(await outcomeOf((sink) => sessions.get(id, sink)), absent)
  assert.equal(await outcomeOf((sink) => sessions.have(id, sink)), absent)
  assert.equal(await outcomeOf((sink) => sessions.remove(id, sink)), absent)
  assert.equal(await outcomeOf((sink) => sessions.add(id, data, 60_000, sink)), done)
  assert.equal(await outcomeOf((sink) => sessions.add(id, Buffer.from('other'), 60_000, sink)), present)
  assert.deepEqual(await ask((sink) => sessions.have(id, sink)), { outcome: done, data: '' })
  assert.deepEqual(await ask((sink) => sessions.get(id, sink)), { outcome: done, data: data.toString() })
  assert.equal(await outcomeOf((sink) => sessions.remove(id, sink)), done)
  assert.equal(await outcomeOf((sink) => sessions.get(id, sink)), absent)
}

test('sessions are added once, found, and removed', async () => {
  const server = await startMemcached()
  const { pool, faults } = testPool(poolPlan([server.address]))
  await exerciseAll(new SessionPool({ pool, secret, waitMs: 5000 }))
  assert.deepEqual(faults, [])
})

test('also in a pool that wants user and password', async () => {
  const server = await startSaslMemcached('shellac', 'a password')
  const auth = { user: 'shellac', password: 'a password' }
  const { pool } = testPool(poolPlan([server.address], { auth }))
  await exerciseAll(new SessionPool({ pool, secret, waitMs: 5000 }))
})

test('neither id nor session lies in the pool to be read, and it ends with its time', async () => {
  const server = await startMemcached()
  const { pool } = testPool(poolPlan([server.address]))
  const sessions = new SessionPool({ pool, secret, waitMs: 5000 })
  await ask((sink) => sessions.add(id, data, 59_001, sink))
  const key = await firstKey(server)
  assert.match(key, /^sht:[\w-]{27}$/)
  const item = await server.ask(`mg ${key} t v\r\n`)
  assert.match(item, / t(60|59)\r\n/)
  assert.ok(!item.includes('session') && !item.includes(id.toString('latin1')))
})

test('other secrets and other names see nothing, and a foreign item is no session', async () => {
  const server = await startMemcached()
  const { pool } = testPool(poolPlan([server.address]))
  const sessions = new SessionPool({ pool, secret, waitMs: 5000 })
  await ask((sink) => sessions.add(id, data, 60_000, sink))
  const others = [
    new SessionPool({ pool, secret: Buffer.from('another secret, as long as that'), waitMs: 5000 }),
    new SessionPool({ pool, secret, waitMs: 5000, name: 'other' }),
  ]
  for (const other of others) assert.equal(await outcomeOf((sink) => other.get(id, sink)), absent)
  await server.ask(`set ${await firstKey(server)} 0 0 5\r\nhello\r\n`)
  assert.equal(await outcomeOf((sink) => sessions.get(id, sink)), absent)
  assert.equal(await outcomeOf((sink) => sessions.have(id, sink)), absent)
})

test('what was stored before the server came back from being out is not believed', async () => {
  const server = await startMemcached()
  const { pool } = testPool(poolPlan([server.address]))
  const sessions = new SessionPool({ pool, secret, waitMs: 5000 })
  await ask((sink) => sessions.add(id, data, 60_000, sink))
  const returnMs = Date.now() + 1
  pool.state.noteReturn(0, returnMs)
  assert.equal(await outcomeOf((sink) => sessions.get(id, sink)), absent)
  while (Date.now() <= returnMs) await new Promise(setImmediate)
  await outcomeOf((sink) => sessions.remove(id, sink))
  assert.equal(await outcomeOf((sink) => sessions.add(id, data, 60_000, sink)), done)
  assert.equal(await outcomeOf((sink) => sessions.get(id, sink)), done)
})

test('a server that is gone is a failure at once', async () => {
  const server = await startMemcached()
  const { pool } = testPool(poolPlan([server.address]))
  const sessions = new SessionPool({ pool, secret, waitMs: 60_000 })
  await server.stop()
  for (const call of [
    (sink: SessionSink) => sessions.add(id, data, 1000, sink),
    (sink: SessionSink) => sessions.get(id, sink),
    (sink: SessionSink) => sessions.have(id, sink),
    (sink: SessionSink) => sessions.remove(id, sink),
  ])
    assert.equal(await outcomeOf(call), failed)
})

test('that the thread is busy does not count as waiting', async () => {
  const server = await startMemcached()
  const { pool } = testPool(poolPlan([server.address]))
  const sessions = new SessionPool({ pool, secret, waitMs: 200 })
  await ask((sink) => new SessionPool({ pool, secret, waitMs: 60_000 }).add(id, data, 60_000, sink))
  // Before it is written, behind that, and when the answer has come.
  for (const turns of [0, 1, 2, 3]) {
    const outcome = outcomeOf((sink) => sessions.get(id, sink))
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
    for (const untilMs = performance.now() + 400; performance.now() < untilMs; );
    assert.equal(await outcome, done, `busy after ${turns} turns`)
  }
})

test('a silent server is waited for as long as told, then by one call at a time, and asked again when it answers', async () => {
  const server = await startMemcached()
  const { pool } = testPool(poolPlan([server.address], { timeoutMs: 300, eject: { afterFailures: 1000, forMs: 1000 } }))
  const hasty = new SessionPool({ pool, secret, waitMs: 1 })
  const patient = new SessionPool({ pool, secret, waitMs: 60_000 })
  await ask((sink) => patient.add(id, data, 60_000, sink))
  await server.pause()
  assert.equal(await outcomeOf((sink) => hasty.get(id, sink)), failed)
  assert.equal(pool.state.failures(0), 0)
  assert.equal(await outcomeOf((sink) => patient.get(id, sink)), failed) // the timeout of the pool
  assert.ok(pool.state.failures(0) > 0)
  let isProbed = false
  const probe = outcomeOf((sink) => patient.get(id, sink)).then((outcome) => {
    isProbed = true
    return outcome
  })
  assert.equal(await outcomeOf((sink) => patient.get(id, sink)), failed)
  assert.ok(!isProbed)
  server.resume()
  await probe
  await waitFor('an answer', async () => (await outcomeOf((sink) => patient.get(id, sink))) === done)
})
