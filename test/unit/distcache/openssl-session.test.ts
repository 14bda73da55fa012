import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasSessionId, sessionVersion } from '../../../src/distcache/openssl-session.ts'

const id = Buffer.alloc(32, 7)
/** As OpenSSL begins a session of TLS 1.3 and one of TLS 1.2, with lengths of two, one and no further bytes. */
const heads: readonly [string, number][] = [
  ['30820102 020101 02020304 04021302 0420', 0x0304],
  ['3081a1 020101 02020303 0402c02f 0420', 0x0303],
  ['3070 020101 02020303 0402c02f 0420', 0x0303],
]

function session(head: string): Buffer {
  return Buffer.concat([Buffer.from(head.replaceAll(' ', ''), 'hex'), id, Buffer.from('0430', 'hex'), Buffer.alloc(48)])
}

for (const [head, version] of heads) {
  test(`protocol and id are read: ${head}`, () => {
    const data = session(head)
    assert.equal(sessionVersion(data), version)
    assert.equal(hasSessionId(data, id), true)
    assert.equal(hasSessionId(data, id.subarray(1)), false)
    assert.equal(hasSessionId(data, Buffer.alloc(32, 8)), false)
    assert.equal(hasSessionId(data, Buffer.concat([id, id])), false)
    const idEnd = data.length - 50
    for (let length = 0; length < idEnd; length++) assert.equal(hasSessionId(data.subarray(0, length), id), false)
  })
}

test('a changed byte in front of the id makes it no session of that id', () => {
  for (const [head] of heads) {
    const bytes = session(head)
    const idAt = bytes.length - 50 - id.length
    // Lengths are for OpenSSL to check, the protocol and the cipher may be any.
    const free = new Set([...Array(bytes.indexOf(Buffer.from([2, 1, 1]))).keys()].slice(1))
    for (const at of [idAt - 8, idAt - 7, idAt - 4, idAt - 3]) free.add(at)
    for (let at = 0; at < idAt; at++) {
      if (free.has(at)) continue
      const changed = Buffer.from(bytes)
      changed[at]! ^= 0x40
      assert.equal(hasSessionId(changed, id), false, `byte ${at} of ${head}`)
    }
  }
})
