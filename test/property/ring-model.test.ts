/** The ring against models that are plainly right: points sorted and searched one by one, lists, every server asked. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import type { DistributionName, HashName, PlacedServer, PlacementPlan } from '../../src/plan/memcached-plan.ts'
import { hashFunctions } from '../../src/ring/hash.ts'
import { compareLabels } from '../../src/ring/label.ts'
import { md5 } from '../../src/ring/md5.ts'
import { NOBODY, Placement } from '../../src/ring/placement.ts'

const hashNames = Object.keys(hashFunctions) as HashName[]
const weight = fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 100_000 }))
const label = fc.oneof(fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }), fc.ipV4())
const servers = fc.uniqueArray(fc.record({ label, weight }), {
  minLength: 1,
  maxLength: 30,
  selector: (server) => server.label,
})
const equalServers = servers.map((list) => list.map((server) => ({ ...server, weight: 1 })))
const hashes = fc.array(
  fc.oneof(
    fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    fc.integer({ min: 0, max: 3 }),
    fc.integer({ min: 2 ** 32 - 4, max: 2 ** 32 - 1 }),
  ),
  { minLength: 50, maxLength: 50 },
)
const liveSet = fc.array(fc.boolean(), { minLength: 30, maxLength: 30 })

function plan(distribution: DistributionName, of: readonly PlacedServer[]): PlacementPlan {
  return { hash: 'murmur', hashTag: undefined, distribution, servers: of }
}

function sortedLive(of: readonly PlacedServer[], live: readonly boolean[]): (PlacedServer & { server: number })[] {
  return of
    .map((server, i) => ({ ...server, server: i }))
    .filter(({ server }) => live[server])
    .sort((a, b) => compareLabels(a.label, b.label))
}

/** Points as the specification of twemproxy's ring says, with a Float32Array for its single precision. */
function ketamaPoints(of: readonly PlacedServer[], live: readonly boolean[]): { value: number; server: number }[] {
  const sorted = sortedLive(of, live)
  const total = sorted.reduce((sum, one) => sum + one.weight, 0)
  const single = new Float32Array(5)
  return sorted
    .flatMap((one) => {
      single[0] = one.weight
      single[1] = total
      single[2] = single[0]! / single[1]!
      single[2] = single[2]! * 160
      single[2] = single[2]! / 4
      single[3] = sorted.length
      single[4] = single[2]! * single[3]!
      single[4] = single[4]! + 1e-10
      return Array.from({ length: Math.floor(single[4]!) }, (_, j) => {
        const digest = createHash('md5').update(`${one.label}-${j}`).digest()
        return [0, 4, 8, 12].map((at) => ({ value: digest.readUInt32LE(at), server: one.server }))
      }).flat()
    })
    .sort((a, b) => a.value - b.value)
}

function ketamaModel(points: readonly { value: number; server: number }[], hash: number): number {
  return (points.find(({ value }) => value >= hash) ?? points[0])?.server ?? NOBODY
}

function modulaModel(of: readonly PlacedServer[], live: readonly boolean[], hash: number): number {
  const list = sortedLive(of, live).flatMap((one) => new Array<number>(one.weight).fill(one.server))
  return list.length === 0 ? NOBODY : list[hash % list.length]!
}

describe('hash functions', () => {
  const key = fc.uint8Array({ maxLength: 260 })

  it('md5 is that of OpenSSL, at every length', () => {
    fc.assert(
      fc.property(key, fc.nat(5), (bytes, offset) => {
        const within = Buffer.concat([Buffer.alloc(offset, 1), bytes, Buffer.from('behind')])
        const words = md5(within, offset, offset + bytes.length)
        const digest = Buffer.from(words.buffer, words.byteOffset, 16).toString('hex')
        assert.equal(digest, createHash('md5').update(bytes).digest('hex'))
      }),
      { numRuns: 500 },
    )
  })

  it('crc32a is that of zlib, crc32 its bits 16 to 30', () => {
    fc.assert(
      fc.property(key, (bytes) => {
        assert.equal(hashFunctions.crc32a(bytes, 0, bytes.length) >>> 0, crc32(bytes))
        assert.equal(hashFunctions.crc32(bytes, 0, bytes.length), (crc32(bytes) >>> 16) & 0x7fff)
      }),
    )
  })

  it('the 64-bit FNV functions are the low halves of the real ones for ASCII keys', () => {
    const mask = 2n ** 64n - 1n
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii', maxLength: 60 }), (text) => {
        let fnv1 = 0xcbf29ce484222325n
        let fnv1a = fnv1
        for (const byte of Buffer.from(text)) {
          fnv1 = ((fnv1 * 0x100000001b3n) & mask) ^ BigInt(byte)
          fnv1a = ((fnv1a ^ BigInt(byte)) * 0x100000001b3n) & mask
        }
        const bytes = Buffer.from(text)
        assert.equal(hashFunctions.fnv1_64(bytes, 0, bytes.length) >>> 0, Number(fnv1 & 0xffffffffn))
        assert.equal(hashFunctions.fnv1a_64(bytes, 0, bytes.length) >>> 0, Number(fnv1a & 0xffffffffn))
      }),
    )
  })

  it('depend on the key alone, wherever it lies, and give small integers of V8', () => {
    fc.assert(
      fc.property(key, fc.constantFrom(...hashNames), fc.nat(9), (bytes, name, offset) => {
        const within = Buffer.concat([Buffer.alloc(offset, 0xff), bytes, Buffer.alloc(9, 0xee)])
        const hash = hashFunctions[name](within, offset, offset + bytes.length)
        assert.equal(hash, hashFunctions[name](bytes, 0, bytes.length))
        assert.equal(hash, hash | 0)
      }),
      { numRuns: 500 },
    )
  })
})

describe('ketama', () => {
  it('owns keys as sorted points searched one by one', () => {
    fc.assert(
      fc.property(fc.oneof(servers, equalServers), liveSet, hashes, (of, live, some) => {
        const placement = new Placement(plan('ketama', of))
        // A ring of all servers before it: what it has remembered of them must not show.
        placement.build(() => true)
        const ring = placement.build((server) => live[server]!)
        const points = ketamaPoints(of, live)
        assert.equal(ring.points, points.length)
        const edges = points.slice(0, 20).flatMap(({ value }) => [value - 1, value, value + 1].map((one) => one >>> 0))
        for (const hash of [...some, ...edges]) assert.equal(ring.ownerOfHash(hash), ketamaModel(points, hash))
      }),
      { numRuns: 100 },
    )
  })

  it('moves no key but those of the server that goes, where all weights are equal and none is rounded', () => {
    fc.assert(
      fc.property(equalServers, fc.nat(), hashes, (of, pick, some) => {
        const gone = pick % of.length
        const placement = new Placement(plan('ketama', of))
        const all = placement.build(() => true)
        const fewer = placement.build((server) => server !== gone)
        if (all.points !== 160 * of.length || fewer.points !== 160 * (of.length - 1)) return
        for (const hash of some) {
          const owner = all.ownerOfHash(hash)
          if (owner !== gone) assert.equal(fewer.ownerOfHash(hash), owner)
        }
      }),
      { numRuns: 100 },
    )
  })
})

describe('modula', () => {
  it('owns keys as a list with each server as often as its weight says', () => {
    const light = servers.map((list) => list.map((server) => ({ ...server, weight: (server.weight % 50) + 1 })))
    fc.assert(
      fc.property(light, liveSet, hashes, (of, live, some) => {
        const ring = new Placement(plan('modula', of)).build((server) => live[server]!)
        for (const hash of some) assert.equal(ring.ownerOfHash(hash), modulaModel(of, live, hash))
      }),
      { numRuns: 100 },
    )
  })
})

describe('rendezvous', () => {
  /** The spreading of hash.ts, spelled in unbounded integers. */
  function spread(hash: number): number {
    let h = BigInt(hash >>> 0)
    h = ((h ^ (h >> 16n)) * 0x85ebca6bn) & 0xffffffffn
    h = ((h ^ (h >> 13n)) * 0xc2b2ae35n) & 0xffffffffn
    return Number(h ^ (h >> 16n))
  }

  function model(of: readonly PlacedServer[], live: readonly boolean[], hash: number): number {
    const scores = sortedLive(of, live).map((one) => {
      const digest = createHash('md5').update(one.label).digest()
      const drawn = spread(spread(hash ^ digest.readInt32LE(0)) ^ digest.readInt32LE(4))
      return { server: one.server, score: -one.weight / Math.log((drawn + 0.5) / 2 ** 32) }
    })
    return scores.reduce((best, one) => (one.score > best.score ? one : best), { server: NOBODY, score: -1 }).server
  }

  it('gives a key to the server with the highest score of all', () => {
    fc.assert(
      fc.property(fc.oneof(servers, equalServers), liveSet, hashes, (of, live, some) => {
        const ring = new Placement(plan('rendezvous', of)).build((server) => live[server]!)
        for (const hash of some) assert.equal(ring.ownerOfHash(hash), model(of, live, hash))
      }),
      { numRuns: 100 },
    )
  })

  it('moves no key but those of the server that goes, whatever the weights', () => {
    fc.assert(
      fc.property(servers, fc.nat(), liveSet, hashes, (of, pick, live, some) => {
        const gone = pick % of.length
        const placement = new Placement(plan('rendezvous', of))
        const before = placement.build((server) => server === gone || live[server]!)
        const after = placement.build((server) => server !== gone && live[server]!)
        for (const hash of some) {
          const owner = before.ownerOfHash(hash)
          if (owner !== gone) assert.equal(after.ownerOfHash(hash), owner)
        }
      }),
      { numRuns: 100 },
    )
  })
})

describe('maglev', () => {
  it('gives each server its weight’s part, to within an entry per server', () => {
    fc.assert(
      fc.property(fc.oneof(servers, equalServers), (of) => {
        const shares = new Placement(plan('maglev', of)).build(() => true).shares()
        const total = of.reduce((sum, one) => sum + one.weight, 0)
        for (const [i, share] of shares.entries()) {
          assert.ok(Math.abs(share - of[i]!.weight / total) <= (of.length + 1) / 65_537)
        }
      }),
      { numRuns: 40 },
    )
  })

  it('moves few keys but those of the server that goes', () => {
    fc.assert(
      fc.property(equalServers, fc.nat(), (of, pick) => {
        if (of.length < 3) return
        const gone = pick % of.length
        const placement = new Placement(plan('maglev', of))
        const all = placement.build(() => true)
        const fewer = placement.build((server) => server !== gone)
        let kept = 0
        let moved = 0
        for (let i = 0; i < 20_000; i++) {
          const owner = all.ownerOfHash(i)
          if (owner === gone) continue
          kept++
          if (fewer.ownerOfHash(i) !== owner) moved++
        }
        assert.ok(moved / kept < 0.05, `${moved} of ${kept}`)
      }),
      { numRuns: 20 },
    )
  })
})
