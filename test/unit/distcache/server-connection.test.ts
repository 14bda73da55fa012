import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { MemoryExecutor } from '../../../src/distcache/memory-executor.ts'
import { OperationCount } from '../../../src/distcache/operation-count.ts'
import { ServerConnection } from '../../../src/distcache/server-connection.ts'
import { SessionStore } from '../../../src/distcache/session-store.ts'
import { addBytes, assertSameBytes, requestBytes, responseBytes } from '../../support/distcache.ts'
import { rampBytes } from '../../support/distcache-vectors.ts'
import { waitFor } from '../../support/wait.ts'

const ADD = 0
const GET = 1
const id = Buffer.alloc(32, 7)
const data = rampBytes(30_000)

/** A client that takes whatever it is sent, at once. */
class Eager extends Writable {
  readonly pieces: Buffer[] = []

  constructor() {
    super({ highWaterMark: 2 ** 30 })
  }

  get bytes(): number {
    return this.pieces.reduce((sum, { length }) => sum + length, 0)
  }

  override _write(piece: Buffer, _: BufferEncoding, done: () => void): void {
    this.pieces.push(Buffer.from(piece))
    done()
  }

  resume(): void {}
}

test('who asks for much and takes it is answered in several turns, as others wait', async () => {
  const executor = new MemoryExecutor(new SessionStore(64), new OperationCount(), () => 0)
  const client = new Eager()
  const connection = new ServerConnection(client as unknown as Socket, executor, false)
  const add = addBytes(0, 60_000, id, data)
  connection.onBytes(add, add.length)
  const uids = Array.from({ length: 40 }, (_, index) => index + 1)
  const asked = Buffer.concat(uids.map((uid) => requestBytes(uid, GET, id)))
  assert.equal(connection.onBytes(asked, asked.length), false)
  const answers = [responseBytes(0, ADD, Buffer.from([0])), ...uids.map((uid) => responseBytes(uid, GET, data))]
  const expected = Buffer.concat(answers)
  assert.ok(client.bytes < 200 * 1024, `${client.bytes} bytes in one turn`)
  await waitFor('the rest', () => client.bytes >= expected.length)
  assertSameBytes(Buffer.concat(client.pieces), expected)
})
