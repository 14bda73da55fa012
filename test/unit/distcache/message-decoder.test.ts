import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { FRAME_DATA_BYTES, FRAME_HEADER_BYTES, MESSAGE_BYTES } from '../../../src/distcache/limits.ts'
import { CORRUPT, MessageDecoder } from '../../../src/distcache/message-decoder.ts'
import { MessageOutput } from '../../../src/distcache/message-output.ts'
import { assertSameBytes, collectMessages, type Message } from '../../support/distcache.ts'
import {
  bytesOf,
  conversations,
  corruptions,
  frameHashes,
  getHeaders,
  httpdAdd,
  id32,
  largest,
  rampBytes,
  severalFrames,
} from '../../support/distcache-vectors.ts'

function encode(isResponse: boolean, messages: readonly Message[]): Buffer {
  const output = new MessageOutput()
  for (const { uid, operation, payload } of messages) {
    output.message(isResponse, uid, operation, payload, 0, payload.length)
  }
  return output.take()
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

for (const { title, steps, closes } of conversations) {
  test(`${title}: what was captured is read, and written again`, () => {
    for (const { request, response, isOdd } of steps) {
      const asked = collectMessages('server', [request])
      // An ADD below 8 bytes is a message; the server refuses it.
      if (closes && !title.startsWith('an ADD')) assert.equal(asked.isCorrupt, true)
      else assert.equal(asked.isCorrupt, false)
      if (!isOdd) assertSameBytes(encode(false, asked.messages), request)
      const answered = collectMessages('client', [response])
      assert.equal(answered.isCorrupt, false)
      assertSameBytes(encode(true, answered.messages), response)
    }
  })
}

test('what is corrupt is found with the byte that makes it so, and not before', () => {
  const ends: Record<string, number> = {
    'a response': 5,
    'neither request nor response, after five bytes': 5,
    'another class': 10,
    'another operation': 11,
    'complete 2': 12,
    '2049 bytes announced': 14,
    'a frame of 2047 bytes that is not the last': 14,
    'an empty frame that is not the last': 14,
    'a second frame with another uid': 14 + 2048 + 9,
    'a second frame with another operation': 14 + 2048 + 11,
    'a 17th frame with data': 16 * (14 + 2048) + 14,
    'an older version, after five bytes': 5,
    HTTP: 5,
  }
  for (const { title, steps } of corruptions) {
    if (title.startsWith('an ADD')) continue
    const { request } = steps[0]!
    const decoder = new MessageDecoder('server', { onMessage: () => true })
    let at = 0
    while (decoder.push(request, at, at + 1) !== CORRUPT) at++
    assert.equal(at + 1, ends[title], title)
  }
})

test('frames and whole messages have the hashes of the captured ones', () => {
  const [add, get] = severalFrames.steps
  assert.equal(sha256(add!.request.subarray(0, 2062)), frameHashes.addFirst)
  assert.equal(sha256(add!.request.subarray(2062)), frameHashes.addLast)
  assert.equal(sha256(get!.response.subarray(0, 2062)), frameHashes.getFirst)
  const output = new MessageOutput()
  output.add(9, 604_800_000, bytesOf('0102030405060708090a0b0c0d0e0f10'), rampBytes(2100))
  assertSameBytes(output.take(), add!.request)
  output.add(1, 60_000, id32, Buffer.alloc(largest.dataBytes, largest.dataByte))
  const largestAdd = output.take()
  assert.deepEqual([largestAdd.length, sha256(largestAdd)], [largest.addBytes, largest.addHash])
  output.message(true, 2, 1, Buffer.alloc(largest.dataBytes, largest.dataByte), 0, largest.dataBytes)
  const largestGet = output.take()
  assert.deepEqual([largestGet.length, sha256(largestGet)], [largest.getBytes, largest.getHash])
})

test('a payload that fills its frames has no empty frame behind it', () => {
  for (const [dataBytes, headers] of getHeaders) {
    const encoded = encode(true, [{ uid: 11, operation: 1, payload: rampBytes(dataBytes) }])
    const found = headers.map((_, i) => encoded.toString('hex', i * 2062, i * 2062 + 14))
    assert.deepEqual(found, headers)
    assert.equal(encoded.length, dataBytes + headers.length * FRAME_HEADER_BYTES)
  }
})

test('an ADD as httpd sends it has the captured header', () => {
  const output = new MessageOutput()
  output.add(1, httpdAdd.timeoutMs, Buffer.alloc(httpdAdd.idBytes), Buffer.alloc(httpdAdd.dataBytes))
  assert.equal(output.take().toString('hex', 0, 14), httpdAdd.header)
})

test('a message that lies whole in what was read is shown there, without a copy', () => {
  const bytes = encode(false, [{ uid: 7, operation: 3, payload: id32 }])
  let shown: Buffer | undefined
  const decoder = new MessageDecoder('server', {
    onMessage: (_uid, _operation, at) => {
      shown = at
      return true
    },
  })
  assert.equal(decoder.push(bytes, 0, bytes.length), bytes.length)
  assert.equal(shown, bytes)
  // The header came before: what came with this read still needs no copy.
  decoder.push(bytes, 0, 14)
  decoder.push(bytes, 14, bytes.length)
  assert.equal(shown, bytes)
})

test('a handler that stops is told where to go on, and hears the rest then', () => {
  const payload = rampBytes(3000)
  const bytes = encode(false, [
    { uid: 1, operation: 0, payload },
    { uid: 2, operation: 3, payload: id32 },
    { uid: 3, operation: 1, payload: id32 },
  ])
  const uids: number[] = []
  const decoder = new MessageDecoder('server', {
    onMessage: (uid) => {
      uids.push(uid)
      return false
    },
  })
  let at = decoder.push(bytes, 0, bytes.length)
  assert.deepEqual([at, uids], [3028, [1]])
  at = decoder.push(bytes, at, bytes.length)
  assert.deepEqual([at, uids], [3028 + 46, [1, 2]])
  at = decoder.push(bytes, at, bytes.length)
  assert.deepEqual([at, uids], [bytes.length, [1, 2, 3]])
  assert.equal(decoder.isInside, false)
})

test('valid messages in front of corrupt bytes are handled', () => {
  const good = encode(false, [{ uid: 1, operation: 3, payload: id32 }])
  const { messages, isCorrupt } = collectMessages('server', [Buffer.concat([good, good, bytesOf('0010000000')])])
  assert.equal(isCorrupt, true)
  assert.equal(messages.length, 2)
})

test('what was gathered of a session is overwritten when it was handled, and when it never will be', () => {
  const payload = Buffer.alloc(MESSAGE_BYTES, 0x55)
  const bytes = encode(false, [{ uid: 1, operation: 0, payload }])
  let shown: Buffer = Buffer.alloc(0)
  const decoder = new MessageDecoder('server', {
    onMessage: (_uid, _operation, at, start, end) => {
      shown = at.subarray(start, end)
      assertSameBytes(shown, payload)
      return true
    },
  })
  decoder.push(bytes, 0, bytes.length)
  assertSameBytes(shown, Buffer.alloc(MESSAGE_BYTES))
  decoder.push(bytes, 0, 5000)
  assert.equal(decoder.isInside, true)
  decoder.wipe()
  assert.equal(decoder.isInside, false)
  decoder.push(bytes, 0, bytes.length)
})

test('the output takes what it gave for the last frame back', () => {
  const output = new MessageOutput()
  const payload = rampBytes(FRAME_DATA_BYTES + 2021)
  output.message(true, 1, 1, payload, 0, payload.length)
  const tail = output.takeTail(14 + 2021)
  const whole = Buffer.concat([output.take(), tail])
  assertSameBytes(whole, encode(true, [{ uid: 1, operation: 1, payload }]))
})
