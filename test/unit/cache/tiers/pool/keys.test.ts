import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { entryKey, identityOf, leaseKey, segmentKey } from '../../../../../src/cache/tiers/pool/keys.ts'

test('keys fit memcached, whatever the cache is asked for', () => {
  const identity = identityOf('shop', `\n1:accept=a b\r\n\u0000é|${'x'.repeat(5000)}`)
  for (const key of [entryKey(identity), leaseKey(entryKey(identity)), segmentKey('A'.repeat(22), 16_383)]) {
    assert.match(key, /^sh:[\w!.-]{22,40}$/)
  }
})

test('the key of an entry is the hash that the manual tells how to make', () => {
  const sum = createHash('sha1').update('shop:http|shop.example.com|/a').digest('base64url')
  assert.equal(entryKey(identityOf('shop', 'http|shop.example.com|/a')), `sh:${sum.slice(0, 22)}`)
})

test('caches of different names and keys of different case do not meet', () => {
  const keys = [identityOf('a', 'k'), identityOf('b', 'k'), identityOf('a', 'K')].map(entryKey)
  assert.equal(new Set(keys).size, 3)
})
