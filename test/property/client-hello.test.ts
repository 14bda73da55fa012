/** Whatever a stranger sends, reading a hello never throws, and how the bytes were cut makes no difference. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MAX_CLIENT_HELLO_BYTES, readClientHello } from '../../src/distcache/client-hello.ts'
import { helloMessage, inRecords } from '../support/client-hello.ts'

const bytes = (maxLength: number, minLength = 0) =>
  fc.uint8Array({ minLength, maxLength }).map((one) => Buffer.from(one))
const names = fc.stringMatching(/^[a-z.]{1,40}$/)
const parts = fc.record(
  { sessionId: bytes(32), identities: fc.array(bytes(300, 1), { minLength: 1, maxLength: 3 }), serverName: names },
  { requiredKeys: [] },
)

test('what was put into a hello is read from it, in records of any size', () => {
  fc.assert(
    fc.property(parts, fc.integer({ min: 80, max: 2000 }), (hello, fragmentBytes) => {
      const wire = inRecords(helloMessage(hello), fragmentBytes)
      assert.deepEqual(readClientHello(wire, 0, wire.length), {
        sessionId: hello.sessionId ?? Buffer.alloc(0),
        firstIdentity: hello.identities?.[0],
        serverName: hello.serverName,
        offersTls13: false,
        keepsTickets: false,
      })
    }),
  )
})

test('a hello with bytes changed never throws, and what is said of a beginning holds for the whole', () => {
  const changes = fc.array(fc.tuple(fc.nat({ max: 600 }), fc.nat({ max: 255 })), { maxLength: 4 })
  fc.assert(
    fc.property(parts, changes, fc.integer({ min: 5, max: 700 }), (hello, changed, fragmentBytes) => {
      const wire = inRecords(helloMessage(hello), fragmentBytes)
      for (const [at, value] of changed) if (at < wire.length) wire[at] = value
      const whole = readClientHello(wire, 0, wire.length)
      for (let end = 0; end < wire.length; end++) {
        const early = readClientHello(wire, 0, end)
        if (early !== 'more') assert.deepEqual(early, whole)
      }
    }),
    { numRuns: 300 },
  )
})

test('no bytes are "more" for ever', () => {
  fc.assert(
    fc.property(bytes(64), (start) => {
      const wire = Buffer.concat([Buffer.from([22, 3, 1]), start, Buffer.alloc(MAX_CLIENT_HELLO_BYTES + 5)])
      assert.notEqual(readClientHello(wire, 0, wire.length), 'more')
    }),
  )
})
