import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from '../../../src/memcached/failure.ts'
import { Expect } from '../../../src/memcached/server-request.ts'
import { startMemcached } from '../../support/memcached.ts'
import { ask, askText, poolPlan, testPool } from '../../support/memcached-pool.ts'

test('a request gets the reply of its server, classic and meta', async () => {
  const server = await startMemcached()
  const { pool, faults } = testPool(poolPlan([server.address]))
  assert.equal(pool.isModern(0), false)
  assert.equal(await askText(pool, 0, 'set a 5 0 3\r\nabc\r\n'), 'STORED\r\n')
  assert.equal(pool.isModern(0), true)
  assert.equal(await askText(pool, 0, 'get a\r\n', Expect.values), 'VALUE a 5 3\r\nabc\r\nEND\r\n')
  const found = await ask(pool, 0, 'mg a f v\r\n', Expect.meta)
  assert.deepEqual(found, { code: 1, text: 'VA 3 f5\r\nabc\r\n', data: 'abc', isOwned: false })
  assert.deepEqual(await ask(pool, -1, 'mn\r\n', Expect.meta), { failure: Failure.refused })
  assert.deepEqual(faults, [])
})

test('10,000 requests of one turn are answered each with its own value', async () => {
  const server = await startMemcached()
  const { pool } = testPool(poolPlan([server.address]))
  const stored = Array.from({ length: 10_000 }, (_, i) =>
    askText(pool, 0, `set k${i} 0 0 ${`v${i}`.length}\r\nv${i}\r\n`),
  )
  const gets = Array.from({ length: 10_000 }, (_, i) => askText(pool, 0, `mg k${i} v\r\n`, Expect.meta))
  assert.deepEqual(new Set(await Promise.all(stored)), new Set(['STORED\r\n']))
  for (const [i, text] of (await Promise.all(gets)).entries()) assert.equal(text, `VA ${`v${i}`.length}\r\nv${i}\r\n`)
})
