import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { joinParts } from '../../../src/cache/policy/partial.ts'
import { createMemoryTier, MemoryTier } from '../../../src/cache/tiers/memory-tier.ts'
import type { StoredObject } from '../../../src/cache/tiers/stored-object.ts'
import { PartJoin } from '../../../src/proxy/part-join.ts'

const KIB = 1024
const BODY = Buffer.from(Array.from({ length: 400 * KIB }, (_, i) => (i * 7 + (i >> 8)) & 0xff))
const HEAD = Buffer.from('X: y\r\n\r\n')

function store(tier: MemoryTier, first: number, end: number): StoredObject {
  const writer = tier.lead('/a')!
  writer.start([206], HEAD, end - first)
  writer.write(BODY, first, end)
  writer.complete()
  return tier.find('/a')!
}

const parts = fc
  .tuple(fc.nat(BODY.length - 1), fc.integer({ min: 1, max: 200 * KIB }))
  .map(([first, length]) => ({ first, end: Math.min(BODY.length, first + length), total: BODY.length }))

test('what is joined in the store has each byte in its place, and nothing of the part stays pinned', () => {
  const tier = new MemoryTier(createMemoryTier({ bytes: 4096 * KIB, workers: 1, maxObjectBytes: 1024 * KIB }), 0)
  fc.assert(
    fc.property(parts, parts, fc.integer({ min: 1, max: 64 * KIB }), (stored, coming, pieceBytes) => {
      const joint = joinParts(stored, coming)
      fc.pre(joint !== undefined)
      const part = store(tier, stored.first, stored.end)
      assert.ok(tier.pin(part))
      const join = new PartJoin(tier, part, joint)
      const writer = tier.lead('/a')!
      const { first, end } = joint.union
      assert.ok(writer.start([206], HEAD, end - first))
      assert.ok(join.writeBefore(writer))
      for (let at = coming.first; at < coming.end; at += pieceBytes) {
        const to = Math.min(coming.end, at + pieceBytes)
        const from = at + join.skip(to - at)
        assert.ok(writer.write(BODY, from, to))
      }
      assert.ok(join.writeAfter(writer))
      writer.complete()
      join.end()
      join.end()
      assert.ok(Buffer.concat(tier.find('/a')!.body).equals(BODY.subarray(first, end)))
      assert.equal(tier.stats().zombies, 0)
    }),
  )
})
