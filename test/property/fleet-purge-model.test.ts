/**
 * Three nodes and their log against a plain list of all purges, with every operation on the log delayed, refused, lost or
 * done without an answer as fast-check likes, logs that vanish, and nodes that start anew; with one place for the log, and
 * with two. For every object, in the memory of a node or in the pool:
 *
 * 1. A node finds it no fresher than the list says, counting the purges that the node must know: its own at once, those of
 *    others once they were settled and a turn of the node that began later has seen all places and ended well. With one
 *    place a purge is settled when it is published. With two it is when a turn that its node began later has seen both:
 *    before, the node may have published it in a log that others have left.
 * 2. While no node has met a gap and no table has overflowed, a node finds an object in its memory no older than the purges say
 *    that came to it after the fetch.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FleetMember } from '../../src/cache/purge/fleet-member.ts'
import type { PurgeOrder } from '../../src/cache/purge/order.ts'
import { compileUrlPattern } from '../../src/cache/purge/url-pattern.ts'
import { FakeServer, Node } from '../unit/cache/purge/support/fleet.ts'

const NODES = 3
const urls = ['a|/', 'a|/x', 'a|/x/y', 'b|/x']
const tags = ['one', 'two', 'three']
const patterns = ['/', '/x', 'a/x', 'b/', '/x/*', '*/x', 'a/**']

interface Purge {
  readonly order: PurgeOrder
  /** The run of a node that was told. */
  readonly node: Node
  readonly at: number
  /** When that run saw it in the log. */
  publishedAt: number
  settledAt: number
  /** By run: when it was applied there at the latest. */
  readonly appliedAt: Map<Node, number>
}

interface Known {
  readonly url: string
  readonly tags: readonly string[]
  readonly at: number
  readonly fleetNumber: number
  /** In the memory of one node: its number there. */
  readonly number: number
  /** There: what the sweep has found. */
  swept: number
}

/** A node; `node` is its present run. */
interface NodeModel {
  node: Node
  memory: Known[]
  /** Its first turn has ended, well or not: it serves. */
  isUp: boolean
  turning: Promise<void> | undefined
  /** When the last turn that ended well began. */
  caughtUpAt: number
}

type Step =
  | {
      readonly kind: 'fetch' | 'turn' | 'look' | 'sweep' | 'flood' | 'restart'
      readonly node: number
      readonly choice: number
    }
  | { readonly kind: 'serve'; readonly choice: number; readonly how: 'well' | 'down' | 'lost-reply' }
  | { readonly kind: 'lose'; readonly choice: number; readonly how: 'vanish' | 'garbage' }
  | { readonly kind: 'purge'; readonly node: number; readonly order: PurgeOrder }

const node = fc.nat(NODES - 1)
const order: fc.Arbitrary<PurgeOrder> = fc
  .record({
    scope: fc.constantFrom('url', 'tag', 'tag', 'prefix', 'glob', 'all'),
    isHard: fc.boolean(),
    choice: fc.nat(50),
  })
  .map(({ scope, isHard, choice }) => {
    const list = scope === 'url' ? urls : scope === 'tag' ? tags : patterns
    return { scope, isHard, targets: scope === 'all' ? [] : [list[choice % list.length]!] } as PurgeOrder
  })

function steps(isRough: boolean): fc.Arbitrary<Step[]> {
  const plain = isRough
    ? fc.constantFrom(
        'fetch',
        'fetch',
        'fetch',
        'fetch',
        'turn',
        'turn',
        'turn',
        'look',
        'look',
        'sweep',
        'flood',
        'restart',
      )
    : fc.constantFrom('fetch', 'fetch', 'turn', 'turn', 'look')
  const how = fc.constantFrom('well', 'well', 'well', 'well', 'down', 'lost-reply')
  const all: fc.Arbitrary<Step>[] = [
    fc.record({ kind: plain, node, choice: fc.nat(1000) }) as fc.Arbitrary<Step>,
    fc.record({ kind: plain, node, choice: fc.nat(1000) }) as fc.Arbitrary<Step>,
    fc.record({ kind: fc.constant('serve' as const), choice: fc.nat(100), how }) as fc.Arbitrary<Step>,
    fc.record({ kind: fc.constant('serve' as const), choice: fc.nat(100), how }) as fc.Arbitrary<Step>,
    fc.record({ kind: fc.constant('serve' as const), choice: fc.nat(100), how }) as fc.Arbitrary<Step>,
    fc.record({ kind: fc.constant('purge' as const), node, order }),
  ]
  const lose = fc.record({
    kind: fc.constant('lose' as const),
    choice: fc.nat(1),
    how: fc.constantFrom('vanish', 'garbage'),
  })
  const any = fc.oneof({ weight: 40, arbitrary: fc.oneof(...all) }, { weight: isRough ? 1 : 0, arbitrary: lose })
  return fc.array(any as fc.Arbitrary<Step>, { minLength: 40, maxLength: 200, size: 'max' })
}

/** So that a log can be out of reach for long within a few steps. */
const MS_PER_STEP = 100

class Comparison {
  readonly #servers: readonly FakeServer[]
  readonly #bytes: number
  readonly #nodes: NodeModel[] = []
  readonly #pool: Known[] = []
  readonly #purges: Purge[] = []
  readonly #waiting: ((how: 'well' | 'down' | 'lost-reply') => void)[] = []
  #now = 0
  #flood = 0
  #started = 0
  checks = 0

  constructor(bytes: number, places: number) {
    this.#bytes = bytes
    this.#servers = Array.from({ length: places }, () => new FakeServer(4096))
    for (const server of this.#servers) server.gate = () => new Promise((resolve) => this.#waiting.push(resolve))
    for (let n = 0; n < NODES; n++) {
      this.#nodes.push({ node: this.#start(), memory: [], isUp: false, turning: undefined, caughtUpAt: -1 })
    }
  }

  async apply(step: Step): Promise<void> {
    this.#now++
    if (step.kind === 'serve') await this.#serve(step.choice, step.how)
    else if (step.kind === 'lose') this.#lose(this.#servers[step.choice % this.#servers.length]!, step.how)
    else {
      const model = this.#nodes[step.node]!
      if (step.kind === 'purge') this.#purge(model, step.order)
      else if (step.kind === 'fetch') this.#fetch(model, step.choice)
      else if (step.kind === 'turn') this.#turn(model)
      else if (step.kind === 'look') this.#look(model)
      else if (step.kind === 'sweep') this.#sweep(model)
      else if (step.kind === 'restart') this.#restart(model)
      else
        for (let n = 0; n < 150; n++)
          this.#purge(model, { scope: 'url', isHard: false, targets: [`z|/${this.#flood++}`] })
    }
  }

  #start(): Node {
    // Clocks of nodes are minutes apart.
    const skewMs = ((this.#started++ % NODES) - 1) * 600_000
    const nowMs = (): number => 1_800_000_000_000 + skewMs + this.#now * MS_PER_STEP
    return new Node(this.#servers, { bytes: this.#bytes, nowMs })
  }

  #lose(server: FakeServer, how: 'vanish' | 'garbage'): void {
    if (how === 'vanish') server.item = undefined
    else server.put(Buffer.from('garbage'))
  }

  #fetch(model: NodeModel, choice: number): void {
    if (!model.isUp) return
    const known = {
      url: urls[choice % urls.length]!,
      tags: tags.filter((_, bit) => (choice & (8 << bit)) !== 0),
      at: this.#now,
      fleetNumber: model.node.numbers.current(),
      number: model.node.worker.last,
      swept: 0,
    }
    model.memory.push({ ...known, swept: 0 })
    if (known.fleetNumber > 0) this.#pool.push(known)
  }

  #purge(model: NodeModel, given: PurgeOrder): void {
    const at = ++this.#now
    const purge: Purge = {
      order: given,
      node: model.node,
      at,
      publishedAt: Number.POSITIVE_INFINITY,
      settledAt: Number.POSITIVE_INFINITY,
      appliedAt: new Map([[model.node, at]]),
    }
    this.#purges.push(purge)
    model.node.purge(given, () => {
      purge.publishedAt = this.#now
      if (this.#servers.length === 1) purge.settledAt = this.#now
    })
    this.#now++
  }

  #turn(model: NodeModel): void {
    if (model.turning !== undefined) return
    const { node: run } = model
    const beganAt = ++this.#now
    model.turning = pollOf(run.member).then((isWell) => {
      if (model.node !== run) return
      model.turning = undefined
      model.isUp = true
      if (!isWell || !run.member.seesAll) return
      model.caughtUpAt = beganAt
      const at = ++this.#now
      for (const purge of this.#purges) {
        const { appliedAt, publishedAt } = purge
        if (publishedAt < beganAt && !appliedAt.has(run)) appliedAt.set(run, at)
        if (publishedAt < beganAt && purge.node === run) purge.settledAt = Math.min(purge.settledAt, at)
      }
      this.#now++
    })
  }

  #sweep(model: NodeModel): void {
    const { main } = model.node
    const start = main.beginSweep()
    for (const object of model.memory) {
      object.swept = Math.max(object.swept, model.node.verdict(object.number, object))
    }
    main.endSweep(start)
  }

  async #serve(choice: number, how: 'well' | 'down' | 'lost-reply'): Promise<void> {
    const [next] = this.#waiting.splice(choice % Math.max(1, this.#waiting.length), 1)
    next?.(how)
    // Everything that follows from it without the server.
    await new Promise((resolve) => setImmediate(resolve))
  }

  /** What it had not published is lost with it. */
  #restart(model: NodeModel): void {
    model.node = this.#start()
    model.memory = []
    model.isUp = false
    model.turning = undefined
    model.caughtUpAt = -1
  }

  #mustKnow(model: NodeModel, purge: Purge): boolean {
    return purge.node === model.node || purge.settledAt < model.caughtUpAt
  }

  #look(model: NodeModel): void {
    // Who moves from one log to another gives its orders once more, to all.
    const isDisturbed = this.#nodes.some(({ node: run }) => run.gaps.length > 0)
    for (const object of model.memory) {
      const found = Math.max(object.swept, model.node.verdict(object.number, object))
      const least = this.#expected(object, (purge) => purge.at > object.at && this.#mustKnow(model, purge))
      assert.ok(found >= least, `in memory: ${found} is fresher than ${least}`)
      if (isDisturbed || model.node.main.stats().folds > 0) continue
      const most = this.#expected(object, ({ appliedAt }) => (appliedAt.get(model.node) ?? this.#now) > object.at)
      assert.ok(found <= most, `in memory: ${found} is older than ${most}`)
      this.checks++
    }
    for (const object of this.#pool) {
      const found = model.node.judge(object.fleetNumber, object)
      const least = this.#expected(object, (purge) => purge.at > object.at && this.#mustKnow(model, purge))
      assert.ok(found >= least, `in the pool: ${found} is fresher than ${least}`)
      this.checks++
    }
  }

  #expected({ url, tags: carried }: Known, counts: (purge: Purge) => boolean): number {
    let verdict = 0
    for (const purge of this.#purges) {
      const { scope, isHard, targets } = purge.order
      const covers = targets.some((target) => {
        if (scope === 'url') return url === target
        if (scope === 'tag') return carried.includes(target)
        return scope !== 'all' && compileUrlPattern(scope, target)(url)
      })
      if ((scope === 'all' || covers) && counts(purge)) verdict = Math.max(verdict, isHard ? 2 : 1)
    }
    return verdict
  }

  /** Everybody catches up, so that everything must be known everywhere. */
  async finish(): Promise<void> {
    for (let round = 0; round < 4; round++) {
      for (const model of this.#nodes) {
        this.#turn(model)
        while (model.turning !== undefined) await this.#serve(0, 'well')
      }
    }
    for (const model of this.#nodes) this.#look(model)
  }
}

/** As the main thread does it. */
async function pollOf(member: FleetMember): Promise<boolean> {
  const looking = member.look()
  const isWell = await member.turn()
  return (await looking) ? member.turn() : isWell
}

async function compare(bytes: number, places: number, isRough: boolean): Promise<number> {
  let checks = 0
  await fc.assert(
    fc.asyncProperty(steps(isRough), async (list) => {
      const comparison = new Comparison(bytes, places)
      for (const step of list) await comparison.apply(step)
      await comparison.finish()
      checks += comparison.checks
    }),
    { numRuns: 100 },
  )
  return checks
}

for (const places of [1, 2]) {
  const where = places === 1 ? 'one place' : 'two places'

  test(`with ${where}: a purge that a node must know is never missed, and never applied twice`, async () => {
    assert.ok((await compare(4 * 1024 * 1024, places, false)) > 1000)
  })

  test(`with ${where}: nor with lost logs, restarts, sweeps and tables that overflow`, async () => {
    assert.ok((await compare(300 * 1024, places, true)) > 1000)
  })
}
