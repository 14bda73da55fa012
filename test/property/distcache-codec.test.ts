/** Reading and writing the distcache protocol: what is written is read, however it is cut, and nothing a stranger sends throws. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FRAME_DATA_BYTES, MESSAGE_BYTES } from '../../src/distcache/limits.ts'
import { CORRUPT, MessageDecoder } from '../../src/distcache/message-decoder.ts'
import { MessageOutput } from '../../src/distcache/message-output.ts'
import {
  assertSameBytes,
  assertSameCollected,
  assertSameMessages,
  collectMessages,
  type Message,
  requestBytes,
} from '../support/distcache.ts'
import { conversations } from '../support/distcache-vectors.ts'

const NEAR_FRAMES = [0, 1, 2047, 2048, 2049, 4072, 4095, 4096, 4097, MESSAGE_BYTES - 1, MESSAGE_BYTES]

const message: fc.Arbitrary<Message> = fc
  .record({
    uid: fc.integer({ min: 0, max: 0xffff_ffff }),
    operation: fc.integer({ min: 0, max: 3 }),
    length: fc.oneof(
      fc.integer({ min: 0, max: 300 }),
      fc.integer({ min: 0, max: 5000 }),
      fc.constantFrom(...NEAR_FRAMES),
    ),
    seed: fc.integer({ min: 0, max: 255 }),
  })
  .map(({ uid, operation, length, seed }) => ({
    uid,
    operation,
    payload: Buffer.from(Uint8Array.from({ length }, (_, i) => (seed + 31 * i) & 0xff)),
  }))

/** Cuts bytes where the numbers say, each being the length of a piece. */
function cut(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const length = lengths.length === 0 ? bytes.length : lengths[i % lengths.length]!
    pieces.push(bytes.subarray(at, at + length))
    at += length
  }
  return pieces
}

const lengths = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 5000 })), { maxLength: 8 })

test('messages are read as they were written, however they are cut', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 6 }), lengths, (messages, pieceLengths) => {
      const output = new MessageOutput()
      for (const { uid, operation, payload } of messages) {
        output.message(true, uid, operation, payload, 0, payload.length)
      }
      const bytes = output.take()
      const frames = messages.map(({ payload }) => Math.max(1, Math.ceil(payload.length / FRAME_DATA_BYTES)))
      const payloadBytes = messages.reduce((sum, { payload }) => sum + payload.length, 0)
      assert.equal(bytes.length, payloadBytes + 14 * frames.reduce((sum, n) => sum + n, 0))
      const whole = collectMessages('client', [bytes])
      assertSameMessages(whole.messages, messages)
      assertSameCollected(collectMessages('client', cut(bytes, pieceLengths)), whole)
    }),
    { numRuns: 500 },
  )
})

test('the pieces of a payload may lie anywhere', () => {
  fc.assert(
    fc.property(message, lengths, ({ uid, operation, payload }, pieceLengths) => {
      const output = new MessageOutput()
      output.begin(false, uid, operation, payload.length)
      for (const piece of cut(payload, pieceLengths)) output.bytes(piece, 0, piece.length)
      assertSameBytes(output.take(), requestBytes(uid, operation, payload))
    }),
  )
})

test('the captured conversations mean the same byte by byte, and at every size of piece', () => {
  for (const { steps } of conversations) {
    for (const { request } of steps) {
      const whole = collectMessages('server', [request])
      for (const length of [1, 2, 3, 5, 13, 14, 15, 100, 2047, 2061, 2062, 2063, 4096]) {
        assertSameCollected(collectMessages('server', cut(request, [length])), whole)
      }
    }
  }
})

test('noise throws nothing, and is judged the same however it is cut', () => {
  const vectors = conversations.flatMap(({ steps }) => steps.map(({ request }) => request))
  const changed = fc
    .tuple(fc.constantFrom(...vectors), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat())
    .map(([vector, edits, end]) => {
      const bytes = Buffer.from(vector)
      for (const [at, value] of edits) bytes[at % Math.min(bytes.length, 60)] = value
      return bytes.subarray(0, end % 3 === 0 ? end % (bytes.length + 1) : bytes.length)
    })
  const noise = fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes))
  fc.assert(
    fc.property(fc.array(fc.oneof(changed, noise), { minLength: 1, maxLength: 4 }), lengths, (parts, pieceLengths) => {
      const bytes = Buffer.concat(parts)
      for (const side of ['server', 'client'] as const) {
        const whole = collectMessages(side, [bytes])
        assertSameCollected(collectMessages(side, cut(bytes, pieceLengths)), whole)
        assertSameCollected(collectMessages(side, cut(bytes, [1])), whole)
      }
    }),
    { numRuns: 2000 },
  )
})

test('a handler that stops anywhere hears everything once, in order', () => {
  fc.assert(
    fc.property(
      fc.array(message, { minLength: 1, maxLength: 6 }),
      lengths,
      fc.infiniteStream(fc.boolean()),
      (messages, pieceLengths, goesOn) => {
        const output = new MessageOutput()
        for (const { uid, operation, payload } of messages) {
          output.message(false, uid, operation, payload, 0, payload.length)
        }
        const heard: Message[] = []
        const decoder = new MessageDecoder('server', {
          onMessage: (uid, operation, bytes, start, end) => {
            heard.push({ uid, operation, payload: Buffer.from(bytes.subarray(start, end)) })
            return goesOn.next().value
          },
        })
        for (const piece of cut(output.take(), pieceLengths)) {
          for (let at = 0; at < piece.length; ) {
            const next = decoder.push(piece, at, piece.length)
            assert.notEqual(next, CORRUPT)
            assert.ok(next > at)
            at = next
          }
        }
        assertSameMessages(heard, messages)
      },
    ),
  )
})
