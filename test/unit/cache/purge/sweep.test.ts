import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeLabels } from '../../../../src/cache/purge/labels.ts'
import { PURGE_CELL } from '../../../../src/cache/purge/layout.ts'
import { PurgeLog } from '../../../../src/cache/purge/purge-log.ts'
import { Sweep } from '../../../../src/cache/purge/sweep.ts'
import type { FillWriter } from '../../../../src/cache/tiers/fill-writer.ts'
import { createMemoryTier, META_CELLS, MemoryTier } from '../../../../src/cache/tiers/memory-tier.ts'

const MAIN = -1
const head = Buffer.from('\r\n')

function bench() {
  const shared = createMemoryTier({ bytes: 4 * 1024 * 1024, workers: 1, maxObjectBytes: 1000 })
  const [tier, log] = [new MemoryTier(shared, 0), new PurgeLog(shared, 0)]
  const sweep = new Sweep(new MemoryTier(shared, MAIN), new PurgeLog(shared, MAIN))
  return { tier, log, sweep }
}

/** A fetch that has begun and been answered, but not ended. */
function begin({ tier, log }: ReturnType<typeof bench>, path: string, ...tags: string[]): FillWriter {
  const ticket = log.beginFetch()
  const key = `http|a|${path}`
  const writer = tier.lead(key, ticket)!
  const meta = new Float64Array(META_CELLS)
  meta[PURGE_CELL] = ticket.number
  assert.ok(writer.start(meta, head, 0, encodeLabels(key, { url: `a|${path}`, tags })))
  return writer
}

function store(parts: ReturnType<typeof bench>, path: string, ...tags: string[]): void {
  begin(parts, path, ...tags).complete()
}

function finish(sweep: Sweep): number {
  let steps = 1
  while (sweep.step() !== 'idle') steps++
  return steps
}

describe('a sweep', () => {
  it('removes what was purged hard, makes stale what was purged softly, and touches nothing else', () => {
    const parts = bench()
    const { tier, log, sweep } = parts
    for (const path of ['/hard', '/soft', '/kept', '/banned']) store(parts, path, path.slice(1))
    log.purgeLabels('tag', ['hard'], true)
    log.purgeLabels('url', ['a|/soft'], false)
    log.purgeUrls({ kind: 'prefix', pattern: '/ban', isHard: true })
    store(parts, '/young', 'hard')
    finish(sweep)
    const found = ['/hard', '/soft', '/kept', '/banned', '/young'].map(
      (path) => tier.find(`http|a|${path}`)?.softPurged,
    )
    assert.deepEqual(found, [undefined, true, false, undefined, false])
    assert.equal(log.isUnswept, false)
  })

  it('does nothing without a purge, and is done when all purges are applied', () => {
    const { log, sweep } = bench()
    assert.equal(sweep.step(), 'idle')
    log.purgeAll(false)
    finish(sweep)
    assert.equal(log.stats().sweeps, 1)
    assert.equal(sweep.step(), 'idle')
    assert.equal(log.stats().sweeps, 1)
  })

  it('waits for fetches that began before it, and not for those that began after it', () => {
    const parts = bench()
    const { tier, log, sweep } = parts
    const old = begin(parts, '/old', 'news')
    log.purgeLabels('tag', ['news'], true)
    assert.equal(sweep.step(), 'waiting')
    const young = begin(parts, '/young', 'news')
    assert.equal(sweep.step(), 'waiting')
    old.complete()
    finish(sweep)
    assert.equal(tier.find('http|a|/old'), undefined)
    young.complete()
    assert.notEqual(tier.find('http|a|/young'), undefined)
  })

  it('takes many small steps for many objects', () => {
    const parts = bench()
    for (let n = 0; n < 1500; n++) store(parts, `/${n}`)
    parts.log.purgeAll(true)
    assert.ok(finish(parts.sweep) > 1)
    assert.equal(parts.tier.stats().objects, 0)
  })
})
