/** What nodes find in the places of the item, and what they leave there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TicketFleet } from '../../../../src/tls/sessions/ticket-fleet.ts'
import { nameOf, RingSeal } from '../../../../src/tls/sessions/ticket-ring.ts'
import { fleetRules, TicketSchedule } from '../../../../src/tls/sessions/ticket-schedule.ts'
import { ticketStatus } from '../../../../src/tls/sessions/ticket-status.ts'
import { SimulatedItem } from '../../../support/simulated-item.ts'

const HOUR_MS = 3_600_000
const rules = fleetRules(HOUR_MS, 2)
const seal = new RingSeal([Buffer.from('a secret of the fleet')], 'place')
const START_MS = Date.UTC(2026, 10, 29)

class Bench {
  nowMs = START_MS
  readonly places = [new SimulatedItem(), new SimulatedItem()] as const
  readonly reached = [true, true]

  readonly now = (): { wallMs: number; monotonicMs: number } => ({ wallMs: this.nowMs, monotonicMs: this.nowMs })

  node(ring = seal): { schedule: TicketSchedule; fleet: TicketFleet } {
    const schedule = new TicketSchedule(rules)
    const items = this.places.map((place, index) => place.seenBy(() => this.reached[index]!, String(index)))
    return { schedule, fleet: new TicketFleet(items, ring, schedule, this.now) }
  }

  namesAt(index: 0 | 1): string[] {
    const { value } = this.places[index]
    return value === undefined ? [] : (seal.open(value) ?? []).map(nameOf)
  }
}

test('a first node puts two keys and its own into both places', async () => {
  const bench = new Bench()
  const { schedule, fleet } = bench.node()
  assert.equal(await fleet.turn(), 'shared')
  const begin = (wanted: string): number[] =>
    schedule.ring.filter(({ kind }) => kind === wanted).map(({ fromMs }) => fromMs - START_MS)
  assert.deepEqual(begin('fleet'), [rules.settleMs, rules.settleMs + HOUR_MS])
  assert.deepEqual(begin('lone'), [rules.settleMs])
  assert.deepEqual(bench.namesAt(0), schedule.ring.map(nameOf))
  assert.deepEqual(bench.namesAt(1), bench.namesAt(0))
})

test('nothing is written while nothing is missing', async () => {
  const bench = new Bench()
  const { fleet } = bench.node()
  await fleet.turn()
  const before = bench.places.map(({ value }) => value)
  for (let look = 0; look < 20; look++) {
    bench.nowMs += HOUR_MS / 40
    await fleet.turn()
  }
  assert.deepEqual(
    bench.places.map(({ value }) => value),
    before,
  )
  bench.nowMs += HOUR_MS
  await fleet.turn()
  assert.notDeepEqual(
    bench.places.map(({ value }) => value),
    before,
  )
})

test('many who find nothing at once end with the same keys', async () => {
  const bench = new Bench()
  const nodes = Array.from({ length: 5 }, () => bench.node())
  assert.deepEqual(await Promise.all(nodes.map(({ fleet }) => fleet.turn())), Array(5).fill('shared'))
  await Promise.all(nodes.map(({ fleet }) => fleet.turn()))
  bench.nowMs += rules.settleMs
  const issuing = nodes.map(({ schedule }) => {
    const { keys, issuing: index } = schedule.choose(bench.now())
    return keys[index]?.toString('hex')
  })
  assert.equal(new Set(issuing).size, 1)
})

test('each of the two places is enough, and the other is filled again', async () => {
  const bench = new Bench()
  const one = bench.node()
  await one.fleet.turn()
  bench.places[0].clear()
  bench.reached[1] = false
  const two = bench.node()
  assert.equal(await two.fleet.turn(), 'shared')
  bench.reached[1] = true
  await one.fleet.turn()
  await two.fleet.turn()
  await one.fleet.turn()
  assert.deepEqual(two.schedule.ring.map(nameOf), one.schedule.ring.map(nameOf))
  assert.deepEqual(bench.namesAt(0), bench.namesAt(1))
  assert.deepEqual(bench.namesAt(0), one.schedule.ring.map(nameOf))
})

test('what others have sealed, or is no ring, stays where it is', async () => {
  const bench = new Bench()
  const foreign = [
    new RingSeal([Buffer.from('a secret of another')], 'place').seal([]),
    Buffer.from('something else'),
    Buffer.alloc(0),
  ]
  for (const value of foreign) {
    for (const place of bench.places) place.put(value)
    const { fleet, schedule } = bench.node()
    assert.equal(await fleet.turn(), 'foreign')
    assert.deepEqual(
      bench.places.map((place) => place.value),
      [value, value],
    )
    assert.equal(schedule.choose(bench.now()).isLone, true)
  }
})

test('a place out of reach changes nothing', async () => {
  const bench = new Bench()
  const { fleet, schedule } = bench.node()
  await fleet.turn()
  bench.nowMs += rules.settleMs
  await fleet.turn()
  const before = schedule.choose(bench.now())
  assert.equal(before.isLone, false)
  bench.reached.fill(false)
  for (let look = 0; look < 50; look++) {
    bench.nowMs += HOUR_MS
    assert.equal(await fleet.turn(), 'unreachable')
    const { keys, issuing, isLone } = schedule.choose(bench.now())
    assert.equal(isLone, false)
    assert.ok(issuing >= 0 && keys.length > 0)
  }
  const last = schedule.ring.at(-1)
  const { keys, issuing } = schedule.choose(bench.now())
  assert.deepEqual(keys[issuing], last?.key, 'the one that was known to be next')
  bench.reached.fill(true)
  assert.equal(await fleet.turn(), 'shared')
  const nextMs = schedule.ring.at(-1)!.fromMs - bench.nowMs
  assert.ok(
    nextMs >= HOUR_MS - rules.skewMs && nextMs <= HOUR_MS,
    'a whole period ahead, although one was due long ago',
  )
})

test('status names keys without showing them', async () => {
  const bench = new Bench()
  const { fleet, schedule } = bench.node()
  await fleet.turn()
  bench.nowMs += rules.settleMs
  const reach = { pool: 'edge', reach: 'shared', seenMs: 0, failures: 0 } as const
  const status = ticketStatus(schedule, bench.now(), reach)
  assert.deepEqual(status.keys.map(({ state }) => state).sort(), ['accepted', 'issues', 'next'])
  assert.equal(status.nextChange, new Date(START_MS + rules.settleMs + HOUR_MS).toISOString())
  const text = JSON.stringify(status)
  for (const { key } of schedule.ring) {
    assert.ok(text.includes(key.toString('hex', 0, 8)))
    for (const secret of [key.subarray(16, 32), key.subarray(32)]) {
      assert.ok(!text.includes(secret.toString('hex', 0, 8)) && !text.includes(secret.toString('base64', 0, 6)))
    }
  }
})
