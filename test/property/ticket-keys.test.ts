/**
 * Nodes with clocks of their own that share ticket keys over a pool: they are cut off, started anew, and find the pool emptied.
 * Whatever happens, no node that reaches the pool refuses a ticket of another that does.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TicketFleet } from '../../src/tls/sessions/ticket-fleet.ts'
import {
  decodeRing,
  emptyRing,
  encodeRing,
  includesRing,
  MAX_RING_KEYS,
  mergeRings,
  nameOf,
  type Ring,
  type RingKey,
  RingSeal,
} from '../../src/tls/sessions/ticket-ring.ts'
import { fleetRules, type Moment, type TicketChoice, TicketSchedule } from '../../src/tls/sessions/ticket-schedule.ts'
import { SimulatedItem } from '../support/simulated-item.ts'

const STEP_MS = 1000
const ROTATE_MS = 24_000
const ACCEPT = 2
/** Each node looks at the pool at every second step. */
const LOOK_STEPS = 2
const rules = { ...fleetRules(ROTATE_MS, ACCEPT), settleMs: 2 * LOOK_STEPS * STEP_MS }
const STEPS_PER_PERIOD = ROTATE_MS / STEP_MS
const seal = new RingSeal([Buffer.from('a secret of the fleet')], 'place')

class SimulatedNode {
  readonly #items: readonly SimulatedItem[]
  readonly #world: World
  schedule = new TicketSchedule(rules)
  #fleet: TicketFleet
  offsetMs = 0
  isCut = false
  /** Looks at the pool that were answered, one after the other. */
  looks = 0
  choice: TicketChoice

  constructor(world: World, items: readonly SimulatedItem[]) {
    this.#world = world
    this.#items = items
    this.#fleet = this.#join()
    this.choice = this.schedule.choose(this.now())
  }

  readonly now = (): Moment => ({ wallMs: this.#world.timeMs + this.offsetMs, monotonicMs: this.#world.timeMs })

  restart(): void {
    this.schedule = new TicketSchedule(rules)
    this.#fleet = this.#join()
    this.choice = this.schedule.choose(this.now())
    this.looks = 0
  }

  #join(): TicketFleet {
    const items = this.#items.map((item, index) => item.seenBy(() => !this.isCut, String(index)))
    return new TicketFleet(items, seal, this.schedule, this.now)
  }

  async turn(): Promise<void> {
    this.looks = (await this.#fleet.turn()) === 'shared' ? this.looks + 1 : 0
    this.choice = this.schedule.choose(this.now())
  }

  /** After the second look: the first may have been into a pool that had just been emptied. */
  get isWell(): boolean {
    return this.looks >= 2
  }

  get issuing(): string {
    return this.choice.keys[this.choice.issuing]!.toString('hex')
  }

  accepts(key: string): boolean {
    return this.choice.keys.some((one) => one.toString('hex') === key)
  }
}

interface Ticket {
  readonly key: string
  readonly issuedMs: number
}

class World {
  timeMs = 1_700_000_000_000
  readonly items: readonly SimulatedItem[]
  readonly nodes: readonly SimulatedNode[]
  readonly tickets: Ticket[] = []
  #steps = 0

  constructor(nodes: number, places: number) {
    this.items = Array.from({ length: places }, () => new SimulatedItem())
    this.nodes = Array.from({ length: nodes }, () => new SimulatedNode(this, this.items))
  }

  async step(): Promise<void> {
    this.timeMs += STEP_MS
    this.#steps++
    await Promise.all(
      this.nodes.filter((_, index) => (this.#steps + index) % LOOK_STEPS === 0).map((node) => node.turn()),
    )
    const well = this.nodes.filter(({ isWell }) => isWell)
    for (const node of this.nodes) {
      if (node.looks > 0 && !node.choice.isLone) this.tickets.push({ key: node.issuing, issuedMs: this.timeMs })
    }
    const alive = this.tickets.filter(({ issuedMs }) => this.timeMs - issuedMs <= ACCEPT * ROTATE_MS)
    for (const key of new Set(alive.map((ticket) => ticket.key))) {
      for (const node of well) assert.ok(node.accepts(key), 'a node that is well accepts what another issued')
    }
  }

  get #stored(): Ring {
    return mergeRings(...this.items.map(({ value }) => (value === undefined ? [] : (seal.open(value) ?? []))))
  }

  /** The node knows a key that the pool does not have: who takes both from the others leaves nobody to ask. */
  isAlone(node: SimulatedNode): boolean {
    return !includesRing(this.#stored, node.schedule.ring)
  }

  /** The same, of the pool. */
  get isPoolAlone(): boolean {
    const known = this.nodes.filter(({ isWell, isCut }) => isWell && !isCut).map(({ schedule }) => schedule.ring)
    return !includesRing(mergeRings(...known), this.#stored)
  }

  happen({ step, kind, node: number, offsetMs }: Incident): void {
    const node = this.nodes[number % this.nodes.length]!
    switch (kind) {
      case 'cut':
        if (!this.isAlone(node)) node.isCut = true
        return
      case 'join':
        node.isCut = false
        return
      case 'restart':
        if (!this.isAlone(node)) node.restart()
        return
      case 'restart into nothing':
        this.happen({ step, kind: 'restart', node: number, offsetMs })
        this.happen({ step, kind: 'empty', node: number, offsetMs })
        return
      case 'empty':
        if (!this.isPoolAlone) for (const item of this.items) item.clear()
        return
      case 'empty one':
        if (!this.isPoolAlone) this.items[number % this.items.length]!.clear()
        return
      case 'clock':
        node.offsetMs = offsetMs
    }
  }
}

interface Incident {
  readonly step: number
  readonly kind: 'cut' | 'join' | 'restart' | 'restart into nothing' | 'empty' | 'empty one' | 'clock'
  readonly node: number
  readonly offsetMs: number
}

const STEPS = 6 * STEPS_PER_PERIOD
const halfSkew = rules.skewMs / 2
const incidents = fc.array(
  fc.record<Incident>({
    step: fc.nat({ max: STEPS }),
    kind: fc.constantFrom(
      'cut',
      'join',
      'join',
      'restart',
      'restart into nothing',
      'empty',
      'empty one',
      'clock',
      'clock',
    ),
    node: fc.nat({ max: 3 }),
    offsetMs: fc.integer({ min: -halfSkew, max: halfSkew }),
  }),
  { maxLength: 25 },
)

test('nodes that reach the pool accept each other, whatever happens, and agree when it is over', async () => {
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 1, max: 2 }),
    incidents,
    async (nodes, places, all) => {
      const world = new World(nodes, places)
      for (let step = 0; step <= STEPS; step++) {
        for (const incident of all) if (incident.step === step) world.happen(incident)
        await world.step()
      }
      for (const node of world.nodes) node.isCut = false
      for (let look = 0; look < 3; look++) await Promise.all(world.nodes.map((node) => node.turn()))
      // Of older ones each forgets in its own time.
      const recent = ({ schedule }: SimulatedNode): string[] =>
        schedule.ring.filter(({ fromMs }) => fromMs > world.timeMs - ROTATE_MS).map(nameOf)
      for (const node of world.nodes) assert.deepEqual(recent(node), recent(world.nodes[0]!))
    },
  )
  await fc.assert(property, { numRuns: 60 })
})

test('keys change once a period, and are no more than the periods need', async () => {
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 4 }),
    fc.array(fc.integer({ min: -halfSkew, max: halfSkew }), { minLength: 4, maxLength: 4 }),
    async (nodes, offsets) => {
      const world = new World(nodes, 1)
      for (const [index, node] of world.nodes.entries()) node.offsetMs = offsets[index]!
      const periods = 8
      for (let step = 0; step < periods * STEPS_PER_PERIOD; step++) await world.step()
      const keys = new Set(world.tickets.map(({ key }) => key))
      assert.ok(keys.size >= periods - 1 && keys.size <= periods + 1, `${keys.size} keys`)
      // The next, the present, those that are accepted, and two that are about to go, as clocks differ by so much of a period.
      for (const { schedule } of world.nodes) assert.ok(schedule.ring.length <= 4 + ACCEPT, `${schedule.ring.length}`)
      for (const key of keys) {
        const times = world.tickets.filter((ticket) => ticket.key === key).map(({ issuedMs }) => issuedMs)
        assert.ok(times.at(-1)! - times[0]! <= ROTATE_MS + rules.skewMs + rules.settleMs)
      }
    },
  )
  await fc.assert(property, { numRuns: 60 })
})

test('a node whose clock is wildly wrong harms nobody else', async () => {
  const wild = fc.integer({ min: -20 * ROTATE_MS, max: 20 * ROTATE_MS })
  const property = fc.asyncProperty(wild, async (offsetMs) => {
    const world = new World(3, 1)
    const [first, second, mad] = world.nodes as [SimulatedNode, SimulatedNode, SimulatedNode]
    mad.offsetMs = offsetMs
    mad.isCut = true
    for (let step = 0; step < 3 * STEPS_PER_PERIOD; step++) await world.step()
    mad.isCut = false
    const keys = new Set<string>()
    for (let step = 0; step < 5 * STEPS_PER_PERIOD; step++) {
      world.timeMs += STEP_MS
      await Promise.all(world.nodes.map((node) => node.turn()))
      keys.add(first.issuing)
      assert.ok(second.accepts(first.issuing) && first.accepts(second.issuing))
      assert.ok(first.schedule.ring.length <= MAX_RING_KEYS)
    }
    assert.ok(keys.size >= 4, 'keys go on changing')
  })
  await fc.assert(property, { numRuns: 60 })
})

const ringKeys = fc.record<RingKey>(
  {
    kind: fc.constantFrom('fleet', 'lone'),
    fromMs: fc.nat({ max: 1_000_000 }),
    key: fc.uint8Array({ minLength: 48, maxLength: 48 }).map((bytes) => Buffer.from(bytes)),
  },
  { noNullPrototype: true },
)
const rings = fc.array(ringKeys, { maxLength: 12 }).map((keys): Ring => mergeRings(keys))

test('merging rings knows no order and no repetition', () => {
  fc.assert(
    fc.property(rings, rings, rings, (a, b, c) => {
      assert.deepEqual(mergeRings(a, b), mergeRings(b, a))
      assert.deepEqual(mergeRings(mergeRings(a, b), c), mergeRings(a, mergeRings(b, c)))
      assert.deepEqual(mergeRings(a, a), a)
      assert.deepEqual(mergeRings(a, emptyRing), a)
    }),
  )
})

test('a ring comes back as it was, and changed bytes are no ring', () => {
  fc.assert(
    fc.property(rings, fc.nat(), fc.integer({ min: 1, max: 255 }), (ring, at, change) => {
      assert.deepEqual(decodeRing(encodeRing(ring)), ring)
      const sealed = seal.seal(ring)
      assert.deepEqual(seal.open(sealed), ring)
      sealed[at % sealed.length]! ^= change
      assert.equal(seal.open(sealed), undefined)
    }),
  )
})

test('whatever bytes there are, decoding them never throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, isVersioned) => {
      const buffer = Buffer.from(bytes)
      if (isVersioned && buffer.length > 0) buffer[0] = 1
      const ring = decodeRing(buffer)
      if (ring !== undefined) assert.deepEqual(decodeRing(encodeRing(ring)), ring)
      assert.equal(seal.open(buffer), undefined)
    }),
  )
})

test('machines that start again and again push no key of the fleet out', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), (starts) => {
      const key = (kind: RingKey['kind'], fromMs: number): RingKey => {
        const bytes = Buffer.alloc(48)
        bytes.writeUInt32BE(fromMs)
        return { kind, fromMs, key: bytes }
      }
      const fleet = [key('fleet', 1), key('fleet', 1_000_000)]
      const lone = Array.from({ length: starts }, (_, index) => key('lone', 1000 + index))
      const ring = mergeRings(fleet, ...lone.map((one) => [one]))
      assert.ok(includesRing(ring, fleet))
      assert.ok(ring.length <= MAX_RING_KEYS)
      assert.ok(includesRing(ring, lone.slice(-5)))
    }),
  )
})
