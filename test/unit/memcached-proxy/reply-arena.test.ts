import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CHUNK_BYTES, put, ReplyArena } from '../../../src/memcached-proxy/reply-arena.ts'

/** Holds `length` bytes, as a slot does. */
function hold(arena: ReplyArena, length: number) {
  const chunk = arena.withRoom(length)
  const start = chunk.end
  chunk.end += length
  chunk.held++
  return { chunk, start }
}

test('a chunk is filled from its front, and begins anew when nothing in it is needed', () => {
  const arena = new ReplyArena()
  const first = hold(arena, 100)
  const second = hold(arena, 50)
  assert.equal(second.chunk, first.chunk)
  assert.deepEqual([first.start, second.start], [0, 100])
  arena.release(first.chunk)
  assert.equal(hold(arena, 10).start, 150, 'the second is still there')
  arena.release(first.chunk)
  arena.release(first.chunk)
  assert.equal(hold(arena, 10).start, 0)
})

test('what does not fit goes to another chunk, and a chunk that comes back is used again', () => {
  const arena = new ReplyArena()
  const first = hold(arena, CHUNK_BYTES - 10)
  const second = hold(arena, 11)
  assert.notEqual(second.chunk, first.chunk)
  arena.release(first.chunk)
  const third = hold(arena, CHUNK_BYTES)
  assert.equal(third.chunk, first.chunk)
  assert.equal(third.start, 0)
})

test('put copies ranges of any length', () => {
  const from = Buffer.from(Array.from({ length: 300 }, (_, i) => i % 256))
  for (const length of [0, 1, 48, 49, 250]) {
    const to = Buffer.alloc(300)
    assert.equal(put(to, 5, from, 20, 20 + length), 5 + length)
    assert.deepEqual(to.subarray(5, 5 + length), from.subarray(20, 20 + length))
    assert.equal(to[5 + length], 0)
  }
})
