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
  type NumberedOrder,
  orderBytes,
} from '../../../../src/cache/purge/fleet-log.ts'

const tag: NumberedOrder = {
  node: '00112233445566ff',
  id: 7,
  number: 1_800_000_000_000_003,
  atMs: 1_800_000_000_000,
  order: { scope: 'tag', isHard: true, targets: ['news', 'café'] },
}
const all: NumberedOrder = {
  ...tag,
  id: 8,
  number: tag.number + 2,
  order: { scope: 'all', isHard: false, targets: [] },
}
const log: FleetLog = { base: 1_800_000_000_000_001, orders: [tag, all] }

/** Nodes of other releases of this version are in the same fleet: these bytes must stay readable. */
const golden = `
5348504c01000000040062a25c94194302000000bd515418
2c00000000112233445566ff070000000c0062a25c941943
000000c585317a420302020004006e6577730400636166e9
2000000000112233445566ff08000000140062a25c941943
000000c585317a4204010000`

function orderOf(id: number, scope: FleetOrder['order']['scope'], isHard: boolean, ...targets: string[]): FleetOrder {
  return { node: tag.node, id, atMs: tag.atMs, order: { scope, isHard, targets } }
}

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
    assert.equal(lastOf(empty), 1_800_000_000_000_000)
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
      'an order with the number before it': (bytes) => bytes.writeDoubleLE(all.number, 24 + 16),
      'an order up to the base': (bytes) => bytes.writeDoubleLE(log.base, 24 + 16),
      'half an order': (bytes) => bytes.writeDoubleLE(tag.number + 0.5, 24 + 16),
      'number 0': (bytes) => bytes.writeDoubleLE(0, 8),
      'no number': (bytes) => bytes.writeDoubleLE(Number.NaN, 8),
      'half a number': (bytes) => bytes.writeDoubleLE(10.5, 8),
      'a number beyond all': (bytes) => bytes.writeDoubleLE(2 ** 53, 8),
      'more orders than there are': (bytes) => bytes.writeUInt32LE(3, 16),
      'a host of orders': (bytes) => bytes.writeUInt32LE(0xffff_ffff, 16),
      'fewer orders than there are': (bytes) => bytes.writeUInt32LE(1, 16),
      'an order longer than the log': (bytes) => bytes.writeUInt32LE(0xffff_ffff, 24),
      'an order shorter than its head': (bytes) => bytes.writeUInt32LE(3, 24),
      'no scope': (bytes) => bytes.writeUInt8(5, 24 + 32),
      'no mode': (bytes) => bytes.writeUInt8(0, 24 + 33),
      'a target too many': (bytes) => bytes.writeUInt16LE(3, 24 + 34),
      'a target too few': (bytes) => bytes.writeUInt16LE(1, 24 + 34),
      'a target longer than its order': (bytes) => bytes.writeUInt16LE(0xffff, 24 + 36),
    }
    for (const [what, lie] of Object.entries(lies)) assert.equal(decodeLog(forged(lie)), undefined, what)
    assert.deepEqual(decodeLog(forged(() => {})), log)
  })

  test('begins with the time in microseconds, or a leap above what is known, and somewhere behind it', () => {
    assert.equal(emptyLog(1_800_000_000_000, 5, 0).base, 1_800_000_000_000_000)
    assert.equal(emptyLog(1_800_000_000_000, 5, 0.5).base, 1_800_000_536_870_912)
    assert.equal(emptyLog(1_800_000_000_000, 1_900_000_000_000_000, 0).base, 1_900_000_001_000_000)
  })

  test('drops its oldest orders for new ones, and goes on counting', () => {
    const more = ['a', 'b'].map((target, n): FleetOrder => orderOf(n, 'url', false, target))
    const bytes = 24 + orderBytes(more[0]!)! * 2
    const grown = appendOrders(log, more, bytes)
    assert.deepEqual(grown, {
      base: all.number,
      orders: more.map((one, n) => ({ ...one, number: all.number + 1 + n })),
    })
    assert.equal(encodeLog(grown).length, bytes)
    assert.deepEqual(appendOrders(log, more, 24), { base: all.number + 2, orders: [] })
  })

  test('forgets what later orders repeat, as hard or harder', () => {
    const left = (...orders: FleetOrder[]): number[] => {
      const grown = appendOrders({ base: 10, orders: [] }, orders, 100_000)
      assert.deepEqual([grown.base, lastOf(grown)], [10, 10 + orders.length])
      return grown.orders.map(({ number }) => number - 11)
    }
    const [soft, hard] = [orderOf(0, 'tag', false, 'a'), orderOf(1, 'tag', true, 'a')]
    const [softAll, hardAll] = [orderOf(2, 'all', false), orderOf(3, 'all', true)]
    assert.deepEqual(left(soft, soft), [1])
    assert.deepEqual(left(soft, hard), [1])
    assert.deepEqual(left(hard, soft), [0, 1])
    assert.deepEqual(left(hard, soft, soft), [0, 2])
    assert.deepEqual(left(hard, soft, hard), [2])
    assert.deepEqual(left(soft, orderOf(4, 'url', false, 'a'), orderOf(5, 'tag', false, 'b')), [0, 1, 2])
    assert.deepEqual(left(soft, orderOf(4, 'tag', false, 'a', 'b')), [0, 1], 'not what is covered by half')
    assert.deepEqual(left(soft, hard, softAll, soft), [1, 2, 3])
    assert.deepEqual(left(soft, hard, softAll, hardAll), [3])
  })

  test('has no room for targets whose length it cannot tell', () => {
    const of = (targets: string[]): NumberedOrder => ({ ...tag, order: { ...tag.order, targets } })
    assert.equal(orderBytes(of(['x'.repeat(65_536)])), undefined)
    assert.equal(orderBytes(of(new Array(65_536).fill('x'))), undefined)
    const long = of(['x'.repeat(65_535)])
    assert.deepEqual(decodeLog(encodeLog({ base: log.base, orders: [long] }))?.orders, [long])
  })
})
