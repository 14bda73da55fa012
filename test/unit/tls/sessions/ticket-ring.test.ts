/** The bytes in the pool are promised (doc/tls-sessions.md): what one version wrote another reads. */
import assert from 'node:assert/strict'
import { createDecipheriv, createHmac, hkdfSync } from 'node:crypto'
import { test } from 'node:test'
import {
  decodeRing,
  emptyRing,
  encodeRing,
  MAX_RING_BYTES,
  MAX_RING_KEYS,
  mergeRings,
  type Ring,
  RingSeal,
  ticketRingKey,
} from '../../../../src/tls/sessions/ticket-ring.ts'

const key = (byte: number): Buffer =>
  Buffer.concat([Buffer.alloc(16, byte), Buffer.alloc(16, 0xaa), Buffer.alloc(16, 0xbb)])
const ring: Ring = [
  { kind: 'fleet', fromMs: 0x0102_0304_0506, key: key(0x11) },
  { kind: 'lone', fromMs: 0x0102_0304_0507, key: key(0x22) },
]
const PLAIN = [
  '01 02',
  `00 010203040506 ${'11'.repeat(16)} ${'aa'.repeat(16)} ${'bb'.repeat(16)}`,
  `01 010203040507 ${'22'.repeat(16)} ${'aa'.repeat(16)} ${'bb'.repeat(16)}`,
].join('')
const secret = Buffer.from('a secret of the fleet')
const PLACE = 'sh:zqjFSMpzwcKDb2aYdNCfQF/tickets'
/** Sealed once, by the first version. */
const SEALED = [
  '530154ee0be3d694edc7704e6e95200ea149b1e1c4bf52cff4cabf21f2ebd86bd0e42be095ad4eda79c478691fea36f27dcd',
  'bd2051aeb88a56960f7fd23e7223f9a6ac65d79f592f6745d639d731b82c5858199631bd18c7c34ca2d91fe6c90bc5e89b9c',
  'a7f985454ebf990376322975f343275d6822d1a289c77a233cabce6c0c2dbafe995c2019c9fdf864049a064e7fa7',
].join('')

const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

test('a ring is these bytes', () => {
  assert.deepEqual(encodeRing(ring), bytesOf(PLAIN))
  assert.deepEqual(decodeRing(bytesOf(PLAIN)), ring)
  assert.deepEqual(encodeRing(emptyRing), bytesOf('01 00'))
})

test('what the first version sealed is opened', () => {
  assert.deepEqual(new RingSeal([secret], PLACE).open(bytesOf(SEALED)), ring)
})

test('it is sealed as the documentation says', () => {
  const sealed = new RingSeal([secret], PLACE).seal(ring)
  const box = Buffer.from(hkdfSync('sha256', secret, 'shellac', 'tls ticket keys', 32))
  const material = createHmac('sha512', box).update(sealed.subarray(2, 18)).digest()
  const decipher = createDecipheriv('aes-256-gcm', material.subarray(0, 32), material.subarray(32, 44))
  decipher.setAAD(Buffer.concat([bytesOf('53 01'), Buffer.from(PLACE)]))
  decipher.setAuthTag(sealed.subarray(-16))
  assert.deepEqual(sealed.subarray(0, 2), bytesOf('53 01'))
  assert.deepEqual(Buffer.concat([decipher.update(sealed.subarray(18, -16)), decipher.final()]), bytesOf(PLAIN))
})

test('the item of a block has this key', () => {
  assert.equal(ticketRingKey('edge-tls'), 'sh:zqjFSMpzwcKDb2aYdNCfQF/tickets')
  assert.ok(ticketRingKey('x'.repeat(500)).length < 60)
})

test('other secrets, other places and later versions are not opened', () => {
  const seal = new RingSeal([secret], PLACE)
  const sealed = seal.seal(ring)
  assert.equal(new RingSeal([Buffer.from('another secret, long enough')], PLACE).open(sealed), undefined)
  assert.equal(new RingSeal([secret], `${PLACE}2`).open(sealed), undefined)
  for (const wrong of [
    '02 00',
    '01',
    '',
    '01 01',
    '01 00 00',
    `01 01 02 ${'00'.repeat(54)}`,
    `01 01 00 ${'ff'.repeat(54)}`,
  ]) {
    assert.equal(decodeRing(bytesOf(wrong)), undefined, wrong)
  }
})

test('any of the secrets opens, the first seals', () => {
  const fresh = Buffer.from('the secret of tomorrow')
  const both = new RingSeal([fresh, secret], PLACE)
  assert.deepEqual(both.open(new RingSeal([secret], PLACE).seal(ring)), ring)
  assert.deepEqual(new RingSeal([fresh], PLACE).open(both.seal(ring)), ring)
  assert.equal(new RingSeal([secret], PLACE).open(both.seal(ring)), undefined)
})

test('the largest ring is within its bound, and no larger one is read', () => {
  const keys = Array.from({ length: 40 }, (_, index) => ({ kind: 'fleet' as const, fromMs: index, key: key(index) }))
  const lone = Array.from({ length: 40 }, (_, index) => ({
    kind: 'lone' as const,
    fromMs: index,
    key: key(100 + index),
  }))
  const largest = mergeRings(keys, lone)
  assert.equal(largest.length, MAX_RING_KEYS)
  const seal = new RingSeal([secret], PLACE)
  const sealed = seal.seal(largest)
  assert.equal(sealed.length, MAX_RING_BYTES)
  assert.deepEqual(seal.open(sealed), largest)
  assert.equal(seal.open(Buffer.concat([sealed, Buffer.alloc(1)])), undefined)
})
