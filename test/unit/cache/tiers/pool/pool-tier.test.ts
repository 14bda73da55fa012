/** Entries over a pool that is a Map, whose answers come when the test says so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { META_CELLS_USED } from '../../../../../src/cache/policy/meta.ts'
import type { Entry, EntryFront } from '../../../../../src/cache/tiers/pool/entry.ts'
import { type ItemRead, type ItemWrite, Lease, type PoolItems } from '../../../../../src/cache/tiers/pool/items.ts'
import { entryKey, identityOf } from '../../../../../src/cache/tiers/pool/keys.ts'
import { EntryRead, type NoEntry, type PoolCounts, PoolTier } from '../../../../../src/cache/tiers/pool/pool-tier.ts'

class FakeItems implements PoolItems {
  readonly maxValueBytes = 1000
  readonly items = new Map<string, Buffer>()
  /** Keys in the order in which they were written or removed. */
  readonly log: string[] = []
  refuses = false
  fails = false
  returned = 0
  readonly #pending: (() => void)[] = []

  read(key: string, read: ItemRead): boolean {
    return this.#later(() => {
      const value = this.items.get(key)
      if (this.fails) read.onItemFailed()
      else if (value === undefined) read.onAbsent()
      else read.onItem(Buffer.concat([Buffer.from('VA'), value]), 2, 2 + value.length, Lease.none)
    })
  }

  readOrLead(key: string, _leaseSec: number, read: ItemRead): boolean {
    return this.#later(() => {
      const value = this.items.get(key)
      const isFirst = value === undefined
      if (isFirst) this.items.set(key, Buffer.alloc(0))
      const lease = isFirst ? Lease.won : value.length === 0 ? Lease.taken : Lease.none
      read.onItem(value ?? Buffer.alloc(0), 0, value?.length ?? 0, lease)
    })
  }

  write(key: string, value: Buffer, _ttlSec: number, write: ItemWrite): boolean {
    return this.#later(() => {
      const isDone = !this.fails
      if (isDone) {
        this.items.set(key, Buffer.from(value))
        this.log.push(key)
      }
      write.onWritten(isDone)
    })
  }

  remove(key: string): void {
    this.log.push(`- ${key}`)
    this.items.delete(key)
  }

  extend(): void {}

  returnedAtMs(): number {
    return this.returned
  }

  #later(action: () => void): boolean {
    if (!this.refuses) this.#pending.push(action)
    return !this.refuses
  }

  /** Answers what was asked; with `reversed` the last first. */
  answer(reversed = false): void {
    const pending = this.#pending.splice(0)
    for (const action of reversed ? pending.toReversed() : pending) action()
  }

  answerAll(reversed = false): void {
    while (this.#pending.length > 0) this.answer(reversed)
  }
}

class Counts implements PoolCounts {
  hits = 0
  misses = 0
  errors = 0
  writes = 0
  drops = 0
  onHit = () => void this.hits++
  onMiss = () => void this.misses++
  onError = () => void this.errors++
  onWrite = () => void this.writes++
  onDrop = () => void this.drops++
}

class Read extends EntryRead {
  found: { body: string; segments: number } | undefined = undefined
  why: NoEntry | undefined = undefined
  onFound: (entry: Entry) => void = () => {}

  override onEntry(entry: Entry): void {
    const { bytes, bodyStart, end, segments } = entry
    this.found = { body: bytes.toString('latin1', bodyStart, end), segments }
    this.onFound(entry)
  }

  override onNoEntry(why: NoEntry): void {
    this.why = why
  }
}

function make() {
  const items = new FakeItems()
  const counts = new Counts()
  return { items, counts, tier: new PoolTier('main', items, counts) }
}

function frontOf(key: string, writtenMs = 1000): EntryFront {
  const meta = new Float64Array(META_CELLS_USED)
  meta[0] = 200
  const head = Buffer.from('A: b\r\n\r\n')
  return {
    kind: 0,
    identity: identityOf('main', key),
    writtenMs,
    fleetNumber: 1,
    markerId: 0,
    meta,
    labels: Buffer.alloc(0),
    head,
  }
}

const order = (onDone: (isWritten: boolean) => void = () => {}) => ({ ttlSec: 60, onDone })

function bodyOf(text: string, onRelease: () => void = () => {}) {
  const bytes = Buffer.from(text)
  return {
    bytes: bytes.length,
    copy: (offset: number, into: Buffer) => void bytes.copy(into, 0, offset),
    release: onRelease,
  }
}

const LONG = Array.from({ length: 700 }, (_, i) => String(i).padStart(5, '0')).join('')

test('an entry that was written is read', () => {
  const { items, counts, tier } = make()
  let isDone: boolean | undefined
  tier.write(
    'k',
    frontOf('k'),
    [Buffer.from('ab'), Buffer.from('c')],
    3,
    order((isWritten) => (isDone = isWritten)),
  )
  items.answer()
  assert.equal(isDone, true)
  const read = new Read(tier, 'k')
  assert.ok(tier.read(read))
  items.answer()
  assert.deepEqual(read.found, { body: 'abc', segments: 0 })
  const other = new Read(tier, 'other')
  tier.read(other)
  items.answer()
  assert.equal(other.why, 'absent')
  assert.deepEqual({ ...counts }.hits, 1)
  assert.equal(counts.misses, 1)
  assert.equal(counts.writes, 1)
})

test('an entry from before its server came back is none', () => {
  const { items, tier } = make()
  tier.write('k', frontOf('k', 1000), [], 0, order())
  items.answer()
  for (const [returned, why] of [
    [1000, undefined],
    [1001, 'unusable'],
  ] as const) {
    items.returned = returned
    const read = new Read(tier, 'k')
    tier.read(read)
    items.answer()
    assert.equal(read.why, why)
  }
})

test('of those who ask with a lease one wins, and what is written then ends it', () => {
  const { items, tier } = make()
  const reads = [new Read(tier, 'k'), new Read(tier, 'k')]
  for (const read of reads) tier.readOrLead(read, 3)
  items.answer()
  assert.deepEqual(
    reads.map(({ why }) => why),
    ['won', 'taken'],
  )
  tier.write('k', frontOf('k'), [], 0, order())
  items.answer()
  const read = new Read(tier, 'k')
  tier.readOrLead(read, 3)
  items.answer()
  assert.deepEqual(read.found, { body: '', segments: 0 })
})

test('a pool that refuses or fails is an error, and nothing else', () => {
  const { items, counts, tier } = make()
  items.refuses = true
  assert.equal(tier.read(new Read(tier, 'k')), false)
  let outcomes: boolean[] = []
  const note = order((isWritten) => (outcomes = [...outcomes, isWritten]))
  tier.write('k', frontOf('k'), [], 0, note)
  tier.writeSegmented('k', frontOf('k'), bodyOf(LONG), note)
  items.refuses = false
  items.fails = true
  const read = new Read(tier, 'k')
  tier.read(read)
  tier.write('k', frontOf('k'), [], 0, note)
  tier.writeSegmented('l', frontOf('l'), bodyOf(LONG), note)
  items.answerAll()
  assert.equal(read.why, 'failed')
  assert.deepEqual(outcomes, [false, false, false, false])
  assert.equal(counts.errors, 2)
  assert.equal(counts.drops, 4)
})

test('too many writes are dropped, never kept', () => {
  const { items, counts, tier } = make()
  for (let number = 0; number < 2000; number++) tier.write(`k${number}`, frontOf(`k${number}`), [], 0, order())
  assert.equal(counts.drops, 2000 - 1024)
  items.answer()
  tier.write('k', frontOf('k'), [], 0, order())
  items.answer()
  assert.equal(counts.writes, 1025)
})

test('of a body in segments the entry comes last, and the segments come in any order', () => {
  for (const reversed of [false, true]) {
    const { items, tier } = make()
    let releases = 0
    tier.writeSegmented(
      'k',
      frontOf('k'),
      bodyOf(LONG, () => releases++),
      order(),
    )
    items.answerAll()
    assert.equal(releases, 1)
    assert.equal(items.log.length, 5)
    assert.equal(items.log.at(-1), entryKey(identityOf('main', 'k')))
    const read = new Read(tier, 'k')
    let body = ''
    let outcome: string | undefined
    read.onFound = (entry) =>
      tier.readBody(entry, {
        onSegment: (bytes, start, end) => {
          body += bytes.toString('latin1', start, end)
          return true
        },
        onBody: (whole) => (outcome = whole),
      })
    tier.read(read)
    items.answerAll(reversed)
    assert.equal(outcome, 'whole')
    assert.equal(body, LONG)
  }
})

test('a body of more segments than an entry can name is not begun', () => {
  const { items, counts, tier } = make()
  let isReleased = false
  let isWritten: boolean | undefined
  const body = bodyOf('x'.repeat(400_000), () => {
    isReleased = true
  })
  tier.writeSegmented(
    '/a',
    frontOf('/a'),
    body,
    order((outcome) => {
      isWritten = outcome
    }),
  )
  items.answerAll()
  assert.deepEqual([isWritten, isReleased, counts.drops, items.log], [false, true, 1, []])
})

test('a segment that is missing, or another than it should be, ends the body', () => {
  const harms: [string, (items: FakeItems, key: string) => void][] = [
    ['broken', (items, key) => void items.items.delete(key)],
    ['broken', (items, key) => void items.items.set(key, Buffer.alloc(1000, 'x'))],
    ['broken', (items, key) => void items.items.set(key, Buffer.from('short'))],
    [
      'failed',
      (items) => {
        items.fails = true
      },
    ],
    [
      'failed',
      (items) => {
        items.refuses = true
      },
    ],
  ]
  for (const [expected, harm] of harms) {
    const { items, tier } = make()
    tier.writeSegmented('k', frontOf('k'), bodyOf(LONG), order())
    items.answerAll()
    const outcomes: string[] = []
    const read = new Read(tier, 'k')
    read.onFound = (entry) => {
      harm(items, items.log[2]!)
      tier.readBody(entry, { onSegment: () => true, onBody: (whole) => void outcomes.push(whole) })
    }
    tier.read(read)
    items.answerAll()
    assert.deepEqual(outcomes, [expected])
  }
})

test('what is removed or written anew while its segments are on their way never gets its entry', () => {
  for (const change of [
    (tier: PoolTier) => tier.remove('k'),
    (tier: PoolTier) => tier.writeSegmented('k', frontOf('k'), bodyOf(`new${LONG}`), order()),
    (tier: PoolTier) => tier.write('k', frontOf('k'), [Buffer.from('new')], 3, order()),
  ]) {
    const { items, tier } = make()
    let isWritten: boolean | undefined
    tier.writeSegmented(
      'k',
      frontOf('k'),
      bodyOf(LONG),
      order((written) => (isWritten = written)),
    )
    items.answer()
    change(tier)
    items.answerAll()
    assert.equal(isWritten, false)
    const read = new Read(tier, 'k')
    tier.read(read)
    items.answerAll()
    assert.ok(read.why === 'absent' || read.found?.body === 'new' || read.found?.segments === 4)
  }
})
