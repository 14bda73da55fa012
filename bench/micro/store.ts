/**
 * What the operations of the memory tier cost on one core, and how well it fills its space.
 *
 *     npx node bench/micro/store.ts
 *
 * The hit is what a request pays: a freshly sliced key (as the parser yields), find, pin, unpin.
 */
import { createMemoryTier, MemoryTier } from '../../src/cache/tiers/memory-tier.ts'

const MIB = 1024 * 1024
const head = Buffer.alloc(300, 'h')
const body = Buffer.alloc(4 * MIB, 'b')
const meta = new Float64Array(16)

function measure(name: string, count: number, operation: (n: number) => void): void {
  for (let n = 0; n < Math.min(count, 20_000); n++) operation(n)
  const runs: number[] = []
  for (let run = 0; run < 3; run++) {
    const start = performance.now()
    for (let n = 0; n < count; n++) operation(n)
    runs.push(((performance.now() - start) * 1000) / count)
  }
  console.log(
    `${name.padEnd(46)} ${runs
      .sort((a, b) => a - b)[1]!
      .toFixed(3)
      .padStart(8)} µs`,
  )
}

function put(tier: MemoryTier, key: string, bodyBytes: number): boolean {
  const writer = tier.lead(key)!
  if (!writer.start(meta, head, bodyBytes)) {
    writer.decline(0)
    return false
  }
  let isWhole = true
  for (let at = 0; at < bodyBytes && isWhole; at += 65_536)
    isWhole = writer.write(body, at, Math.min(bodyBytes, at + 65_536))
  if (isWhole) writer.complete()
  else writer.decline(0)
  return isWhole
}

function tierOf(mib: number): MemoryTier {
  return new MemoryTier(createMemoryTier({ bytes: mib * MIB, workers: 4, maxObjectBytes: 16 * MIB }), 0)
}

function hits(): void {
  const tier = tierOf(256)
  const request = Array.from({ length: 4096 }, (_, n) => `GET http:example.com/some/where/asset-${n}.js HTTP/1.1`)
  const keyOf = (n: number): string => request[n]!.slice(4, -9)
  for (let n = 0; n < 4096; n++) put(tier, keyOf(n), 1000)
  const one = (n: number): void => {
    const object = tier.find(keyOf(n))!
    if (tier.pin(object)) tier.unpin(object)
  }
  measure('hit, 1 hot key', 1_000_000, () => one(7))
  measure('hit, 4,096 keys', 1_000_000, (n) => one(n & 4095))
  const cold = Array.from({ length: 65_536 }, (_, n) => `http:example.com/cold/${n}`)
  for (const key of cold) put(tier, key, 100)
  measure('hit, not known to this worker yet (65,536 keys)', 65_536, (n) => {
    const object = tier.find(cold[n & 65_535]!)!
    if (tier.pin(object)) tier.unpin(object)
  })
  measure('miss', 200_000, (n) => tier.find(`http:example.com/absent/${n}`))
  measure('refresh with 1,000 bytes of body', 100_000, () => tier.refresh(tier.find(keyOf(7))!, meta, head))
}

function fills(): void {
  const tier = tierOf(64)
  let n = 0
  for (const bytes of [1000, 16_384, 102_400, MIB]) {
    measure(`fill with eviction, ${bytes} bytes`, Math.min(100_000, 3e8 / bytes), () => put(tier, `/${n++}`, bytes))
  }
}

/** Sizes as the web has them: half under 6 KB, a long tail up to 4 MB. */
function webSize(): number {
  const normal = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random())
  return Math.min(4 * MIB, Math.floor(6000 * Math.exp(1.6 * normal)))
}

function space(): void {
  for (const [name, size] of [
    ['1 to 2 KB', () => 1000 + Math.floor(Math.random() * 1000)],
    ['web sizes', webSize],
    ['20 to 200 KB', () => 20_000 + Math.floor(Math.random() * 180_000)],
  ] as const) {
    const tier = tierOf(128)
    let refused = 0
    for (let n = 0; n < 150_000 && n * 500 < (3e7 * 1000) / (name === '1 to 2 KB' ? 1 : 300); n++)
      if (!put(tier, `/${n}`, size())) refused++
    const { usedBytes, freeBytes, fragmentation, objects, evictions } = tier.stats()
    console.log(name, { objects, evictions, refused, used: usedBytes / (usedBytes + freeBytes), fragmentation })
  }
}

hits()
fills()
space()
