/** A log with two places: who moves when, and what becomes of purges on the way. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { PurgeOrder } from '../../../../src/cache/purge/order.ts'
import { FakeServer, Node } from './support/fleet.ts'

const page = { url: 'a|/x', tags: ['news'] }
const other = { url: 'a|/y', tags: [] }
const [UNTOUCHED, GONE] = [0, 2]
const purgeOfPage: PurgeOrder = { scope: 'url', isHard: true, targets: ['a|/x'] }
const PATIENCE_MS = 3000

/** Two places and some nodes, under a clock of their own. */
class Fleet {
  nowMs = 1_800_000_000_000
  readonly first = new FakeServer()
  readonly second = new FakeServer()
  readonly nodes: Node[] = []

  start(): Node {
    const node = new Node([this.first, this.second], { nowMs: () => this.nowMs })
    this.nodes.push(node)
    return node
  }

  async join(): Promise<Node> {
    const node = this.start()
    await poll(node)
    return node
  }

  down(server: FakeServer): void {
    server.gate = async () => 'down'
  }

  up(server: FakeServer): void {
    server.gate = async () => 'well'
  }
}

/** As the main thread does once a second. */
async function poll(node: Node): Promise<boolean> {
  const isNews = await node.member.look()
  const isWell = await node.member.turn()
  return isNews && !isWell ? node.member.turn() : isWell
}

describe('while both places answer', () => {
  test('the log lies in the first, and the second stays empty', async () => {
    const fleet = new Fleet()
    const [one, two] = [await fleet.join(), await fleet.join()]
    one.purge(purgeOfPage)
    for (const node of [one, two]) assert.ok(await poll(node))
    assert.deepEqual([fleet.second.item, one.member.place], [undefined, fleet.first.place])
    assert.equal(two.member.stats().applied, 1)
  })

  test('nothing changes when the second goes away', async () => {
    const fleet = new Fleet()
    const [one, two] = [await fleet.join(), await fleet.join()]
    fleet.down(fleet.second)
    fleet.nowMs += 10 * PATIENCE_MS
    one.purge(purgeOfPage)
    for (const node of [one, two]) assert.ok(await poll(node))
    assert.deepEqual([one.gaps, two.gaps, two.member.stats().applied], [[], [], 1])
  })
})

describe('when the first place is away', () => {
  test('for a moment, the log stays, and nothing is lost', async () => {
    const fleet = new Fleet()
    const [one, two] = [await fleet.join(), await fleet.join()]
    const number = two.numbers.current()
    fleet.down(fleet.first)
    one.purge(purgeOfPage)
    assert.equal(await poll(one), false)
    fleet.nowMs += PATIENCE_MS - 1
    assert.equal(await poll(one), false)
    fleet.up(fleet.first)
    for (const node of [one, two]) assert.ok(await poll(node))
    assert.deepEqual([one.gaps, two.gaps], [[], []])
    assert.deepEqual([two.judge(number, page), two.judge(number, other)], [GONE, UNTOUCHED])
  })

  test('for long, purges go on in the second, everybody comes after, and nothing from before counts', async () => {
    const fleet = new Fleet()
    const [one, two] = [await fleet.join(), await fleet.join()]
    const number = two.numbers.current()
    const since = two.worker.last
    fleet.down(fleet.first)
    let published = 0
    one.purge(purgeOfPage, () => published++)
    assert.equal(await poll(one), false)
    fleet.nowMs += PATIENCE_MS
    assert.ok(await poll(one))
    assert.deepEqual([published, one.member.place, one.gaps], [1, fleet.second.place, ['log out of reach']])
    assert.ok(await poll(two))
    assert.deepEqual([two.member.place, two.gaps], [fleet.second.place, ['log moved']])
    assert.deepEqual([two.verdict(since, page), two.judge(number, other)], [GONE, GONE])
    const later = two.numbers.current()
    two.purge(purgeOfPage)
    for (const node of [two, one]) assert.ok(await poll(node))
    assert.deepEqual([one.judge(later, page), one.judge(later, other)], [GONE, UNTOUCHED])
  })

  test('the log stays in the second when the first is back, also for those who start then', async () => {
    const fleet = new Fleet()
    const one = await fleet.join()
    fleet.down(fleet.first)
    await poll(one)
    fleet.nowMs += PATIENCE_MS
    assert.ok(await poll(one))
    fleet.up(fleet.first)
    fleet.nowMs += PATIENCE_MS
    const late = await fleet.join()
    assert.deepEqual([late.member.place, late.gaps], [fleet.second.place, []])
    assert.ok(await poll(one))
    assert.deepEqual([one.member.place, one.gaps.length], [fleet.second.place, 1])
  })

  test('each move takes twice the patience of the one before', async () => {
    const fleet = new Fleet()
    const one = await fleet.join()
    fleet.down(fleet.first)
    await poll(one)
    fleet.nowMs += PATIENCE_MS
    assert.ok(await poll(one))
    fleet.up(fleet.first)
    fleet.down(fleet.second)
    assert.equal(await poll(one), false)
    fleet.nowMs += PATIENCE_MS
    assert.equal(await poll(one), false)
    fleet.nowMs += PATIENCE_MS
    assert.ok(await poll(one))
    assert.deepEqual([one.member.place, one.gaps.length], [fleet.first.place, 2])
  })

  test('for one node alone, all move, and what it and they have purged apart reaches everybody', async () => {
    const fleet = new Fleet()
    const [cut, one, two] = [await fleet.join(), await fleet.join(), await fleet.join()]
    const first = fleet.first.gate
    const asCut = async (node: Node): Promise<boolean> => {
      fleet.down(fleet.first)
      const isWell = await poll(node)
      fleet.first.gate = first
      return isWell
    }
    await asCut(cut)
    fleet.nowMs += PATIENCE_MS
    assert.ok(await asCut(cut))
    const number = cut.numbers.current()
    // One and two have not looked at the second place yet.
    one.purge(purgeOfPage)
    assert.ok(await one.member.turn())
    assert.equal(one.member.place, fleet.first.place)
    for (const node of [one, two]) assert.ok(await poll(node))
    assert.ok(await asCut(cut))
    for (const node of [cut, one, two]) assert.equal(node.member.place, fleet.second.place)
    assert.equal(cut.judge(number, page), GONE, 'given once more in the new log')
    assert.equal(one.judge(number, page), GONE)
    assert.equal(two.judge(number, page), GONE)
    assert.deepEqual(
      [cut, one, two].map((node) => node.judge(number, other)),
      [UNTOUCHED, UNTOUCHED, UNTOUCHED],
    )
  })
})

describe('who starts and does not see both places', () => {
  test('waits, and then takes for known only what is younger than itself', async () => {
    const fleet = new Fleet()
    const one = await fleet.join()
    const number = one.numbers.current()
    fleet.down(fleet.second)
    const late = await fleet.join()
    assert.equal(late.judge(number, other), GONE, 'it waits')
    fleet.nowMs += PATIENCE_MS
    assert.ok(await poll(late))
    assert.deepEqual([late.member.place, late.gaps], [fleet.first.place, ['log found late']])
    assert.equal(late.judge(number, other), GONE)
    assert.ok(await poll(one))
    assert.deepEqual([one.numbers.current(), one.gaps], [late.numbers.current(), []], 'a mark purges nothing')
    assert.deepEqual([one.judge(number, other), late.judge(one.numbers.current(), other)], [UNTOUCHED, UNTOUCHED])
    one.purge(purgeOfPage)
    for (const node of [one, late]) assert.ok(await poll(node))
    assert.equal(late.judge(late.numbers.current() - 1, page), GONE)
  })

  test('begins a log where there is none', async () => {
    const fleet = new Fleet()
    fleet.down(fleet.first)
    const one = await fleet.join()
    assert.equal(one.numbers.current(), 0)
    fleet.nowMs += PATIENCE_MS
    assert.ok(await poll(one))
    assert.deepEqual([one.member.place, one.numbers.current() > 0], [fleet.second.place, true])
  })

  test('is not taken in by an old log in a place that the fleet has left', async () => {
    const fleet = new Fleet()
    const one = await fleet.join()
    const number = one.numbers.current()
    fleet.down(fleet.first)
    await poll(one)
    fleet.nowMs += PATIENCE_MS
    assert.ok(await poll(one))
    one.purge(purgeOfPage)
    assert.ok(await poll(one))
    fleet.up(fleet.first)
    fleet.down(fleet.second)
    const late = await fleet.join()
    fleet.nowMs += PATIENCE_MS
    assert.ok(await poll(late))
    assert.equal(late.judge(number, page), GONE)
    fleet.up(fleet.second)
    for (const node of [late, one]) assert.ok(await poll(node))
    assert.equal(late.member.place, one.member.place)
    assert.equal(late.judge(one.numbers.current(), other), UNTOUCHED)
  })
})
