/** A request whose bytes are several commands hears of each reply, and once of a failure. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FailureCode } from '../../../src/memcached/failure.ts'
import { Failure } from '../../../src/memcached/failure.ts'
import type { Reply } from '../../../src/memcached/reply.ts'
import { Expect, ServerRequest } from '../../../src/memcached/server-request.ts'
import { startMemcached } from '../../support/memcached.ts'
import { askText, poolPlan, testPool } from '../../support/memcached-pool.ts'
import { waitFor } from '../../support/wait.ts'

class ManyRequest extends ServerRequest {
  readonly heard: string[] = []
  failure: FailureCode | undefined = undefined

  constructor(replies: number) {
    super(Expect.meta)
    this.replies = replies
  }

  override onReply(reply: Reply): void {
    this.heard.push(reply.bytes.toString('latin1', reply.start, reply.end))
  }

  override onFailure(failure: FailureCode): void {
    assert.equal(this.failure, undefined)
    this.failure = failure
  }
}

test('each reply comes in its turn, and what is queued behind waits for the last', async () => {
  const server = await startMemcached()
  const { pool } = testPool(poolPlan([server.address]))
  await askText(pool, 0, 'ms b 2\r\nhi\r\n', Expect.meta)
  const many = new ManyRequest(3)
  pool.begin(0, many)!.text('mg a v\r\nmg b v\r\nmg a k v\r\n')
  assert.equal(await askText(pool, 0, 'mg b s\r\n', Expect.meta), 'HD s2\r\n')
  assert.deepEqual(many.heard, ['EN\r\n', 'VA 2\r\nhi\r\n', 'EN ka\r\n'])
  assert.equal(many.failure, undefined)
  assert.ok(pool.isIdle)
  const use = pool.state.use(0)
  assert.deepEqual([use.requests, use.responses, use.outQueue, use.outQueueBytes], [3, 3, 0, 0])
})

test('a failure takes the place of all replies that are missing', async () => {
  const server = await startMemcached()
  const { pool } = testPool(poolPlan([server.address], { timeoutMs: 30_000 }))
  await askText(pool, 0, 'mg a\r\n', Expect.meta)
  const many = new ManyRequest(3)
  pool.begin(0, many)!.text('mg a v\r\nmg b v\r\n') // and a third that never comes
  await waitFor('two replies', () => many.heard.length === 2)
  assert.equal(pool.isIdle, false)
  await server.kill()
  await waitFor('a failure', () => many.failure !== undefined)
  assert.equal(many.failure, Failure.reset)
  assert.equal(many.heard.length, 2)
  assert.equal(pool.state.use(0).outQueue, 0)
})
