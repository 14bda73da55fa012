import assert from 'node:assert/strict'
import { createDecipheriv, createHmac, hkdfSync } from 'node:crypto'
import { test } from 'node:test'
import { deriveKey, SEAL_BYTES, SealedBox } from '../../../src/distcache/sealed.ts'

const secret = Buffer.from('a secret of the whole fleet, long enough')
const context = Buffer.from('id')
const plain = Buffer.from('what nobody else is to know')

test('what was sealed is opened by whoever knows secret, purpose and context', () => {
  const sealed = new SealedBox(secret, 'test').seal(context, plain)
  assert.equal(sealed.length, plain.length + SEAL_BYTES)
  assert.equal(sealed.indexOf(plain.subarray(0, 6)), -1)
  assert.deepEqual(new SealedBox(secret, 'test').open(context, sealed), plain)
  assert.deepEqual(
    new SealedBox(secret, 'test').open(context, new SealedBox(secret, 'test').seal(context, Buffer.alloc(0))),
    Buffer.alloc(0),
  )
})

test('another secret, purpose or context opens nothing', () => {
  const sealed = new SealedBox(secret, 'test').seal(context, plain)
  assert.equal(new SealedBox(Buffer.from('another secret of the fleet'), 'test').open(context, sealed), undefined)
  assert.equal(new SealedBox(secret, 'other').open(context, sealed), undefined)
  assert.equal(new SealedBox(secret, 'test').open(Buffer.from('ie'), sealed), undefined)
  assert.equal(new SealedBox(secret, 'test').open(Buffer.alloc(0), sealed), undefined)
})

test('a changed bit anywhere, or a missing end, opens nothing and throws nothing', () => {
  const box = new SealedBox(secret, 'test')
  const sealed = box.seal(context, plain)
  for (let bit = 0; bit < 8 * sealed.length; bit++) {
    const changed = Buffer.from(sealed)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    assert.equal(box.open(context, changed), undefined, `bit ${bit}`)
  }
  for (let length = 0; length < sealed.length; length++)
    assert.equal(box.open(context, sealed.subarray(0, length)), undefined)
})

test('a thousand boxes of the same bytes have a thousand salts', () => {
  const box = new SealedBox(secret, 'test')
  const salts = Array.from({ length: 1000 }, () => box.seal(context, plain).toString('hex', 2, 18))
  assert.equal(new Set(salts).size, 1000)
})

test('the bytes are as the head of the file says', () => {
  const sealed = new SealedBox(secret, 'test').seal(context, plain)
  const key = Buffer.from(hkdfSync('sha256', secret, 'shellac', 'test', 32))
  assert.deepEqual(deriveKey(secret, 'test'), key)
  const material = createHmac('sha512', key).update(sealed.subarray(2, 18)).digest()
  const decipher = createDecipheriv('aes-256-gcm', material.subarray(0, 32), material.subarray(32, 44))
  decipher.setAAD(Buffer.from('S\x01id'))
  decipher.setAuthTag(sealed.subarray(-16))
  assert.deepEqual(Buffer.concat([decipher.update(sealed.subarray(18, -16)), decipher.final()]), plain)
})

test('a box that is kept opens for ever', () => {
  const kept = Buffer.from(
    '530125ebade66bd5d7193dd00ca5b1285d0ed91320fc941d3762be4fbf43c8c54a33a06912c4b5cc161730b340400001a2c80a6696676efe6ff09f8ca0',
    'hex',
  )
  assert.deepEqual(new SealedBox(secret, 'test').open(context, kept), plain)
})
