/** A fleet in one process: nodes with the real purge logs, and a server in between that loses and delays what a test wants. */
import assert from 'node:assert/strict'
import { decodeLog, type FleetLog } from '../../../../../src/cache/purge/fleet-log.ts'
import { FleetMember } from '../../../../../src/cache/purge/fleet-member.ts'
import { FleetNumbers } from '../../../../../src/cache/purge/fleet-numbers.ts'
import { FleetPurger } from '../../../../../src/cache/purge/fleet-purger.ts'
import type { GapReason } from '../../../../../src/cache/purge/fleet-rules.ts'
import type { FleetItem, FleetStore } from '../../../../../src/cache/purge/fleet-view.ts'
import { labelTexts } from '../../../../../src/cache/purge/labels.ts'
import type { PurgeOrder } from '../../../../../src/cache/purge/order.ts'
import { PurgeLog } from '../../../../../src/cache/purge/purge-log.ts'
import { createMemoryTier } from '../../../../../src/cache/tiers/memory-tier.ts'

let places = 0

/** One item with CAS. `gate`: what every operation waits for before it happens; it may then fail, or happen unseen. */
export class FakeServer implements FleetStore {
  readonly place = `place ${++places}`
  readonly server = 's0'
  readonly maxBytes: number
  item: FleetItem | undefined = undefined
  /** `lost-reply`: it happens, but nobody is told. */
  gate: () => Promise<'well' | 'down' | 'lost-reply'> = async () => 'well'
  #changes = 0

  constructor(maxBytes = 128 * 1024) {
    this.maxBytes = maxBytes
  }

  async read(known: string | undefined): Promise<FleetItem | 'same' | 'absent' | 'unreachable'> {
    if ((await this.gate()) !== 'well') return 'unreachable'
    if (this.item?.stamp === known && known !== undefined) return 'same'
    return this.item ?? 'absent'
  }

  async write(value: Buffer, _last: number, over: string | undefined): Promise<'stored' | 'changed' | 'unreachable'> {
    const gate = await this.gate()
    if (gate === 'down') return 'unreachable'
    if (over !== this.item?.cas) return gate === 'well' ? 'changed' : 'unreachable'
    assert.ok(value.length <= this.maxBytes)
    this.put(value)
    return gate === 'well' ? 'stored' : 'unreachable'
  }

  put(value: Buffer): void {
    const cas = String(++this.#changes)
    this.item = { stamp: `s${cas}`, value, cas }
  }

  get log(): FleetLog {
    const log = this.item && decodeLog(this.item.value)
    assert.ok(log !== undefined)
    return log
  }
}

export interface FakeObject {
  readonly url: string
  readonly tags: readonly string[]
}

let runs = 0

/** One run of a daemon with one worker. */
export class Node {
  readonly worker: PurgeLog
  readonly main: PurgeLog
  readonly numbers: FleetNumbers
  readonly member: FleetMember
  readonly gaps: GapReason[] = []
  readonly shared
  readonly #purger: FleetPurger

  /** `servers`: the places of the log. */
  constructor(servers: FleetStore | readonly FleetStore[], options: { bytes?: number; nowMs?: () => number } = {}) {
    const { bytes = 4 * 1024 * 1024, nowMs = () => Date.now() } = options
    this.shared = createMemoryTier({ bytes, workers: 1, maxObjectBytes: 1000 })
    this.worker = new PurgeLog(this.shared, 0)
    this.main = new PurgeLog(this.shared, -1)
    this.numbers = new FleetNumbers(this.shared, this.worker)
    this.#purger = new FleetPurger(this.shared, this.worker, 0)
    this.member = this.follow(servers, nowMs)
  }

  /** Another member over the same memory, as when the log moves. */
  follow(servers: FleetStore | readonly FleetStore[], nowMs = () => Date.now()): FleetMember {
    const node = (++runs).toString(16).padStart(16, '0')
    return new FleetMember({
      shared: this.shared,
      purges: this.main,
      stores: 'read' in servers ? [servers] : servers,
      node,
      nowMs,
      onGap: (reason) => this.gaps.push(reason),
    })
  }

  /** As a worker does. */
  purge(order: PurgeOrder, published: () => void = () => {}): void {
    assert.ok(this.#purger.obey(order))
    this.member.publish(order, this.#purger.thread, published)
  }

  /** Of an object of the shared tier. */
  judge(fleetNumber: number, object: FakeObject): number {
    return this.numbers.judge(fleetNumber, this.worker.hashLabels(labelTexts(object)), object.url)
  }

  /** Of an object in memory. */
  verdict(since: number, object: FakeObject): number {
    return this.worker.verdict(this.worker.hashLabels(labelTexts(object)), object.url, since)
  }
}
