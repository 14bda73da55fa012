import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { labelTexts } from '../../../../src/cache/purge/labels.ts'
import { PurgeCell, PurgeNumber, purgeLayout } from '../../../../src/cache/purge/layout.ts'
import { Numbers } from '../../../../src/cache/purge/numbers.ts'
import { MAX_TARGETS, obeyOrder, refuseOrder } from '../../../../src/cache/purge/order.ts'
import { PurgeLog, Verdict } from '../../../../src/cache/purge/purge-log.ts'
import { createMemoryTier, type MemoryTierShared } from '../../../../src/cache/tiers/memory-tier.ts'

const MAIN = -1
/** What a lock holds while worker 1 owns it. */
const OWNED_BY_WORKER_1 = 3

function sharedOf(bytes = 1024 * 1024): MemoryTierShared {
  return createMemoryTier({ bytes, workers: 2, maxObjectBytes: 1000 })
}

function verdictOf(log: PurgeLog, url: string, tags: readonly string[] = [], since = 0): number {
  return log.verdict(log.hashLabels(labelTexts({ url, tags })), url, since)
}

/** The Int32 cells that differ. */
function changesIn(before: Int32Array, after: Int32Array): number {
  return after.reduce((count, cell, at) => count + (cell === before[at] ? 0 : 1), 0)
}

describe('a purge log', () => {
  it('shows a purge to every worker, and only to what is older', () => {
    const shared = sharedOf()
    const [log, other] = [new PurgeLog(shared, 0), new PurgeLog(shared, 1)]
    const before = other.sequence
    const old = other.beginFetch().number
    assert.ok(log.purgeLabels('tag', ['news'], false))
    assert.notEqual(other.sequence, before)
    const young = other.beginFetch().number
    assert.equal(verdictOf(other, 'a|/', ['sport', 'news'], old), Verdict.stale)
    assert.equal(verdictOf(other, 'a|/', ['sport'], old), Verdict.untouched)
    assert.equal(verdictOf(other, 'a|/', ['news'], young), Verdict.untouched)
    assert.ok(log.purgeLabels('tag', ['news'], true))
    assert.equal(verdictOf(other, 'a|/', ['news'], old), Verdict.gone)
  })

  it('does not take a tag for a URL', () => {
    const log = new PurgeLog(sharedOf(), 0)
    log.purgeLabels('tag', ['a|/'], true)
    assert.equal(verdictOf(log, 'a|/'), Verdict.untouched)
    log.purgeLabels('url', ['news'], true)
    assert.equal(verdictOf(log, 'a|/', ['news']), Verdict.untouched)
  })

  it('changes as many cells for a tag that 50,000 objects carry as for one that nobody carries', () => {
    const shared = sharedOf(64 * 1024 * 1024)
    const log = new PurgeLog(shared, 0)
    const cells = new Int32Array(shared.purges)
    const objects = Array.from({ length: 50_000 }, (_, n) =>
      log.hashLabels(labelTexts({ url: `a|/${n}`, tags: ['all'] })),
    )
    const counts = ['none', 'all', 'few'].map((tag) => {
      const before = cells.slice()
      log.purgeLabels('tag', [tag], false)
      return changesIn(before, cells)
    })
    assert.deepEqual(counts, [counts[0], counts[0], counts[0]])
    assert.ok(counts[0]! < 10, `${counts[0]} cells`)
    assert.ok(objects.every((labels, n) => log.verdict(labels, `a|/${n}`, 0) === Verdict.stale))
  })

  it('forgets no purge when it is full, but makes all that is older stale', () => {
    const shared = sharedOf(256 * 1024)
    const log = new PurgeLog(shared, 0)
    const { labelEntries, banEntries } = purgeLayout(shared.bytes, 2)
    log.purgeLabels('tag', ['first'], true)
    for (let n = 0; n < 4 * labelEntries; n++) log.purgeLabels('tag', [`tag ${n}`], false)
    assert.ok(log.stats().folds > 0)
    assert.equal(verdictOf(log, 'a|/', ['first']), Verdict.gone)
    for (let n = 0; n < 4 * labelEntries; n++) assert.notEqual(verdictOf(log, 'a|/', [`tag ${n}`]), Verdict.untouched)
    const { number } = log.beginFetch()
    assert.equal(verdictOf(log, 'a|/', ['first', 'tag 0'], number), Verdict.untouched)
    for (let n = 0; n <= banEntries; n++) log.purgeUrls({ kind: 'prefix', pattern: `/${n}/`, isHard: false })
    assert.equal(verdictOf(log, 'a|/0/x', [], number), Verdict.stale)
    assert.equal(verdictOf(log, `a|/${banEntries}/x`, [], number), Verdict.stale)
  })

  it('keeps the same ban once, and its newest number', () => {
    const log = new PurgeLog(sharedOf(), 0)
    for (let n = 0; n < 1000; n++) log.purgeUrls({ kind: 'glob', pattern: '/a/*', isHard: false })
    assert.deepEqual([log.stats().bans, log.stats().folds], [1, 0])
    assert.equal(verdictOf(log, 'h|/a/b', [], 999), Verdict.stale)
    assert.equal(verdictOf(log, 'h|/a/b', [], 1000), Verdict.untouched)
    log.purgeUrls({ kind: 'glob', pattern: '/a/*', isHard: true })
    assert.equal(verdictOf(log, 'h|/a/b', [], 1000), Verdict.gone)
  })

  it('gives its entries back after a sweep', () => {
    const shared = sharedOf(256 * 1024)
    const log = new PurgeLog(shared, MAIN)
    const { labelEntries } = purgeLayout(shared.bytes, 2)
    for (let round = 0; round < 8; round++) {
      for (let n = 0; n < labelEntries / 8; n++) log.purgeLabels('tag', [`${round} ${n}`], true)
      log.purgeUrls({ kind: 'prefix', pattern: `/${round}`, isHard: true })
      const start = log.beginSweep()
      assert.equal(log.hasFetchesBefore(start), false)
      log.endSweep(start)
      assert.deepEqual([log.isUnswept, log.stats().labels, log.stats().bans], [false, 0, 0])
    }
    assert.deepEqual([log.stats().folds, log.stats().sweeps], [0, 8])
  })

  it('counts on beyond 2^32 purges', () => {
    const shared = sharedOf()
    const log = new PurgeLog(shared, 0)
    const { numbersAt } = purgeLayout(shared.bytes, 2)
    new Numbers(shared.purges, numbersAt, 4).advance(PurgeNumber.last, 2 ** 32 - 2)
    const numbers: number[] = []
    for (let n = 0; n < 4; n++) {
      const { number } = log.beginFetch()
      log.purgeLabels('tag', ['x'], false)
      assert.equal(verdictOf(log, 'a|/', ['x'], number), Verdict.stale)
      assert.notEqual(log.sequence, 0, 'which is what an object not judged yet remembers')
      numbers.push(log.numberAt(log.sequence))
    }
    assert.deepEqual(numbers, [2 ** 32 - 1, 2 ** 32 + 1, 2 ** 32 + 2, 2 ** 32 + 3])
  })

  it('is given back when a worker dies inside it, and the main thread does not wait for ever meanwhile', () => {
    const shared = sharedOf()
    const main = new PurgeLog(shared, MAIN)
    const start = main.beginSweep()
    const dead = new PurgeLog(shared, 1)
    dead.beginFetch()
    dead.purgeUrls({ kind: 'glob', pattern: '/b/*', isHard: true })
    const cells = new Int32Array(shared.purges)
    cells[PurgeCell.lock] = OWNED_BY_WORKER_1
    assert.equal(main.purgeAll(true), false)
    assert.equal(verdictOf(main, 'a|/'), Verdict.untouched)
    assert.equal(verdictOf(main, 'a|/b/c'), Verdict.gone, 'a ban not looked at before is read without the lock')
    main.releaseWorker(0)
    assert.equal(main.purgeAll(true), false, 'another worker has died')
    main.releaseWorker(1)
    assert.ok(main.purgeAll(true))
    assert.equal(verdictOf(main, 'a|/'), Verdict.gone)
    assert.equal(main.hasFetchesBefore(start) || main.hasFetchesBefore(main.beginSweep()), false)
  })
})

describe('an order', () => {
  const order = { scope: 'tag', isHard: false, targets: ['a'] } as const

  it('is refused when it names nothing, too much, or too long a pattern', () => {
    assert.equal(refuseOrder(order), undefined)
    assert.equal(refuseOrder({ ...order, scope: 'all', targets: [] }), undefined)
    assert.match(refuseOrder({ ...order, targets: [] })!, /nothing/)
    assert.match(refuseOrder({ ...order, targets: new Array(MAX_TARGETS + 1).fill('a') })!, /1000/)
    assert.match(refuseOrder({ ...order, scope: 'glob', targets: ['/'.repeat(1025)] })!, /1024/)
  })

  it('for any tag reaches what has more tags than were kept', () => {
    const log = new PurgeLog(sharedOf(), 0)
    obeyOrder(log, order)
    assert.equal(verdictOf(log, 'a|/', ['b', '']), Verdict.stale)
    assert.equal(verdictOf(log, 'a|/', ['b']), Verdict.untouched)
  })
})
