/** Entries of the pool: what is written is read, and of all other bytes nothing is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { META_CELLS_USED } from '../../src/cache/policy/meta.ts'
import {
  decodeEntry,
  ENTRY_HEADER_BYTES,
  Entry,
  type EntryFront,
  EntryKind,
  encodeEntry,
  encodeSegmentedEntry,
} from '../../src/cache/tiers/pool/entry.ts'

const times = fc.double({ min: -8.64e15, max: 8.64e15, noNaN: true })
const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength })
const heads = fc
  .array(fc.tuple(fc.stringMatching(/^[a-z]{1,8}$/), fc.stringMatching(/^[ -~]{0,20}$/)), { maxLength: 5 })
  .map((fields) => Buffer.from(`${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`, 'latin1'))
const statuses = fc.integer({ min: 200, max: 599 }).filter((status) => status !== 206 && status !== 304)

const fronts: fc.Arbitrary<EntryFront> = fc
  .record({
    identity: fc.string({ unit: 'binary', maxLength: 300 }),
    writtenMs: times,
    fleetNumber: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    status: statuses,
    cells: fc.array(times, { minLength: META_CELLS_USED - 1, maxLength: META_CELLS_USED - 1 }),
    labels: bytes(60),
    head: heads,
  })
  .map(({ status, cells, ...rest }) => ({ ...rest, kind: EntryKind.response, markerId: 0, meta: [status, ...cells] }))

const entry = new Entry()

/** `body` at another place than the beginning of its buffer, as a reply has it. */
function read(written: Buffer, identity: string, before: number): boolean {
  const reply = Buffer.concat([Buffer.alloc(before, 0x61), written, Buffer.from('\r\nEN\r\n')])
  return decodeEntry(reply, before, before + written.length, identity, entry)
}

function assertFront(front: EntryFront): void {
  assert.equal(entry.kind, front.kind)
  assert.equal(entry.writtenMs, front.writtenMs)
  assert.equal(entry.fleetNumber, front.fleetNumber)
  assert.equal(entry.markerId, front.markerId)
  assert.deepEqual([...entry.meta], [...(front.meta as number[])])
  assert.equal(entry.labels, Buffer.from(front.labels).toString('latin1'))
  assert.deepEqual(entry.head, Buffer.from(front.head))
}

test('an entry is read as it was written, wherever it lies', () => {
  fc.assert(
    fc.property(fronts, fc.array(bytes(80), { maxLength: 4 }), fc.nat(40), (front, body, before) => {
      const whole = Buffer.concat(body)
      assert.ok(read(encodeEntry(front, body, whole.length), front.identity, before))
      assertFront(front)
      assert.equal(entry.bodyBytes, whole.length)
      assert.equal(entry.segments, 0)
      assert.deepEqual(entry.bytes.subarray(entry.bodyStart, entry.end), whole)
    }),
  )
})

test('an entry names its segments and their lengths', () => {
  const lists = fc.record({
    id: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    segmentBytes: fc.integer({ min: 1, max: 1 << 20 }),
    checksums: fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { minLength: 1, maxLength: 20 }),
  })
  fc.assert(
    fc.property(fronts, lists, fc.nat(), (front, list, some) => {
      const { segmentBytes, checksums, id } = list
      const last = 1 + (some % segmentBytes)
      const bodyBytes = (checksums.length - 1) * segmentBytes + last
      assert.ok(read(encodeSegmentedEntry(front, list, bodyBytes), front.identity, 3))
      assertFront(front)
      assert.equal(entry.bodyBytes, bodyBytes)
      assert.equal(entry.segmentId, Buffer.from(id).toString('base64url'))
      assert.deepEqual(
        checksums.map((_, i) => entry.checksumOf(i)),
        checksums,
      )
      const lengths = checksums.map((_, i) => entry.lengthOf(i))
      assert.equal(
        lengths.reduce((sum, length) => sum + length, 0),
        bodyBytes,
      )
      assert.equal(lengths.at(-1), last)
    }),
  )
})

test('an entry is nobody else’s', () => {
  fc.assert(
    fc.property(fronts, fc.string({ unit: 'binary', maxLength: 300 }), (front, other) => {
      fc.pre(other !== front.identity)
      assert.equal(read(encodeEntry(front, [], 0), other, 0), false)
    }),
  )
})

test('an entry with a changed, missing or further byte is none', () => {
  fc.assert(
    fc.property(fronts, bytes(50), fc.nat(), fc.integer({ min: 1, max: 255 }), (front, body, where, change) => {
      const written = encodeEntry(front, [body], body.length)
      const at = where % written.length
      const changed = Buffer.from(written)
      changed[at]! ^= change
      assert.equal(read(changed, front.identity, 0), false, `changed at ${at}`)
      assert.equal(read(written.subarray(0, at), front.identity, 0), false, `cut at ${at}`)
      assert.equal(read(Buffer.concat([written, Buffer.of(change)]), front.identity, 0), false, 'lengthened')
    }),
  )
})

test('bytes of anybody are read as nothing, or as what they say within their bounds', () => {
  const valid = encodeEntry(
    {
      kind: 0,
      identity: 'c:k',
      writtenMs: 1,
      fleetNumber: 2,
      markerId: 0,
      meta: [200, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      labels: Buffer.from('#1'),
      head: Buffer.from('a: b\r\n\r\n'),
    },
    [Buffer.from('body')],
    4,
  )
  // A right checksum over wrong numbers: what a hostile neighbour in the pool would write.
  const edits = fc.array(fc.tuple(fc.nat(ENTRY_HEADER_BYTES + 20), fc.integer({ min: 0, max: 255 })), { maxLength: 12 })
  fc.assert(
    fc.property(edits, fc.boolean(), (list, isSealed) => {
      const forged = Buffer.from(valid)
      for (const [at, byte] of list) if (at < forged.length) forged[at] = byte
      if (isSealed) {
        valid.copy(forged, 0, 0, 9)
        forged.writeUInt32LE(forged.length, 12)
        forged.writeUInt32LE(crc32(forged.subarray(8)), 4)
      }
      if (!decodeEntry(forged, 0, forged.length, 'c:k', entry)) return
      assert.ok(entry.bodyStart <= entry.end && entry.end === forged.length)
      assert.ok(entry.headStart <= entry.bodyStart && entry.labelStart <= entry.headStart)
      assert.ok(entry.bodyBytes >= 0 && Number.isInteger(entry.bodyBytes))
      assert.ok([...entry.meta].every(Number.isFinite))
      for (let i = 0; i < entry.segments; i++) assert.ok(entry.lengthOf(i) > 0 && entry.checksumOf(i) >= 0)
    }),
    { numRuns: 5000 },
  )
  fc.assert(fc.property(bytes(400), (any) => !decodeEntry(Buffer.from(any), 0, any.length, 'c:k', entry)))
})

test('a head that ends before its end is no head', () => {
  const front = {
    kind: 0,
    identity: 'c:k',
    writtenMs: 1,
    fleetNumber: 0,
    markerId: 0,
    labels: Buffer.alloc(0),
    meta: [200, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  }
  for (const head of ['', '\r', 'a: b\r\n', 'a: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n', '\r\n\r\n', 'a: b\r\n\r\n\r\n']) {
    const written = encodeEntry({ ...front, head: Buffer.from(head) }, [], 0)
    assert.equal(read(written, 'c:k', 0), false, JSON.stringify(head))
  }
  assert.ok(read(encodeEntry({ ...front, head: Buffer.from('\r\n') }, [], 0), 'c:k', 0))
})
