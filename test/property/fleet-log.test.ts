/** The bytes of the fleet's log: whatever is written is read again, and whatever is read is a log or nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import {
  appendOrders,
  decodeLog,
  encodeLog,
  type FleetLog,
  type FleetOrder,
  lastOf,
  type NumberedOrder,
  orderBytes,
} from '../../src/cache/purge/fleet-log.ts'

const order: fc.Arbitrary<FleetOrder> = fc.record({
  node: fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 16, maxLength: 16 }),
  id: fc.nat(2 ** 32 - 1),
  atMs: fc.nat(2 ** 31),
  order: fc.record(
    {
      scope: fc.constantFrom('url', 'prefix', 'glob', 'tag', 'all'),
      isHard: fc.boolean(),
      targets: fc.array(fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 20 }), {
        maxLength: 4,
      }),
    },
    { noNullPrototype: true },
  ),
})

const log: fc.Arbitrary<FleetLog> = fc
  .record({
    base: fc.integer({ min: 1, max: 2 ** 51 }),
    steps: fc.array(fc.tuple(fc.integer({ min: 1, max: 99 }), order)),
  })
  .map(({ base, steps }) => {
    const orders: NumberedOrder[] = []
    for (const [step, one] of steps) orders.push({ ...one, number: (orders.at(-1)?.number ?? base) + step })
    return { base, orders }
  })

test('what is written is read again', () => {
  fc.assert(fc.property(log, (given) => assert.deepEqual(decodeLog(encodeLog(given)), given)))
})

test('any bytes, with a right checksum too, are a log or nothing, and a log that is read is written the same', () => {
  const edit = fc.record({ at: fc.nat(400), bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }) })
  let logs = 0
  fc.assert(
    fc.property(log, fc.array(edit, { maxLength: 3 }), fc.nat(40), (given, edits, cut) => {
      const whole = encodeLog(given)
      const bytes = whole.subarray(0, Math.max(24, whole.length - (cut > 30 ? cut : 0)))
      for (const { at, bytes: put } of edits)
        bytes.set(put.subarray(0, Math.max(0, bytes.length - at)), Math.min(at, bytes.length))
      bytes.writeUInt32LE(crc32(bytes.subarray(24), crc32(bytes.subarray(0, 20))), 20)
      const read = decodeLog(bytes)
      if (read === undefined) return
      logs++
      const again = encodeLog(read)
      // Bytes 5 to 7 mean nothing yet.
      assert.deepEqual(again.subarray(8, 20), bytes.subarray(8, 20))
      assert.deepEqual(again.subarray(24), bytes.subarray(24))
    }),
    { numRuns: 500 },
  )
  assert.ok(logs > 20)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => assert.equal(decodeLog(Buffer.from(bytes)), undefined)),
  )
})

test('what is appended stays within its bytes, keeps counting, and loses nothing above the base but what is repeated', () => {
  fc.assert(
    fc.property(
      log,
      fc.array(order, { maxLength: 20 }),
      fc.integer({ min: 24, max: 2000 }),
      (given, more, maxBytes) => {
        const after = appendOrders(given, more, maxBytes)
        assert.ok(24 + after.orders.reduce((sum, one) => sum + orderBytes(one)!, 0) <= maxBytes)
        assert.equal(lastOf(after), lastOf(given) + more.length)
        assert.ok(after.base >= given.base)
        const numbered = [...given.orders, ...more.map((one, n) => ({ ...one, number: lastOf(given) + 1 + n }))]
        for (const { number, order: lost } of numbered) {
          if (number <= after.base || after.orders.some((one) => one.number === number)) continue
          const covers = ({ number: later, order: other }: (typeof numbered)[number]): boolean =>
            later > number &&
            (other.isHard || !lost.isHard) &&
            ((other.scope === 'all' && other.targets.length === 0) ||
              (other.scope === lost.scope && other.targets.join('\0') === lost.targets.join('\0')))
          assert.ok(after.orders.some(covers), `${number} is gone`)
        }
      },
    ),
    { numRuns: 1000 },
  )
})
