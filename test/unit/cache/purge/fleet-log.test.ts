import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { crc32 } from 'node:zlib'
import {
  appendOrders,
  decodeLog,
  emptyLog,
  encodeLog,
  type FleetLog,
  type FleetOrder,
  lastOf,
  orderBytes,
} from '../../../../src/cache/purge/fleet-log.ts'

const tag: FleetOrder = {
  node: '00112233445566ff',
  id: 7,
  atMs: 1_800_000_000_000,
  order: { scope: 'tag', isHard: true, targets: ['news', 'café'] },
}
const all: FleetOrder = { ...tag, id: 8, order: { scope: 'all', isHard: false, targets: [] } }
const log: FleetLog = { first: 1_800_000_000_000_001, orders: [tag, all] }

/** Nodes of other releases of this version are in the same fleet: these bytes must stay readable. */
const golden = `
5348504c01000000040062a25c9419430200000039f3f099
2400000000112233445566ff07000000000000c585317a42
0302020004006e6577730400636166e91800000000112233
445566ff08000000000000c585317a4204010000`

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(/\s/g, ''), 'hex')
}

/** Changed, with a checksum that is right again. */
function forged(change: (bytes: Buffer) => void): Buffer {
  const bytes = encodeLog(log)
  change(bytes)
  bytes.writeUInt32LE(crc32(bytes.subarray(24), crc32(bytes.subarray(0, 20))), 20)
  return bytes
}

describe('the log of the fleet', () => {
  test('is these bytes', () => {
    assert.deepEqual(encodeLog(log), bytesOf(golden))
    assert.deepEqual(decodeLog(bytesOf(golden)), log)
  })

  test('may be empty', () => {
    const empty = emptyLog(1_800_000_000_000, 0, 0)
    assert.deepEqual(decodeLog(encodeLog(empty)), empty)
    assert.equal(lastOf(empty), 1_800_000_000_000_000 - 1)
  })

  test('cut anywhere, or with any bit changed, is no log', () => {
    const bytes = encodeLog(log)
    for (let end = 0; end < bytes.length; end++) assert.equal(decodeLog(bytes.subarray(0, end)), undefined)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const copy = Buffer.from(bytes)
      copy[bit >> 3]! ^= 1 << (bit & 7)
      assert.equal(decodeLog(copy), undefined, `bit ${bit}`)
    }
  })

  test('that is well-formed by its checksum alone is no log', () => {
    const lies: Record<string, (bytes: Buffer) => void> = {
      'another version': (bytes) => bytes.writeUInt8(2, 4),
      'number 0': (bytes) => bytes.writeDoubleLE(0, 8),
      'no number': (bytes) => bytes.writeDoubleLE(Number.NaN, 8),
      'half a number': (bytes) => bytes.writeDoubleLE(10.5, 8),
      'a number beyond all': (bytes) => bytes.writeDoubleLE(2 ** 53, 8),
      'more orders than there are': (bytes) => bytes.writeUInt32LE(3, 16),
      'a host of orders': (bytes) => bytes.writeUInt32LE(0xffff_ffff, 16),
      'fewer orders than there are': (bytes) => bytes.writeUInt32LE(1, 16),
      'an order longer than the log': (bytes) => bytes.writeUInt32LE(0xffff_ffff, 24),
      'an order shorter than its head': (bytes) => bytes.writeUInt32LE(3, 24),
      'no scope': (bytes) => bytes.writeUInt8(5, 24 + 24),
      'no mode': (bytes) => bytes.writeUInt8(0, 24 + 25),
      'a target too many': (bytes) => bytes.writeUInt16LE(3, 24 + 26),
      'a target too few': (bytes) => bytes.writeUInt16LE(1, 24 + 26),
      'a target longer than its order': (bytes) => bytes.writeUInt16LE(0xffff, 24 + 28),
    }
    for (const [what, lie] of Object.entries(lies)) assert.equal(decodeLog(forged(lie)), undefined, what)
    assert.deepEqual(decodeLog(forged(() => {})), log)
  })

  test('begins with the time in microseconds, or a leap above what is known, and somewhere behind it', () => {
    assert.equal(emptyLog(1_800_000_000_000, 5, 0).first, 1_800_000_000_000_000)
    assert.equal(emptyLog(1_800_000_000_000, 5, 0.5).first, 1_800_000_536_870_912)
    assert.equal(emptyLog(1_800_000_000_000, 1_900_000_000_000_000, 0).first, 1_900_000_001_000_000)
  })

  test('drops its oldest orders for new ones, and goes on counting', () => {
    const size = orderBytes(tag)!
    const grown = appendOrders(log, [tag, tag], 24 + 2 * size)
    assert.deepEqual(grown, { first: log.first + 2, orders: [tag, tag] })
    assert.equal(lastOf(grown), lastOf(log) + 2)
    assert.equal(encodeLog(grown).length, 24 + 2 * size)
  })

  test('has no room for targets whose length it cannot tell', () => {
    const of = (targets: string[]): FleetOrder => ({ ...tag, order: { ...tag.order, targets } })
    assert.equal(orderBytes(of(['x'.repeat(65_536)])), undefined)
    assert.equal(orderBytes(of(new Array(65_536).fill('x'))), undefined)
    const long = of(['x'.repeat(65_535)])
    assert.deepEqual(decodeLog(encodeLog({ first: 2, orders: [long] }))?.orders, [long])
  })
})
