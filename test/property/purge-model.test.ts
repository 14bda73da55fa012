/**
 * The purge log against a plain list of purges: for any order of fetches, purges, look-ups and sweeps, two workers judge
 * every object as the list does. Once the tables overflow they may find more stale than the list, never less.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FetchTicket } from '../../src/cache/purge/fetch-epochs.ts'
import { type Labels, labelTexts, UNKNOWN_TAGS } from '../../src/cache/purge/labels.ts'
import { obeyOrder, type PurgeOrder } from '../../src/cache/purge/order.ts'
import { PurgeLog, type SweepStart } from '../../src/cache/purge/purge-log.ts'
import { compileUrlPattern } from '../../src/cache/purge/url-pattern.ts'
import { createMemoryTier } from '../../src/cache/tiers/memory-tier.ts'

const WORKERS = 2
const MAIN = -1
const urls = ['a|/', 'a|/x', 'a|/x/y', 'a|/x?q', 'b|/x', '/x']
const tags = ['one', 'two', 'three', UNKNOWN_TAGS]
const patterns = ['/', '/x', 'a/x', 'b/', '/x/*', '*/x', '/x?q', 'a/**']

interface Known extends Labels {
  readonly number: number
  /** Of the model: how many purges there had been when its fetch began. */
  readonly before: number
  /** What the sweep has noted with it. */
  swept: number
  /** Per worker: what it has found, and after which purge. */
  readonly judged: { verdict: number; number: number }[]
}

type Step =
  | { readonly kind: 'fetch' | 'judge' | 'sweep' | 'end' | 'flood'; readonly worker: number; readonly choice: number }
  | { readonly kind: 'purge'; readonly worker: number; readonly order: PurgeOrder }

const worker = fc.nat(WORKERS - 1)
const order: fc.Arbitrary<PurgeOrder> = fc
  .record({
    scope: fc.constantFrom('url', 'url', 'tag', 'tag', 'prefix', 'glob', 'all'),
    isHard: fc.boolean(),
    choice: fc.nat(50),
  })
  .map(({ scope, isHard, choice }) => {
    const list = scope === 'url' ? urls : scope === 'tag' ? tags.slice(0, 3) : patterns
    return { scope, isHard, targets: scope === 'all' ? [] : [list[choice % list.length]!] } as PurgeOrder
  })
const kind = fc.constantFrom('fetch', 'fetch', 'judge', 'judge', 'judge', 'sweep', 'end', 'end')

function steps(overflows: boolean): fc.Arbitrary<Step[]> {
  const plain = fc.record({
    kind: overflows ? fc.oneof(kind, fc.constant('flood')) : kind,
    worker,
    choice: fc.nat(1000),
  })
  const purging = fc.record({ kind: fc.constant('purge' as const), worker, order })
  return fc.array(fc.oneof(plain, purging) as fc.Arbitrary<Step>, { minLength: 30, maxLength: 150, size: 'max' })
}

class Comparison {
  readonly #main: PurgeLog
  readonly #logs: readonly PurgeLog[]
  readonly #purges: PurgeOrder[] = []
  readonly #objects: Known[] = []
  readonly #running: { ticket: FetchTicket; object: Known }[] = []
  #sweep: SweepStart | undefined
  #flood = 0

  constructor(bytes: number) {
    const shared = createMemoryTier({ bytes, workers: WORKERS, maxObjectBytes: 1000 })
    this.#main = new PurgeLog(shared, MAIN)
    this.#logs = Array.from({ length: WORKERS }, (_, index) => new PurgeLog(shared, index))
  }

  apply(step: Step): void {
    const log = this.#logs[step.worker]!
    if (step.kind === 'purge') this.#purge(log, step.order)
    else if (step.kind === 'fetch') this.#fetch(log, step.choice)
    else if (step.kind === 'end') this.#end(step.choice)
    else if (step.kind === 'judge') this.#judge(step.worker, step.choice)
    else if (step.kind === 'sweep') this.#doSweep()
    else this.#overflow(log)
  }

  #purge(log: PurgeLog, given: PurgeOrder): void {
    assert.ok(obeyOrder(log, given))
    this.#purges.push(given)
  }

  /** More tags than the table holds, of which no object has one. */
  #overflow(log: PurgeLog): void {
    for (let n = 0; n < 300; n++) this.#purge(log, { scope: 'url', isHard: false, targets: [`z|/${this.#flood++}`] })
  }

  #fetch(log: PurgeLog, choice: number): void {
    const ticket = log.beginFetch()
    ticket.hold()
    const object = {
      url: urls[choice % urls.length]!,
      tags: tags.filter((_, bit) => (choice & (8 << bit)) !== 0),
      number: ticket.number,
      before: this.#purges.length,
      swept: 0,
      judged: Array.from({ length: WORKERS }, () => ({ verdict: 0, number: ticket.number })),
    }
    this.#running.push({ ticket, object })
  }

  #end(choice: number): void {
    const [ended] = this.#running.splice(choice % Math.max(1, this.#running.length), 1)
    if (ended === undefined) return
    this.#objects.push(ended.object)
    ended.ticket.release()
  }

  /** As a look-up does: only what came since this worker last judged the object, and what the sweep has noted, last. */
  #judge(index: number, choice: number): void {
    const object = this.#objects[choice % Math.max(1, this.#objects.length)]
    if (object === undefined) return
    const log = this.#logs[index]!
    const known = object.judged[index]!
    const now = log.numberAt(log.sequence)
    if (now > known.number) {
      known.verdict = Math.max(known.verdict, log.verdict(log.hashLabels(labelTexts(object)), object.url, known.number))
    }
    known.number = now
    const found = Math.max(known.verdict, object.swept)
    const expected = this.#expected(object)
    if (this.#main.stats().folds === 0) assert.equal(found, expected)
    else assert.ok(found >= expected, `${found} is fresher than ${expected}`)
  }

  #expected({ url, tags: carried, before }: Known): number {
    let verdict = 0
    for (const { scope, isHard, targets } of this.#purges.slice(before)) {
      const covers = targets.some((target) => {
        if (scope === 'url') return url === target
        if (scope === 'tag') return carried.includes(target) || carried.includes(UNKNOWN_TAGS)
        return scope !== 'all' && compileUrlPattern(scope, target)(url)
      })
      if (scope === 'all' || covers) verdict = Math.max(verdict, isHard ? 2 : 1)
    }
    return verdict
  }

  /** One step of a sweep: begins it, or ends it unless fetches from before still run. */
  #doSweep(): void {
    const log = this.#main
    if (this.#sweep === undefined) {
      if (log.isUnswept) this.#sweep = log.beginSweep()
      return
    }
    if (log.hasFetchesBefore(this.#sweep)) return
    for (const object of this.#objects) {
      const verdict = log.verdict(log.hashLabels(labelTexts(object)), object.url, object.number)
      object.swept = Math.max(object.swept, verdict)
    }
    log.endSweep(this.#sweep)
    this.#sweep = undefined
  }

  finish(): void {
    while (this.#running.length > 0) this.#end(0)
    for (let n = 0; n < this.#objects.length; n++) for (let index = 0; index < WORKERS; index++) this.#judge(index, n)
    this.#doSweep()
    this.#doSweep()
    assert.equal(this.#main.isUnswept && this.#sweep === undefined, false)
  }

  get folds(): number {
    return this.#main.stats().folds
  }
}

/** Folds in all runs together. */
function compare(bytes: number, overflows: boolean): number {
  let folds = 0
  fc.assert(
    fc.property(steps(overflows), (list) => {
      const comparison = new Comparison(bytes)
      for (const step of list) comparison.apply(step)
      comparison.finish()
      folds += comparison.folds
    }),
    { numRuns: overflows ? 30 : 200 },
  )
  return folds
}

test('objects are judged as a list of all purges says', () => {
  assert.equal(compare(16 * 1024 * 1024, false), 0)
})

test('with more purges than there is room for, nothing is found fresher than the list says', () => {
  assert.ok(compare(300 * 1024, true) > 0)
})
