import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodedKey, decodeKey } from '../../../src/memcached-proxy/base64-key.ts'

test('a key in base64 is decoded as servers do', () => {
  for (const key of ['foo', 'f', 'fo', 'a longer key, with spaces', '\xff\xfe\0']) {
    const plain = Buffer.from(key, 'latin1')
    const bytes = Buffer.from(`mg ${plain.toString('base64')} v`)
    const length = decodeKey(bytes, 3, bytes.length - 2)
    assert.deepEqual(Buffer.from(decodedKey.subarray(0, length)), plain)
  }
})

test('what servers do not decode is left to them', () => {
  for (const word of ['Zm9', 'Zm9v=', '$$$$', 'Zm9vZg', 'Zm-_', '====', 'Z===', 'Zm=v'])
    assert.equal(decodeKey(Buffer.from(word), 0, word.length), 0, word)
})
